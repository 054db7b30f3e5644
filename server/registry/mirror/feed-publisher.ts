// Keeps mirrors of a feed in other threads (feed-mirror.ts). Each gets a copy of everything, then the changes since it began.
//
// No mirror has a queue of its own that could grow. A few messages are under way to it; when it has taken one, the next is made of
// what it lacks by then, read from the catalog and from the changes that the feed remembers anyway. A mirror that is so slow that
// the feed has forgotten what comes next gets a new copy.
//
// A copy is read while changes go on, so that its parts are of different revisions. It is whole after the changes since its
// beginning. So it is with a service that is told whole among changes: it is as it is now. Until what came since is
// told, too, no revision is said.
import type { Feed } from '../feed/feed.ts'
import type { ChangesMessage, MirrorMessage, MirrorStep } from './mirror-messages.ts'
import { type Steps, everything, stepsOf } from './mirror-steps.ts'

/** Messages under way to one mirror. More would be memory for one that stands still; one less and it waits while we make the next. */
export const maxUnderWay = 4
/** Endpoints in one message: a mirror answers no question while it takes them in, some 10 us each. */
export const maxChanges = 256
/** Of texts in one message, beyond which it ends. */
const maxLength = 256 * 1024

/** One mirror, as its publisher sees it. */
export interface MirrorLink {
  /** It has taken the oldest message that is under way. */
  taken (): void
  /** It could not take a message in: it gets a new copy. */
  failed (): void
  /** It is gone: nothing more is sent. */
  remove (): void
}

interface Mirror {
  readonly send: (message: MirrorMessage) => void
  /** Of each message under way: the revision that the mirror answers from when it has taken it, undefined = what it did before. */
  readonly underWay: (number | undefined)[]
  /** What it answers from; undefined before the first copy, and of an epoch or term that is over. */
  revision: number | undefined
  /** It has had a copy. */
  answers: boolean
  /** What is left to tell of a copy, or of some changes. */
  steps: Steps | undefined
  /** The revision that `steps` lead to. */
  stepsTo: number
  needsCopy: boolean
  needsHealth: boolean
  /** Changes up to it were sent. */
  sent: number
  /** What was sent is of this revision in parts: it is whole when the changes have come so far. */
  wholeAt: number
  /** Whose being there it was not told since they were named. */
  readonly namespaces: Set<string>
}

interface Waiter {
  /** Also for mirrors that do not answer yet, and for the first one. */
  readonly isForAll: boolean
  readonly revision: number
  readonly done: () => void
}

export class FeedPublisher {
  readonly #feed: Feed
  readonly #limit: number
  readonly #mirrors = new Set<Mirror>()
  readonly #waiters = new Set<Waiter>()
  readonly #unlisten: () => void
  #isClosed = false

