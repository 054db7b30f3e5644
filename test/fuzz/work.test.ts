// What a message can make the server do is bounded by its octets: counted, not timed, so that a slow machine says the same.
import t from 'tap'
import type { TransferSource } from '../../server/dns/source.ts'
import { QueryReader } from '../../server/dns/wire/query-reader.ts'
import { findTsig } from '../../server/dns/transfer/tsig-record.ts'
import { serve } from '../support/played-feed.ts'
import { Datagrams } from './datagrams.ts'
import { mutant } from './mutants.ts'
import { labelsOf, queryOctets, record, u16 } from './octets.ts'
import { Random, fuzzSeed, seedHint } from './random.ts'
import { seeds } from './seeds.ts'
import { served, shop } from './shop.ts'
import { noFaults } from './window.ts'

const mutants = 5_000
/** A chain of pointers may be followed for one name: 255 octets and 127 pointers, for an owner and an algorithm. */
const namesOfTsig = 2 * (255 + 2 * 127)

/** Of one question, in the registry: for a chain of eight aliases (the longest that is followed), for zones, tags and fallbacks. */
const maxLooks = 100

/** A message that counts how often a byte of it is read. */
function watched (message: Buffer): { readonly message: Buffer, looks: number } {
  const watch = {
    looks: 0,
    message: new Proxy(message, {
      get (target, key) {
        if (typeof key === 'string' && /^\d+$/.test(key)) watch.looks++
        return key === 'subarray' ? target.subarray.bind(target) : Reflect.get(target, key, target) as unknown // what is native takes no proxy
      }
    })
  }
  return watch
}

const pointers = 8_000

/** dns2 takes seconds for such a message (R4): records whose names are long chains of pointers, in the space of a whole TCP message. */
function chains (octets: number): Buffer {
  const chain = u16(...Array.from({ length: pointers }, (_, index) => 0xc000 | (index === 0 ? 12 : 28 + 2 * index)))
  const last = u16(0xc000 | (28 + 2 * pointers))
  const hostile = record(last, 0xff01, 1, 0, Buffer.alloc(0))
  const room = Math.floor((octets - 30 - chain.length) / hostile.length)
  const additionals = [record(Buffer.alloc(1), 0xff00, 1, 0, chain), ...Array.from({ length: Math.max(0, room) }, () => hostile)]
  return queryOctets({ labels: labelsOf('a'), type: 1, additionals })
}

t.test('each byte of a query is read twice at most, in any query', async (t) => {
  const seed = fuzzSeed()
  const random = new Random(seed)
  const reader = new QueryReader()
  const special = [chains(65_458), chains(16_100), ...[1, 2].map((count) => {
    const message = chains(65_458)
    message.writeUInt16BE(count, 10)
    return message
  })]
  let most = 0
  for (let index = 0; index < mutants + special.length; index++) {
    const message = special[index] ?? mutant(seeds, random)
    const watch = watched(message)
    reader.read(watch.message)
    most = Math.max(most, watch.looks / (message.length + 12))
  }
  t.ok(most > 0.5 && most <= 2, `${most.toFixed(2)} looks at an octet, ${seedHint(seed)}`)
})

t.test('looking for a signature costs no more', async (t) => {
  const seed = fuzzSeed()
  const random = new Random(seed)
  let most = 0
  const end = u16(0xc000 | (28 + 2 * pointers))
  const signature = record(end, 250, 255, 0, Buffer.concat([end, u16(0, 0, 0, 0, 0, 0, 0, 0)]))
  const signed = Buffer.concat([chains(20_000), signature])
  signed.writeUInt16BE(signed.readUInt16BE(10) + 1, 10)
  t.equal(findTsig(signed), 'malformed', 'names behind thousands of pointers')
  for (const message of [chains(65_458), signed, ...Array.from({ length: mutants }, () => mutant(seeds, random))]) {
    const watch = watched(message)
    findTsig(watch.message)
    most = Math.max(most, (watch.looks - namesOfTsig) / (message.length + 12))
  }
  t.ok(most <= 2, `${most.toFixed(2)} looks at an octet, ${seedHint(seed)}`)
})

t.test('a message has the server look at so many services at most', async (t) => {
  const seed = fuzzSeed()
  const random = new Random(seed)
  const { feed } = shop()
  let looks = 0
  const catalog = new Proxy(feed.catalog, {
    get (target, key) {
      looks++
      const value = Reflect.get(target, key, target) as unknown
      return typeof value === 'function' ? value.bind(target) as unknown : value
    }
  })
  const source: TransferSource = { loaded: true, revision: 1, staleSeconds: 0, epoch: 'test', catalog }
  const server = await serve(t, shop(), { ...served, source })
  const datagrams = await Datagrams.open(t, server)
  const faults = noFaults()
  let most = 0
  for (let index = 0; index < mutants; index++) {
    looks = 0
    await datagrams.exchange(faults, () => index < seeds.length ? Buffer.from(seeds[index] ?? '') : mutant(seeds, random), 1)
    most = Math.max(most, looks)
  }
  t.strictSame(faults, noFaults(), seedHint(seed))
  t.ok(most > 8 && most <= maxLooks, `${most} looks for one message, ${seedHint(seed)}`)
})
