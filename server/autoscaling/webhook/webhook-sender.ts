// Tells receivers by HTTP how many instances workloads should have. Of each autoscaler the newest decision only, at
// least once; again with longer and longer pauses while it fails, and while it is delivered and nobody follows it: a
// receiver may have taken it and lost it.
import type { Clock } from '../../clock.ts'
import { showDuration } from '../../model/duration.ts'
import type { DecisionEnd, DecisionListener, ScalingDecision } from '../ports.ts'
import { type Verdict, verdictOf } from './answer.ts'
import { messageOf } from './message.ts'
import { signedHeaders } from './signature.ts'

/** Where decisions go. */
export interface Webhook {
  readonly name: string
  readonly url: string
  /** Read for each attempt: the file may have been replaced. */
  readonly secrets: () => readonly Buffer[]
}

/** What the sender counts. */
export interface WebhookCounts {
  attempt (webhook: string, result: Verdict['kind']): void
  /** A decision was not sent: too many wait. */
  dropped (): void
}

export interface WebhookSenderOptions {
  /** Which webhook an autoscaler wants now; undefined = none. Asked at the beginning of each go. */
  readonly webhookOf: (decision: ScalingDecision) => Webhook | undefined
  readonly clock: Clock
  /** Default: that of the platform. */
  readonly fetch?: typeof fetch
  /** 0 to 1, default `Math.random`: receivers that were away are not asked by all at the same moment. */
  readonly random?: () => number
  readonly counts: WebhookCounts
  readonly version: string
  /** Told when a decision fails for the first time, and when it is given up for a while. */
  readonly failed: (decision: ScalingDecision, webhook: string, why: string) => void
}

/** An attempt: a receiver puts a decision on its own list and answers. */
const attemptMs = 10_000
/** From one attempt to the next, doubled each time. */
const retryMs = { first: 1_000, most: 60_000 }
/** So long a decision is tried in one go: a receiver that is away longer is an outage that somebody looks at. */
const giveUpMs = 900_000
/** From a delivery (or a go that was given up) to the next go while the decision is not followed, doubled each time. */
const againMs = { first: 60_000, most: 1_800_000 }
/** Attempts at the same time, of all receivers. */
const maxSending = 16
/** Autoscalers with an open decision; a registry has far fewer. */
const maxDeliveries = 10_000

interface Delivery {
  readonly key: string
  readonly decision: ScalingDecision
  /** Of this go; undefined = none is wanted. */
  webhook: Webhook | undefined
  readonly body: string
  isDelivered: boolean
  /** This go. */
  beganAtMs: number
  attempts: number
  /** Goes that are over. */
  goes: number
  /** Ends a pause. */
  cancel: (() => void) | undefined
  sending: AbortController | undefined
}

export class WebhookSender implements DecisionListener {
  readonly #options: WebhookSenderOptions
  readonly #deliveries = new Map<string, Delivery>()
  /** Those whose turn it is, in order. */
  readonly #ready = new Set<Delivery>()
  readonly #running = new Set<Promise<void>>()
  #isClosed = false

  constructor (options: WebhookSenderOptions) {
    this.#options = options
  }

