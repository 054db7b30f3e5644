// What a break of Redis costs: a line that is cut, a pause, a new process with the data and one without.
import { setTimeout as pause } from 'node:timers/promises'
import { type Figures, type Options, repeat, until } from './figure.ts'
import { dnsProbe, httpProbe, watchers } from './probes.ts'
import { type Filled, filledRegistry, takesWrites } from './registry.ts'

const quietMs = 1_000
const watched = 50

const breaks: Readonly<Record<string, { readonly config: readonly string[], readonly act: (filled: Filled) => Promise<void> }>> = {
  'five cut lines': {
    config: [],
    act: async ({ redis, node }) => {
      for (let blip = 0; blip < 5; blip++) {
        await redis.admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
        await pause(200)
        await until('a write', () => takesWrites(node))
      }
    }
  },
  'a pause of 1.2 s': { config: [], act: async ({ redis }) => { await redis.admin.call('CLIENT', 'PAUSE', 1_200, 'ALL') } },
  'a restart with its data (new term)': {
    config: ['appendonly yes', 'appendfsync always'],
    act: async ({ redis }) => {
      await redis.kill()
      await redis.start()
    }
  },
  'an empty restart (all is put back)': {
    config: [],
    act: async ({ redis }) => {
      await redis.kill()
      await redis.start()
    }
  }
}

export async function recovery ({ size, runs }: Options): Promise<void> {
  for (const [what, { config, act }] of Object.entries(breaks)) {
    await using filled = await filledRegistry(size, config)
    const { node, redis } = filled
    await repeat(`Section 3: ${what}, ${size} instances, ${watched} watchers`, runs, async (): Promise<Figures> => {
      const dns = dnsProbe(node.dns, 'service-0.shop.svc.cluster.local')
      const http = httpProbe(node.url, '/v1/namespaces/shop/services/service-1/endpoints')
      // All watch everything where that is little, else a service each.
      const watches = await watchers(node.url, watched, size <= 10_000 ? { namespace: 'shop' } : { namespace: 'shop', service: 'service-2' })
      await pause(quietMs)
      for (const each of [dns, http, watches]) each.reset()
      const before = Math.max(await filled.count(), size)
      const began = performance.now()
      await act(filled)
      const actedMs = performance.now() - began
      await until('a write', () => takesWrites(node))
      const writesMs = performance.now() - began - actedMs
      await until('every instance', async () => await redis.admin.ping() === 'PONG' && await filled.count() >= before)
      const backMs = performance.now() - began - actedMs
      await pause(quietMs)
      const figures: Figures = {
        'all instances in Redis again, ms after it': backMs,
        'writes again, ms after it': writesMs,
        'longest DNS answer, ms': dns.longestMs,
        'DNS questions without a good answer': dns.failed,
        'longest REST read, ms': http.longestMs,
        'REST reads that failed': http.failed,
        'octets sent to all watchers': watches.octets,
        'watchers that were reset': watches.frames('reset')
      }
      for (const each of [dns, http, watches]) each.close()
      return figures
    })
  }
}
