// The forms that Consul's answers have of an entry, field by field.
import { type Entry, nodeCheckOf } from './entry.ts'

/** What answers of the mesh hold and nobody here uses: clients of Go read it. */
const proxy = { Mode: '', MeshGateway: {}, Expose: {} }
const connect = {}

/** `/v1/health/service/:name` */
export function healthForm ({ node, service, checks }: Entry): object {
  return { Node: node, Service: { ...service, Proxy: proxy, Connect: connect, PeerName: '' }, Checks: [nodeCheckOf(node), ...checks] }
}

/** `/v1/catalog/service/:name` */
export function catalogForm ({ node, service }: Entry): object {
  return {
    ID: node.ID, Node: node.Node, Address: node.Address, Datacenter: node.Datacenter, TaggedAddresses: node.TaggedAddresses, NodeMeta: node.Meta,
    ServiceKind: '', ServiceID: service.ID, ServiceName: service.Service, ServiceTags: service.Tags, ServiceAddress: service.Address,
    ...(service.TaggedAddresses === undefined ? {} : { ServiceTaggedAddresses: service.TaggedAddresses }),
    ServiceWeights: service.Weights, ServiceMeta: service.Meta, ServicePort: service.Port, ServiceSocketPath: service.SocketPath ?? '',
    ServiceEnableTagOverride: service.EnableTagOverride, ServiceProxy: proxy, ServiceConnect: connect,
    ...(service.Locality === undefined ? {} : { ServiceLocality: service.Locality }),
    CreateIndex: service.CreateIndex, ModifyIndex: service.ModifyIndex
  }
}

/** `/v1/agent/services` */
export function agentForm ({ node, service }: Entry): object {
  return { Kind: '', ...service, SocketPath: service.SocketPath ?? '', Datacenter: node.Datacenter }
}

/** `/v1/catalog/node/:node` */
export function nodeServiceForm ({ service }: Entry): object {
  return { Kind: '', ...service, Proxy: proxy, Connect: connect, PeerName: '' }
}
