// The objects of Kubernetes' Ingress (networking.k8s.io/v1) and the TLS Secret, as types only, like manifests.ts.
import type { ObjectMeta } from './manifests.ts'

export type PathType = 'Exact' | 'Prefix' | 'ImplementationSpecific'

/** A port of the service, by its number or by its name: never both. */
export type IngressBackendPort = { readonly number: number, readonly name?: never } | { readonly name: string, readonly number?: never }

export interface IngressBackend {
  readonly service: { readonly name: string, readonly port: IngressBackendPort }
}

export interface IngressPath {
  /** Absent only with `ImplementationSpecific`. */
  readonly path?: string
  readonly pathType: PathType
  readonly backend: IngressBackend
}

export interface IngressRule {
  /** A DNS name, or `*.` and one; absent = every host. */
  readonly host?: string
  /** Absent: everything of the host goes to the default backend. */
  readonly http?: { readonly paths: readonly IngressPath[] }
}

export interface IngressTls {
  readonly hosts?: readonly string[]
  /** A Secret of the same namespace; absent = the default certificate. */
  readonly secretName?: string
}

export interface IngressSpec {
  readonly ingressClassName?: string
  readonly defaultBackend?: IngressBackend
  readonly rules?: readonly IngressRule[]
  readonly tls?: readonly IngressTls[]
}

/** Where an ingress is reached, as its agents say. */
export interface IngressAddress {
  readonly ip?: string
  readonly hostname?: string
}

export interface IngressStatus {
  readonly loadBalancer: { readonly ingress?: readonly IngressAddress[] }
}

export interface Ingress {
  readonly apiVersion: 'networking.k8s.io/v1'
  readonly kind: 'Ingress'
  readonly metadata: ObjectMeta
  readonly spec: IngressSpec
  readonly status?: IngressStatus
}

/** Has no namespace. The annotation `ingressclass.kubernetes.io/is-default-class: "true"` makes it that of ingresses without a class. */
export interface IngressClass {
  readonly apiVersion: 'networking.k8s.io/v1'
  readonly kind: 'IngressClass'
  readonly metadata: ObjectMeta
  readonly spec: {
    readonly controller?: string
    readonly parameters?: {
      readonly apiGroup?: string, readonly kind: string, readonly name: string, readonly namespace?: string, readonly scope?: 'Cluster' | 'Namespace'
    }
  }
}

/** The `spec.controller` of classes that `rollcall proxy --ingress` serves. */
export const ingressController = 'rollcall.dev/ingress'

/** A certificate with its key. What is read of it shows the names of `data` and never the values. */
export interface Secret {
  readonly apiVersion: 'v1'
  readonly kind: 'Secret'
  readonly metadata: ObjectMeta
  readonly type: 'kubernetes.io/tls'
  /** `tls.crt` and `tls.key`: PEM in base64. */
  readonly data?: Readonly<Record<string, string>>
  readonly immutable?: boolean
}
