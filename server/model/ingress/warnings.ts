// What is said of an ingress, or of a certificate, that is legal and will hardly do what was meant.
import type { Ingress, IngressBackend, IngressClass, Secret, Service } from '../service/types.ts'
import { ingressAnnotationsOf } from './annotations.ts'
import { certificateFacts, coversHost } from './certificate.ts'
import { claimKey, claimsOf, claimText, isOlder } from './claims.ts'
import { isServedHere, namedClass, ownClass } from './classes.ts'
import { certificateOf, namesFiles } from './tls-secret.ts'

/** What an ingress stands beside, as it will be. */
export interface Surroundings {
  readonly nowMs: number
  /** `implicit` = instances registered under its name and nobody declared it. */
  readonly service: (namespace: string, name: string) => Service | 'implicit' | undefined
  readonly secret: (namespace: string, name: string) => Secret | undefined
  readonly classes: readonly IngressClass[]
  readonly ingresses: readonly Ingress[]
}

/** Sentences of one ingress: the rest is like these. */
const maxWarnings = 50

export function ingressWarnings (ingress: Ingress, around: Surroundings): readonly string[] {
  if (!isServedHere(ingress, around.classes)) return classWarnings(ingress, around)
  return [...backendWarnings(ingress, around), ...tlsWarnings(ingress, around), ...claimWarnings(ingress, around)].slice(0, maxWarnings)
}

function classWarnings (ingress: Ingress, { classes }: Surroundings): readonly string[] {
  const name = namedClass(ingress)
  if (name === undefined) return ['spec.ingressClassName: it names no class, and the default class is of another controller, or there is none: nobody here serves it']
  if (classes.some(({ metadata }) => metadata.name === name)) return [] // it is meant for somebody else
  return [`spec.ingressClassName: there is no ingress class "${name}" (yet): nobody serves it. Without a declared class "${ownClass}" is the agents'`]
}

function backendWarnings (ingress: Ingress, around: Surroundings): readonly string[] {
  const { namespace, annotations } = ingress.metadata
  const { rules = [], defaultBackend } = ingress.spec
  const { canary } = ingressAnnotationsOf(annotations)
  const backends: (readonly [string, IngressBackend])[] = [
    ...(defaultBackend === undefined ? [] : [['spec.defaultBackend', defaultBackend] as const]),
    ...rules.flatMap(({ http }, rule) => (http?.paths ?? []).map(({ backend }, path) => [`spec.rules[${rule}].http.paths[${path}].backend`, backend] as const)),
    ...(canary === undefined ? [] : [['metadata.annotations[rollcall.dev/ingress-canary-service]', { service: { name: canary.service, port: canary.port } }] as const])
  ]
  const said = new Set<string>()
  return backends.flatMap(([field, { service: { name, port } }]) => {
    const service = around.service(namespace, name)
    const key = service === undefined ? name : `${name}:${port.number ?? port.name ?? ''}`
    if (said.has(key)) return []
    said.add(key)
    if (service === undefined) return [`${field}: there is no service "${name}" in namespace "${namespace}" (yet): requests are answered 503`]
    if (service === 'implicit' || service.spec.ports === undefined) return []
    if (service.spec.type === 'ExternalName') return [`${field}: service "${name}" is an ExternalName: agents pass requests on to a foreign name only where they are told to`]
    const has = service.spec.ports.some((own) => (port.number === undefined ? own.name === port.name : own.port === port.number))
    const ports = service.spec.ports.map((own) => (own.name === undefined ? String(own.port) : `${own.port} (${own.name})`)).join(', ')
    return has ? [] : [`${field}: service "${name}" has no port ${port.number ?? port.name ?? ''}: it has ${ports}. Requests are answered 503`]
  })
}

function tlsWarnings (ingress: Ingress, { secret, nowMs }: Surroundings): readonly string[] {
  const { metadata: { namespace }, spec: { tls = [], rules = [] } } = ingress
  const ruled = new Set(rules.flatMap(({ host }) => host ?? []))
  return tls.flatMap(({ secretName, hosts = [] }, index) => {
    if (secretName === undefined) return []
    const field = `spec.tls[${index}].secretName`
    const found = secret(namespace, secretName)
    if (found === undefined) return [`${field}: there is no secret "${secretName}" in namespace "${namespace}" (yet): its hosts get the default certificate`]
    if (namesFiles(found)) return []
    const facts = certificateFacts(certificateOf(found))
    if (facts === undefined) return []
    const uncovered = (hosts.length > 0 ? hosts : [...ruled]).filter((host) => !coversHost(facts.names, host))
    return [
      ...(uncovered.length === 0 ? [] : [`${field}: the certificate of "${secretName}" is for ${shownNames(facts.names)} and not for ${shownNames(uncovered)}`]),
      ...timeWarnings(`${field}: the certificate of "${secretName}"`, facts, nowMs)
    ]
  })
}

/** Of a certificate that is written. */
export function secretWarnings (secret: Secret, nowMs: number): readonly string[] {
  const facts = namesFiles(secret) ? undefined : certificateFacts(certificateOf(secret))
  return facts === undefined ? [] : timeWarnings('data[tls.crt]: the certificate', facts, nowMs)
}

function timeWarnings (what: string, { notBefore, notAfter }: { readonly notBefore: string, readonly notAfter: string }, nowMs: number): readonly string[] {
  if (Date.parse(notAfter) <= nowMs) return [`${what} expired at ${notAfter}`]
  return Date.parse(notBefore) > nowMs ? [`${what} is not good before ${notBefore}`] : []
}

function shownNames (names: readonly string[]): string {
  return names.length <= 5 ? names.join(', ') || 'no name' : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`
}

/** Both say it: who has it, and who does not get it. */
function claimWarnings (ingress: Ingress, { ingresses, classes }: Surroundings): readonly string[] {
  const { namespace, name } = ingress.metadata
  const own = new Map(claimsOf(ingress).map((claim) => [claimKey(claim), claim]))
  const rivals = new Map<string, Ingress[]>()
  for (const other of ingresses) {
    if ((other.metadata.namespace === namespace && other.metadata.name === name) || !isServedHere(other, classes)) continue
    for (const key of new Set(claimsOf(other).map(claimKey))) if (own.has(key)) rivals.set(key, [...rivals.get(key) ?? [], other])
  }
  return [...own].flatMap(([key, claim]) => {
    const [oldest, ...younger] = [...rivals.get(key) ?? []].sort((a, b) => (isOlder(a, b) ? -1 : 1))
    if (oldest === undefined) return []
    if (isOlder(oldest, ingress)) return [`${claimText(claim)} is served by ingress ${nameText(oldest)}, which is older: this one does not get it`]
    return [oldest, ...younger].map((other) => `${claimText(claim)} is asked for by ingress ${nameText(other)}, too, which is younger and does not get it`)
  })
}

function nameText ({ metadata: { namespace, name } }: Ingress): string {
  return `${namespace}/${name}`
}
