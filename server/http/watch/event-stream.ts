// The watch as an event stream (HTML standard, server-sent events): for `curl -N` and for EventSource.
//
//   event = [ "id: " epoch.revision LF ] "event: " ( "snapshot" | "change" | "bookmark" | "reset" | "goodbye" ) LF "data: " JSON LF LF
//
// The JSON is the frame of the WebSocket with `"id":1`. A `reset` has no id line: a client that is cut off right after it
// must not come back with a cursor that was never followed by its snapshot.
import type { ServerResponse } from 'node:http'
import type { EndpointsDelivery } from '../../registry/feed/endpoints-subscription.ts'
import type { Delivery } from '../../registry/feed/subscription.ts'
import type { FrameEncoder } from './frames.ts'
import { bookmarkTicks } from '../server/limits.ts'
import type { SnapshotReader } from './snapshot-text.ts'
import type { Watch, Watcher, Watchers } from './watchers.ts'

/** How long a browser waits before it comes back. */
const retryMs = 2_000

const eventNames = {
  snapshot: 'snapshot', 'endpoints-snapshot': 'snapshot', change: 'change', endpoints: 'change', bookmark: 'bookmark', reset: 'reset'
} as const satisfies Record<(Delivery | EndpointsDelivery)['type'], string>

export class EventStream implements Watcher {
  readonly kind = 'event-stream'
  readonly #response: ServerResponse
  readonly #watch: Watch
  readonly #encoder: FrameEncoder
  /** What is left of a snapshot that the client has not taken yet. */
  #snapshot: SnapshotReader | undefined
  #blocked = false
  #ticks = 0

  constructor (response: ServerResponse, watch: Watch, watchers: Watchers, encoder: FrameEncoder) {
    this.#response = response
    this.#watch = watch
    this.#encoder = encoder
    // Through the clock of all: a write that the system takes at once is followed by its drain before the loop goes on, and a fast reader
    // of a large snapshot would keep everybody else waiting until its end.
    response.on('drain', () => {
      this.#blocked = false
      watchers.wake(this)
    })
    response.on('error', () => undefined) // what was written to a client that has just gone
    response.on('close', () => {
      watchers.delete(this)
      this.#snapshot?.close()
      watch.close()
    })
    watchers.add(this)
    this.#write(`retry: ${retryMs}\n\n`)
  }

  pump (): void {
    while (!this.#blocked && this.#response.writable) {
      if (this.#snapshot !== undefined) {
        this.#continue(this.#snapshot)
        continue
      }
      const delivery = this.#watch.next()
      if (delivery === undefined) return
      this.#deliver(delivery)
    }
  }

  tick (): void {
    this.#ticks++
    if (this.#ticks % bookmarkTicks !== 0 || this.#blocked || this.#snapshot !== undefined) return
    const bookmark = this.#watch.bookmark()
    if (bookmark !== undefined) this.#deliver(bookmark)
    else this.#write(': keep-alive\n\n')
  }

  goodbye (reason: string): void {
    if (this.#snapshot === undefined) this.#write(`event: goodbye\ndata: ${this.#encoder.encodeOwn({ type: 'goodbye', reason })}\n\n`)
    this.#response.end()
  }

  cut (): void {
    this.#response.destroy()
  }

  #deliver (delivery: Delivery | EndpointsDelivery): void {
    // Nor has a part of a snapshot that goes on: what was cut off in the middle of it begins anew.
    const isPartial = delivery.type === 'reset' || (delivery.type === 'endpoints-snapshot' && delivery.more)
    const id = isPartial ? '' : `id: ${this.#encoder.cursorOf(delivery)}\n`
    if (delivery.type === 'snapshot') {
      const { head, rest } = this.#encoder.encodeSnapshot(this.#watch.id, delivery)
      this.#snapshot = rest
      this.#write(`${id}event: snapshot\ndata: ${head}`)
    } else this.#write(`${id}event: ${eventNames[delivery.type]}\ndata: ${this.#encoder.encode(this.#watch.id, delivery)}\n\n`)
  }

  #continue (snapshot: SnapshotReader): void {
    const piece = snapshot.next()
    if (piece !== undefined) return this.#write(piece)
    snapshot.close()
    this.#snapshot = undefined
    this.#write('\n\n')
  }

  #write (text: string | Buffer): void {
    if (this.#response.writable && !this.#response.write(text)) this.#blocked = true
  }
}
