// NOTIFY: secondaries hear of changes, once a second at most, again until they answer, and signed if they have a key.
import { type Socket, createSocket } from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { Notifier, type NotifierOptions } from '../../server/dns/transfer/notifier.ts'
import { checkQuery, type SignedQuery, TsigKeys } from '../../server/dns/transfer/tsig.ts'
import { codec, type Message, text } from '../support/dns-client.ts'
import { key, zoneNamed } from './transfer-listener.ts'
import { PlayedFeed } from '../support/played-feed.ts'

const zone = 'cluster.local'
const soa = (serial: number): string => `${zone} 5 SOA ns.dns.${zone} hostmaster.${zone} ${serial} 7200 1800 86400 5`

type Test = { teardown (end: () => Promise<void> | void): void }

interface Told {
  readonly bytes: Buffer
  readonly message: Message
  answer (this: void, options?: { readonly rcode?: number, readonly id?: number, readonly opcode?: number, readonly sign?: SignedQuery }): Promise<void>
}

/** A secondary that keeps its notifications until the test asks for them. */
class Secondary {
  readonly #socket: Socket
  readonly #messages: { readonly bytes: Buffer, readonly port: number }[] = []
  #arrived: (() => void) | undefined

  static async open (t: Test): Promise<Secondary> {
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    t.teardown(() => { socket.close() })
    return new Secondary(socket)
  }

  constructor (socket: Socket) {
    this.#socket = socket
    socket.on('message', (bytes, { port }) => {
      this.#messages.push({ bytes, port })
      this.#arrived?.()
    })
  }

  get port (): number {
    return this.#socket.address().port
  }

  async next (): Promise<Told> {
    while (this.#messages.length === 0) await new Promise<void>((resolve) => { this.#arrived = resolve })
    const { bytes, port } = this.#messages.shift() ?? { bytes: Buffer.alloc(0), port: 0 }
    return {
      bytes,
      message: codec.decode(bytes),
      answer: ({ rcode = 0, id = bytes.readUInt16BE(0), opcode = 4, sign } = {}) => new Promise((resolve) => {
        const bare = Buffer.from(bytes.subarray(0, 31)) // header and question
        bare.writeUInt16BE(id, 0)
        bare.writeUInt16BE(0x8400 | (opcode << 11) | rcode, 2)
        bare.fill(0, 6, 12)
        this.#socket.send(sign?.sign(bare) ?? bare, port, '127.0.0.1', () => resolve())
      })
    }
  }
}

async function start (
  t: Test, world: PlayedFeed, options: Partial<NotifierOptions> = {}, keyed = false
): Promise<{ notifier: Notifier, secondary: Secondary, warnings: string[] }> {
  const secondary = await Secondary.open(t)
  const warnings: string[] = []
  const notifier = new Notifier({
    source: world.feed, zones: [zoneNamed(zone)], keys: [], clock: world.clock, log: { warn: (message) => warnings.push(message) },
    targets: [{ address: '127.0.0.1', port: secondary.port, ...(keyed ? { key: 'edge' } : {}) }], ...options
  })
  t.teardown(() => notifier.close())
  return { notifier, secondary, warnings }
}

/** Until a count is reached. The loop turns for what sockets have; nothing waits for a time. */
async function until (isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setImmediate(resolve))
}

const register = (world: PlayedFeed, index: number): PlayedFeed => world.register(`shop/web/${index}`, { address: `10.0.0.${index}`, ports: [] })

t.test('at the start each secondary is told of each zone, with the SOA', async (t) => {
  const world = register(new PlayedFeed().load(), 1)
  const { secondary } = await start(t, world, { zones: [zoneNamed(zone), zoneNamed('corp.example')] })
  world.clock.advance(100)
  const { message } = await secondary.next()
  t.match(message, { flag_qr: false, opcode: 'NOTIFY', flag_aa: true, flag_rd: false, rcode: 'NOERROR', questions: [{ name: zone, type: 'SOA', class: 'IN' }], authorities: [], additionals: [] })
  t.strictSame(text(message.answers), [soa(1)])
  t.match((await secondary.next()).message.questions, [{ name: 'corp.example' }])
})

