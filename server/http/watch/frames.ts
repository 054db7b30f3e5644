// The frames of the watch as text. What many watchers get is encoded once; only the subscription's id is put in front.
//
//   change   = { type: "change", id, revision, kind: "instance", event: "put" | "delete", reason, at, instance } | the same with kind: "service", service
//   snapshot = *{ type: "snapshot", id, revision, more: true, instances, services? } { type: "snapshot", id, revision, instances, services? }
//   endpoints change   = { type: "change", id, revision, kind: "endpoints", event: "put", at, endpoints, more? }
//                      | the same with event: "difference", endpoints: { namespace, service, revision, from, failOpen, declared?, put, removed }, more?
//                      | the same with event: "delete", endpoints: { namespace, service }, more?
//   endpoints snapshot = { type: "snapshot", id, revision, endpoints: [...], more? }
//   objects snapshot   = { type: "snapshot", id, revision, objects: [...], more? }
//   objects change     = { type: "change", id, revision, kind: "object", event: "put" | "delete", reason, at, object } ; of what is gone its name
//   bookmark = { type: "bookmark", id, revision }
//   hello    = { type: "hello", pingMs, stale }      ; the first frame, of the node and not of a subscription, as the next three
//   stale    = { type: "stale", reason }
//   current  = { type: "current" }
//   ping     = { type: "ping" }
//   reset    = { type: "reset", id, revision, reason }
import { beside } from '../../beside.ts'
import type { Instance, ServerFrame, ServiceDifference } from '../../../client-sdk/src/wire.ts'
import {
  type AppliedChange, type Delivery, type EndpointDifference, type EndpointSet, type EndpointsDelivery, type ObjectsDelivery, type ServiceEndpoints, cursorText
} from '../../registry/core.ts'
import { snapshotPartLength } from '../server/limits.ts'

/** A frame in one piece or several, of which the large ones are shared with other watchers; the cursor of a delivery stands with its last frame. */
export interface Frame {
  readonly pieces: readonly (string | Buffer)[]
  readonly isLast: boolean
}

interface Part {
  readonly text: Buffer
  /** Index behind the last item in it. */
  readonly end: number
}

/** Parts of one list that are kept for other watchers: 16 MiB. */
const maxKeptParts = 16
/** Lists of one revision that are compared with a new one. */
const maxComparedLists = 8

/** As many items as fit into one frame, at least one, as a JSON list. */
function partOf (items: readonly object[], from: number): Part {
  const texts: string[] = []
  let length = 0
  let end = from
  while (end < items.length && length < snapshotPartLength) {
    const text = JSON.stringify(items[end])
    if (texts.length > 0 && length + text.length > snapshotPartLength) break
    texts.push(text)
    length += text.length + 1
    end++
  }
  return { text: Buffer.from(`[${texts.join(',')}]`), end }
}

export class FrameEncoder {
  readonly #epoch: () => string
  /** Everything of a change's frame behind the id. The same change is `put` for one selector and `delete` for another. */
  readonly #changes = beside<AppliedChange, { put: string | undefined, delete: string | undefined }>()
  /** The parts of a list of instances, as far as somebody asked for them. */
  readonly #lists = beside<readonly Instance[], Part[]>()
  /** Lists that somebody may still be sent. */
  #recent: { readonly revision: number, readonly lists: WeakRef<readonly Instance[]>[] } = { revision: -1, lists: [] }
  readonly #sets = beside<EndpointSet, string>()
  readonly #differences = beside<EndpointDifference, string>()

  constructor (epoch: () => string) {
    this.#epoch = epoch
  }

