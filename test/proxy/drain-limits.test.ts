// How long connections to an endpoint that has left go on: in the kernel by forgetting them, in userspace by cutting them.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import t from 'tap'
import type { Clock } from '../../server/clock.ts'
import { standaloneGuard } from '../../server/guard.ts'
import { trafficAnnotationFaults, drainLimitOf } from '../../server/model/service/traffic-annotations.ts'
import { type FrontEnd, frontEndKey, type Target } from '../../server/proxy/front-end.ts'
import { DrainLimits } from '../../server/proxy/kernel/drain-limits.ts'
import { noTraffic } from '../../server/proxy/traffic-counts.ts'
import type { Ran } from '../../server/proxy/program.ts'
import { readState, writeState } from '../../server/proxy/state-file.ts'
import { Picker } from '../../server/proxy/userspace/picker.ts'
import { TcpFrontEnd } from '../../server/proxy/userspace/tcp-front-end.ts'

/** Time that passes when it is told to. */
function clockOf (): Clock & { pass (ms: number): Promise<void> } {
  const waiting = new Map<object, { readonly atMs: number, readonly callback: () => void | Promise<void> }>()
  let nowMs = 0
  return {
    now: () => nowMs,
    after: (ms, callback) => {
      const id = {}
      waiting.set(id, { atMs: nowMs + ms, callback })
      return () => void waiting.delete(id)
    },
    pass: async (ms) => {
      nowMs += ms
      for (const [id, { atMs, callback }] of [...waiting]) {
        if (atMs > nowMs) continue
        waiting.delete(id)
        await callback()
      }
    }
  }
}

function frontEnd (targets: readonly Target[], drainLimitMs: number | undefined, port = 80): FrontEnd {
  const choice = { targets, whenNone: 'refuse', keepSource: false } as const
  return {
    family: 4, address: '127.0.0.1', port, transport: 'tcp', kind: 'cluster-ip', service: 'shop/web', outside: choice, inside: choice,
    ...(drainLimitMs === undefined ? {} : { drainLimitMs })
  }
}

const place = (port: number): Target => ({ address: '127.0.0.1', port, weight: 1 })

t.test('the kernel forgets connections to what has left, when their time is over', async (t) => {
  const clock = clockOf()
  const ran: string[] = []
  const drains = new DrainLimits(async (program, args) => {
    ran.push([program, ...args].join(' '))
    return { code: 0, out: '', err: '' }
  }, clock)
  const set = (targets: readonly Target[], limit: number | undefined = 30_000): void => {
    const made = frontEnd(targets, limit)
    drains.change(new Map([[frontEndKey(made), made]]))
  }
  set([place(1), place(2)])
  set([place(2)])
  await clock.pass(29_999)
  t.same(ran, [])
  await clock.pass(1)
  t.same(ran, ['conntrack -D -f ipv4 -p tcp --orig-dst 127.0.0.1 --orig-port-dst 80 --reply-src 127.0.0.1 --reply-port-src 1'])
  set([])
  set([place(2)])
  await clock.pass(60_000)
  t.equal(ran.length, 1, 'what is back in time goes on')
  drains.change(new Map([[frontEndKey(frontEnd([], undefined)), undefined]]))
  await clock.pass(30_000)
  t.equal(ran.length, 2, 'the service is gone')
  set([place(1)])
  set([])
  drains.close()
  await clock.pass(60_000)
  t.equal(ran.length, 2, 'the agent has ended')
})

t.test('an agent that is started again goes on waiting, for what is left of the time', async (t) => {
  const clock = clockOf()
  const ran: string[] = []
  const run = async (_program: string, args: readonly string[]): Promise<Ran> => {
    ran.push(args.at(-1) ?? '')
    return { code: 0, out: '', err: '' }
  }
  const set = (drains: DrainLimits, ...ports: readonly number[]): void => {
    const made = frontEnd(ports.map(place), 30_000)
    drains.change(new Map([[frontEndKey(made), made]]))
  }
  const first = new DrainLimits(run, clock)
  set(first, 1, 2, 3, 4)
  set(first, 4)
  await clock.pass(10_000)
  const path = join(mkdtempSync(join(tmpdir(), 'rollcall-drains-')), 'state')
  t.teardown(() => rmSync(dirname(path), { recursive: true }))
  await writeState(path, { revision: 'e.1', services: [], draining: first.waiting })
  first.close()
  await clock.pass(15_000)
  t.same(ran, [], 'it is away')
  const second = new DrainLimits(run, clock)
  second.resume(readState(path)?.draining ?? [])
  set(second, 3, 4) // one of them is back
  await clock.pass(4_999)
  t.same(ran, [])
  await clock.pass(1)
  t.same(ran.sort(), ['1', '2'])
  t.same(second.waiting, [])
  const third = new DrainLimits(run, clock)
  third.resume(readState(path)?.draining ?? [])
  await clock.pass(0)
  t.same(ran.slice(2).sort(), ['1', '2', '3'], 'what is over already ends at once')
  for (const wrong of [{}, { draining: 'x' }, { draining: [{ address: '--flush', port: 1, endpoint: '10.0.0.1', endpointPort: 1, endsAtMs: 0 }] }, { draining: [{ ...first.waiting[0], port: 0 }] }]) {
    await writeState(path, { revision: 'e.1', services: [], ...wrong } as never)
    if ('draining' in wrong) t.throws(() => readState(path), /another version/)
    else t.same(readState(path)?.draining, undefined)
  }
})

t.test('userspace cuts them', async (t) => {
  const clock = clockOf()
  const server: Server = createServer((socket) => void socket.on('error', () => socket.destroy()).write('hello')).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const made = frontEnd([place(port)], 30_000, 0)
  const options = { guard: standaloneGuard, clock, isInside: () => true, isAllowed: () => true, counts: noTraffic() }
  const random = { now: () => 0, random: () => 0 }
  const opened = await TcpFrontEnd.open(made, new Picker(made, random), options)
  const client = connect(opened.port, '127.0.0.1')
  await once(client, 'data')
  const gone = frontEnd([], 30_000, 0)
  opened.frontEnd = gone
  opened.limit([place(port)], 30_000)
  client.write('x')
  const closed = once(client, 'error')
  await clock.pass(30_000)
  t.match(await closed, [{ code: 'ECONNRESET' }])
  await opened.close()
})

t.test('the annotation is a duration up to a day', async (t) => {
  const faults = (text: string): number => trafficAnnotationFaults({ name: 'web', namespace: 'shop', annotations: { 'rollcall.dev/drain-limit': text } }).length
  t.same(['30s', '0s', '24h', '25h', '30', '-1s', ''].map(faults), [0, 0, 0, 1, 1, 1, 1])
  t.equal(drainLimitOf({ 'rollcall.dev/drain-limit': '30s' }), 30_000)
  t.equal(drainLimitOf({ 'rollcall.dev/drain-limit': 'soon' }), undefined)
  t.equal(trafficAnnotationFaults({ name: 'web', namespace: 'shop', annotations: { 'rollcall.dev/announce-nodes': 'a=(' } }).length, 1)
})