  /** Decisions that are not delivered yet. */
  get waiting (): number {
    let count = 0
    for (const { isDelivered } of this.#deliveries.values()) if (!isDelivered) count++
    return count
  }

  /** Takes a decision in the place of an older one of the same autoscaler. */
  decided (decision: ScalingDecision): void {
    const key = `${decision.namespace}/${decision.name}`
    const known = this.#deliveries.get(key)
    if (this.#isClosed || (known !== undefined && known.decision.sequence >= decision.sequence)) return
    if (known !== undefined) this.#drop(known)
    if (this.#deliveries.size >= maxDeliveries) return this.#options.counts.dropped()
    const delivery: Delivery = {
      key, decision, webhook: undefined, body: messageOf(decision), isDelivered: false, beganAtMs: 0,
      attempts: 0, goes: 0, cancel: undefined, sending: undefined
    }
    this.#deliveries.set(key, delivery)
    this.#go(delivery)
  }

  /** Leaves a decision alone: it is followed, or its autoscaler is gone, or another node decides. */
  ended (decision: ScalingDecision, _end: DecisionEnd): void {
    const known = this.#deliveries.get(`${decision.namespace}/${decision.name}`)
    if (known !== undefined && known.decision.sequence <= decision.sequence) this.#drop(known)
  }

  /** Ends what is under way: the next node that decides tells what is not followed. */
  async close (): Promise<void> {
    this.#isClosed = true
    for (const delivery of [...this.#deliveries.values()]) this.#drop(delivery)
    await Promise.all(this.#running)
  }

  #drop (delivery: Delivery): void {
    this.#deliveries.delete(delivery.key)
    this.#ready.delete(delivery)
    delivery.cancel?.()
    delivery.sending?.abort(new Error('there is a newer decision, or none'))
  }

  /** Begins a go: the annotation of the autoscaler may be another one by now. */
  #go (delivery: Delivery): void {
    const { clock, webhookOf } = this.#options
    delivery.webhook = webhookOf(delivery.decision)
    delivery.beganAtMs = clock.now()
    delivery.attempts = 0
    if (delivery.webhook === undefined) this.#sendMuchLater(delivery)
    else this.#begin(delivery)
  }

  #begin (delivery: Delivery): void {
    delivery.cancel = undefined
    this.#ready.add(delivery)
    this.#sendReady()
  }

  #sendReady (): void {
    for (const delivery of this.#ready) {
      if (this.#running.size >= maxSending) return
      this.#ready.delete(delivery)
      const run = this.#send(delivery).finally(() => {
        this.#running.delete(run)
        this.#sendReady()
      })
      this.#running.add(run)
    }
  }

  /** Never rejects. */
  async #send (delivery: Delivery): Promise<void> {
    const { clock, counts } = this.#options
    const sending = delivery.sending = new AbortController()
    const letGo = clock.after(attemptMs, () => sending.abort(new Error(`no answer within ${attemptMs / 1_000} s`)))
    const verdict = await this.#attempt(delivery, sending.signal)
    letGo()
    delivery.sending = undefined
    if (this.#deliveries.get(delivery.key) !== delivery) return // it was replaced meanwhile
    counts.attempt(delivery.webhook?.name ?? '', verdict.kind)
    delivery.attempts++
    if (verdict.kind === 'again') this.#sendLater(delivery, verdict)
    else this.#sendMuchLater(delivery, verdict.kind === 'refused' ? verdict.why : undefined)
  }

  async #attempt ({ decision, webhook, body }: Delivery, signal: AbortSignal): Promise<Verdict> {
    const { clock, version } = this.#options
    const nowMs = clock.now()
    if (webhook === undefined) return { kind: 'refused', why: 'there is no webhook' }
    try {
      const response = await (this.#options.fetch ?? fetch)(webhook.url, {
        method: 'POST', body, redirect: 'manual', signal,
        headers: {
          'content-type': 'application/json', 'user-agent': `rollcall/${version}`,
          ...signedHeaders(webhook.secrets(), decision.decisionId, nowMs, body)
        }
      })
      const retryAfter = response.headers.get('retry-after')
      await response.body?.cancel() // nobody reads it, however long it is
      return verdictOf(response.status, retryAfter, nowMs)
    } catch (error) {
      return { kind: 'again', why: signal.aborted ? reasonOf(signal.reason) : reasonOf(error) }
    }
  }

  #sendLater (delivery: Delivery, { why, afterMs }: { readonly why: string, readonly afterMs?: number }): void {
    const { clock, random = Math.random, failed } = this.#options
    const { decision, webhook: { name = '' } = {}, attempts, beganAtMs } = delivery
    if (clock.now() - beganAtMs >= giveUpMs) {
      return this.#sendMuchLater(delivery, `${why}, for ${giveUpMs / 60_000} minutes`)
    }
    if (attempts === 1 && delivery.goes === 0) failed(decision, name, `${why}; it is tried again`)
    const mostMs = Math.min(retryMs.first * 2 ** Math.min(attempts, 20), retryMs.most)
    delivery.cancel = clock.after(afterMs ?? mostMs * (0.5 + random() / 2), () => this.#begin(delivery))
  }

  /** This go is over. @param why it was refused or given up; absent: it was delivered, or is not wanted */
  #sendMuchLater (delivery: Delivery, why?: string): void {
    const { clock, failed } = this.#options
    const pauseMs = Math.min(againMs.first * 2 ** Math.min(delivery.goes, 20), againMs.most)
    if (why === undefined) delivery.isDelivered = true
    else failed(delivery.decision, delivery.webhook?.name ?? '', `${why}; the next attempt is in ${showDuration(pauseMs)}`)
    delivery.goes++
    delivery.cancel = clock.after(pauseMs, () => this.#go(delivery))
  }
}

/** A fetch that fails says why in its cause. */
function reasonOf (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  if (cause instanceof AggregateError && cause.errors[0] instanceof Error) return cause.errors[0].message
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message
}
