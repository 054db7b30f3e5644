// The fields of a Service. Field numbers are those of Kubernetes' generated.proto.
import { type FieldRow, flag, intOrText, list, map, named, struct, text, whole } from './field-type.ts'
import { condition, objectMeta } from './meta-fields.ts'

const core = 'io.k8s.api.core.v1'
const protocol = named('v1.Protocol')

/** What every object begins with. */
export const typeMeta: Readonly<Record<'apiVersion' | 'kind' | 'metadata', FieldRow>> = {
  apiVersion: [0, text, 'API version of the object: v1, discovery.k8s.io/v1.'],
  kind: [0, text, 'Kind of the object.'],
  metadata: [1, objectMeta, 'Name, namespace, labels and what else every object has.']
}

const servicePort = struct(`${core}.ServicePort`, 'One port that a service listens on.', {
  appProtocol: [6, text, 'What is spoken on the port: a registered service name, or a prefixed name of your own.'],
  name: [1, text,
    'Name of the port: a DNS label, unique in the service, which SRV records carry. Only a single port ' +
    'may be without.'],
  nodePort: [5, whole,
    'Port on each node that leads to this one. Given by the registry for the types NodePort and ' +
    'LoadBalancer, or chosen here.'],
  port: [3, whole, 'Port on the address of the service.', { required: true }],
  protocol: [2, protocol, 'TCP (default), UDP or SCTP.', { fallback: 'TCP' }],
  targetPort: [4, intOrText,
    'Port of the instances: a number, or the name of a port that each instance has registered. ' +
    'Default: the same as port.']
})

const clientIp = struct(`${core}.ClientIPConfig`, 'Affinity by the address of the client.', {
  timeoutSeconds: [1, whole,
    'Seconds after its last connection in which a client is remembered: 1 to 86400, default 10800.']
})

const affinity = struct(`${core}.SessionAffinityConfig`, 'How sticky connections are.', {
  clientIP: [1, clientIp, 'For sessionAffinity ClientIP.']
})

const spec = struct(`${core}.ServiceSpec`, 'What a service is to be.', {
  allocateLoadBalancerNodePorts: [20, flag, 'Whether a load balancer gets node ports, too. Default true.'],
  clusterIP: [3, text,
    'Address of the service: given by the registry from its range, chosen here, or None for a headless ' +
    'service. It cannot change.'],
  clusterIPs: [18, list(text), 'Addresses of the service, one of each family. The first is clusterIP.'],
  externalIPs: [5, list(text), 'Addresses that lead to the service though nobody here gave them out.'],
  externalName: [10, text, 'Name that DNS answers with a CNAME, for the type ExternalName.'],
  externalTrafficPolicy: [11, named('v1.ServiceExternalTrafficPolicy'),
    'Where traffic from outside goes: Cluster (all endpoints) or Local (those of the node).'],
  healthCheckNodePort: [12, whole,
    'Port on which nodes say whether they have endpoints, for load balancers with externalTrafficPolicy Local.'],
  internalTrafficPolicy: [22, named('v1.ServiceInternalTrafficPolicy'),
    'Where traffic to the service address goes: Cluster (all endpoints) or Local (those of the node).'],
  ipFamilies: [19, list(named('v1.IPFamily')), 'Families of the addresses: IPv4, IPv6.'],
  ipFamilyPolicy: [17, named('v1.IPFamilyPolicy'), 'SingleStack, PreferDualStack or RequireDualStack.'],
  loadBalancerClass: [21, text, 'Which load balancer serves it. Absent: the registry\'s own.'],
  loadBalancerIP: [8, text, 'Address that the load balancer is asked for.'],
  loadBalancerSourceRanges: [9, list(text), 'Networks that may use the load balancer.'],
  ports: [1, list(servicePort, ['port', 'protocol'], 'port'), 'Ports of the service.'],
  publishNotReadyAddresses: [13, flag, 'Instances that are not ready count as ready.'],
  selector: [2, map({ atomic: true }),
    'Labels of the instances that are endpoints of the service. Absent: endpoints are made by hand.'],
  sessionAffinity: [7, named('v1.ServiceAffinity'), 'None, or ClientIP: a client keeps its endpoint.'],
  sessionAffinityConfig: [14, affinity, 'How long a client keeps its endpoint.'],
  trafficDistribution: [23, text, 'Preference among endpoints: PreferSameZone, PreferSameNode.'],
  type: [4, named('v1.ServiceType'), 'ClusterIP (default), NodePort, LoadBalancer or ExternalName.']
})

const portStatus = struct(`${core}.PortStatus`, 'A port of a load balancer.', {
  error: [3, text, 'Why the port is not served.'],
  port: [1, whole, 'Number of the port.', { required: true }],
  protocol: [2, protocol, 'TCP, UDP or SCTP.', { required: true }]
})

const ingress = struct(`${core}.LoadBalancerIngress`, 'Where a load balancer is reached.', {
  hostname: [2, text, 'Its name.'],
  ip: [1, text, 'Its address.'],
  ipMode: [3, named('v1.LoadBalancerIPMode'), 'VIP: traffic keeps the address; Proxy: it does not.'],
  ports: [4, list(portStatus), 'Its ports, where they are not all served.']
})

const loadBalancer = struct(`${core}.LoadBalancerStatus`, 'What the load balancer gave.', {
  ingress: [1, list(ingress), 'Addresses and names that lead to the service.']
})

const about = 'A name for instances: an address, ports, and a rule for which instances answer.'

export const serviceFields = struct(`${core}.Service`, about, {
  ...typeMeta,
  spec: [2, spec, 'What the service is to be.'],
  status: [3, struct(`${core}.ServiceStatus`, 'What became of a service.', {
    conditions: [2, list(condition, ['type'], 'type'), 'Aspects of its state.'],
    loadBalancer: [1, loadBalancer, 'What the load balancer gave.']
  }), 'What became of the service. The registry writes it.']
})
