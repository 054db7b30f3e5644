// The frames of the watch as text. What many watchers get is encoded once; only the subscription's id is put in front.
//
//   change   = { type: "change", id, revision, kind: "instance", event: "put" | "delete", reason, at, instance } | the same with kind: "service", service
//   snapshot = in pieces, snapshot-text.ts
//   endpoints change   = { type: "change", id, revision, kind: "endpoints", event: "put", at, endpoints }
//                      | the same with event: "delete", endpoints: { namespace, service }
//   endpoints snapshot = { type: "snapshot", id, revision, endpoints: [...], more? }
//   bookmark = { type: "bookmark", id, revision }
//   reset    = { type: "reset", id, revision, reason }
import type { ServerFrame, ServiceEndpoints as WireServiceEndpoints } from '../../../client-sdk/src/wire.ts'
import type { AppliedChange } from '../../registry/feed/change-ring.ts'
import { cursorText } from '../../registry/feed/cursor.ts'
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import type { EndpointsDelivery, ServiceEndpoints } from '../../registry/feed/endpoints-subscription.ts'
import type { Delivery } from '../../registry/feed/subscription.ts'
import { type SnapshotReader, SnapshotTexts } from './snapshot-text.ts'

/** A delivery that is one frame of text; snapshots are read in pieces. */
export type Plain = Exclude<Delivery, { readonly type: 'snapshot' }> | EndpointsDelivery
export type Snapshot = Extract<Delivery, { readonly type: 'snapshot' }>

export class FrameEncoder {
  readonly #epoch: () => string
  /** Everything of a change's frame behind the id. The same change is `put` for one selector and `delete` for another. */
  readonly #changes = new WeakMap<AppliedChange, { put: string | undefined, delete: string | undefined }>()
  readonly #snapshots = new SnapshotTexts()
  readonly #sets = new WeakMap<EndpointSet, string>()

  constructor (epoch: () => string) {
    this.#epoch = epoch
  }

  /** The frame of a snapshot: what it begins with, and a reader of the rest, which must be closed. */
  encodeSnapshot (id: number, snapshot: Snapshot): { readonly head: string, readonly rest: SnapshotReader } {
    return { head: `{"type":"snapshot","id":${id},"revision":${this.#cursor(snapshot.revision)},"instances":[`, rest: this.#snapshots.read(snapshot) }
  }

  encode (id: number, delivery: Plain): string {
    switch (delivery.type) {
      case 'endpoints': return `{"type":"change","id":${id},"revision":${this.#cursor(delivery.revision)},"kind":"endpoints","event":"${delivery.event}",` +
        `"at":"${new Date(delivery.atMs).toISOString()}","endpoints":${delivery.event === 'put' ? this.#endpoints(delivery.endpoints) : JSON.stringify(delivery.name)}}`
      case 'endpoints-snapshot': return `{"type":"snapshot","id":${id},"revision":${this.#cursor(delivery.revision)},` +
        `"endpoints":[${delivery.services.map((each) => this.#endpoints(each)).join(',')}]${delivery.more ? ',"more":true' : ''}}`
      case 'change': return `{"type":"change","id":${id},${this.#change(delivery)}`
      case 'bookmark': return `{"type":"bookmark","id":${id},"revision":${this.#cursor(delivery.revision)}}`
      case 'reset': return `{"type":"reset","id":${id},"revision":${this.#cursor(delivery.revision)},"reason":${JSON.stringify(delivery.reason)}}`
    }
  }

  /** Frames that belong to one socket alone. */
  encodeOwn (frame: Extract<ServerFrame, { readonly type: 'error' | 'heartbeat' | 'goodbye' }>): string {
    return JSON.stringify(frame)
  }

  /** The cursor after a delivery, as in `Last-Event-ID`. */
  cursorOf (delivery: Delivery | EndpointsDelivery): string {
    return cursorText(this.#epoch(), delivery.revision)
  }

  #change (delivery: Plain & { type: 'change' }): string {
    const { change, event, revision } = delivery
    let texts = this.#changes.get(change)
    if (texts === undefined) {
      texts = { put: undefined, delete: undefined }
      this.#changes.set(change, texts)
    }
    return texts[event] ??= `"revision":${this.#cursor(revision)},"kind":"${delivery.kind}","event":"${event}","reason":"${change.reason}",` +
      `"at":"${new Date(change.atMs).toISOString()}",${delivery.kind === 'instance' ? `"instance":${JSON.stringify(delivery.instance)}` : `"service":${JSON.stringify(delivery.service)}`}}`
  }

  #endpoints ({ set, manifest }: ServiceEndpoints): string {
    let text = this.#sets.get(set)
    if (text === undefined) {
      const { namespace, service, revision, failOpen, all } = set
      const shown: WireServiceEndpoints = {
        namespace, service, revision: cursorText(this.#epoch(), revision), failOpen,
        ...(manifest === undefined ? {} : { declared: true, manifest }), endpoints: all
      }
      text = JSON.stringify(shown)
      this.#sets.set(set, text)
    }
    return text
  }

  #cursor (revision: number): string {
    return `"${cursorText(this.#epoch(), revision)}"`
  }
}