  /** The frames of a delivery: one, of a snapshot perhaps several, of which the next is made when it is asked for. */
  * frames (id: number, delivery: Delivery | EndpointsDelivery | ObjectsDelivery): Generator<Frame> {
    if (delivery.type === 'snapshot') yield * this.#snapshot(id, delivery)
    else if (delivery.type === 'objects-snapshot' || delivery.type === 'object') yield { pieces: [this.#ofObjects(id, delivery)], isLast: delivery.type === 'object' || !delivery.more }
    else if (delivery.type === 'endpoints-snapshot' || delivery.type === 'endpoints') yield { pieces: this.#ofEndpoints(id, delivery), isLast: !delivery.more }
    else yield { pieces: [this.encode(id, delivery)], isLast: true }
  }

  encode (id: number, delivery: Exclude<Delivery, { readonly type: 'snapshot' }>): string {
    switch (delivery.type) {
      case 'change': return `{"type":"change","id":${id},${this.#change(delivery)}`
      case 'bookmark': return `{"type":"bookmark","id":${id},"revision":${this.#cursor(delivery.revision)}}`
      case 'reset': return `{"type":"reset","id":${id},"revision":${this.#cursor(delivery.revision)},"reason":${JSON.stringify(delivery.reason)}}`
    }
  }

  /** Frames that belong to one socket alone. */
  encodeOwn (frame: Extract<ServerFrame, { readonly type: 'hello' | 'stale' | 'current' | 'error' | 'heartbeat' | 'goodbye' }>): string {
    return JSON.stringify(frame)
  }

  /** The cursor after a delivery, as in `Last-Event-ID`. */
  cursorOf (delivery: Delivery | EndpointsDelivery | ObjectsDelivery): string {
    return cursorText(this.#epoch(), delivery.revision)
  }

  #change (delivery: Delivery & { type: 'change' }): string {
    const { change, event, revision } = delivery
    let texts = this.#changes.get(change)
    if (texts === undefined) {
      texts = { put: undefined, delete: undefined }
      this.#changes.set(change, texts)
    }
    return texts[event] ??= `"revision":${this.#cursor(revision)},"kind":"${delivery.kind}","event":"${event}","reason":"${change.reason}",` +
      `"at":"${new Date(change.atMs).toISOString()}",${delivery.kind === 'instance' ? `"instance":${JSON.stringify(delivery.instance)}` : `"service":${JSON.stringify(delivery.service)}`}}`
  }

  * #snapshot (id: number, { revision, instances, services = [] }: Delivery & { type: 'snapshot' }): Generator<Frame> {
    const head = `{"type":"snapshot","id":${id},"revision":${this.#cursor(revision)}` // of now: a later part is of the same snapshot
    const frame = (isLast: boolean, listed: string | Buffer, declared?: Buffer): Frame =>
      ({ pieces: [`${head}${isLast ? '' : ',"more":true'},"instances":`, listed, ...(declared === undefined ? [] : [',"services":', declared]), '}'], isLast })
    const shared = this.#shared(revision, instances)
    for (let from = 0, index = 0; ; index++) {
      const part = this.#part(shared, from, index)
      from = part.end
      const isLast = from >= instances.length
      yield frame(isLast && services.length === 0, part.text)
      if (isLast) break
    }
    for (let from = 0; from < services.length;) {
      const part = partOf(services, from)
      from = part.end
      yield frame(from >= services.length, '[]', part.text)
    }
  }

  /**
   * The list that was made for another watcher, if it holds the same instances: of everything, or behind a selector, each gets one of
   * its own. They are never changed, so that the same ones have the same text.
   */
  #shared (revision: number, instances: readonly Instance[]): readonly Instance[] {
    if (this.#recent.revision !== revision) this.#recent = { revision, lists: [] }
    const { lists } = this.#recent
    for (const reference of lists) {
      const list = reference.deref()
      if (list === instances || (list?.length === instances.length && list.every((one, index) => one === instances[index]))) return list
    }
    lists.push(new WeakRef(instances))
    if (lists.length > maxComparedLists) lists.shift()
    return instances
  }

  /** What many watchers of one list get is encoded once, if it is not too much to keep. */
  #part (instances: readonly Instance[], from: number, index: number): Part {
    const known = this.#lists.get(instances) ?? []
    const found = known[index]
    if (found !== undefined) return found
    const part = partOf(instances, from)
    if (index === known.length && index < maxKeptParts) this.#lists.set(instances, [...known, part])
    return part
  }

  #ofObjects (id: number, delivery: Extract<ObjectsDelivery, { readonly type: 'objects-snapshot' | 'object' }>): string {
    const revision = `"id":${id},"revision":${this.#cursor(delivery.revision)}`
    if (delivery.type === 'objects-snapshot') return `{"type":"snapshot",${revision},"objects":${JSON.stringify(delivery.objects)}${delivery.more ? ',"more":true' : ''}}`
    const { event, reason, atMs } = delivery
    const object = JSON.stringify(delivery.event === 'put' ? delivery.object : delivery.name)
    return `{"type":"change",${revision},"kind":"object","event":"${event}","reason":"${reason}","at":"${new Date(atMs).toISOString()}","object":${object}}`
  }

