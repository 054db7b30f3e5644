// Blocking queries: an answer carries the index of its content, and whoever gives that index back waits until there is a newer one.
//
// An index is `salt * 2^40 + revision`. The revision is that of the last change of what was asked for, the same on every node; the salt is of
// the epoch, so that an index of another keyspace is never taken for one of this: it is larger than every index here, or smaller than all.
import { createHash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { CorePosition } from '../registry/core.ts'
import { maxWaitMs } from './query.ts'

/** Revisions below a million million: a thousand changes a second for thirty years. */
const revisionLimit = 2 ** 40
/** With it every index is a whole number that JavaScript keeps. */
const salts = 2 ** 12

let lastEpoch = ''
let lastSalt = 0

/** The index of a revision; at least 1. */
export function indexOf (epoch: string, revision: number): number {
  if (epoch !== lastEpoch) {
    lastSalt = createHash('sha256').update(epoch).digest().readUInt16BE() % salts
    lastEpoch = epoch
  }
  return Math.max(1, lastSalt * revisionLimit + revision % revisionLimit)
}

/** What a blocking query asks about. */
export interface Subject {
  /** The index of its content now. */
  index (): number
  /** Calls back when that may be another. */
  follow (wake: () => void): () => void
  /** Something that differs when the answer does, where the index tells of more than what is asked for; absent = it does not. */
  content? (): string | undefined
}

export interface HoldOptions {
  readonly subject: Subject
  /** What the client has. */
  readonly index: number
  readonly waitMs: number
  readonly position: CorePosition
  /** Resolves when this node shows what was stored before on any node. */
  readonly caughtUp: () => Promise<void>
  readonly clock: Clock
  readonly random: () => number
  readonly signal: AbortSignal
  readonly onAbort: (signal: AbortSignal, act: () => void) => () => void
}

/** Consul spreads the end of a wait over a sixteenth more, so that clients that began together don't come back together. */
const jitter = 1 / 16

/** Resolves when there is something newer than the index, or the wait is over. Gives the index of the answer. */
export async function hold (options: HoldOptions): Promise<number> {
  const { subject, index, position, signal } = options
  const now = (): number => indexOf(position.epoch, position.revision)
  if (index > now()) {
    // Another node may have told it: then it comes here within moments. Else it is of a keyspace, or a time, that is no more.
    await options.caughtUp()
    if (index > now()) return subject.index()
  }
  if (subject.index() > index || signal.aborted) return subject.index()
  const before = subject.content?.()
  const { promise, resolve } = Promise.withResolvers<void>()
  const { epoch } = position
  const look = (): void => {
    if (position.epoch !== epoch) return resolve()
    if (subject.index() <= index) return
    if (before !== undefined && subject.content?.() === before) return // the newer index is of something else
    resolve()
  }
  const unfollow = subject.follow(look)
  const cancel = options.clock.after(Math.min(options.waitMs, maxWaitMs) * (1 + jitter * options.random()), resolve)
  const unlisten = options.onAbort(signal, resolve)
  try {
    await promise
  } finally {
    unfollow()
    cancel()
    unlisten()
  }
  if (position.epoch !== epoch) return subject.index()
  // Never smaller than what was told: a client would begin anew.
  return Math.max(subject.index(), index)
}
