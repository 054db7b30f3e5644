// How keys of lasting objects begin that are no manifests. Every room that keeps an object of its own takes a prefix from here.

/** What no reader of the API ever sees: not in lists, not among events. */
export const secretPrefix = 'secret/'

export function isSecretKey (key: string): boolean {
  return key.startsWith(secretPrefix)
}
