// The URL paths of the API, for the SDK and for the commands of `rollcall`.

/** Makes the path of a resource; each part is encoded. @example pathOf('services', 'a/b') // '/v1/services/a%2Fb' */
export function pathOf (...parts: readonly string[]): string {
  // half a surrogate pair would throw
  return `/v1/${parts.map((part) => encodeURIComponent(part.toWellFormed())).join('/')}`
}

/** The node may get requests: 200, or 503 with the reason. */
export const readyPath = '/readyz'
/** Changes as they happen, over a WebSocket or as an event stream. */
export const watchPath = '/v1/watch'
/** Renews many leases. */
export const heartbeatsPath = pathOf('heartbeats')
export const poolsPath = pathOf('pools')
export const applyPath = pathOf('apply')
export const deletePath = pathOf('delete')

export function namespacePath (namespace: string, ...rest: readonly string[]): string {
  return pathOf('namespaces', namespace, ...rest)
}

export function servicePath (namespace: string, service: string, ...rest: readonly string[]): string {
  return namespacePath(namespace, 'services', service, ...rest)
}

/** The answer to "who serves this?". */
export function endpointsPath (namespace: string, service: string): string {
  return servicePath(namespace, service, 'endpoints')
}

export function instancePath (namespace: string, service: string, id: string, ...rest: readonly string[]): string {
  return servicePath(namespace, service, 'instances', id, ...rest)
}

export const ticketsPath = '/v1/tickets'
