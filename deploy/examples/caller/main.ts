// A program that knows nothing of a registry: it calls a URL again and again. An agent (`rollcall proxy`) on its machine takes it there.
import { setTimeout as sleep } from 'node:timers/promises'

const { env } = process
const url = env['URL'] ?? 'http://10.100.100.20/'
const calls = Number(env['CALLS'] ?? Infinity)
const ending = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => ending.abort())

for (let call = 1; call <= calls && !ending.signal.aborted; call++) {
  try {
    // A new connection each time, so that each call may go to another instance.
    const response = await fetch(url, { headers: { connection: 'close' }, signal: AbortSignal.any([ending.signal, AbortSignal.timeout(2_000)]) })
    console.log(`call ${call}: ${(await response.text()).trim()}`)
  } catch (error) {
    if (!ending.signal.aborted) console.log(`call ${call}: failed: ${error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)}`)
  }
  await sleep(Number(env['INTERVAL_MS'] ?? 1_000), undefined, { signal: ending.signal }).catch(() => undefined)
}
