// The grammar of paths:
//
//   path     = "/api" [ "/v1" [ "/" rest ] ] | "/apis" [ "/" group [ "/" version [ "/" rest ] ] ]
//   rest     = [ "namespaces/" namespace "/" ] resource [ "/" name [ "/" subresource ] ]
//
// A namespace is an object, too: `namespaces/NAME`, and `namespaces/NAME/status` is its subresource.

export interface ResourcePath {
  readonly group: string
  readonly version: string
  readonly namespace: string | undefined
  readonly resource: string
  readonly name: string | undefined
  readonly subresource: string
}

export type Asked =
  /** `/api`, `/apis`, `/apis/GROUP`, `/api/v1`, `/apis/GROUP/VERSION`. */
  | { readonly type: 'discovery', readonly root: 'api' | 'apis', readonly group?: string, readonly version?: string }
  | { readonly type: 'resource', readonly path: ResourcePath }

/** What of a namespace itself is asked for behind its name. */
const ofNamespaces = new Set(['status', 'finalize'])

/** undefined = there is nothing at such a path. */
export function readPath (path: string): Asked | undefined {
  const parts = decodedParts(path)
  if (parts === undefined) return undefined
  const [root, ...rest] = parts
  if (root === 'api') {
    const [version, ...behind] = rest
    if (version === undefined) return { type: 'discovery', root }
    return behind.length === 0 ? { type: 'discovery', root, group: '', version } : resourceAt('', version, behind)
  }
  if (root !== 'apis') return undefined
  const [group, version, ...behind] = rest
  if (group === undefined) return { type: 'discovery', root }
  if (version === undefined) return { type: 'discovery', root, group }
  return behind.length === 0 ? { type: 'discovery', root, group, version } : resourceAt(group, version, behind)
}

function resourceAt (group: string, version: string, parts: readonly string[]): Asked | undefined {
  const [first = '', second, third, fourth, fifth, ...more] = parts
  if (more.length > 0) return undefined
  const isWithin = first === 'namespaces' && second !== undefined && third !== undefined && !(fourth === undefined && ofNamespaces.has(third))
  const path: ResourcePath = isWithin
    ? { group, version, namespace: second, resource: third, name: fourth, subresource: fifth ?? '' }
    : { group, version, namespace: undefined, resource: first, name: second, subresource: third ?? '' }
  return !isWithin && fourth !== undefined ? undefined : { type: 'resource', path }
}

/** A slash at the end names the same; an empty part in the middle names nothing. */
function decodedParts (path: string): string[] | undefined {
  const parts = path.replace(/^\//, '').replace(/\/$/, '').split('/')
  if (parts.some((part) => part === '')) return undefined
  try {
    return parts.map(decodeURIComponent)
  } catch {
    return undefined // no legal percent-encoding
  }
}
