// An Ingress as the route table has it: its rules with their paths read, its default backend, what its annotations want.
import type { Ingress, IngressBackend, PathType } from '../../../client-sdk/src/ingress-manifests.ts'
import { type IngressAnnotations, ingressAnnotationsOf } from '../../model/ingress/annotations.ts'

/** Where requests go: a port of a service, by the service's own number or name for it. */
export interface BackendRef {
  /** `namespace/name`. */
  readonly service: string
  readonly port: number | string
  /** `namespace/name:port`: what endpoints are kept by. */
  readonly key: string
}

export interface Route {
  readonly owner: IngressEntry
  /** Lower case; empty = every host. */
  readonly host: string
  /** As the manifest has it; `/` if it has none. */
  readonly path: string
  readonly pathType: PathType
  /** What is looked up: without the slash at the end if it is a prefix. */
  readonly matched: string
  readonly backend: BackendRef
  /** Its place in the ingress. */
  readonly index: number
}

export interface IngressEntry {
  /** `namespace/name`. */
  readonly key: string
  readonly ingress: Ingress
  /** Sorts by creation time, then namespace and name: the first is the one that wins. */
  readonly precedence: string
  readonly annotations: IngressAnnotations
  readonly canary?: BackendRef
  readonly routes: readonly Route[]
  /** Hosts of its rules, without paths too. */
  readonly hosts: readonly string[]
  readonly defaultBackend?: BackendRef
  /** Host -> `namespace/name` of the secret. */
  readonly tls: ReadonlyMap<string, string>
}

/** A prefix is compared by elements: `/foo` and `/foo/` are one. `/` is the empty prefix. */
export function isPrefix (pathType: PathType): boolean {
  return pathType !== 'Exact'
}

export function entryOf (ingress: Ingress): IngressEntry {
  const { metadata: { namespace, name, creationTimestamp = '', annotations }, spec } = ingress
  const key = `${namespace}/${name}`
  const read = ingressAnnotationsOf(annotations)
  const routes: Route[] = []
  const hosts = new Set<string>()
  const entry: IngressEntry = {
    key, ingress,
    precedence: `${creationTimestamp === '' ? '~' : creationTimestamp} ${key}`, // one that nobody has dated comes last
    annotations: read,
    ...(read.canary === undefined ? {} : { canary: refOf(namespace, read.canary.service, read.canary.port) }),
    routes, hosts: [],
    ...(spec.defaultBackend === undefined ? {} : { defaultBackend: backendOf(namespace, spec.defaultBackend) }),
    tls: secretsOf(ingress)
  }
  for (const rule of spec.rules ?? []) {
    const host = (rule.host ?? '').toLowerCase()
    hosts.add(host)
    for (const { path = '/', pathType, backend } of rule.http?.paths ?? []) {
      const written = path === '' ? '/' : path
      const matched = isPrefix(pathType) && written.endsWith('/') ? written.slice(0, -1) : written
      routes.push({ owner: entry, host, path: written, pathType, matched, backend: backendOf(namespace, backend), index: routes.length })
    }
  }
  return Object.assign(entry, { hosts: [...hosts] })
}

function backendOf (namespace: string, { service }: IngressBackend): BackendRef {
  return refOf(namespace, service.name, service.port)
}

function refOf (namespace: string, name: string, port: { readonly number?: number, readonly name?: string }): BackendRef {
  const service = `${namespace}/${name}`
  const wanted = port.number ?? port.name ?? ''
  return { service, port: wanted, key: `${service}:${wanted}` }
}

function secretsOf ({ metadata: { namespace }, spec }: Ingress): Map<string, string> {
  const secrets = new Map<string, string>()
  const all = (spec.rules ?? []).flatMap(({ host }) => (host === undefined ? [] : [host]))
  for (const { hosts, secretName } of spec.tls ?? []) {
    if (secretName === undefined || secretName === '') continue
    for (const host of hosts === undefined || hosts.length === 0 ? all : hosts) if (!secrets.has(host.toLowerCase())) secrets.set(host.toLowerCase(), `${namespace}/${secretName}`)
  }
  return secrets
}
