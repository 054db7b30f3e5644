// A program: honest clients of one node, until it is told to end. In a process of its own, so that what it measures is the node.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { DnsAsker } from './dns-asker.ts'
import { HonestClient, type HonestTarget } from './honest-client.ts'
import { after, keepAlive, streamOf } from './pace.ts'
import { type Lines, Tally } from './tally.ts'

export interface HonestOptions {
  readonly target: HonestTarget
  readonly seed: number
  readonly clients: number
  /** Actions of each client; undefined = until told to end. */
  readonly count?: number
  /** Between two actions of a client, on average. */
  readonly pauseMs: number
}

export interface HonestReport {
  readonly lines: Lines
  readonly failures: readonly string[]
  /** The longest that this process itself was late: part of what it measured. */
  readonly ownDelayMs: number
}

async function live ({ target, seed, clients, count = Infinity, pauseMs }: HonestOptions, end: AbortSignal): Promise<HonestReport> {
  const tally = new Tally((failure) => { if (count === Infinity) console.error(failure) })
  const delay = monitorEventLoopDelay({ resolution: 10 })
  const dns = await DnsAsker.open()
  const all = Array.from({ length: clients }, (_none, index) => new HonestClient(index, target, tally, dns))
  for (const client of all) await client.begin()
  process.send?.({ ready: true })
  delay.enable()
  await Promise.all(all.map(async (client, index) => {
    const random = streamOf(seed, 7_777, index)
    for (let turn = 0; turn < count && !end.aborted; turn++) {
      await after(random.below(2 * pauseMs + 1), end)
      if (!end.aborted) await client.act(random)
    }
  }))
  delay.disable()
  const report = { lines: tally.lines, failures: tally.failures, ownDelayMs: Math.round(delay.max / 1e6) }
  await Promise.all(all.map((client) => client.close()))
  dns.close()
  return report
}

const end = new AbortController()
process.on('message', (message: { readonly start?: HonestOptions, readonly end?: true }) => {
  if (message.end === true) end.abort()
  if (message.start === undefined) return
  const release = keepAlive()
  void live(message.start, end.signal).then((report) => {
    process.send?.({ report })
    release()
    process.disconnect()
  })
})
process.on('disconnect', () => process.exit())
