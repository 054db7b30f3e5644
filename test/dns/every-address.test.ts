// A listener on all addresses answers from the address that was asked, and follows the addresses of the machine.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { NetworkInterfaceInfo } from 'node:os'
import t from 'tap'
import { guardedClock } from '../../server/clock.ts'
import { Guard } from '../../server/guard.ts'
import { DnsCounters } from '../../server/dns/counters.ts'
import { EveryAddress, followIntervalMs, listenUdp } from '../../server/dns/listen/every-address.ts'
import { type Interfaces, maxOwnAddresses, ownAddresses } from '../../server/dns/listen/own-addresses.ts'
import { strayIntervalMs } from '../../server/dns/listen/stray-listener.ts'
import type { Client, Response } from '../../server/dns/protect/client.ts'
import type { Responder } from '../../server/dns/responder.ts'
import type { MessageWriter } from '../../server/dns/wire/message-writer.ts'
import { batchSettings, batched, batchingOf } from '../support/dns-batches.ts'
import { codec, question } from '../support/dns-client.ts'
import { HandClock } from '../support/hand-clock.ts'
import { PlayedFeed, responderOf, serve } from '../support/played-feed.ts'

const web = 'web.shop.svc.cluster.local'
const world = (): PlayedFeed => new PlayedFeed().load().register('shop/web/a', { address: '10.1.0.1', ports: [{ name: 'http', port: 80 }] })
const quiet = new Guard({ count: () => undefined, log: () => undefined })

const interfaceOf = (...addresses: readonly string[]): NetworkInterfaceInfo[] => addresses.map((address) => ({
  address, netmask: '', mac: '', internal: true, cidr: null, ...(address.includes(':') ? { family: 'IPv6', scopeid: 0 } : { family: 'IPv4' })
}))

/**
 * Asks an address as resolvers do: what comes from another address is not its answer.
 * @param tick lets time pass at the server until there is an answer
 */
async function ask (address: string, port: number, tick: () => void = () => undefined): Promise<string> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.connect(port, address)
  await once(socket, 'connect')
  const answered = once(socket, 'message') as Promise<[Buffer]>
  const state = { isDone: false }
  const ended = answered.then(([answer]) => codec.decode(answer).rcode, (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : 'failed'))
    .finally(() => { state.isDone = true })
  socket.send(question(web, 'A'))
  while (!state.isDone) {
    await new Promise((resolve) => setImmediate(resolve))
    tick()
  }
  socket.close()
  return ended
}

for (const batch of batchSettings) {
  t.test(`on 0.0.0.0 and on [::] each address of the machine is answered from itself (batch ${batch})`, async (t) => {
    const of = world()
    for (const host of ['0.0.0.0', '::']) {
      const server = await serve(t, of, { host, batch })
      const tick = (): void => of.clock.advance(strayIntervalMs)
      for (const address of ['127.0.0.1', '127.0.0.2', '127.0.0.53', ...(host === '::' ? ['::1'] : [])]) t.equal(await ask(address, server.port, tick), 'NOERROR', `${address} on ${host}`)
      if (host === '0.0.0.0') t.equal(await ask('::1', server.port), 'ECONNREFUSED')
      await server.close()
    }
  })

  t.test(`addresses are followed as they come and go, and a failure to list them is not the end (batch ${batch})`, async (t) => {
    const clock = new HandClock()
    const counters = new DnsCounters()
    const state: { now: ReturnType<Interfaces> | undefined } = { now: { lo: interfaceOf('127.0.0.1', '127.0.9.1') } }
    const listener = await EveryAddress.listen({
      address: '0.0.0.0', family: 4, port: 0, responder: responderOf(world()), counters, clock: guardedClock(clock, quiet, 'dns-timer'), report: (message) => t.fail(message),
      batching: batch === 'auto' ? batchingOf(counters) : undefined,
      interfaces: () => {
        if (state.now === undefined) throw new Error('uv_interface_addresses')
        return state.now
      },
      guard: quiet
    })
    t.teardown(() => listener.close())
    const own = (): string[] => listener.addresses.filter((address) => address.startsWith('127.0.9.') || address.includes(':')).sort()
    t.same(own(), ['127.0.9.1'])
    const follow = async (addresses: readonly string[] | undefined, wanted: readonly string[]): Promise<void> => {
      state.now = addresses && { lo: interfaceOf('127.0.0.1', ...addresses) }
      clock.advance(followIntervalMs)
      while (own().join() !== wanted.join()) await new Promise((resolve) => setImmediate(resolve))
      for (const address of wanted) t.equal(await ask(address, listener.port), 'NOERROR', address)
    }
    await follow(['127.0.9.1', '127.0.9.2'], ['127.0.9.1', '127.0.9.2'])
    await follow(undefined, ['127.0.9.1', '127.0.9.2'])
    await follow(['127.0.9.2', '192.0.2.254', 'fd00::254'], ['127.0.9.2']) // what this machine has not is left out
    await follow(['127.0.9.3'], ['127.0.9.3'])
    if (batch === 'off') t.equal(await ask('127.0.9.2', listener.port), 'ECONNREFUSED', 'nobody answers there from another address')
    await listener.close()
    t.same([counters.batchSockets, counters.singleSockets], [0, 0])
    const again = createSocket('udp4')
    again.bind(listener.port, '127.0.9.3')
    await once(again, 'listening')
    again.close()
  })

  t.test(`a port that another program has at one of the addresses is refused (batch ${batch})`, async (t) => {
    const other = createSocket('udp4')
    other.bind(0, '127.0.0.1')
    await once(other, 'listening')
    t.teardown(() => other.close())
    const counters = new DnsCounters()
    const options = { address: '0.0.0.0', family: 4, port: other.address().port, responder: responderOf(world()), counters, clock: new HandClock() } as const
    await t.rejects(listenUdp({ ...options, report: () => undefined, batching: batch === 'auto' ? batchingOf(counters) : undefined }), { code: 'EADDRINUSE' })
    t.same([counters.batchSockets, counters.singleSockets], [0, 0])
  })
}

