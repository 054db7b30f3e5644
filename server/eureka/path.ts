// What a path asks for. Bases: /eureka, /eureka/v1, /eureka/v2, and these behind /namespaces/NAME; slashes may be doubled, and one may
// stand at the end. Each segment is decoded once; an id with a "/" may come as several segments, as Java's clients send it.
//
//   apps/  apps/delta  apps/APP  apps/APP/ID  apps/APP/ID/status  apps/APP/ID/metadata
//   instances/ID  vips/VIP  svips/VIP  status  serverinfo/statusoverrides  lastn, nothing: the page

export type Asked =
  | { readonly what: 'apps' | 'delta' | 'status' | 'overrides' | 'page' }
  | { readonly what: 'app' | 'instance' | 'vip' | 'svip', readonly name: string }
  | { readonly what: 'member' | 'member-status' | 'member-metadata', readonly app: string, readonly id: string }

export interface EurekaPath {
  /** As the path names it; undefined = it names none. */
  readonly namespace: string | undefined
  readonly asked: Asked
}

/** @returns undefined for a path that is not Eureka's */
export function readPath (path: string): EurekaPath | undefined {
  const segments = decoded(path.split('/').filter((segment) => segment !== ''))
  if (segments === undefined) return undefined
  let namespace: string | undefined
  if (segments[0] === 'namespaces') {
    [, namespace] = segments
    if (namespace === undefined) return undefined
    segments.splice(0, 2)
  }
  if (segments.length === 0) return { namespace, asked: { what: 'page' } }
  if (segments.shift() !== 'eureka') return undefined
  if (segments[0] === 'v1' || segments[0] === 'v2') segments.shift()
  const asked = readAsked(segments)
  return asked === undefined ? undefined : { namespace, asked }
}

function readAsked ([first, second, ...rest]: readonly string[]): Asked | undefined {
  const one = rest.length === 0 ? second : undefined
  switch (first) {
    case undefined: return { what: 'page' }
    case 'lastn': return second === undefined ? { what: 'page' } : undefined
    case 'status': return second === undefined ? { what: 'status' } : undefined
    case 'serverinfo': return one === 'statusoverrides' ? { what: 'overrides' } : undefined
    case 'apps': return second === undefined ? { what: 'apps' } : readApp(second, rest)
    case 'instances': return second === undefined ? undefined : { what: 'instance', name: [second, ...rest].join('/') }
    case 'vips': return second === undefined ? undefined : { what: 'vip', name: [second, ...rest].join('/') }
    case 'svips': return second === undefined ? undefined : { what: 'svip', name: [second, ...rest].join('/') }
    default: return undefined
  }
}

function readApp (app: string, rest: readonly string[]): Asked {
  if (rest.length === 0) return app === 'delta' ? { what: 'delta' } : { what: 'app', name: app }
  const last = rest.at(-1)
  const isPart = rest.length > 1 && (last === 'status' || last === 'metadata')
  const id = (isPart ? rest.slice(0, -1) : rest).join('/')
  return { what: isPart ? `member-${last}` : 'member', app, id }
}

function decoded (segments: readonly string[]): string[] | undefined {
  try {
    return segments.map((segment) => decodeURIComponent(segment))
  } catch {
    return undefined // the escapes are no UTF-8
  }
}

/** A renewal: `PUT .../apps/APP/ID`. It is told by its form alone, before anything is decoded. */
export function isRenewal (method: string, path: string): boolean {
  return method === 'PUT' && /\/apps\/+[^/]+\/+[^/]/.test(path) && !/\/(?:status|metadata)\/?$/.test(path)
}
