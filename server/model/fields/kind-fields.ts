// The fields of each kind that manifests have. Field numbers are those of Kubernetes' generated.proto.
import type { Manifest } from '../service/types.ts'
import { flag, list, map, named, type StructType, struct, text, time, whole } from './field-type.ts'
import { autoscalerFields } from './autoscaler-fields.ts'
import { ingressClassFields, ingressFields, secretFields } from './ingress-fields.ts'
import { objectReference } from './meta-fields.ts'
import { serviceFields, typeMeta } from './service-fields.ts'

const core = 'io.k8s.api.core.v1'
const discovery = 'io.k8s.api.discovery.v1'
const rollcall = 'dev.rollcall.v1'
const protocol = named('v1.Protocol')

const address = struct(`${core}.EndpointAddress`, 'One endpoint.', {
  hostname: [3, text, 'Name of the endpoint below the name of the service.'],
  ip: [1, text, 'Address of the endpoint.', { required: true }],
  nodeName: [4, text, 'Node that the endpoint is on.'],
  targetRef: [2, objectReference, 'What the endpoint is.']
}, { atomic: true })

const port = struct(`${core}.EndpointPort`, 'A port of endpoints.', {
  appProtocol: [4, text, 'What is spoken on the port.'],
  name: [1, text, 'Name of the service port that it belongs to.'],
  port: [2, whole, 'Number of the port.', { required: true }],
  protocol: [3, protocol, 'TCP (default), UDP or SCTP.']
}, { atomic: true })

const aboutEndpoints = 'Endpoints of a service, made by hand; the service has the same name. Older than EndpointSlice.'
const endpoints = struct(`${core}.Endpoints`, aboutEndpoints, {
  ...typeMeta,
  subsets: [2, list(struct(`${core}.EndpointSubset`, 'Endpoints with the same ports.', {
    addresses: [1, list(address), 'Endpoints that are ready.'],
    notReadyAddresses: [2, list(address), 'Endpoints that are not ready.'],
    ports: [3, list(port), 'Ports of all of them.']
  })), 'All endpoints: each address with each port of its subset.']
})

const forNode = struct(`${discovery}.ForNode`, 'A node.', { name: [1, text, 'Name of the node.', { required: true }] })
const forZone = struct(`${discovery}.ForZone`, 'A zone.', { name: [1, text, 'Name of the zone.', { required: true }] })
const hints = struct(`${discovery}.EndpointHints`, 'Who should use an endpoint.', {
  forNodes: [2, list(forNode), 'Nodes that should.'],
  forZones: [1, list(forZone), 'Zones that should.']
})

const endpoint = struct(`${discovery}.Endpoint`, 'One endpoint.', {
  addresses: [1, list(text, 'set'),
    'Addresses of the endpoint, all of one family. The first one is used.', { required: true }],
  conditions: [2, struct(`${discovery}.EndpointConditions`, 'What may be expected of an endpoint.', {
    ready: [1, flag, 'It may be called. Absent: yes.'],
    serving: [2, flag, 'It answers, though it may be about to go. Absent: as ready.'],
    terminating: [3, flag, 'It is about to go. Absent: no.']
  }), 'What may be expected of the endpoint.'],
  deprecatedTopology: [5, map(), 'Labels of the older form. Not used.'],
  hints: [8, hints, 'Who should use the endpoint.'],
  hostname: [3, text, 'Name of the endpoint below the name of the service.'],
  nodeName: [6, text, 'Node that the endpoint is on.'],
  targetRef: [4, objectReference, 'What the endpoint is.'],
  zone: [7, text, 'Zone that the endpoint is in.']
})

const slicePort = struct(`${discovery}.EndpointPort`, 'A port of endpoints.', {
  appProtocol: [4, text, 'What is spoken on the port.'],
  name: [1, text, 'Name of the service port that it belongs to.'],
  port: [3, whole, 'Number of the port. Absent: all ports.'],
  protocol: [2, protocol, 'TCP (default), UDP or SCTP.']
}, { atomic: true })

const aboutSlice = 'Endpoints of the service that its label kubernetes.io/service-name names.'
const endpointSlice = struct(`${discovery}.EndpointSlice`, aboutSlice, {
  ...typeMeta,
  addressType: [4, named('v1.AddressType'), 'IPv4, IPv6 or FQDN. It cannot change.', { required: true }],
  endpoints: [2, list(endpoint), 'The endpoints.', { required: true }],
  ports: [3, list(slicePort), 'Ports of all of them.']
})

const namespaceCondition = struct(`${core}.NamespaceCondition`, 'One aspect of the state of a namespace.', {
  lastTransitionTime: [4, time, 'When the status changed last.'],
  message: [6, text, 'What happened, for people.'],
  reason: [5, text, 'Why, as one word.'],
  status: [2, named('v1.ConditionStatus'), 'True, False or Unknown.', { required: true }],
  type: [1, named('v1.NamespaceConditionType'), 'Which aspect.', { required: true }]
})

const namespace = struct(`${core}.Namespace`, 'A scope for names of services and instances.', {
  ...typeMeta,
  spec: [2, struct(`${core}.NamespaceSpec`, 'What a namespace is to be.', {
    finalizers: [1, list(named('v1.FinalizerName')),
      'Who must agree before the namespace goes. Nothing here acts on it.']
  }), 'What the namespace is to be.'],
  status: [3, struct(`${core}.NamespaceStatus`, 'What became of a namespace.', {
    conditions: [2, list(namespaceCondition, ['type'], 'type'), 'Aspects of its state.'],
    phase: [1, named('v1.NamespacePhase'), 'Active.']
  }), 'What became of the namespace. The registry writes it.']
})

const rule = struct(`${rollcall}.PolicyRule`, 'Permits a role or some verbs on the services that fit.', {
  addresses: [5, list(text), 'Networks whose addresses may be registered or declared. Absent: all.'],
  namespaces: [3, list(text), 'Patterns of namespaces.'],
  role: [1, text, 'Verbs that go together: agent, reader, operator, proxy or admin.'],
  services: [4, list(text), 'Patterns of services. Absent: all.'],
  verbs: [2, list(text), 'read, register, operate, declare, metrics, admin.']
})

const policy = struct(`${rollcall}.Policy`, 'Says who may do what. What no policy permits is refused.', {
  ...typeMeta,
  spec: [2, struct(`${rollcall}.PolicySpec`, 'Whom a policy permits what.', {
    rules: [2, list(rule), 'What is permitted.'],
    subjects: [1, list(text), 'Who: anonymous, token:NAME, jwt:NAME, certificate:NAME; * stands for any characters.']
  }), 'Whom the policy permits what.']
})

/** By kind. */
export const kindFields: Readonly<Record<Manifest['kind'], StructType>> = {
  Service: serviceFields, Endpoints: endpoints, EndpointSlice: endpointSlice, Namespace: namespace, Policy: policy,
  Ingress: ingressFields, IngressClass: ingressClassFields, Secret: secretFields, HorizontalPodAutoscaler: autoscalerFields
}
