// The header fields of a request, read once: what goes on to the endpoint as it is, and what the ingress decides by.
// Fields of one connection stay here (RFC 9110 7.6.1), and those that say where a request came from are only believed of trusted proxies.

export interface RequestHead {
  /** Name, value, name, value: what goes on, in its order, without `Host`. */
  readonly passed: string[]
  readonly hosts: readonly string[]
  /** Without the pseudo fields of HTTP/2. */
  readonly fields: number
  readonly contentLength?: number
  readonly isChunked: boolean
  /** Its `Transfer-Encoding` is another one than `chunked`: where its body ends is a matter of opinion. */
  readonly hasUnknownCoding: boolean
  readonly expectsContinue: boolean
  /** It expects something else than `100-continue`, the only expectation that there is (RFC 9110 10.1.1). */
  readonly hasUnknownExpectation: boolean
  readonly hasTrailer: boolean
  readonly takesTrailers: boolean
  /** Protocol of an `Upgrade` that `Connection` names, too. */
  readonly upgrade?: string
  readonly cookies: readonly string[]
  readonly requestId?: string
  /** X-Forwarded-*, X-Real-IP and Forwarded, lower case, as they came. */
  readonly forwarded: readonly string[]
}

const kinds = {
  passed: 0, hop: 1, connection: 2, host: 3, forwarded: 4, requestId: 5, contentLength: 6, transferEncoding: 7, expect: 8, trailer: 9, te: 10,
  upgrade: 11, cookie: 12, pseudo: 13, authority: 14
} as const
type Kind = typeof kinds[keyof typeof kinds]

const named: Readonly<Record<string, Kind>> = {
  connection: kinds.connection, 'keep-alive': kinds.hop, 'proxy-connection': kinds.hop, 'proxy-authenticate': kinds.hop, 'proxy-authorization': kinds.hop,
  'http2-settings': kinds.hop,
  // CGI programs read it as the variable HTTP_PROXY, and then ask the web through the client ("httpoxy").
  proxy: kinds.hop,
  host: kinds.host, ':authority': kinds.authority, 'x-request-id': kinds.requestId, 'content-length': kinds.contentLength,
  'transfer-encoding': kinds.transferEncoding, expect: kinds.expect, trailer: kinds.trailer, te: kinds.te, upgrade: kinds.upgrade, cookie: kinds.cookie,
  forwarded: kinds.forwarded, 'x-real-ip': kinds.forwarded
}
/** What a client cannot have taken out by naming it in `Connection`: the message would be another one. */
const keptFields = new Set(['host', 'content-length', 'transfer-encoding', 'trailer', 'te', 'expect', 'cookie', 'authorization', 'x-request-id'])

/** Spellings that have been seen: looking one up costs less than reading it. */
const seen = new Map<string, Kind>()
const maxSeen = 1_000

/** @param raw name, value, name, value, as Node has them */
export function readRequestHead (raw: readonly string[]): RequestHead {
  const passed: string[] = []
  const hosts: string[] = []
  const cookies: string[] = []
  const forwarded: string[] = []
  let [pseudo, isChunked, hasUnknownCoding, expectsContinue, hasTrailer, takesTrailers] = [0, false, false, false, false, false]
  let hasUnknownExpectation = false
  let connection: string | undefined
  let contentLength: number | undefined
  let requestId: string | undefined
  let upgrade: string | undefined
  let authority: string | undefined
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? ''
    const value = raw[index + 1] ?? ''
    switch (seen.get(name) ?? kindOf(name)) {
      case kinds.passed: passed.push(name, value); break
      case kinds.connection: connection = connection === undefined ? value : `${connection},${value}`; break
      case kinds.host: hosts.push(value); break
      case kinds.authority: authority = value; pseudo++; break
      case kinds.pseudo: pseudo++; break
      case kinds.forwarded: forwarded.push(name.toLowerCase(), value); break
      case kinds.requestId: requestId = value; break
      case kinds.contentLength: contentLength = Number(value); break
      case kinds.transferEncoding: hasUnknownCoding ||= isChunked || value.toLowerCase() !== 'chunked'; isChunked = true; break
      case kinds.expect: expectsContinue = value.toLowerCase() === '100-continue'; hasUnknownExpectation ||= !expectsContinue; break
      case kinds.trailer: hasTrailer = true; passed.push(name, value); break
      case kinds.te: takesTrailers ||= /(?:^|[\s,])trailers(?:$|[\s,;])/i.test(value); break
      case kinds.upgrade: upgrade = value; break
      case kinds.cookie: cookies.push(value); passed.push(name, value); break
      default: // of the connection
    }
  }
  // HTTP/2's host stands above a Host field; two that differ are two hosts (RFC 9113 8.3.1).
  if (authority !== undefined && hosts[0] !== authority) hosts.unshift(authority)
  if (takesTrailers) passed.push('TE', 'trailers')
  const left = connection === undefined ? passed : withoutNamed(passed, connection)
  const isUpgrade = upgrade !== undefined && connection !== undefined && /(?:^|[\s,])upgrade(?:$|[\s,])/i.test(connection)
  return {
    passed: left, hosts, fields: raw.length / 2 - pseudo, cookies, forwarded,
    isChunked, hasUnknownCoding, expectsContinue, hasUnknownExpectation, hasTrailer, takesTrailers,
    ...(contentLength === undefined ? {} : { contentLength }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(isUpgrade && upgrade !== undefined ? { upgrade } : {})
  }
}

/** Without the fields that `Connection` names besides the usual ones. */
export function withoutNamed (fields: string[], connection: string): string[] {
  if (connection.length <= 10 && /^(?:keep-alive|close|upgrade)$/i.test(connection)) return fields
  const names = new Set(connection.toLowerCase().split(',').map((name) => name.trim()).filter((name) => name !== '' && !keptFields.has(name)))
  return fields.filter((_, index) => !names.has((fields[index - index % 2] ?? '').toLowerCase()))
}

function kindOf (name: string): Kind {
  // CGI and its heirs turn "-" into "_": X_Forwarded_For would be read as X-Forwarded-For there.
  const lower = name.toLowerCase().replaceAll('_', '-')
  const known = Object.hasOwn(named, lower) ? named[lower] : undefined
  const isSpoof = lower !== name.toLowerCase() && (known !== undefined || lower.startsWith('x-forwarded-'))
  const kind = isSpoof
    ? kinds.hop
    : known ?? (name.startsWith(':') ? kinds.pseudo : lower.startsWith('x-forwarded-') ? kinds.forwarded : kinds.passed)
  if (seen.size >= maxSeen) seen.clear()
  seen.set(name, kind)
  return kind
}

/** The value of a cookie; undefined if it is not there. */
export function cookieOf (cookies: readonly string[], name: string): string | undefined {
  for (const text of cookies) {
    for (const part of text.split(';')) {
      const at = part.indexOf('=')
      if (at !== -1 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim()
    }
  }
  return undefined
}
