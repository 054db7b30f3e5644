// How long the dead are answered after a gap, and after a clock that stepped back: all leases have two seconds, one is silent, the others renew.
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { call, instancePath } from '../../support/processes.ts'
import { RedisServer } from '../../support/redis-server.ts'
import { type Program, startRegistry, temporaryDirectory } from '../lib.ts'
import { type Figures, type Options, repeat, until } from './figure.ts'
import { addresses } from './probes.ts'

const ttlMs = 2_000
const gapMs = 4_000
const stepSeconds = -3_600
const living = 3
const name = 'orders.shop.svc.cluster.local'
interface Act {
  /** Begins the gap, or steps the clock. */
  readonly act: () => Promise<void> | void
  /** Resolves when renewals can arrive again. */
  readonly over: () => Promise<void> | void
}

export async function holds ({ runs }: Options): Promise<void> {
  await using clock = await temporaryDirectory()
  const clockFile = join(clock.path, 'clock')
  {
    const redis = await RedisServer.start()
    await using node = await startRegistry({ redis: redis.url })
    const act = async (): Promise<void> => { await redis.admin.call('CLIENT', 'PAUSE', gapMs, 'ALL') }
    await repeat(`Section 4: a pause of Redis of ${gapMs} ms, TTL ${ttlMs} ms`, runs, (run) => left(node, run, { act, over: async () => { await redis.admin.ping() } }))
    await node[Symbol.asyncDispose]()
    await redis.dispose()
  }
  {
    await using directory = await temporaryDirectory()
    await using node = await startRegistry({ directory: directory.path })
    const over = async (): Promise<void> => {
      await pause(gapMs)
      process.kill(node.pid, 'SIGCONT')
    }
    await repeat(`Section 4: the only node (SQLite) stopped for ${gapMs} ms, TTL ${ttlMs} ms`, runs, (run) => left(node, run, { act: () => void process.kill(node.pid, 'SIGSTOP'), over }))
  }
  const library = join(clock.path, 'wall-clock.so')
  const built = spawnSync('cc', ['-shared', '-fPIC', '-O2', '-o', library, fileURLToPath(new URL('wall-clock.c', import.meta.url))], { stdio: 'ignore' })
  if (built.status !== 0) return console.log('\nNo C compiler (cc): the steps of clocks are left out.')
  const stepTo = (seconds: number): void => {
    const octets = Buffer.alloc(8)
    octets.writeBigInt64LE(BigInt(seconds))
    const file = openSync(clockFile, 'r+') // in its place: it is mapped
    writeSync(file, octets, 0, octets.length, 0)
    closeSync(file)
  }
  writeFileSync(clockFile, Buffer.alloc(8))
  const withClock = async <Started>(start: () => Promise<Started>): Promise<Started> => {
    stepTo(0)
    Object.assign(process.env, { LD_PRELOAD: library, CLOCK_FILE: clockFile })
    try {
      return await start()
    } finally {
      delete process.env['LD_PRELOAD']
      delete process.env['CLOCK_FILE']
    }
  }
  let offset = 0
  const step: Act = { act: () => stepTo(offset += stepSeconds), over: () => undefined }
  {
    const redis = await withClock(() => RedisServer.start())
    await using node = await startRegistry({ redis: redis.url })
    await repeat(`Section 4: the clock of Redis steps back by an hour, TTL ${ttlMs} ms`, runs, (run) => left(node, run, step))
    await node[Symbol.asyncDispose]()
    await redis.dispose()
  }
  {
    offset = 0
    await using directory = await temporaryDirectory()
    await using node = await withClock(() => startRegistry({ directory: directory.path }))
    await repeat(`Section 4: the clock of the only node (SQLite) steps back by an hour, TTL ${ttlMs} ms`, runs, (run) => left(node, run, step))
  }
}

/** Registers some that live and one that dies just before, acts, and measures until DNS answers without the dead one. */
async function left (node: Program, run: number, { act, over }: Act): Promise<Figures> {
  const put = (id: string, index: number): Promise<{ status: number }> =>
    call('PUT', `${node.url}${instancePath(id)}`, { address: `10.0.0.${index}`, generation: 'g', lease: { ttlMs } })
  const ids = Array.from({ length: living }, (_, index) => `living-${index}`)
  for (const [index, id] of ids.entries()) await put(id, index + 1)
  const leases = ids.map((id) => ({ namespace: 'shop', service: 'orders', id, generation: 'g' }))
  let isOver = false
  const beats = (async () => {
    while (!isOver) {
      await call('POST', `${node.url}/v1/heartbeats`, { leases }).catch(() => undefined)
      await pause(500)
    }
  })()
  // A hold of the run before, or of the start, is not what is measured.
  await until('the end of a hold', async () => (await call('GET', `${node.url}/v1/overview`)).body?.protection?.holdMs === 0)
  await put(`dead-${run}`, 99)
  await until('the dead one in DNS', async () => await addresses(node.dns, name) === living + 1)
  await put(`dead-${run}`, 99)
  let fewest = living
  const began = performance.now()
  await act()
  await over()
  const gapped = performance.now() - began
  await until('DNS without the dead one', async () => {
    const found = await addresses(node.dns, name)
    if (found !== undefined) fewest = Math.min(fewest, found)
    return found !== undefined && found <= living
  })
  const total = performance.now() - began
  isOver = true
  await beats
  return { 'the dead one answered, ms after renewals can arrive': total - gapped, 'of it beyond its TTL': total - gapped - ttlMs, 'fewest of the living that were answered': fewest }
}
