// How ingresses, their classes and secrets are shown in a table: as kubectl does it.
import type { Ingress, IngressClass, Secret } from '../service/types.ts'

/** Characters of an address where the table is not wide. */
const shownAddress = 16
const shownHosts = 3
const none = '<none>'

export function classText ({ spec }: Ingress): string {
  return spec.ingressClassName ?? none
}

/** `a.example,b.example,c.example + 2 more...`; `*` without any. */
export function hostsText ({ spec: { rules = [] } }: Ingress): string {
  const hosts = rules.flatMap(({ host }) => host ?? [])
  if (hosts.length === 0) return '*'
  const shown = hosts.slice(0, shownHosts).join(',')
  return hosts.length > shownHosts ? `${shown} + ${hosts.length - shownHosts} more...` : shown
}

/** Where it is reached, as its agents say; empty while nobody has said it. */
export function addressText ({ status }: Ingress, isWide = false): string {
  const addresses = [...new Set((status?.loadBalancer.ingress ?? []).flatMap(({ ip, hostname }) => ip ?? hostname ?? []))].join(',')
  return !isWide && addresses.length > shownAddress ? `${addresses.slice(0, shownAddress - 3)}...` : addresses
}

export function portsText ({ spec: { tls = [] } }: Ingress): string {
  return tls.length > 0 ? '80, 443' : '80'
}

/** `IngressParameters.k8s.example.com/external` */
export function parametersText ({ spec: { parameters } }: IngressClass): string {
  if (parameters === undefined) return none
  return `${parameters.kind}${parameters.apiGroup === undefined ? '' : `.${parameters.apiGroup}`}/${parameters.name}`
}

// Written out: the rules of secrets bring the readers of certificates along (tls-secret.ts has the names, and a test compares them).
export const dataAnnotation = 'rollcall.dev/tls-data'
export const fileAnnotations = ['rollcall.dev/tls-certificate-file', 'rollcall.dev/tls-key-file']

/** What is read has no data: the registry tells how many parts it has. */
export function secretParts ({ metadata: { annotations = {} } }: Secret): number {
  const keys = annotations[dataAnnotation]
  return keys === undefined ? fileAnnotations.filter((key) => annotations[key] !== undefined).length : keys.split(',').length
}
