// The header fields of an endpoint's answer: what goes on to the client. Fields of the connection to the endpoint stay here.
import { withoutNamed } from './request-head.ts'

const hop = new Set(['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'transfer-encoding', 'te', 'upgrade', 'trailer'])
const special = new Map<string, string>()
const maxSpecial = 1_000

export interface ResponseHead {
  /** Name, value, name, value. */
  readonly passed: string[]
  readonly contentLength?: number
  readonly contentType?: string
  /** Names of fields that come behind the body. */
  readonly trailer?: string
}

/** @param raw name, value, name, value */
export function readResponseHead (raw: readonly string[]): ResponseHead {
  const passed: string[] = []
  let connection: string | undefined
  let contentLength: number | undefined
  let contentType: string | undefined
  let trailer: string | undefined
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? ''
    const value = raw[index + 1] ?? ''
    const lower = special.get(name) ?? lowerOf(name)
    if (lower === '') {
      passed.push(name, value)
      continue
    }
    if (lower === 'content-length') contentLength = Number(value)
    else if (lower === 'content-type') contentType = value
    else if (lower === 'connection') connection = value
    else if (lower === 'trailer') trailer = value
    if (!hop.has(lower)) passed.push(name, value)
  }
  return {
    passed: connection === undefined ? passed : withoutNamed(passed, connection),
    ...(contentLength === undefined ? {} : { contentLength }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(trailer === undefined ? {} : { trailer })
  }
}

/** The name in lower case if it is one that matters here, else nothing. */
function lowerOf (name: string): string {
  const lower = name.toLowerCase()
  const matters = hop.has(lower) || lower === 'content-length' || lower === 'content-type' ? lower : ''
  if (special.size >= maxSpecial) special.clear()
  special.set(name, matters)
  return matters
}

/** For HTTP/2: names in lower case, several fields of one name in a list. Names that begin with ":" would be its own. */
export function asHttp2Fields (fields: readonly string[]): Record<string, string | string[]> {
  const object: Record<string, string | string[]> = {}
  for (let index = 0; index < fields.length; index += 2) {
    const name = (fields[index] ?? '').toLowerCase()
    const value = fields[index + 1] ?? ''
    const known = object[name]
    if (name.startsWith(':')) continue
    object[name] = known === undefined ? value : Array.isArray(known) ? [...known, value] : [known, value]
  }
  return object
}

/** The opposite way. */
export function asFields (headers: Readonly<Record<string, string | readonly string[] | number | undefined>>): string[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    if (name.startsWith(':') || value === undefined) return []
    return Array.isArray(value) ? (value as readonly string[]).flatMap((each) => [name, each]) : [name, String(value)]
  })
}

/** As lists of two. */
export function pairs (fields: readonly string[]): [string, string][] {
  return Array.from({ length: fields.length / 2 }, (_, index) => [fields[2 * index] ?? '', fields[2 * index + 1] ?? ''])
}
