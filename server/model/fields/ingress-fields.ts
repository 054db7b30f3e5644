// The fields of Ingress, IngressClass and Secret. Field numbers are those of Kubernetes' generated.proto.
import { bytes, flag, list, map, named, struct, text, whole } from './field-type.ts'
import { typeMeta } from './service-fields.ts'

const networking = 'io.k8s.api.networking.v1'
const core = 'io.k8s.api.core.v1'

const servicePort = struct(`${networking}.ServiceBackendPort`, 'A port of a service, by its name or by its number.', {
  name: [1, text, 'Name of the port of the service.'],
  number: [2, whole, 'Number of the port of the service.']
}, { atomic: true })

const backend = struct(`${networking}.IngressBackend`, 'Who answers.', {
  resource: [3, struct(`${core}.TypedLocalObjectReference`, 'Another object. Not supported here.', {
    apiGroup: [1, text, 'Group of the object.'],
    kind: [2, text, 'Kind of the object.', { required: true }],
    name: [3, text, 'Name of the object.', { required: true }]
  }, { atomic: true }), 'Another object. Not supported here.'],
  service: [4, struct(`${networking}.IngressServiceBackend`, 'A service.', {
    name: [1, text, 'Name of the service, of the same namespace.', { required: true }],
    port: [2, servicePort, 'Port of the service.']
  }), 'A service.']
})

const path = struct(`${networking}.HTTPIngressPath`, 'Which paths go where.', {
  backend: [2, backend, 'Who answers.', { required: true }],
  path: [1, text, 'The path, or the beginning of it; begins with a slash.'],
  pathType: [3, named('v1.PathType'), 'Exact, Prefix (by the elements between slashes) or ImplementationSpecific (as Prefix here).', { required: true }]
})

const rule = struct(`${networking}.IngressRule`, 'What is answered for a host.', {
  host: [1, text, 'A DNS name, or *. and one, which stands for one label. Absent: every host.'],
  http: [1, struct(`${networking}.HTTPIngressRuleValue`, 'The paths of a host.', {
    paths: [1, list(path), 'The paths. The longest that fits counts.', { required: true }]
  }), 'The paths of the host. Absent: all of it goes to the default backend.', { within: 2 }]
})

const portStatus = struct(`${networking}.IngressPortStatus`, 'What became of a port.', {
  error: [3, text, 'Why it does not work.'],
  port: [1, whole, 'Number of the port.', { required: true }],
  protocol: [2, named('v1.Protocol'), 'TCP, UDP or SCTP.', { required: true }]
})

export const ingressFields = struct(`${networking}.Ingress`, 'Sends requests of HTTP to services, by host and path.', {
  ...typeMeta,
  spec: [2, struct(`${networking}.IngressSpec`, 'Which requests an ingress takes, and where they go.', {
    defaultBackend: [1, backend, 'Who answers where no rule fits.'],
    ingressClassName: [4, text, 'Who serves the ingress. Absent: the default class.'],
    rules: [3, list(rule), 'Hosts and their paths.'],
    tls: [2, list(struct(`${networking}.IngressTLS`, 'A certificate for some hosts.', {
      hosts: [1, list(text), 'The hosts.'],
      secretName: [2, text, 'The Secret that has the certificate, of the same namespace. Absent: the default certificate.']
    })), 'Hosts that are served over TLS.']
  }), 'Which requests the ingress takes, and where they go.'],
  status: [3, struct(`${networking}.IngressStatus`, 'What became of an ingress.', {
    loadBalancer: [1, struct(`${networking}.IngressLoadBalancerStatus`, 'Where an ingress is reached.', {
      ingress: [1, list(struct(`${networking}.IngressLoadBalancerIngress`, 'One address.', {
        hostname: [2, text, 'A name.'],
        ip: [1, text, 'An address.'],
        ports: [4, list(portStatus), 'Its ports. Not used here.']
      })), 'The addresses.']
    }), 'Where the ingress is reached.']
  }), 'What became of the ingress. The registry writes it.']
})

export const ingressClassFields = struct(`${networking}.IngressClass`, 'Says who serves the ingresses that name it.', {
  ...typeMeta,
  spec: [2, struct(`${networking}.IngressClassSpec`, 'Who serves a class.', {
    controller: [1, text, 'The program that serves it: rollcall.dev/ingress is the agents of this registry. It cannot change.'],
    parameters: [2, struct(`${networking}.IngressClassParametersReference`, 'An object that says more to the program.', {
      apiGroup: [1, text, 'Group of the object.'],
      kind: [2, text, 'Kind of the object.', { required: true }],
      name: [3, text, 'Name of the object.', { required: true }],
      namespace: [5, text, 'Namespace of the object.'],
      scope: [4, text, 'Cluster (default) or Namespace.']
    }), 'An object that says more to the program. The agents of this registry do not read it.']
  }), 'Who serves it.']
})

export const secretFields = struct(`${core}.Secret`, 'A certificate with its key. It is written and not read: data is never shown.', {
  ...typeMeta,
  data: [2, map({ of: bytes }), 'tls.crt and tls.key, PEM in base64. Left out: what is stored stays.'],
  immutable: [5, flag, 'The data cannot change any more.'],
  stringData: [4, map(), 'As data, without base64.'],
  type: [3, named('v1.SecretType'), 'kubernetes.io/tls: there are no others here.']
})
