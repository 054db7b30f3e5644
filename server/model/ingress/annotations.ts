// What an Ingress says beyond Kubernetes' fields: few annotations, each of which is acted on. One of our prefix that is misspelt is
// refused, since it would be believed to be in force.
//
//   rollcall.dev/ingress-timeout          30s                how long the head of an answer is waited for
//   rollcall.dev/ingress-body-limit       10MiB              the largest body of a request
//   rollcall.dev/ingress-rewrite-prefix   /v2                stands in for the part of the path that a Prefix rule matched
//   rollcall.dev/ingress-redirect-https   true               plain requests are sent to https
//   rollcall.dev/ingress-allow-sources    10.0.0.0/8,::1/128 networks that may ask; others get 403
//   rollcall.dev/ingress-canary-service   web-next:80        gets a part of the requests: what the next two say
//   rollcall.dev/ingress-canary-weight    10                 so many of a hundred
//   rollcall.dev/ingress-canary-header    X-Canary: yes      those with this header, or with this value of it
//   rollcall.dev/ingress-affinity-cookie  route              a cookie of this name keeps a client at its endpoint
//   rollcall.dev/ingress-encoded-slash    allow              %2f in a path is passed on and not refused
import { type AddressRange, parseCidr } from '../address/ranges.ts'
import { parseDuration } from '../duration.ts'
import { type Cause, invalidValue } from '../service/causes.ts'
import { dns1035Label, portName } from '../service/grammar.ts'
import type { IngressBackendPort, Labels } from '../service/types.ts'

export const ingressAnnotationPrefix = 'rollcall.dev/ingress-'

/** What an ingress wants of how its requests are carried; what is absent is as the agent is set. */
export interface IngressAnnotations {
  /** From the end of the request's head to that of the answer's. */
  readonly responseTimeoutMs?: number
  readonly maxBodyBytes?: number
  /** Begins with `/`; may end with one. */
  readonly rewritePrefix?: string
  readonly redirectsToHttps?: boolean
  /** At least one. */
  readonly allowedSources?: readonly AddressRange[]
  readonly canary?: IngressCanary
  readonly affinityCookie?: string
  readonly allowsEncodedSlash?: boolean
}

export interface IngressCanary {
  readonly service: string
  readonly port: IngressBackendPort
  /** 0 to 100; 0 where only the header says it. */
  readonly weight: number
  /** The name in lower case; without a value every value counts. */
  readonly header?: { readonly name: string, readonly value?: string }
}

