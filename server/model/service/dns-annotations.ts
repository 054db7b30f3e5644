// What a manifest says about its answers in DNS: annotations, since Kubernetes' Service has no fields for it.
//
//   rollcall.dev/dns-ttl          30s, 5m, 1h or whole seconds         Service, Namespace
//   rollcall.dev/dns-max-records  1-1000                               Service, Namespace
//   rollcall.dev/dns-https        true | false                         Service, Namespace
//   rollcall.dev/dns-fallback     [NAMESPACE/]SERVICE, ...             Service
//
// Those of a namespace are the defaults of its services, declared and implicit.
import { parseDuration } from '../duration.ts'
import { type Cause, forbidden, invalidValue, tooMany } from './causes.ts'
import { dns1123Label } from './grammar.ts'
import type { Labels, ObjectMeta } from './types.ts'

export const ttlAnnotation = 'rollcall.dev/dns-ttl'
export const maxRecordsAnnotation = 'rollcall.dev/dns-max-records'
export const httpsAnnotation = 'rollcall.dev/dns-https'
export const fallbackAnnotation = 'rollcall.dev/dns-fallback'

export const dnsAnnotations: readonly string[] = [ttlAnnotation, maxRecordsAnnotation, httpsAnnotation, fallbackAnnotation]

/** An hour of dead addresses is a mistake, not a setting. */
export const maxAnnotatedTtlSeconds = 3_600
/** So many addresses fit one answer over TCP several times; a client that wants more of them asks REST. */
export const maxAnnotatedRecords = 1_000
/** Each is looked up for every question about a service without endpoints. */
export const maxFallbacks = 8

export interface FallbackService {
  readonly namespace: string
  readonly service: string
}

/** How one service is answered. Absent = as the node's settings say. */
export interface DnsPolicy {
  readonly ttlSeconds?: number
  readonly maxRecords?: number
  /** False: no HTTPS and SVCB records. */
  readonly https: boolean
  /** Services that answer while this one has no endpoint: the first of them that has one. */
  readonly fallbacks: readonly FallbackService[]
}

export const defaultDnsPolicy: DnsPolicy = { https: true, fallbacks: [] }

const ttlRule = 'must be whole seconds or a duration like 30s or 5m, from 0s to 1h'
const maxRecordsRule = `must be a whole number from 1 to ${maxAnnotatedRecords}`
const httpsRule = 'must be "true" or "false"'
const fallbackRule = `must name 1-${maxFallbacks} other services as SERVICE or NAMESPACE/SERVICE, separated by commas`

function readTtl (text: string): number | undefined {
  if (!/^\d{1,4}[smh]?$/.test(text)) return undefined
  const seconds = (parseDuration(/\d$/.test(text) ? `${text}s` : text) ?? NaN) / 1_000
  return seconds <= maxAnnotatedTtlSeconds ? seconds : undefined
}

function readMaxRecords (text: string): number | undefined {
  const count = /^\d{1,4}$/.test(text) ? Number(text) : 0
  return count >= 1 && count <= maxAnnotatedRecords ? count : undefined
}

function readHttps (text: string): boolean | undefined {
  return text === 'true' ? true : text === 'false' ? false : undefined
}

/** @param namespace of the service, meant where none is written */
function readFallbacks (text: string, namespace: string): FallbackService[] | undefined {
  const parts = text.split(',')
  if (parts.length > maxFallbacks) return undefined
  const found: FallbackService[] = []
  for (const part of parts) {
    const names = part.trim().split('/')
    const service = names.at(-1) ?? ''
    const owner = names.length === 2 ? names[0] ?? '' : namespace
    if (names.length > 2 || [service, owner].some((name) => dns1123Label(name).length > 0)) return undefined
    found.push({ namespace: owner, service })
  }
  return found
}

/** The causes in the annotations of a Service. */
export function serviceDnsFaults ({ name, namespace, annotations }: ObjectMeta): Cause[] {
  const causes = commonFaults(annotations)
  const text = annotations?.[fallbackAnnotation]
  if (text === undefined) return causes
  const fallbacks = readFallbacks(text, namespace)
  const field = path(fallbackAnnotation)
  if (text.split(',').length > maxFallbacks) causes.push(tooMany(field, text.split(',').length, maxFallbacks))
  else if (fallbacks === undefined || fallbacks.some((each) => each.namespace === namespace && each.service === name)) {
    causes.push(invalidValue(field, text, fallbackRule))
  }
  return causes
}

/** The causes in the annotations of a Namespace. */
export function namespaceDnsFaults ({ annotations }: ObjectMeta): Cause[] {
  const causes = commonFaults(annotations)
  // A default would give every unregistered name of the namespace the endpoints of another service.
  if (annotations?.[fallbackAnnotation] !== undefined) causes.push(forbidden(path(fallbackAnnotation), 'may be set on a Service only'))
  return causes
}

function commonFaults (annotations: Labels | undefined): Cause[] {
  return ([[ttlAnnotation, readTtl, ttlRule], [maxRecordsAnnotation, readMaxRecords, maxRecordsRule], [httpsAnnotation, readHttps, httpsRule]] as const)
    .flatMap(([key, read, rule]) => {
      const text = annotations?.[key]
      return text === undefined || read(text) !== undefined ? [] : [invalidValue(path(key), text, rule)]
    })
}

function path (key: string): string {
  return `metadata.annotations[${key}]`
}

/**
 * The policy of a service. A value that breaks its rule, as one from before the rule may, counts as absent.
 * @param own the metadata of its manifest, undefined for an implicit service
 * @param defaults the annotations of its namespace
 */
export function dnsPolicyOf (own: ObjectMeta | undefined, defaults: Labels | undefined): DnsPolicy {
  const read = <T>(key: string, reader: (text: string) => T | undefined): T | undefined => {
    for (const annotations of [own?.annotations, defaults]) {
      const text = annotations?.[key]
      const value = text === undefined ? undefined : reader(text)
      if (value !== undefined) return value
    }
    return undefined
  }
  const ttlSeconds = read(ttlAnnotation, readTtl)
  const maxRecords = read(maxRecordsAnnotation, readMaxRecords)
  const fallback = own?.annotations?.[fallbackAnnotation]
  return {
    ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
    ...(maxRecords === undefined ? {} : { maxRecords }),
    https: read(httpsAnnotation, readHttps) ?? true,
    fallbacks: fallback === undefined ? [] : readFallbacks(fallback, own?.namespace ?? '') ?? []
  }
}
