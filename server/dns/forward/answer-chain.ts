// What of an upstream's answer is an answer: the records of the question's name, and of the names that its aliases lead to, as far as
// these are not ours. What an upstream says at or below a zone of ours is dropped (RFC 1034 4.3.2, RFC 2181 5.4.1):
// where an alias leads there the chain goes on from our own data.
import { recordTypes } from '../wire/wire.ts'
import { isAtOrBelow, labelStarts, folded, nameKey } from '../wire/name.ts'
import type { ForwardRecord, Reply } from './reply-reader.ts'

/** BIND follows 11 (max-query-restarts), Unbound 11 too: no resolver follows a longer chain. */
export const maxChain = 16

const rrsig = 46
const dname = 39

export interface Chain {
  /** In the order of the chain (RFC 1034 4.3.2: aliases first). */
  readonly answers: readonly ForwardRecord[]
  /** The name in a zone of ours that the last alias leads to, in lower case; undefined = the chain ends with the upstream. */
  readonly target: Buffer | undefined
}

/** Whether a name is at or below a zone of ours. @param name in wire form, in any case */
export type IsOurs = (name: Buffer) => boolean

/** @param zones the names of our zones, in wire form and lower case */
export function oursOf (zones: readonly Buffer[]): IsOurs {
  return (name) => {
    const lower = folded(name)
    return zones.some((zone) => isAtOrBelow(lower, zone))
  }
}

/**
 * Follows the aliases from the question's name. Other records in the section may be forged.
 * The question's own name may be ours: one of a reverse zone for which we have no name.
 */
export function followChain (records: readonly ForwardRecord[], question: { readonly name: Buffer, readonly type: number }, isOurs: IsOurs): Chain {
  const { type } = question
  const byOwner = Map.groupBy(records, ({ name }) => nameKey(name))
  const hasDname = records.some((record) => record.type === dname && !isOurs(record.name))
  const kept = new Set<ForwardRecord>()
  const seen = new Set<string>()
  let owner = nameKey(question.name)
  let target: Buffer | undefined
  while (!seen.has(owner) && seen.size < maxChain) {
    seen.add(owner)
    const here = byOwner.get(owner) ?? []
    const alias = type === recordTypes.CNAME || type === recordTypes.ANY ? undefined : here.find((record) => record.type === recordTypes.CNAME)
    if (hasDname && alias !== undefined) {
      for (const record of redirections(owner, byOwner)) if (!isOurs(record.name)) kept.add(record)
    }
    for (const record of here) {
      if (record === alias || record.type === type || record.type === rrsig || type === recordTypes.ANY) kept.add(record)
    }
    if (alias === undefined) break
    if (isOurs(alias.rdata)) {
      target = folded(alias.rdata)
      break
    }
    owner = nameKey(alias.rdata)
  }
  return { answers: [...kept], target }
}

/**
 * The other sections, without records of our zones. Where the chain goes on in a zone of ours, we also say what does
 * not exist.
 */
export function besides ({ authorities, additionals }: Reply, question: { readonly name: Buffer }, { target }: Chain, isOurs: IsOurs): Pick<Reply, 'authorities' | 'additionals'> {
  const foreign = (records: readonly ForwardRecord[]): ForwardRecord[] => records.filter(({ name }) => !isOurs(name))
  return {
    authorities: target !== undefined ? [] : isOurs(question.name) ? authorities : foreign(authorities),
    additionals: foreign(additionals)
  }
}

/** DNAME above a name makes its CNAME (RFC 6672 3.1), and its signature is the only one that there is. */
function * redirections (owner: string, byOwner: ReadonlyMap<string, readonly ForwardRecord[]>): Generator<ForwardRecord> {
  for (const at of labelStarts(Buffer.from(owner, 'latin1'))) {
    if (at === 0) continue
    for (const record of byOwner.get(owner.slice(at)) ?? []) {
      const isSignature = record.type === rrsig && record.rdata.length >= 2 && record.rdata.readUInt16BE(0) === dname
      if (record.type === dname || isSignature) yield record
    }
  }
}
