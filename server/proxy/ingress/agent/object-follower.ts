// Follows the ingresses, classes and certificates of the registry: one question that the registry holds back until one of them changes.
import type { Rollcall } from '../../../../client-sdk/src/index.ts'
import type { IngressObjects } from '../../../../client-sdk/src/wire.ts'
import type { Clock } from '../../../clock.ts'
import type { Guard } from '../../../guard.ts'
import { fullJitter } from '../../../../client-sdk/src/backoff.ts'

export type { IngressObjects } from '../../../../client-sdk/src/wire.ts'

/** So long the registry may hold an answer back. */
const waitMs = 30_000
/** Thousands of ingresses and a thousand certificates are some megabytes. */
const timeoutMs = 10_000

export interface ObjectFollowerOptions {
  readonly client: Pick<Rollcall, 'request'>
  readonly clock: Clock
  readonly guard: Guard
  readonly log: { info (fields: object, message: string): void, warn (fields: object, message: string): void }
  /** Told all of them, first and after each change. */
  readonly take: (objects: IngressObjects) => Promise<void>
}

/** Resolves when the signal aborts. Never rejects: while the registry is away, or refuses, what was told last stands. */
export async function followObjects ({ client, clock, guard, log, take }: ObjectFollowerOptions, signal: AbortSignal): Promise<void> {
  let after: string | undefined
  let failures = 0
  let said = ''
  while (!signal.aborted) {
    try {
      const { body } = await client.request<IngressObjects>('/v1/ingress/objects', {
        query: after === undefined ? {} : { after, wait: `${waitMs / 1_000}s` }, signal, timeoutMs, ...(after === undefined ? {} : { waitMs })
      })
      if (failures > 0 && said !== '') log.info({}, 'the registry tells of ingresses again')
      failures = 0
      said = ''
      if (body.revision !== after) await take(body)
      after = body.revision
    } catch (error) {
      if (signal.aborted) return
      const message = error instanceof Error ? error.message : String(error)
      if (message !== said) log.warn({ reason: message }, `the registry does not tell of ingresses, what it told last stands: ${message}`)
      said = message
      await pause({ clock, guard }, fullJitter(failures++, Math.random), signal)
    }
  }
}

function pause ({ clock, guard }: Pick<ObjectFollowerOptions, 'clock' | 'guard'>, ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const cancel = clock.after(Math.max(ms, 50), resolve)
  const end = guard.around('ingress-follower', () => resolve())
  signal.addEventListener('abort', end, { once: true })
  return promise.finally(() => {
    cancel()
    signal.removeEventListener('abort', end)
  })
}