t.test('before the first load nobody is told, and then at once', async (t) => {
  const world = new PlayedFeed()
  const { notifier, secondary } = await start(t, world)
  world.clock.advance(10_000)
  t.equal(notifier.counters.notifySent, 0)
  world.load()
  world.clock.advance(100)
  t.strictSame(text((await secondary.next()).message.answers), [soa(0)])
})

t.test('what changes together, or within a second of the last time, is told once', async (t) => {
  const world = new PlayedFeed().load()
  const { notifier, secondary } = await start(t, world)
  world.clock.advance(100)
  await (await secondary.next()).answer()
  await until(() => notifier.counters.notifyAcknowledged === 1)
  for (let index = 1; index <= 5; index++) register(world, index)
  world.clock.advance(999)
  t.equal(notifier.counters.notifySent, 1, 'not yet')
  world.clock.advance(1)
  t.strictSame(text((await secondary.next()).message.answers), [soa(5)])
  t.equal(notifier.counters.notifySent, 2)
  world.clock.advance(60_000)
  register(world, 6)
  world.clock.advance(99)
  const { notifySent: notified } = notifier.counters
  world.clock.advance(1)
  t.equal(notifier.counters.notifySent, notified + 1, 'after a rest a change is told soon')
})

t.test('it is told again until it answers, five times at most, and the log says so once', async (t) => {
  const world = new PlayedFeed().load()
  const { notifier, secondary, warnings } = await start(t, world)
  world.clock.advance(100)
  const ids = new Set<number>()
  for (const waitMs of [1_000, 2_000, 4_000, 8_000]) {
    ids.add((await secondary.next()).message.id)
    world.clock.advance(waitMs - 1)
    const { notifySent: notified } = notifier.counters
    world.clock.advance(1)
    t.equal(notifier.counters.notifySent, notified + 1, `after ${waitMs} ms`)
  }
  ids.add((await secondary.next()).message.id)
  t.ok(ids.size > 1, 'each time with an id that nobody can guess')
  world.clock.advance(60_000)
  t.match(notifier.counters, { notifySent: 5, notifyAcknowledged: 0, notifyUnacknowledged: 1 })
  register(world, 1)
  world.clock.advance(60_000)
  t.match(notifier.counters, { notifySent: 10, notifyUnacknowledged: 2 })
  t.match(warnings, [/^DNS: 127\.0\.0\.1 port \d+ does not answer NOTIFY for cluster\.local: it will see changes only when it asks by itself$/])
  t.equal(warnings.length, 1)
})

t.test('an answer ends it; one with another id, or that is none, does not', async (t) => {
  const world = new PlayedFeed().load()
  const { notifier, secondary } = await start(t, world)
  world.clock.advance(100)
  const { answer, message } = await secondary.next()
  await answer({ id: message.id ^ 1 })
  await answer({ opcode: 0 })
  await answer()
  await until(() => notifier.counters.notifyAcknowledged === 1)
  world.clock.advance(60_000)
  t.match(notifier.counters, { notifySent: 1, notifyAcknowledged: 1, notifyUnacknowledged: 0 })
})

t.test('who refuses is not asked again for the same, and the log says why', async (t) => {
  const world = new PlayedFeed().load()
  const { notifier, secondary, warnings } = await start(t, world)
  world.clock.advance(100)
  await (await secondary.next()).answer({ rcode: 9 })
  await until(() => notifier.counters.notifyUnacknowledged === 1)
  world.clock.advance(60_000)
  t.equal(notifier.counters.notifySent, 1)
  t.match(warnings, [/refuses NOTIFY for cluster\.local \(NOTAUTH\)/])
})

