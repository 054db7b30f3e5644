// A caller: finds `orders` by its name and asks it again and again. No address anywhere.
import { setTimeout as sleep } from 'node:timers/promises'
import { isRollcallError, Rollcall } from '@rollcall/client'

const { env } = process
const calls = Number(env['CALLS'] ?? Infinity)
const intervalMs = Number(env['INTERVAL_MS'] ?? 1_000)
const ending = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => ending.abort())

const { signal } = ending
await using rollcall = new Rollcall({ namespace: env['ROLLCALL_NAMESPACE'] ?? 'shop' })
try {
  for (let call = 1; call <= calls; call++) {
    try {
      const answer = await rollcall.call('orders', async (endpoint, context) => {
        const response = await fetch(endpoint.url(), { signal: AbortSignal.any([context.signal, AbortSignal.timeout(2_000)]) })
        return await response.json() as { id: string, answered: number } // orders/main.ts writes it
      }, { port: 'http', signal })
      console.log(`call ${call}: answered by ${answer.id}, its answer number ${answer.answered}`)
    } catch (error) {
      if (signal.aborted) throw error
      console.log(`call ${call}: ${isRollcallError(error) ? error.code : 'failed'}: ${String(error)}`)
    }
    if (call < calls) await sleep(intervalMs, undefined, { signal })
  }
} catch (error) {
  if (!signal.aborted) throw error
}
