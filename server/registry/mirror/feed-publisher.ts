// Keeps mirrors of a feed in other threads (feed-mirror.ts). Each gets a copy of everything, then the changes since it began.
//
// No mirror has a queue of its own that could grow. A few messages are under way to it; when it has taken one, the next is made of
// what it lacks by then, read from the catalog and from the changes that the feed remembers anyway. A mirror that is so slow that
// the feed has forgotten what comes next gets a new copy.
//
// A copy is read while changes go on, so that its parts are of different revisions. It is whole after the changes since its
// beginning: sent in order, each with its whole instance or object, so that the last one is right whatever the copy had
// read.
import type { Change } from '../../store/store.ts'
import type { Feed } from '../feed/feed.ts'
import type { MirrorMessage } from './feed-mirror.ts'

/** Messages under way to one mirror. More would be memory for one that stands still; one less and it waits while we make the next. */
export const maxUnderWay = 4
/** In one message: a mirror answers no question while it applies them, some 20 us each. */
export const maxChanges = 256
/** Of bodies in one message, beyond which it ends: a manifest may be large. */
const maxBodyLength = 256 * 1024

/** One mirror, as its publisher sees it. */
export interface MirrorLink {
  /** It has taken the oldest message that is under way. */
  taken (): void
  /** It is gone: nothing more is sent. */
  remove (): void
}

interface Mirror {
  readonly send: (message: MirrorMessage) => void
  /** Of each message under way: the revision that the mirror answers from when it has taken it, undefined = what it did before. */
  readonly underWay: (number | undefined)[]
  /** What it answers from; undefined before the first copy, and of an epoch or term that is over. */
  revision: number | undefined
  /** What is left of a copy; undefined = a new one is due, or none is being sent. */
  copy: Iterator<Change> | undefined
  needsCopy: boolean
  needsHealth: boolean
  /** Changes up to it were sent. */
  sent: number
  /** A copy is whole when it has come so far. */
  wholeAt: number
}

interface Batch {
  readonly after: number
  /** Where the feed was when it was made. */
  readonly madeAt: number
  readonly changes: readonly Change[]
  readonly revision: number
}

export class FeedPublisher {
  readonly #feed: Feed
  readonly #limit: number
  readonly #mirrors = new Set<Mirror>()
  readonly #waiters = new Set<{ readonly revision: number, readonly done: () => void }>()
  readonly #unlisten: () => void
  /** The last one: mirrors that keep up need the same. */
  #batch: Batch | undefined
  #isClosed = false