t.test('of a zone that it refused a secondary is told again after ten minutes, of the others at once', async (t) => {
  const world = new PlayedFeed().load()
  const { notifier, secondary, warnings } = await start(t, world, { zones: [zoneNamed('corp.example'), zoneNamed(zone)] })
  const round = async (counts: object, ...rcodes: readonly number[]): Promise<unknown[]> => {
    world.clock.advance(1_000)
    const told: unknown[] = []
    for (const rcode of rcodes) {
      const { message, answer } = await secondary.next()
      told.push(message.questions[0]?.name)
      await answer({ rcode })
    }
    await until(() => Object.entries(counts).every(([name, count]) => notifier.counters[name as 'notifySent'] === count))
    register(world, 1)
    return told
  }
  t.strictSame(await round({ notifyAcknowledged: 1, notifyUnacknowledged: 1 }, 5, 0), ['corp.example', zone])
  t.strictSame(await round({ notifyAcknowledged: 2, notifySent: 3 }, 0), [zone])
  world.clock.advance(1_000)
  await (await secondary.next()).answer()
  await until(() => notifier.counters.notifyAcknowledged === 3)
  world.clock.advance(600_000)
  register(world, 2)
  t.strictSame(await round({ notifyAcknowledged: 4, notifyUnacknowledged: 2 }, 5, 0), ['corp.example', zone])
  t.match(warnings, [/refuses NOTIFY for corp\.example \(REFUSED\)/], 'which is said once')
})

t.test('a change while nobody answers begins anew, with the new serial', async (t) => {
  const world = new PlayedFeed().load()
  const { notifier, secondary } = await start(t, world)
  world.clock.advance(100)
  const old = await secondary.next()
  register(world, 1)
  world.clock.advance(1_000)
  await secondary.next() // told again: this wait ends in the same moment as the second between rounds
  const latest = await secondary.next()
  t.strictSame(text(latest.message.answers), [soa(1)])
  await old.answer()
  await latest.answer()
  await until(() => notifier.counters.notifyAcknowledged === 1)
  const { notifySent: notified } = notifier.counters
  world.clock.advance(60_000)
  t.match(notifier.counters, { notifySent: notified, notifyAcknowledged: 1, notifyUnacknowledged: 0 })
})

t.test('with a key the message is signed, and only a signed answer counts', async (t) => {
  const world = new PlayedFeed().load()
  const keys = [key(`edge=hmac-sha384:${Buffer.alloc(32, 7).toString('base64')}`)]
  const { notifier, secondary } = await start(t, world, { keys }, true)
  world.clock.advance(100)
  const first = await secondary.next()
  await first.answer()
  const stranger = checkQuery(first.bytes, new TsigKeys([key(`edge=hmac-sha384:${Buffer.alloc(32, 8).toString('base64')}`)]), () => world.clock.now())
  await first.answer(stranger === undefined ? {} : { sign: stranger })
  world.clock.advance(1_000)
  const { bytes, answer } = await secondary.next()
  t.equal(notifier.counters.notifyAcknowledged, 0)
  const sign = checkQuery(bytes, new TsigKeys(keys), () => world.clock.now())
  t.match(sign, { rcode: 0, key: 'edge' })
  await answer(sign === undefined ? {} : { sign })
  await until(() => notifier.counters.notifyAcknowledged === 1)
  world.clock.advance(60_000)
  t.equal(notifier.counters.notifySent, 2)
})

t.test('a target that cannot be reached does no harm, in either family, and closing twice is fine', async (t) => {
  const world = new PlayedFeed().load()
  const { notifier } = await start(t, world, { targets: [{ address: '2001:db8::7', port: 53 }, { address: '127.0.0.1', port: 9 }], addresses: ['127.0.0.1'] })
  world.clock.advance(100)
  world.clock.advance(60_000)
  t.match(notifier.counters, { notifySent: 10, notifyUnacknowledged: 2 })
  await Promise.all([notifier.close(), notifier.close()])
  register(world, 1)
  world.clock.advance(60_000)
  t.equal(notifier.counters.notifySent, 10, 'nothing after the end')
})
