// One watch: the events of a kind from a place on, through its selectors and what its client may see. It has no queue:
// it reads the ring of the kind as fast as its client takes it, and one that falls behind what is remembered is told to
// list anew.
import type { ServerResponse } from 'node:http'
import { RegistryError } from '../../errors.ts'
import type { Guard } from '../../guard.ts'
import type { Sight, Watch } from '../../registry/core.ts'
import { Slice } from '../../slice.ts'
import { type Status, type StatusError, expired } from '../answers/status.ts'
import { statusOf } from '../answers/faults.ts'
import type { Kind } from '../kinds.ts'
import { type ObjectSelector, selectsObject, takesAll } from '../request/selectors.ts'
import type { Entry, EventType, ShelfEvent } from '../shelf/entry.ts'
import type { Shelf } from '../shelf/shelf.ts'
import { type EventForm, type EventTexts, bookmarkText, errorText } from './event-text.ts'
import type { Watcher, WatchStreams } from './watch-streams.ts'

/** Ticks between two bookmarks. */
const bookmarkTicks = 15

export interface WatchStreamOptions {
  readonly kind: Kind
  readonly shelf: Shelf
  readonly namespace: string | undefined
  readonly selector: ObjectSelector
  readonly form: EventForm
  readonly sight: Sight | undefined
  /** Tells when what the client sees has changed, or that its place is in a history that is not this one. */
  readonly permission: Pick<Watch<unknown>, 'next' | 'close'>
  /** What there is, told first; undefined = it goes on from a revision. */
  readonly initial: readonly Entry[] | undefined
  /** The place in the ring where it goes on, and the revision up to which everything has been told then. */
  readonly place: number
  readonly revision: number
  readonly bookmarks: boolean
  /** Whether the end of the initial events is told. */
  readonly tellsInitialEnd: boolean
  readonly endsAtMs: number
  readonly now: () => number
  readonly guard: Guard
  readonly texts: EventTexts
  readonly streams: WatchStreams
  /** It has ended, in whatever way. */
  readonly ended: () => void
}

export class WatchStream implements Watcher {
  readonly shelf: Shelf
  readonly #options: WatchStreamOptions
  readonly #response: ServerResponse
  #initial: Iterator<Entry, undefined> | undefined
  #place: number
  /** The newest revision that the client has been told. */
  #told: number
  #isBlocked = false
  #isOver = false
  #hasColumns = false
  #ticks = 0

  constructor (response: ServerResponse, options: WatchStreamOptions) {
    const { guard, streams, permission, ended } = options
    this.shelf = options.shelf
    this.#options = options
    this.#response = response
    this.#initial = options.initial?.values()
    this.#place = options.place
    this.#told = options.revision
    response.on('drain', guard.around('watch', () => {
      this.#isBlocked = false
      streams.wake(this)
    }))
    response.on('error', () => undefined) // what was written to a client that has just gone
    response.on('close', guard.around('watch', () => {
      this.#isOver = true
      streams.delete(this)
      permission.close()
      ended()
    }))
    streams.add(this)
  }

