// A load that rises and falls: posts jobs to `worker`, and writes a line each second of what it sees.
//
//   seconds,jobs,failed,desired,current
//
// jobs: those of this second; desired and current: empty while the registry is away.
import { setTimeout as sleep } from 'node:timers/promises'
import { Rollcall } from '@rollcall/client'

const { env } = process
const namespace = env['ROLLCALL_NAMESPACE'] ?? 'shop'
const autoscaler = env['AUTOSCALER'] ?? 'worker'
/** Jobs a second at the top. */
const peak = Number(env['PEAK'] ?? 20)
const low = Number(env['LOW'] ?? 1)
/** Of rising, of staying at the top, of falling, and of the quiet time after it. */
const phases = (env['PHASES'] ?? '60,60,30,60').split(',').map(Number)
const ticks = 10 // a second

/** Jobs a second, so many seconds after the start. */
function wanted (seconds: number): number {
  const [rise = 0, top = 0, fall = 0] = phases
  if (seconds < rise) return low + (peak - low) * seconds / rise
  if (seconds < rise + top) return peak
  return seconds < rise + top + fall ? peak - (peak - low) * (seconds - rise - top) / fall : low
}

await using rollcall = new Rollcall({ namespace })
let sent = 0
let failed = 0
async function job (): Promise<void> {
  sent++
  try {
    await rollcall.call('worker', async (endpoint, { signal }) => {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(10_000)])
      const response = await fetch(`${endpoint.url()}/jobs`, { method: 'POST', signal: limit })
      if (!response.ok) throw new Error(`status ${response.status}`)
      await response.arrayBuffer()
    })
  } catch (error) {
    failed++
    console.error(`a job failed: ${String(error)}`)
  }
}

/** What is desired and what is counted, as texts; empty if the registry does not say. */
async function replicas (): Promise<readonly [string, string]> {
  try {
    const { body } = await rollcall.request<{ desired?: number, current?: number }>(
      `/v1/namespaces/${namespace}/horizontalpodautoscalers/${autoscaler}/desired`,
      { signal: AbortSignal.timeout(900) })
    return [String(body.desired ?? ''), String(body.current ?? '')]
  } catch {
    return ['', '']
  }
}

console.log('seconds,jobs,failed,desired,current')
const seconds = phases.reduce((sum, phase) => sum + phase, 0)
const jobs = new Set<Promise<void>>()
const beganAtMs = performance.now()
let due = 0
for (let second = 0; second < seconds; second++) {
  const asked = replicas()
  for (let tick = 0; tick < ticks; tick++) {
    for (due += wanted(second + tick / ticks) / ticks; due >= 1; due--) {
      const running = job().finally(() => jobs.delete(running))
      jobs.add(running)
    }
    await sleep(Math.max(0, beganAtMs + (second + (tick + 1) / ticks) * 1_000 - performance.now()))
  }
  const [desired, current] = await asked
  console.log([second, sent, failed, desired, current].join())
  sent = failed = 0
}
await Promise.all(jobs)
