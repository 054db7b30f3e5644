// What the registry says of what was declared: that an autoscaler asks for more, that nobody follows it. Each is an object of an hour, so that
// every node has it among its events, in order, and a watch hears it.
import { Type } from 'typebox'
import type { Clock } from '../clock.ts'
import { RegistryError } from '../errors.ts'
import { readJson } from '../model/stored-text.ts'
import { checker } from '../model/validate.ts'
import type { ObjectKind } from '../model/manifest/object-kinds.ts'
import { type ObjectRecord, type Store, maxCommitWrites } from '../store/store.ts'
import { noticePrefix } from './object-keys.ts'

export interface Notice {
  /** Kind of the object. */
  readonly about: ObjectKind
  readonly uid?: string
  /** One word, as Kubernetes gives events: `SuccessfulRescale`. */
  readonly reason: string
  readonly type: 'Normal' | 'Warning'
  readonly message: string
}

export interface NoticeAbout {
  readonly kind: ObjectKind
  readonly namespace: string
  readonly name: string
  readonly uid?: string | undefined
}

/** As long as Kubernetes keeps events. */
const keepMs = 3_600_000
/** Each is a change, which all nodes and watchers hear: what waits beyond this is dropped, the oldest first. */
const maxWaiting = 2_000
const gatherMs = 100
const maxMessage = 1_024
const author = 'registry'

export const checkNotice = checker(Type.Object({
  about: Type.Enum(['Ingress', 'IngressClass', 'Secret', 'HorizontalPodAutoscaler']), uid: Type.Optional(Type.String()), reason: Type.String(),
  type: Type.Enum(['Normal', 'Warning']), message: Type.String()
}))

export interface NoticeParts {
  readonly store: Store
  readonly clock: Clock
  readonly warn: (message: string) => void
}

export class Notices {
  readonly #parts: NoticeParts
  /** By key: of one reason the newest. */
  readonly #waiting = new Map<string, string>()
  #cancel: (() => void) | undefined
  #sending: Promise<void> = Promise.resolve()

  constructor (parts: NoticeParts) {
    this.#parts = parts
  }

  /** Tells it soon: a notice is a side effect, and nobody waits for it. */
  tell ({ kind, namespace, name, uid }: NoticeAbout, { reason, type, message }: Pick<Notice, 'reason' | 'type' | 'message'>): void {
    const key = `${noticePrefix}${kind}/${namespace}/${name}/${reason}`
    this.#waiting.delete(key)
    const notice: Notice = { about: kind, ...(uid === undefined ? {} : { uid }), reason, type, message: message.slice(0, maxMessage) }
    this.#waiting.set(key, JSON.stringify(notice))
    const [oldest] = this.#waiting.keys()
    if (this.#waiting.size > maxWaiting && oldest !== undefined) this.#waiting.delete(oldest)
    this.#cancel ??= this.#parts.clock.after(gatherMs, () => this.flush())
  }

  /** Resolves when what was told until now is stored, or could not be. */
  flush (): Promise<void> {
    this.#cancel?.()
    this.#cancel = undefined
    const told = [...this.#waiting].slice(0, maxCommitWrites)
    for (const [key] of told) this.#waiting.delete(key)
    if (told.length > 0) this.#sending = this.#sending.catch(() => undefined).then(() => this.#send(told))
    return this.#sending
  }

  async #send (told: readonly (readonly [string, string])[]): Promise<void> {
    const { store, clock, warn } = this.#parts
    const endsAtMs = Math.floor(clock.now()) + keepMs
    try {
      await store.commit(told.map(([key, body]) => ({ type: 'put', key, body, endsAtMs, reason: 'noticed' })), author)
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error
      warn(`${told.length} events of autoscalers and ingresses were not stored: ${error.message}`)
    }
  }
}

/** What an object of the store tells; undefined = it is no notice. `said` is empty when it went, or cannot be read. */
export function noticedOf (
  key: string, object: Pick<ObjectRecord, 'body'> | undefined
): { readonly target: { namespace: string, service: string, id: string }, readonly said: { readonly notice?: Notice } } | undefined {
  if (!key.startsWith(noticePrefix)) return undefined
  const [, , namespace = '', id = ''] = key.split('/')
  const read = object === undefined ? undefined : readJson(object.body, checkNotice)
  return {
    target: { namespace, service: '', id },
    said: read === undefined || 'refusal' in read ? {} : { notice: read.value as Notice } // it has just been checked
  }
}
