// The watch as an event stream (HTML standard, server-sent events): for `curl -N` and for EventSource.
//
//   event = [ "id: " epoch.revision LF ] "event: " kind LF "data: " JSON LF LF
//   kind  = "snapshot" | "change" | "bookmark" | "reset" | "hello" | "stale" | "current" | "goodbye"
//
// The JSON is the frame of the WebSocket with `"id":1`. A `reset` has no id line, nor has a part of a snapshot that others follow: a
// client that is cut off right after it must not come back with a cursor whose snapshot it never had.
import type { ServerResponse } from 'node:http'
import { RegistryError } from '../../errors.ts'
import type { Guard } from '../../guard.ts'
import type { FrameEncoder } from './frames.ts'
import { Slice } from '../../slice.ts'
import { bookmarkTicks, smallAnswerBytes, tickMs } from '../server/limits.ts'
import type { Due, HealthFrame, PendingWatch, Watcher, Watchers } from './watchers.ts'

/** How long a browser waits before it comes back. */
const retryMs = 2_000

const eventNames = {
  snapshot: 'snapshot', 'endpoints-snapshot': 'snapshot', change: 'change', endpoints: 'change', 'objects-snapshot': 'snapshot', object: 'change', bookmark: 'bookmark', reset: 'reset'
} as const satisfies Record<Due['delivery']['type'], string>

export interface EventStreamOptions {
  readonly guard: Guard
  /** What it gets may be old: the node has lost its store. */
  readonly stale: boolean
  /** Counts bytes that others wait for, too, until the function that it gives is called. */
  readonly hold: (bytes: Buffer, cut: () => void) => () => void
}

export class EventStream implements Watcher {
  readonly kind = 'event-stream'
  readonly #response: ServerResponse
  readonly #watch: PendingWatch
  readonly #encoder: FrameEncoder
  readonly #guard: Guard
  readonly #watchers: Watchers
  readonly #hold: EventStreamOptions['hold']
  /** Ends the counting of shared bytes that wait in the connection. */
  #left = (): void => undefined
  #blocked = false
  #ticks = 0

  constructor (response: ServerResponse, watch: PendingWatch, watchers: Watchers, encoder: FrameEncoder, { guard, hold, stale }: EventStreamOptions) {
    this.#guard = guard
    this.#watchers = watchers
    this.#hold = hold
    this.#response = response
    this.#watch = watch
    this.#encoder = encoder
    // Through the clock of all: a write that the system takes at once is followed by its drain before the loop goes on, and a fast reader
    // of a large snapshot would keep everybody else waiting until its end.
    response.on('drain', guard.around('watch', () => {
      this.#blocked = false
      this.#left()
      watchers.wake(this)
    }))
    response.on('error', () => undefined) // what was written to a client that has just gone
    response.on('close', guard.around('watch', () => {
      watchers.delete(this)
      this.#left()
      watch.close()
    }))
    watchers.add(this)
    this.#write(`retry: ${retryMs}\n\n`)
    this.#write(eventOf({ type: 'hello', pingMs: bookmarkTicks * tickMs, stale }, encoder))
  }

  pump (): void {
    const slice = new Slice()
    while (!this.#blocked && this.#response.writable) {
      if (slice.isOver()) return this.#watchers.wake(this) // a snapshot is many frames: others are served between them
      let due: Due | undefined
      try {
        due = this.#watch.next()
      } catch (error) {
        return this.#fail(error)
      }
      if (due === undefined) return
      this.#deliver(due)
    }
  }

  /** An unexpected error ends this stream: it tells its client why, and the client comes back. */
  #fail (error: unknown): void {
    this.#watch.close()
    if (error instanceof RegistryError) return this.goodbye(error.message) // what it shows may not be seen any more
    this.#guard.failed('watch', error)
    this.goodbye('the registry failed on this watch')
  }

  tick (): void {
    this.#ticks++
    if (this.#ticks % bookmarkTicks !== 0 || this.#blocked) return
    const bookmark = this.#watch.bookmark()
    if (bookmark !== undefined) this.#deliver(bookmark)
    else this.#write(': keep-alive\n\n')
  }

  health (frame: HealthFrame): void {
    this.#write(eventOf(frame, this.#encoder))
  }

  goodbye (reason: string, nodes: readonly string[] = []): void {
    this.#write(eventOf({ type: 'goodbye', reason, ...(nodes.length === 0 ? {} : { nodes }) }, this.#encoder))
    this.#response.end()
  }

  cut (): void {
    this.#response.destroy()
  }

  #deliver ({ delivery, pieces, isLast }: Due): void {
    const id = delivery.type === 'reset' || !isLast ? '' : `id: ${this.#encoder.cursorOf(delivery)}\n`
    const head = `${id}event: ${eventNames[delivery.type]}\ndata: `
    if (pieces.length === 1) return this.#write(`${head}${String(pieces[0])}\n\n`)
    for (const piece of [head, ...pieces, '\n\n']) this.#write(piece)
  }

  #write (text: string | Buffer): void {
    if (!this.#response.writable || this.#response.write(text)) return
    this.#blocked = true
    if (typeof text === 'string' || text.length < smallAnswerBytes) return
    this.#left()
    this.#left = this.#hold(text, () => this.cut())
  }
}

/** An event of the node and not of the subscription: it has no id to resume from. */
function eventOf (frame: Parameters<FrameEncoder['encodeOwn']>[0], encoder: FrameEncoder): string {
  return `event: ${frame.type}\ndata: ${encoder.encodeOwn(frame)}\n\n`
}
