// The watch as an event stream (HTML standard, server-sent events): for `curl -N` and for EventSource.
//
//   event = [ "id: " epoch.revision LF ] "event: " kind LF "data: " JSON LF LF
//   kind  = "snapshot" | "change" | "bookmark" | "reset" | "hello" | "stale" | "current" | "goodbye"
//
// The JSON is the frame of the WebSocket with `"id":1`. A `reset` has no id line, nor has a part of a snapshot that others follow: a
// client that is cut off right after it must not come back with a cursor whose snapshot it never had.
import type { ServerResponse } from 'node:http'
import type { Guard } from '../../guard.ts'
import type { FrameEncoder } from './frames.ts'
import { bookmarkTicks, tickMs } from '../server/limits.ts'
import type { Due, HealthFrame, PendingWatch, Watcher, Watchers } from './watchers.ts'

/** How long a browser waits before it comes back. */
const retryMs = 2_000

const eventNames = {
  snapshot: 'snapshot', 'endpoints-snapshot': 'snapshot', change: 'change', endpoints: 'change', bookmark: 'bookmark', reset: 'reset'
} as const satisfies Record<Due['delivery']['type'], string>

export class EventStream implements Watcher {
  readonly kind = 'event-stream'
  readonly #response: ServerResponse
  readonly #watch: PendingWatch
  readonly #encoder: FrameEncoder
  readonly #guard: Guard
  #blocked = false
  #ticks = 0

  constructor (
    response: ServerResponse, watch: PendingWatch, watchers: Watchers, encoder: FrameEncoder, guard: Guard, stale: boolean
  ) {
    this.#guard = guard
    this.#response = response
    this.#watch = watch
    this.#encoder = encoder
    response.on('drain', guard.around('watch', () => {
      this.#blocked = false
      this.pump()
    }, () => this.cut()))
    response.on('error', () => undefined) // what was written to a client that has just gone
    response.on('close', guard.around('watch', () => {
      watchers.delete(this)
      watch.close()
    }))
    watchers.add(this)
    this.#write(`retry: ${retryMs}\n\n`)
    this.#write(eventOf({ type: 'hello', pingMs: bookmarkTicks * tickMs, stale }, encoder))
  }

  pump (): void {
    while (!this.#blocked && this.#response.writable) {
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

  /** What nobody expected ends this stream: its client comes back, and is told why it must. */
  #fail (error: unknown): void {
    this.#guard.failed('watch', error)
    this.#watch.close()
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

  goodbye (reason: string): void {
    this.#write(eventOf({ type: 'goodbye', reason }, this.#encoder))
    this.#response.end()
  }

  cut (): void {
    this.#response.destroy()
  }

  #deliver ({ delivery, text, isLast }: Due): void {
    const id = delivery.type === 'reset' || !isLast ? '' : `id: ${this.#encoder.cursorOf(delivery)}\n`
    this.#write(`${id}event: ${eventNames[delivery.type]}\ndata: ${text}\n\n`)
  }

  #write (text: string): void {
    if (this.#response.writable && !this.#response.write(text)) this.#blocked = true
  }
}

/** An event of the node and not of the subscription: it has no id to resume from. */
function eventOf (frame: Parameters<FrameEncoder['encodeOwn']>[0], encoder: FrameEncoder): string {
  return `event: ${frame.type}\ndata: ${encoder.encodeOwn(frame)}\n\n`
}
