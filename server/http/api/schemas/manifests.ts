// Manifests: their fields are those of Kubernetes (docs/reference/service.md); the core checks them (model/service/).
import { type TUnsafe, Type } from 'typebox'
import { type Endpoints, type EndpointSlice, type Manifest, manifestKinds, type Namespace, type Service } from '../../../model/service/types.ts'
import { yamlText } from '../../../yaml-text.ts'
import { named, page } from './named.ts'

export const manifest = <Of extends Manifest>(name: string, kind: Of['kind'], apiVersion: Of['apiVersion'], description: string, example: object, options: object = {}): TUnsafe<Of> =>
  Type.Unsafe<Of>(named(name, Type.Object({
    apiVersion: Type.Literal(apiVersion), kind: Type.Literal(kind), metadata: Type.Object({}, { additionalProperties: true })
  }, { additionalProperties: true, description, examples: [example], ...options })))
export const exampleManifest = {
  apiVersion: 'v1', kind: 'Service', metadata: { name: 'webui', namespace: 'shop' },
  spec: { type: 'NodePort', selector: { app: 'webui' }, ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP', nodePort: 30200 }], clusterIP: '10.100.100.100', sessionAffinity: 'None' }
} as const
export const exampleNamespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', namespace: '' } } as const
export const ServiceManifest = manifest<Service>('Service', 'Service', 'v1', 'A v1 Service as Kubernetes has it, with what was allocated', exampleManifest)
export const NamespaceManifest = manifest<Namespace>('Namespace', 'Namespace', 'v1', 'A v1 Namespace', exampleNamespace, { optionalBody: true })
export const exampleSlice = {
  apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'webui-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'webui' } },
  addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.7'], conditions: { ready: true, serving: true, terminating: false } }], ports: [{ name: 'http', port: 8080, protocol: 'TCP' }]
} as const
export const EndpointSliceManifest = manifest<EndpointSlice>('EndpointSlice', 'EndpointSlice', 'discovery.k8s.io/v1', 'A discovery.k8s.io/v1 EndpointSlice', exampleSlice)
export const exampleEndpointsObject = {
  apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'webui', namespace: 'shop' },
  subsets: [{ addresses: [{ ip: '10.0.0.7' }], ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] }]
} as const
export const EndpointsManifest = manifest<Endpoints>('Endpoints', 'Endpoints', 'v1', 'A v1 Endpoints', exampleEndpointsObject)
export const SliceList = named('EndpointSliceList', Type.Object({
  apiVersion: Type.Literal('discovery.k8s.io/v1'), kind: Type.Literal('EndpointSliceList'),
  metadata: Type.Object({ resourceVersion: Type.String() }), items: Type.Array(EndpointSliceManifest)
}))
export const HandMadePage = page('HandMadePage', named('HandMadeEndpoints', Type.Object({
  namespace: Type.String(),
  kind: Type.Enum(['EndpointSlice', 'Endpoints']),
  name: Type.String(),
  service: Type.String({ description: 'The service that it was made for' }),
  use: Type.Enum(['used', 'undeclared', 'selector', 'externalName', 'mirror'], {
    description: 'Whether its service uses it; if not: it is not declared, has a selector or is an ExternalName, or the slice mirrors an Endpoints object'
  }),
  manifest: Type.Union([EndpointSliceManifest, EndpointsManifest])
})))
export const ManifestText = named('ManifestText', Type.String({ description: 'YAML: documents separated by ---', examples: [yamlText(exampleManifest)] }))
/** Of any kind. */
export const AnyManifest = Type.Unsafe<Manifest>(Type.Object({}, { additionalProperties: true, description: `One of ${Object.keys(manifestKinds).join(', ')}` }))