  pump (): void {
    const slice = new Slice()
    while (this.#canWrite()) {
      if (slice.isOver()) return this.#options.streams.wake(this)
      if (!this.#isPermitted()) return
      if (this.#initial !== undefined) {
        this.#tellInitial(this.#initial)
        continue
      }
      const { ring } = this.shelf
      if (ring.isLost(this.#place)) return this.fail(expired(`too old resource version: ${this.#told} (${ring.oldest})`).status)
      const event = ring.at(this.#place)
      if (event === undefined) return
      this.#place += 1
      this.#tell(event)
    }
  }

  tick (): void {
    if (this.#isOver) return
    if (this.#options.now() >= this.#options.endsAtMs) {
      this.pump()
      if (this.#isCurrent()) this.#bookmark()
      return this.end()
    }
    this.#ticks += 1
    if (!this.#isPermitted() || this.#ticks % bookmarkTicks !== 0 || !this.#canWrite()) return
    if (this.#isCurrent()) this.#bookmark()
  }

  /** Ends as an answer ends: the client comes back with the revision that it has. */
  end (): void {
    this.#isOver = true
    this.#response.end()
  }

  cut (): void {
    this.#isOver = true
    this.#response.destroy()
  }

  fail (status: Status): void {
    if (this.#isOver) return
    this.#response.write(errorText(status))
    this.end()
  }

  #canWrite (): boolean {
    return !this.#isOver && !this.#isBlocked && this.#response.writable
  }

  #isCurrent (): boolean {
    return this.#canWrite() && this.#initial === undefined && this.#place === this.shelf.ring.end
  }

  /** What it shows may not be what its client may see any more: it lists anew then, and is told so. */
  #isPermitted (): boolean {
    let due: unknown
    try {
      due = this.#options.permission.next()
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error
      this.fail(statusOf(error, { kind: this.#options.kind, namespace: this.#options.namespace, verb: 'watch' }).status)
      return false
    }
    if (due === undefined) return true
    this.fail(expired(`too old resource version: ${this.#told} (${this.shelf.revision}): what may be seen, or the history itself, is another one`).status)
    return false
  }

  #tellInitial (entries: Iterator<Entry, undefined>): void {
    const next: IteratorResult<Entry, undefined> = entries.next()
    if (next.done !== true) return this.#write('ADDED', next.value)
    this.#initial = undefined
    if (this.#options.tellsInitialEnd) this.#send(bookmarkText(this.#options.kind, this.#options.revision, this.#options.form, true))
  }

  #tell ({ type, entry, previous, revision, isVague }: ShelfEvent): void {
    if (isVague === true) return this.#tellVague(type, entry, revision)
    const is = type !== 'DELETED' && this.#takes(entry)
    const was = previous !== undefined && this.#takes(previous)
    if (!is && !was) return // a bookmark tells it
    if (is) this.#write(was ? 'MODIFIED' : 'ADDED', entry)
    else this.#write('DELETED', type === 'DELETED' ? entry : leaving(entry, previous))
    this.#told = revision
  }

  /**
   * Of what was before the shelf began: it may have been told of the object before, whatever its selector says of it
   * now.
   */
  #tellVague (type: EventType, entry: Entry, revision: number): void {
    if (!this.#mayTake(entry)) return
    const { selector } = this.#options
    const is = type !== 'DELETED' && (takesAll(selector) || selectsObject(selector, entry.object()))
    this.#write(is ? type : 'DELETED', entry)
    this.#told = revision
  }

  #takes (entry: Entry): boolean {
    const { selector } = this.#options
    return this.#mayTake(entry) && (takesAll(selector) || selectsObject(selector, entry.object()))
  }

  #mayTake (entry: Entry): boolean {
    const { namespace, selector, sight } = this.#options
    if (namespace !== undefined && entry.namespace !== namespace) return false
    if (selector.name !== undefined && entry.name !== selector.name) return false
    return sight === undefined || entry.isSeen(sight)
  }

  #bookmark (): void {
    const { revision } = this.shelf
    if (!this.#options.bookmarks || revision <= this.#told) return
    this.#told = revision
    this.#send(bookmarkText(this.#options.kind, revision, this.#options.form, false))
  }

  #write (type: EventType, entry: Entry): void {
    const { texts, form } = this.#options
    this.#send(texts.of(type, entry, form, !this.#hasColumns))
    this.#hasColumns = true
  }

  #send (text: string): void {
    if (!this.#response.write(text)) this.#isBlocked = true
  }
}

/** It is still there, and this watch sees it no more: its last form that fitted, at the revision of the change. */
function leaving ({ revision }: Entry, previous: Entry | undefined): Entry {
  if (previous === undefined) throw new RangeError('an object leaves a watch that had it')
  return {
    ...previous, revision,
    object: () => {
      const object = previous.object()
      return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } }
    }
  }
}

/**
 * What a watch is refused with before it begins: an event of its own, as the API server does it for one that is too
 * old.
 */
export function refusedWatch (error: StatusError): string {
  return errorText(error.status)
}
