// Sessions whose sockets break and come back, and processes that are killed: what a watcher and DNS see of it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { Rollcall } from '../../../client-sdk/src/index.ts'
import { RedisProxy } from '../../support/redis-proxy.ts'
import { startRegistry, temporaryDirectory } from '../lib.ts'
import { type Figures, type Options, repeat, until } from './figure.ts'
import { addresses, dnsProbe } from './probes.ts'

const sessions = 8
const name = 'orders.shop.svc.cluster.local'
/** Long after the grace of a session, and after a client is back. */
const aftermathMs = 3_000

/** What a process with a session is. */
const program = `
  import { Rollcall } from ${JSON.stringify(new URL('../../../client-sdk/src/index.ts', import.meta.url).href)}
  const rollcall = new Rollcall({ address: process.argv[1], namespace: 'shop' })
  await rollcall.register({ service: 'orders', id: 'killed', address: '10.0.9.9', port: 80, session: true })
`

export async function blips ({ runs }: Options): Promise<void> {
  await using directory = await temporaryDirectory()
  await using node = await startRegistry({ directory: directory.path })
  const port = Number(new URL(node.url).port)
  const options = { namespace: 'shop', warn: null, signals: false }
  const lines = await Promise.all(Array.from({ length: sessions }, () => RedisProxy.start(port))) // a TCP relay: it does not mind HTTP
  let bound = 0
  const clients = await Promise.all(lines.map(async ({ url }, index) => {
    const client = new Rollcall({ ...options, address: url.replace('redis:', 'http:'), onEvent: ({ type }) => { if (type === 'session') bound++ } })
    await client.register({ service: 'orders', id: `i${index}`, address: `10.0.0.${index + 1}`, port: 80, session: true })
    return client
  }))
  await until('all sessions', () => bound >= sessions)
  const watcher = new Rollcall({ ...options, address: node.url })
  const seen = new Map<string, number>()
  void (async () => {
    for await (const change of watcher.watch({ service: 'orders' })) {
      if ('reason' in change && change.reason !== undefined) seen.set(change.reason, (seen.get(change.reason) ?? 0) + 1)
    }
  })().catch(() => undefined) // it ends with the client

  for (const cut of [1, sessions - 1]) {
    await repeat(`Section 12: the sockets of ${cut} of ${sessions} sessions cut at once`, runs, async (): Promise<Figures> => {
      const dns = dnsProbe(node.dns, name, 5, sessions)
      await pause(200)
      dns.reset()
      seen.clear()
      const before = bound
      const began = performance.now()
      for (const line of lines.slice(0, cut)) line.cut()
      await until('the sessions', () => bound >= before + cut)
      const backMs = performance.now() - began
      await pause(aftermathMs)
      const figures = {
        'all sessions again, ms': backMs, 'events suspect': seen.get('suspect') ?? 0, 'events renewed': seen.get('renewed') ?? 0,
        'DNS answers without all of them': dns.failed
      }
      dns.close()
      return figures
    })
  }
  await repeat('Section 12: SIGKILL of a process with a session, others living', runs, async (): Promise<Figures> => {
    const child = spawn(process.execPath, ['--conditions=rollcall-source', '--input-type=module', '-e', program, node.url], { stdio: ['ignore', 'ignore', 'inherit'] })
    await until('the process in DNS', async () => await addresses(node.dns, name) === sessions + 1)
    await pause(500)
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    const ms = await until('the process out of DNS', async () => await addresses(node.dns, name) === sessions)
    await gone
    return { 'from SIGKILL to the first DNS answer without it, ms': ms }
  })
  await Promise.all([...clients, watcher].map((client) => client.close()))
  await Promise.all(lines.map((line) => line.dispose()))
}