const minTimeoutMs = 100
const maxTimeoutMs = 3_600_000
const maxSources = 256
/** Of a text that travels with each request. */
const maxText = 256
const sizeUnits: Readonly<Record<string, number>> = {
  '': 1, k: 1e3, M: 1e6, G: 1e9, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30
}
/** RFC 9110 5.6.2 */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** Those that say how a message travels, and where to: a canary must not hang on them. */
const reservedHeaders = new Set(['connection', 'content-length', 'host', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade'])

type Read<Value> = { readonly value: Value } | { readonly rule: string }
type Reader<Value> = (text: string) => Read<Value>

const readers = {
  timeout: (text): Read<number> => {
    const milliseconds = parseDuration(text)
    const isFit = milliseconds !== undefined && milliseconds >= minTimeoutMs && milliseconds <= maxTimeoutMs
    return isFit ? { value: milliseconds } : { rule: 'must be a duration with its unit, like 30s or 5m, from 100ms to 1h' }
  },
  'body-limit': (text): Read<number> => {
    const match = /^(\d{1,15})(k|M|G|[KMG]iB?)?$/.exec(text)
    const bytes = Number(match?.[1]) * (sizeUnits[match?.[2] ?? ''] ?? NaN)
    return Number.isSafeInteger(bytes) ? { value: bytes } : { rule: 'must be a number of octets, with k, M, G, Ki, Mi or Gi behind it or none, like 10Mi' }
  },
  'rewrite-prefix': (text): Read<string> => {
    const isPath = /^\/[\x21-\x7e]*$/.test(text) && !/[?#\\]|\/\/|\/\.{1,2}(?:\/|$)|%(?:2e|2f|5c|00)|%(?![0-9a-f]{2})/i.test(text)
    if (text.length > maxText || !isPath) return { rule: 'must be a path that begins with "/", without "//", dot segments, "?", "#" and encoded slashes' }
    return { value: text }
  },
  'redirect-https': (text): Read<boolean> => (text === 'true' || text === 'false' ? { value: text === 'true' } : { rule: 'must be true or false' }),
  'allow-sources': (text): Read<readonly AddressRange[]> => {
    const parts = text.split(',').map((part) => part.trim())
    if (parts.length > maxSources) return { rule: `must be at most ${maxSources} networks` }
    const ranges: AddressRange[] = []
    for (const part of parts) {
      const range = parseCidr(part)
      if ('problem' in range) return { rule: `must be networks with "," between them: ${part === '' ? 'one is empty' : range.problem}` }
      ranges.push(range)
    }
    return { value: ranges }
  },
  'canary-service': (text): Read<{ readonly service: string, readonly port: IngressBackendPort }> => {
    const [service = '', port = '', ...rest] = text.split(':')
    const number = /^[1-9]\d{0,4}$/.test(port) ? Number(port) : undefined
    const isFit = rest.length === 0 && dns1035Label(service).length === 0 && (number === undefined ? port !== '' && portName(port).length === 0 : number <= 65_535)
    if (!isFit) return { rule: 'must be the name and the port of a service, like web-next:80 or web-next:http' }
    return { value: { service, port: number === undefined ? { name: port } : { number } } }
  },
  'canary-weight': (text): Read<number> => {
    return /^\d{1,3}$/.test(text) && Number(text) <= 100 ? { value: Number(text) } : { rule: 'must be a whole number from 0 to 100' }
  },
  'canary-header': (text): Read<NonNullable<IngressCanary['header']>> => {
    const rule = 'must be the name of a header, or its name and a value, like X-Canary or "X-Canary: yes"'
    const at = text.indexOf(':')
    const name = (at === -1 ? text : text.slice(0, at)).toLowerCase()
    const value = at === -1 ? undefined : text.slice(at + 1).trim()
    if (text.length > maxText || !token.test(name) || (value !== undefined && !/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value))) return { rule }
    if (reservedHeaders.has(name)) return { rule: `${rule}: ${name} is one that says how a message travels` }
    return { value: value === undefined ? { name } : { name, value } }
  },
  'affinity-cookie': (text): Read<string> => {
    return text.length <= 64 && token.test(text) ? { value: text } : { rule: 'must be the name of a cookie: letters, digits, "-" and "_", at most 64' }
  },
  'encoded-slash': (text): Read<true> => (text === 'allow' ? { value: true } : { rule: 'must be "allow", or absent' })
} as const satisfies Record<string, Reader<unknown>>

type Name = keyof typeof readers

/** All of them, in full. */
export const ingressAnnotations: readonly string[] = Object.keys(readers).map(keyOf)

/** What the annotations say. One that breaks its rule is as absent: validation has refused it, but the rules may have been others then. */
export function ingressAnnotationsOf (annotations: Labels | undefined): IngressAnnotations {
  const of = <Value>(name: Name, read: Reader<Value>): Value | undefined => {
    const text = annotations?.[keyOf(name)]
    const found = text === undefined ? undefined : read(text)
    return found !== undefined && 'value' in found ? found.value : undefined
  }
  const found = {
    responseTimeoutMs: of('timeout', readers.timeout),
    maxBodyBytes: of('body-limit', readers['body-limit']),
    rewritePrefix: of('rewrite-prefix', readers['rewrite-prefix']),
    redirectsToHttps: of('redirect-https', readers['redirect-https']),
    allowedSources: of('allow-sources', readers['allow-sources']),
    affinityCookie: of('affinity-cookie', readers['affinity-cookie']),
    allowsEncodedSlash: of('encoded-slash', readers['encoded-slash'])
  }
  const service = of('canary-service', readers['canary-service'])
  const header = of('canary-header', readers['canary-header'])
  const weight = of('canary-weight', readers['canary-weight'])
  const canary = service === undefined || (header === undefined && weight === undefined)
    ? undefined
    : { ...service, weight: weight ?? 0, ...(header === undefined ? {} : { header }) }
  const said = Object.entries({ ...found, canary }).filter(([, value]) => value !== undefined)
  return Object.fromEntries(said) // each has the type of its field
}

/** The causes in the annotations of an Ingress, those of our prefix that nobody knows among them. */
export function ingressAnnotationFaults (annotations: Labels | undefined): Cause[] {
  const causes: Cause[] = []
  for (const [key, text] of Object.entries(annotations ?? {})) {
    if (!key.startsWith(ingressAnnotationPrefix)) continue
    const name = key.slice(ingressAnnotationPrefix.length)
    const read: Reader<unknown> | undefined = isName(name) ? readers[name] : undefined
    const found = read?.(text)
    if (found === undefined) causes.push(invalidValue(path(key), text, `is not known: known are ${ingressAnnotations.join(', ')}`))
    else if ('rule' in found) causes.push(invalidValue(path(key), text, found.rule))
  }
  const text = (name: Name): string | undefined => annotations?.[keyOf(name)]
  const service = text('canary-service')
  const others = (['canary-weight', 'canary-header'] as const).filter((name) => text(name) !== undefined)
  if (service === undefined) {
    for (const name of others) causes.push(invalidValue(path(keyOf(name)), text(name), `needs ${keyOf('canary-service')}, which says where to`))
  } else if (others.length === 0) {
    causes.push(invalidValue(path(keyOf('canary-service')), service, `needs ${keyOf('canary-weight')} or ${keyOf('canary-header')}, which say how much of it`))
  }
  return causes
}

function isName (name: string): name is Name {
  return Object.hasOwn(readers, name)
}

function keyOf (name: string): string {
  return `${ingressAnnotationPrefix}${name}`
}

function path (key: string): string {
  return `metadata.annotations[${key}]`
}
