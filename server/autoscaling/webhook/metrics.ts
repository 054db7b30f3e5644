// What the webhooks of autoscaling count.
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Verdict } from './answer.ts'
import type { WebhookCounts } from './webhook-sender.ts'

const results: readonly Verdict['kind'][] = ['delivered', 'again', 'refused']

export class WebhookMetrics implements WebhookCounts {
  readonly #attempts: Counter<'webhook' | 'result'>
  readonly #dropped: Counter

  constructor (register: Registry, webhooks: readonly string[], waiting: () => number) {
    this.#attempts = new Counter({
      name: 'rollcall_autoscale_webhook_attempts_total', labelNames: ['webhook', 'result'], registers: [register],
      help: 'Posts of decisions of autoscalers: delivered, again (no answer, or 408, 425, 429, 5xx), or refused (others).'
    })
    this.#dropped = new Counter({
      name: 'rollcall_autoscale_webhook_dropped_total', registers: [register],
      help: 'Decisions that were not posted: those of too many autoscalers wait.'
    })
    for (const webhook of webhooks) {
      for (const result of results) this.#attempts.inc({ webhook, result }, 0)
    }
    new Gauge({
      name: 'rollcall_autoscale_webhook_waiting', registers: [register],
      help: 'Decisions that no webhook has taken yet.', collect () { this.set(waiting()) }
    })
  }

  attempt (webhook: string, result: Verdict['kind']): void {
    this.#attempts.inc({ webhook, result })
  }

  dropped (): void {
    this.#dropped.inc()
  }
}