t.test('an address that no interface lists is answered from itself, and has a socket of its own from then on', batched, async (t) => {
  const clock = new HandClock()
  const counters = new DnsCounters()
  const listener = await EveryAddress.listen({
    address: '0.0.0.0', family: 4, port: 0, responder: responderOf(world()), counters, clock, batching: batchingOf(counters), report: (message) => t.fail(message)
  })
  t.teardown(() => listener.close())
  t.notOk(listener.addresses.includes('127.77.1.2'))
  t.equal(await ask('127.77.1.2', listener.port, () => clock.advance(strayIntervalMs)), 'NOERROR')
  while (!listener.addresses.includes('127.77.1.2')) await new Promise((resolve) => setImmediate(resolve))
  t.equal(await ask('127.77.1.2', listener.port), 'NOERROR', 'no time has passed')
  const all = Array.from({ length: 40 }, (_, index) => ask(`127.78.0.${index + 1}`, listener.port, () => clock.advance(strayIntervalMs)))
  t.same(new Set(await Promise.all(all)), new Set(['NOERROR']), 'many of them at once')
})

t.test('an answer that comes later leaves from the address that was asked, too', batched, async (t) => {
  const clock = new HandClock()
  const counters = new DnsCounters()
  const responder = {
    respond: (message: Buffer, _client: Client, _writer: MessageWriter): Response => {
      const answer = Buffer.from(message)
      answer.writeUInt8(0x84, 2)
      return (async function * () {
        await new Promise((resolve) => setImmediate(resolve))
        yield answer
      })()
    }
  } as unknown as Responder
  const options = { address: '0.0.0.0', family: 4, port: 0, responder, counters, clock, batching: batchingOf(counters), report: (message: string) => t.fail(message) } as const
  const listener = await EveryAddress.listen(options)
  t.teardown(() => listener.close())
  for (const address of ['127.0.0.1', '127.79.0.1', '127.79.0.2', '127.79.0.1']) t.equal(await ask(address, listener.port, () => clock.advance(strayIntervalMs)), 'NOERROR', address)
  t.equal(counters.waiting, 0)
})

t.test('threads share all addresses, and one that closes leaves them to the other', batched, async (t) => {
  const of = world()
  const one = await serve(t, of, { host: '0.0.0.0', reusePort: true })
  const other = await serve(t, of, { host: '0.0.0.0', port: one.port, reusePort: true })
  const tick = (): void => of.clock.advance(strayIntervalMs)
  for (let round = 0; round < 20; round++) t.equal(await ask(`127.0.0.${1 + round % 3}`, one.port, tick), 'NOERROR')
  await one.close()
  for (let round = 0; round < 20; round++) t.equal(await ask(`127.0.0.${1 + round % 3}`, other.port, tick), 'NOERROR')
})

t.test('the addresses: of interfaces, with the interface of link-local ones, and those of loopback that are used where nothing else takes them', (t) => {
  const interfaces: Interfaces = () => ({
    lo: interfaceOf('127.0.0.1', '::1'),
    eth0: [...interfaceOf('192.0.2.2'), { ...interfaceOf('fe80::1')[0], scopeid: 2 } as NetworkInterfaceInfo],
    none: undefined
  })
  const texts = (given: string, isAlone: boolean): string[] => ownAddresses(given, isAlone, interfaces).map(({ address }) => address)
  t.same(texts('0.0.0.0', false), ['127.0.0.1', '192.0.2.2'])
  t.same(texts('::', false), ['127.0.0.1', '::1', '192.0.2.2', 'fe80::1%eth0'])
  t.ok(['127.0.0.1', '127.0.0.2', '127.0.0.53', '127.0.1.1'].every((address) => texts('0.0.0.0', true).includes(address)))
  t.equal(new Set(texts('::', true)).size, texts('::', true).length)
  t.end()
})

t.test('a machine of more addresses than are followed is told of, once', async (t) => {
  const clock = new HandClock()
  const counters = new DnsCounters()
  const said: string[] = []
  const many = Array.from({ length: maxOwnAddresses + 3 }, (_, index) => `127.5.${index >> 8}.${(index & 255) + 1}`.replace('.256', '.255'))
  const listener = await EveryAddress.listen({
    address: '0.0.0.0', family: 4, port: 0, responder: responderOf(world()), counters, clock, report: (message) => said.push(message), interfaces: () => ({ lo: interfaceOf(...many) })
  })
  t.teardown(() => listener.close())
  await listener.follow()
  await listener.follow()
  t.equal(listener.addresses.length, maxOwnAddresses)
  t.match(said, [/of \d+ addresses of this machine 256 are answered/])
  t.equal(said.length, 1)
})