  /** What is large of it stays in pieces that are shared with others. */
  #ofEndpoints (id: number, delivery: Extract<EndpointsDelivery, { readonly type: 'endpoints' | 'endpoints-snapshot' }>): readonly (string | Buffer)[] {
    const revision = `"id":${id},"revision":${this.#cursor(delivery.revision)}`
    const tail = delivery.more ? ',"more":true}' : '}'
    if (delivery.type === 'endpoints-snapshot') {
      const services = delivery.services.flatMap((each, index) => [...index === 0 ? [] : [','], ...this.#whole(each)])
      return condensed([`{"type":"snapshot",${revision},"endpoints":[`, ...services, `]${tail}`])
    }
    const head = `{"type":"change",${revision},"kind":"endpoints","event":"${delivery.event}","at":"${new Date(delivery.atMs).toISOString()}","endpoints":`
    switch (delivery.event) {
      case 'put': return condensed([head, ...this.#whole(delivery.endpoints), tail])
      case 'difference': return [`${head}${this.#difference(delivery)}${tail}`]
      case 'delete': return [`${head}${JSON.stringify(delivery.name)}${tail}`]
    }
  }

  /** A service with all of its endpoints: of a small one the text is kept, of a large one its parts have theirs. */
  #whole ({ set, manifest, chosen }: ServiceEndpoints): readonly (string | Buffer)[] {
    const { namespace, service, revision, failOpen } = set
    const known = chosen === undefined ? this.#sets.get(set) : undefined
    if (known !== undefined) return [known]
    const shown = {
      namespace, service, revision: cursorText(this.#epoch(), revision), failOpen, ...(manifest === undefined ? {} : { declared: true, manifest })
    }
    const head = `${JSON.stringify(shown).slice(0, -1)},"endpoints":[`
    if (chosen === undefined && set.parts.length > 1) return [head, ...set.json('all'), ']}']
    const text = `${head}${(chosen ?? set.all).map((endpoint) => JSON.stringify(endpoint)).join(',')}]}`
    if (chosen === undefined) this.#sets.set(set, text)
    return [text]
  }

  #difference ({ set, isDeclared, difference }: Extract<EndpointsDelivery, { readonly event: 'difference' }>): string {
    const known = this.#differences.get(difference)
    if (known !== undefined) return known
    const { namespace, service, revision, failOpen } = set
    const { from, put, removed } = difference
    const shown: ServiceDifference = {
      namespace, service, revision: cursorText(this.#epoch(), revision), from: cursorText(this.#epoch(), from), failOpen,
      ...(isDeclared ? { declared: true } : {}), put, removed
    }
    const text = JSON.stringify(shown)
    this.#differences.set(difference, text)
    return text
  }

  #cursor (revision: number): string {
    return `"${cursorText(this.#epoch(), revision)}"`
  }
}

/** Neighbouring texts as one. */
function condensed (pieces: readonly (string | Buffer)[]): readonly (string | Buffer)[] {
  const joined: (string | Buffer)[] = []
  for (const piece of pieces) {
    const last = joined.at(-1)
    if (typeof piece === 'string' && typeof last === 'string') joined[joined.length - 1] = last + piece
    else joined.push(piece)
  }
  return joined
}
