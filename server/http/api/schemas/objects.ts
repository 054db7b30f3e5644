// Kinds that are shown as they were declared: Ingress, IngressClass, Secret, HorizontalPodAutoscaler.
import { type TSchema, Type } from 'typebox'
import type { IngressCertificates as WireCertificates, IngressObjects as WireObjects } from '../../../../client-sdk/src/wire.ts'
import type { ObjectKind, ObjectManifest } from '../../../model/manifest/object-kinds.ts'
import { type HorizontalPodAutoscaler, type Ingress, type IngressClass, manifestKinds, type Secret } from '../../../model/service/types.ts'
import { manifest } from './manifests.ts'
import { CursorText, named, page } from './named.ts'

export const exampleIngress = {
  apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'shop', namespace: 'shop' },
  spec: {
    ingressClassName: 'rollcall',
    rules: [{ host: 'shop.example', http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'webui', port: { name: 'http' } } } }] } }],
    tls: [{ hosts: ['shop.example'], secretName: 'shop-tls' }]
  }
} as const
export const exampleIngressClass = {
  apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name: 'rollcall', namespace: '' }, spec: { controller: 'rollcall.dev/ingress' }
} as const
export const exampleSecret = {
  apiVersion: 'v1', kind: 'Secret',
  metadata: {
    name: 'shop-tls', namespace: 'shop',
    annotations: {
      'rollcall.dev/tls-data': 'tls.crt,tls.key', 'rollcall.dev/tls-names': 'shop.example', 'rollcall.dev/tls-not-after': '2027-01-01T00:00:00.000Z',
      'rollcall.dev/tls-fingerprint': 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'
    }
  },
  type: 'kubernetes.io/tls'
} as const
export const exampleIngressObjects = {
  revision: 'q7Zk2.17', ingresses: [exampleIngress], classes: [exampleIngressClass],
  certificates: [{ namespace: 'shop', name: 'shop-tls', revision: 17, certificate: '-----BEGIN CERTIFICATE-----...', key: '-----BEGIN PRIVATE KEY-----...' }]
}
export const exampleAutoscaler = {
  apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'orders', namespace: 'shop' },
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'orders' }, minReplicas: 2, maxReplicas: 10,
    metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }]
  },
  status: { currentReplicas: 2, desiredReplicas: 4 }
} as const

export interface ObjectSchemas {
  readonly schema: TSchema
  readonly page: TSchema
  readonly example: object
}

const of = (kind: ObjectKind, schema: TSchema, example: object): ObjectSchemas => ({ schema, page: page(`${kind}Page`, schema), example })

/** By kind. */
export const objectSchemas: Readonly<Record<ObjectKind, ObjectSchemas>> = {
  Ingress: of('Ingress', manifest<Ingress>('Ingress', 'Ingress', manifestKinds.Ingress.apiVersion, 'A networking.k8s.io/v1 Ingress', exampleIngress), exampleIngress),
  IngressClass: of('IngressClass', manifest<IngressClass>('IngressClass', 'IngressClass', manifestKinds.IngressClass.apiVersion,
    'A networking.k8s.io/v1 IngressClass', exampleIngressClass), exampleIngressClass),
  Secret: of('Secret', manifest<Secret>('Secret', 'Secret', manifestKinds.Secret.apiVersion,
    'A v1 Secret of the type kubernetes.io/tls. What is read has no data: annotations tell of the certificate', exampleSecret), exampleSecret),
  HorizontalPodAutoscaler: of('HorizontalPodAutoscaler', manifest<HorizontalPodAutoscaler>('HorizontalPodAutoscaler', 'HorizontalPodAutoscaler',
    manifestKinds.HorizontalPodAutoscaler.apiVersion, 'An autoscaling/v2 HorizontalPodAutoscaler', exampleAutoscaler), exampleAutoscaler)
}

/** What a watch of objects tells of. */
export const DeclaredObject = Type.Unsafe<ObjectManifest>(Type.Union(Object.values(objectSchemas).map(({ schema }) => schema)))

const text = Type.Optional(Type.String())
const certificates = Type.Array(Type.Object({
  namespace: Type.String(), name: Type.String({ description: 'Of the Secret' }), revision: Type.Integer({ description: 'At which it was written last' }),
  certificate: text, key: text, certificateFile: text, keyFile: text
}))
export const IngressCertificates = Type.Unsafe<WireCertificates>(named('IngressCertificates', Type.Object({ revision: CursorText, items: certificates }, {
  description: 'Each with its certificate and key in PEM, or with the files of the serving machine that hold them'
})))
export const IngressObjects = Type.Unsafe<WireObjects>(named('IngressObjects', Type.Object({
  revision: CursorText, ingresses: Type.Array(objectSchemas.Ingress.schema), classes: Type.Array(objectSchemas.IngressClass.schema), certificates,
  certificatesWithheld: Type.Optional(Type.String({ description: 'Why there are no certificates here' }))
}, { description: 'All that agents serve ingresses by, beside the endpoints of services' })))
