// The webhooks of a node, put together: decisions of autoscalers in, posts out, failures into the log and the events.
import type { Registry } from 'prom-client'
import type { HorizontalPodAutoscaler } from '../../../client-sdk/src/autoscaling-manifests.ts'
import type { Clock } from '../../clock.ts'
import type { Decisions, ScalingDecision } from '../ports.ts'
import type { Notice } from '../reconcile.ts'
import { WebhookMetrics } from './metrics.ts'
import type { WebhookValues } from './settings.ts'
import { type Webhook, WebhookSender } from './webhook-sender.ts'
import { webhookAnnotation, Webhooks } from './webhooks.ts'

export interface WebhookOutletOptions {
  readonly values: readonly WebhookValues[]
  readonly decisions: Decisions
  /** undefined = it is gone. */
  readonly autoscaler: (namespace: string, name: string) => HorizontalPodAutoscaler | undefined
  readonly clock: Clock
  readonly register: Registry
  readonly version: string
  readonly warn: (message: string) => void
  /** Writes an event of an autoscaler. */
  readonly event: (autoscaler: HorizontalPodAutoscaler, notice: Notice) => void
  /** Default: that of the platform. */
  readonly fetch?: typeof fetch
}

/** Decisions on their way to the webhooks of this node. */
export interface WebhookOutlet {
  /** Ends what is under way. */
  close (): Promise<void>
}

/**
 * Begins to post decisions. On a node without webhooks nothing is posted, and an autoscaler that names one is told so.
 * @throws RegistryError REG_INVALID for a secret that cannot be read
 */
export function openWebhooks (options: WebhookOutletOptions): WebhookOutlet {
  const { values, decisions, autoscaler, clock, version, warn, event } = options
  const webhooks = new Webhooks(values, warn)
  const tell = ({ namespace, name }: ScalingDecision, reason: 'WebhookFailed' | 'UnknownWebhook', message: string): void => {
    warn(`autoscaler ${namespace}/${name}: ${message}`)
    const about = autoscaler(namespace, name)
    if (about !== undefined) event(about, { reason, type: 'Warning', message })
  }
  const webhookOf = (decision: ScalingDecision): Webhook | undefined => {
    const { metadata } = autoscaler(decision.namespace, decision.name) ?? {}
    if (metadata === undefined) return undefined
    const chosen = webhooks.choose(metadata.annotations?.[webhookAnnotation])
    if (typeof chosen !== 'string') return chosen
    tell(decision, 'UnknownWebhook', `${webhookAnnotation}: ${chosen}`)
    return undefined
  }
  const sender: WebhookSender = new WebhookSender({
    webhookOf, clock, version, counts: new WebhookMetrics(options.register, webhooks.names, () => sender.waiting),
    failed: (decision, webhook, why) => {
      tell(decision, 'WebhookFailed', `decision ${decision.decisionId} to the webhook ${webhook}: ${why}`)
    },
    ...(options.fetch === undefined ? {} : { fetch: options.fetch })
  })
  const end = decisions.onDecision(sender)
  return {
    close: async () => {
      end()
      await sender.close()
    }
  }
}
