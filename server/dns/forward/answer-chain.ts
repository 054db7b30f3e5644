// What of an upstream's answer section answers the question: the records of its name, and of the names that its aliases lead to.
import { recordTypes } from '../wire/wire.ts'
import { nameKey } from '../wire/name.ts'
import type { ForwardRecord } from './reply-reader.ts'

/** BIND follows 11 (max-query-restarts), Unbound 11 too: a longer chain is resolved by nobody. */
export const maxChain = 16

const rrsig = 46
const dname = 39

/** The records in the order of the chain (RFC 1034 4.3.2: aliases first). Whatever else is there is nobody's answer and could be a lie. */
export function followChain (records: readonly ForwardRecord[], question: { readonly name: Buffer, readonly type: number }): ForwardRecord[] {
  const { type } = question
  const byOwner = new Map<string, ForwardRecord[]>()
  for (const record of records) {
    const key = nameKey(record.name)
    const known = byOwner.get(key)
    if (known === undefined) byOwner.set(key, [record])
    else known.push(record)
  }
  const hasDname = records.some((record) => record.type === dname)
  const kept = new Set<ForwardRecord>()
  const seen = new Set<string>()
  let owner = nameKey(question.name)
  while (!seen.has(owner) && seen.size < maxChain) {
    seen.add(owner)
    const here = byOwner.get(owner) ?? []
    const alias = type === recordTypes.CNAME || type === recordTypes.ANY ? undefined : here.find((record) => record.type === recordTypes.CNAME)
    if (hasDname && alias !== undefined) for (const record of redirections(owner, byOwner)) kept.add(record)
    for (const record of here) {
      if (record === alias || record.type === type || record.type === rrsig || type === recordTypes.ANY) kept.add(record)
    }
    if (alias === undefined) break
    owner = nameKey(alias.rdata)
  }
  return [...kept]
}

/** DNAME above a name makes its CNAME (RFC 6672 3.1), and its signature is the only one that there is. */
function * redirections (owner: string, byOwner: ReadonlyMap<string, readonly ForwardRecord[]>): Generator<ForwardRecord> {
  for (let at = 0; owner.charCodeAt(at) > 0;) {
    at += 1 + owner.charCodeAt(at)
    for (const record of byOwner.get(owner.slice(at)) ?? []) {
      const isSignature = record.type === rrsig && record.rdata.length >= 2 && record.rdata.readUInt16BE(0) === dname
      if (record.type === dname || isSignature) yield record
    }
  }
}
