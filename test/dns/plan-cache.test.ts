// What is kept from question to question: it answers as a plan that is built anew, whatever changed in between.
import t from 'tap'
import fc from 'fast-check'
import { MessageWriter } from '../../server/dns/wire/message-writer.ts'
import type { Responder } from '../../server/dns/responder.ts'
import { Zone } from '../../server/dns/names/zone.ts'
import { codec, question } from '../support/dns-client.ts'
import { PlayedFeed, responderOf } from '../support/played-feed.ts'

const zones = [new Zone('cluster.local', { ttlSeconds: 5, addresses: [] }), new Zone('other.internal', { ttlSeconds: 5, addresses: [] })]
const client = { transport: 'tcp', address: '127.0.0.1' } as const

const services = ['a', 'b'] as const
const names: readonly (readonly [name: string, type: string])[] = zones.flatMap(({ name: zone }) => ['shop', 'home'].flatMap((namespace) => services.flatMap((service) => {
  const base = `${service}.${namespace}.svc.${zone}`
  return [[base, 'A'], [base, 'AAAA'], [base, 'SRV'], [base, 'ANY'], [`_http._tcp.${base}`, 'SRV'], [`_tcp.${base}`, 'A'], [`h0.${base}`, 'A'], [`10-0-0-1.${base}`, 'A']] as [string, string][]
})).concat([[zone, 'SOA'], [`shop.svc.${zone}`, 'A']]))

const step = fc.record({
  does: fc.constantFrom('register', 'deregister', 'suspect', 'headless', 'clusterIp', 'external', 'withdraw', 'resynchronise'),
  namespace: fc.constantFrom('shop', 'home'),
  service: fc.constantFrom(...services),
  id: fc.constantFrom('0', '1'),
  version: fc.nat(3)
})

function take (world: PlayedFeed, { does, namespace, service, id, version }: (typeof step extends fc.Arbitrary<infer Step> ? Step : never)): void {
  const path = `${namespace}/${service}`
  const ports = [{ name: 'http', protocol: 'TCP', port: 80 + version, targetPort: 'http' }] as const
  switch (does) {
    case 'register': return void world.register(`${path}/${id}`, { address: version === 3 ? 'fd00::1' : `10.0.0.${version}`, ...(version === 2 ? { hostname: `h${id}` } : {}), ports: [{ name: 'http', port: 8_000 + version }] })
    case 'deregister': return void world.deregister(`${path}/${id}`)
    case 'suspect': return void world.suspect(`${path}/${id}`)
    case 'headless': return void world.declare(path, { clusterIP: 'None', clusterIPs: ['None'], selector: { 'rollcall.dev/service': services[version % 2] ?? 'a' }, ports: [...ports] })
    case 'clusterIp': return void world.declare(path, { clusterIP: `10.96.0.${version}`, clusterIPs: [`10.96.0.${version}`], selector: { 'rollcall.dev/service': 'a' }, ports: [...ports] })
    case 'external': return void world.declare(path, { type: 'ExternalName', externalName: `${services[version % 2]}.home.svc.cluster.local` })
    case 'withdraw': return void world.withdraw(path)
    case 'resynchronise': return void world.resynchronise()
  }
}

t.test('after any changes every question is answered as by a server that was asked nothing before', (t) => {
  const writer = new MessageWriter(65_535)
  const answer = (responder: Responder, name: string, type: string): string => {
    const length = responder.respond(question(name, type), client, writer)
    if (typeof length !== 'number') throw new Error('the answer came later')
    const { rcode, answers, authorities, additionals } = codec.decode(writer.bytes.subarray(0, length))
    const sorted = (records: readonly object[]): string[] => records.map((record) => JSON.stringify(record).toLowerCase()).sort()
    return JSON.stringify([type, rcode, sorted(answers), sorted(authorities), sorted(additionals)]).toLowerCase()
  }
  fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    const world = new PlayedFeed().load()
    const asked = responderOf(world, { zones })
    for (const one of steps) {
      take(world, one)
      const fresh = responderOf(world, { zones })
      for (const [name, type] of names) {
        const expected = answer(fresh, name, type)
        if (answer(asked, name, type) !== expected) throw new Error(`${answer(asked, name, type)} is not ${expected}`)
        if (answer(asked, name.toUpperCase(), type) !== expected) throw new Error(`${answer(asked, name.toUpperCase(), type)} is not ${expected}`)
      }
    }
  }), { numRuns: 100 })
  t.end()
})

t.test('a type whose number is a letter is not taken for another one', (t) => {
  const world = new PlayedFeed().load().register('shop/a/0', { address: '10.0.0.1', ports: [{ name: 'http', port: 80 }] })
  const responder = responderOf(world, { zones })
  const writer = new MessageWriter(512)
  const types = [65, 97, 1, 33].map((type) => `TYPE${type}`)
  const ask = (type: string): number => {
    const length = responder.respond(question('a.shop.svc.cluster.local', type), client, writer)
    return typeof length === 'number' ? writer.bytes.readUInt16BE(6) : -1
  }
  const first = types.map(ask)
  t.strictSame(types.toReversed().map(ask).reverse(), first)
  t.equal(first[1], 0, 'type 97 has no records')
  t.end()
})