  /** @param limit of endpoints in one message */
  constructor (feed: Feed, limit = maxChanges) {
    this.#feed = feed
    this.#limit = limit
    this.#unlisten = feed.listen({
      name: 'mirrors',
      loaded: () => {
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

  /** Whether there is something to copy. */
  get isLoaded (): boolean {
    return this.#feed.loaded
  }

  /** Begins to keep a mirror. @param send must not call back before it returns */
  add (send: (message: MirrorMessage) => void): MirrorLink {
    const mirror: Mirror = {
      send, underWay: [], revision: undefined, answers: false, steps: undefined, stepsTo: 0, needsCopy: true, needsHealth: true, sent: 0, wholeAt: 0,
      namespaces: new Set()
    }
    this.#mirrors.add(mirror)
    this.#send(mirror)
    return {
      taken: () => {
        mirror.revision = mirror.underWay.shift() ?? mirror.revision
        mirror.answers ||= mirror.revision !== undefined
        this.#send(mirror)
        this.#wake()
      },
      failed: () => { mirror.needsCopy = true },
      remove: () => {
        this.#mirrors.delete(mirror)
        this.#wake()
      }
    }
  }

  /** Whether every mirror that answers does so from this revision or a later one. One that never had a copy does not answer. */
  hasTaken (revision: number): boolean {
    for (const mirror of this.#mirrors) if (mirror.answers && (mirror.revision ?? -1) < revision) return false
    return true
  }

  /** Calls back once `hasTaken` is true, or the publisher was closed. Gives a function that gives up waiting. */
  onTaken (revision: number, done: () => void): () => void {
    return this.#wait({ revision, done, isForAll: false })
  }

  /** Resolves when every mirror answers from this revision or a later one, or the publisher was closed. Waits while there is none. */
  whenTaken (revision: number): Promise<void> {
    return new Promise((resolve) => { this.#wait({ revision, done: resolve, isForAll: true }) })
  }

  #wait (waiter: Waiter): () => void {
    this.#waiters.add(waiter)
    this.#wake()
    return () => this.#waiters.delete(waiter)
  }

  close (): void {
    this.#isClosed = true
    this.#unlisten()
    this.#mirrors.clear()
    this.#wake()
  }

  #wake (): void {
    if (this.#waiters.size === 0) return
    let ofAll = this.#mirrors.size === 0 ? -1 : Infinity
    let ofAnswering = Infinity
    for (const { revision = -1, answers } of this.#mirrors) {
      ofAll = Math.min(ofAll, revision)
      if (answers) ofAnswering = Math.min(ofAnswering, revision)
    }
    for (const waiter of this.#waiters) {
      if ((waiter.isForAll ? ofAll : ofAnswering) < waiter.revision && !this.#isClosed) continue
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
    if (mirror.needsCopy) return this.#copy(mirror)
    if (mirror.steps !== undefined) return this.#message(mirror, false)
    if (mirror.sent === feed.revision) return undefined
    const batch = feed.changesAfter(mirror.sent, this.#limit)
    if (batch === undefined) return this.#copy(mirror)
    mirror.steps = stepsOf(feed, batch.changes, () => { mirror.wholeAt = feed.revision })
    mirror.stepsTo = batch.revision
    return this.#message(mirror, false)
  }

  #copy (mirror: Mirror): MirrorMessage {
    mirror.needsCopy = false
    mirror.steps = everything(this.#feed)
    mirror.stepsTo = this.#feed.revision
    mirror.wholeAt = Infinity
    mirror.namespaces.clear()
    return this.#message(mirror, true)
  }

  #message (mirror: Mirror, begins: boolean): ChangesMessage {
    const steps: MirrorStep[] = []
    let work = 0
    let length = 0
    while (work < this.#limit && length < maxLength) {
      const next = mirror.steps?.next()
      if (next === undefined || next.done === true) {
        mirror.steps = undefined
        mirror.sent = mirror.stepsTo
        if (mirror.wholeAt === Infinity) mirror.wholeAt = this.#feed.revision // it was a copy
        break
      }
      work++
      const step = next.value
      if (step === undefined) continue
      steps.push(step)
      if (step.type === 'rows') work += step.rows.length
      length += lengthOf(step)
      const namespace = namespaceOf(step)
      if (namespace !== undefined) mirror.namespaces.add(namespace)
    }
    const { epoch, catalog, revision } = this.#feed
    const isWhole = mirror.steps === undefined && mirror.sent >= mirror.wholeAt
    const namespaces: [string, boolean][] = []
    if (isWhole && mirror.sent === revision) {
      for (const name of mirror.namespaces) namespaces.push([name, catalog.hasNamespace(name)])
      mirror.namespaces.clear()
    }
    // A mirror that has not come to the last raise yet is told of it when it has.
    const floor = catalog.floor <= mirror.sent ? catalog.floor : 0
    return { type: 'changes', begins, steps, namespaces, state: isWhole ? { epoch, revision: mirror.sent, floor } : undefined }
  }
}

function lengthOf (step: MirrorStep): number {
  switch (step.type) {
    case 'rows': return step.rows.reduce((sum, [, , , , core, texts]) => sum + core.length + texts.length, 0)
    case 'member': return (step.row?.[4].length ?? 0) + (step.row?.[5].length ?? 0)
    case 'object': return step.body?.length ?? 0
    case 'made': return step.addresses.length * 16
    default: return 0
  }
}

function namespaceOf (step: MirrorStep): string | undefined {
  if (step.type === 'namespace') return step.name
  return 'namespace' in step && step.namespace !== '' ? step.namespace : undefined
}
