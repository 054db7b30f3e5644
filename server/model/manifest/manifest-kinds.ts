// The kinds of manifests that the registry knows, and what it says of others.
import { apiVersions, type Manifest } from '../service/types.ts'

/** Kinds of lists whose items need not say what they are. */
export const listKinds: ReadonlyMap<string, Manifest['kind']> =
  new Map((Object.keys(apiVersions) as Manifest['kind'][]).map((kind) => [`${kind}List`, kind])) // of kinds

export function isKind (kind: unknown): kind is Manifest['kind'] {
  return typeof kind === 'string' && Object.hasOwn(apiVersions, kind)
}

/** Which kinds there are, and which of them was probably meant. */
export function kindRule (kind: unknown): string {
  if (kind === 'List') return 'must not be a List inside of a List'
  const known = Object.keys(apiVersions)
  const folded = typeof kind === 'string' ? kind.toLowerCase() : ''
  const near = known.find((name) => name.toLowerCase() === folded || `${name.toLowerCase()}s` === folded)
  return `must be one of ${[...known, 'List'].sort().join(', ')}${near === undefined ? '' : ` (did you mean ${near}?)`}`
}