  /** @param limit of changes in one message */
  constructor (feed: Feed, limit = maxChanges) {
    this.#feed = feed
    this.#limit = limit
    this.#unlisten = feed.listen({
      name: 'mirrors',
      loaded: () => {
        this.#batch = undefined
        for (const mirror of this.#mirrors) {
          mirror.needsCopy = true
          mirror.revision = undefined
          mirror.underWay.fill(undefined)
        }
      },
      applied: () => this.#sendAll(),
      health: () => {
        for (const mirror of this.#mirrors) mirror.needsHealth = true
        this.#sendAll()
      }
    })
  }

  /** Begins to keep a mirror. @param send must not call back before it returns */
  add (send: (message: MirrorMessage) => void): MirrorLink {
    const mirror: Mirror = { send, underWay: [], revision: undefined, copy: undefined, needsCopy: true, needsHealth: true, sent: 0, wholeAt: 0 }
    this.#mirrors.add(mirror)
    this.#send(mirror)
    return {
      taken: () => {
        mirror.revision = mirror.underWay.shift() ?? mirror.revision
        this.#send(mirror)
        this.#wake()
      },
      remove: () => {
        this.#mirrors.delete(mirror)
        this.#wake()
      }
    }
  }

  /** Resolves when every mirror answers from this revision or a later one, or the publisher was closed. Waits while there is none. */
  whenTaken (revision: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.add({ revision, done: resolve })
      this.#wake()
    })
  }

  close (): void {
    this.#isClosed = true
    this.#unlisten()
    this.#mirrors.clear()
    this.#wake()
  }

  #wake (): void {
    for (const waiter of this.#waiters) {
      const mirrors = [...this.#mirrors]
      const isThere = mirrors.length > 0 && mirrors.every(({ revision }) => revision !== undefined && revision >= waiter.revision)
      if (!isThere && !this.#isClosed) continue
      this.#waiters.delete(waiter)
      waiter.done()
    }
  }

  #sendAll (): void {
    for (const mirror of this.#mirrors) this.#send(mirror)
  }

  #send (mirror: Mirror): void {
    while (this.#mirrors.has(mirror) && mirror.underWay.length < maxUnderWay) {
      const message = this.#next(mirror)
      if (message === undefined) return
      mirror.underWay.push(message.type === 'changes' ? message.state?.revision : undefined)
      mirror.send(message)
    }
  }

  #next (mirror: Mirror): MirrorMessage | undefined {
    const feed = this.#feed
    if (mirror.needsHealth) {
      mirror.needsHealth = false
      return { type: 'health', health: feed.storeHealth }
    }
    if (!feed.loaded) return undefined
    if (mirror.copy === undefined && !mirror.needsCopy) {
      if (mirror.sent === feed.revision) return undefined
      const batch = this.#after(mirror.sent)
      if (batch !== undefined) {
        mirror.sent = batch.revision
        return this.#message(mirror, batch.changes, false)
      }
      mirror.needsCopy = true
    }
    return this.#copyOn(mirror)
  }

  #copyOn (mirror: Mirror): MirrorMessage {
    const begins = mirror.needsCopy
    if (begins) {
      mirror.needsCopy = false
      mirror.copy = everything(this.#feed)
      mirror.sent = this.#feed.revision
      mirror.wholeAt = Infinity
    }
    const changes: Change[] = []
    let length = 0
    while (changes.length < this.#limit && length < maxBodyLength) {
      const next = mirror.copy?.next()
      if (next === undefined || next.done === true) {
        mirror.copy = undefined
        mirror.wholeAt = this.#feed.revision
        break
      }
      changes.push(next.value)
      length += bodyLength(next.value)
    }
    return this.#message(mirror, changes, begins)
  }

  #message (mirror: Mirror, changes: readonly Change[], begins: boolean): MirrorMessage {
    const isWhole = mirror.sent >= mirror.wholeAt
    const { epoch, catalog } = this.#feed
    // A mirror that has not come to the last raise yet is told of it when it has.
    const floor = catalog.floor <= mirror.sent ? catalog.floor : 0
    return { type: 'changes', begins, changes, state: isWhole ? { epoch, revision: mirror.sent, floor } : undefined }
  }

  #after (revision: number): Batch | undefined {
    const known = this.#batch
    const madeAt = this.#feed.revision
    if (known?.after === revision && known.madeAt === madeAt) return known
    const batch = this.#feed.changesAfter(revision, this.#limit)
    if (batch === undefined) return undefined
    let length = 0
    const end = batch.changes.findIndex((change) => (length += bodyLength(change)) >= maxBodyLength) + 1
    const last = end > 0 && end < batch.changes.length ? batch.changes[end - 1] : undefined
    return this.#batch = {
      after: revision,
      madeAt,
      changes: last === undefined ? batch.changes : batch.changes.slice(0, end),
      revision: last?.revision ?? batch.revision
    }
  }
}

/**
 * The content of a feed, as changes that lead there from nothing. Objects come first: an instance is then applied with
 * its override, once.
 */
function * everything (feed: Feed): Generator<Change> {
  const base = { atMs: 0, by: '' }
  for (const object of feed.heldObjects()) yield { ...base, type: 'put-object', reason: 'declared', revision: object.revision, object }
  for (const record of feed.heldInstances()) yield { ...base, type: 'put', reason: 'registered', revision: record.shownRevision, record }
}

function bodyLength (change: Change): number {
  return change.type === 'put' ? change.record.body.length : change.type === 'put-object' ? change.object.body.length : 0
}
