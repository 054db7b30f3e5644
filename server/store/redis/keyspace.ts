// Which keyspace and which term a session stands in: each is found, or begun.
import { randomBytes } from 'node:crypto'
import { SessionFault } from './faults.ts'
import type { Keys } from './keys.ts'
import type { Lineage } from './lineage.ts'
import type { KeyspaceParts } from './link-settings.ts'
import { checkMeta } from './meta.ts'
import { parseEntry } from './records.ts'
import { scripts } from './scripts.ts'
import type { Session } from './session.ts'
import { entriesOf, lastLogged } from './snapshot.ts'

/** Void ranges that a keyspace remembers: a cursor older than sixteen failovers is far behind the trimmed log. */
export const keptVoidRanges = 16

/** What this node has, across sessions. */
export interface Progress {
  readonly epoch: string
  /** Process and number of the term: two successive promotions can carry the same number. */
  readonly term: string
  /** The terms that led there. */
  readonly lineage: Lineage
  readonly revision: number
}

/**
 * Finds the epoch, or begins one. What another hand did to the keyspace is put right, or named.
 * @param highest the revision up to which this node has seen anything
 * @throws SettingFault for a key that is another program's, or a layout that is newer
 * @throws DamageFault for what only a person can put right
 */
export async function ensureKeyspace (session: Session, parts: KeyspaceParts, highest: number): Promise<void> {
  const { settings, logger } = parts
  const epoch = await checkMeta(session, parts)
  if (epoch !== undefined) {
    session.epoch = epoch
    return
  }
  const { recoveryMs, revisionJump, maxLogLength, maxLogBytes } = settings
  session.epoch = randomBytes(6).toString('hex')
  const reply = await session.reply(scripts.init, [highest === 0 ? 1 : highest + revisionJump, recoveryMs, maxLogLength, maxLogBytes])
  const [, made] = reply as [string, string] // scripts/init: a word and the epoch that is there now
  session.epoch = made
  logger.info({ epoch: made }, 'redis: began a new keyspace')
}

/**
 * Begins a new term if Redis is not the process that it was.
 * @param highest the revision up to which this node has seen this keyspace
 */
export async function ensureTerm (session: Session, { keys, settings, logger }: KeyspaceParts, highest: number): Promise<void> {
  const { recoveryMs, revisionJump, maxLogLength, maxLogBytes } = settings
  // A log that is ahead of the keyspace has an entry of another hand, behind which no script could write: a new term begins after it.
  const seen = Math.max(highest, await lastLogged(session.ask, keys.log))
  const reply = await session.reply(scripts.term, [seen, revisionJump, recoveryMs, maxLogLength, maxLogBytes, keptVoidRanges])
  const [verdict] = reply as [string] // scripts/term: one word
  if (verdict === 'OK') logger.warn({ epoch: session.epoch, run: session.run }, 'redis: began a new term; nothing expires for a while')
  else if (verdict !== 'SAME') throw new SessionFault('the keyspace changed while connecting')
}

/** A broken line in the same term is no reason to read anything anew: if the log still has what comes next, it is followed. */
export async function canContinue (session: Session, keys: Keys, progress: Progress): Promise<boolean> {
  const { epoch, term, revision } = progress
  if (epoch !== session.epoch) return false
  const [run, number, rev] = await session.ask((client) => client.hmget(keys.meta, 'run', 'term', 'rev')) as (string | null)[]
  if (`${run}/${number}` !== term || Number(rev) < revision) return false
  if (Number(rev) === revision) return true
  const [next] = entriesOf(await session.ask((client) => client.call('XREAD', 'COUNT', 1, 'STREAMS', keys.log, `${revision}-0`)))
  if (next === undefined) return false
  const change = parseEntry(next)
  return change.type !== 'break' && change.revision === revision + 1
}
