// Every Redis key, made in one place. One partition today; its hash tag keeps all keys of a script in one slot of a Cluster.
import { invalid } from '../../errors.ts'

/** The order of KEYS in every script (scripts/prelude.lua). */
const names = ['meta', 'inst', 'idx', 'exp', 'log', 'sus', 'tomb', 'svc', 'obj', 'ends', 'prot', 'shown', 'ttls', 'loads', 'loadseq', 'notes'] as const

export type Keys = Readonly<Record<typeof names[number], string>> & { readonly all: readonly string[] }

/** The files of the scripts carry this number, so that a reader sees at once when they disagree. */
export const keyCount = names.length

export const prefixPattern = '^[A-Za-z0-9][A-Za-z0-9:._-]{0,63}$'
export const prefixRule = 'must be 1-64 of A-Z, a-z, 0-9, ":", ".", "_" and "-", beginning with a letter or digit'

/** The keys under a prefix. Never built from what users send: a brace in a name would move the key to another slot. */
export function keysOf (prefix: string): Keys {
  if (!new RegExp(prefixPattern).test(prefix)) throw invalid([{ field: 'redis-prefix', value: prefix, rule: prefixRule }])
  const all = names.map((name) => `${prefix}:{0}:${name}`)
  // fromEntries loses the literal names, which are exactly those of `names`.
  const byName = Object.fromEntries(names.map((name, index) => [name, all[index]])) as Record<typeof names[number], string>
  return { ...byName, all }
}
