// The headers of a request that may be answered ahead of its route: those that such an answer depends on. Whatever else a request says, only
// its route understands.

/** Headers that mean nothing to the routes that are answered ahead. */
const ignored: ReadonlySet<string> = new Set([
  'accept', 'accept-language', 'cache-control', 'connection', 'pragma', 'sec-fetch-mode', 'traceparent', 'tracestate', 'user-agent',
  'authorization' // who asks is looked up by those who answer (`knownAccessOf`)
])

export interface AskedHeaders {
  readonly host: string
  /** If-None-Match. */
  readonly tag: string | undefined
  /** Accept-Encoding is there. */
  readonly isCompressible: boolean
  /** Content-Type. */
  readonly type: string | undefined
  /** Content-Length. */
  readonly length: string | undefined
}

/** undefined = something is said that only the route understands, or a header came twice. */
export function askedHeaders (rawHeaders: readonly string[]): AskedHeaders | undefined {
  let host: string | undefined
  let tag: string | undefined
  let type: string | undefined
  let length: string | undefined
  let isCompressible = false
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? ''
    if (ignored.has(name)) continue
    const value = rawHeaders[at + 1]
    if (name === 'host' && host === undefined) host = value
    else if (name === 'if-none-match' && tag === undefined) tag = value
    else if (name === 'content-type' && type === undefined) type = value
    else if (name === 'content-length' && length === undefined) length = value
    else if (name === 'accept-encoding') isCompressible = true
    else return undefined
  }
  return host === undefined ? undefined : { host, tag, isCompressible, type, length }
}
