// Answers in words: records as text, the forms of a short name, and the rules that decided an answer.
import fc from 'fast-check'
import t from 'tap'
import type { DnsAnswer } from '../../client-sdk/src/wire.ts'
import { answerText, extendedErrorOf, typeNumber } from '../../server/dns/wire/answer-text.ts'
import { nameText } from '../../server/dns/wire/name.ts'
import type { DnsDesk } from '../../server/dns/desk.ts'
import { type DnsOptions, dnsCore } from '../../server/dns/server.ts'
import { nameBytes, recordBytes, recordTypes } from '../../server/dns/wire/wire.ts'
import { readClientZones } from '../../server/dns/protect/client-zone-setting.ts'
import { PlayedFeed } from '../support/played-feed.ts'

type Test = { teardown (end: () => void): void }
type Explained = Omit<DnsAnswer, 'revision'>

function deskOf (t: Test, world: PlayedFeed, options: Partial<DnsOptions> = {}): DnsDesk {
  const core = dnsCore({ source: world.feed, clock: world.clock, random: () => 0, node: 'test', ...options }, ['127.0.0.1'])
  t.teardown(() => core.close())
  return core.desk
}

const client = '10.9.0.1'
const clientZones = readClientZones(['10.9.0.0/16=east'])
const ask = (desk: DnsDesk, name: string, type = 'A', more: { namespace?: string, client?: string } = {}): Promise<Explained> => desk.explain({ name, type, client, ...more })
const lines = ({ trace }: Explained): string[] => trace.map(({ rule, message }) => `${rule}: ${message}`)

/** A registry with one service of each kind. */
function town (): PlayedFeed {
  const http = [{ name: 'http', port: 8080 }]
  return new PlayedFeed().load()
    .register('shop/orders/a', { address: '10.0.0.1', ports: http, zone: 'east', labels: { version: 'v2' } })
    .register('shop/orders/b', { address: '10.0.0.2', ports: http, zone: 'west', hostname: 'second', lease: { ttlMs: 3_000 } })
    .register('shop/orders/c', { address: '10.0.0.3', status: 'draining' })
    .register('shop/orders/d', { address: '10.0.0.4', suspect: true })
    .register('shop/orders/e', { address: '10.0.0.5', status: 'starting' })
    .register('shop/lost/a', { address: '10.0.1.1', suspect: true })
    .register('shop/idle/a', { address: '10.0.2.1', status: 'down' })
    .declare('shop/web', { clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7'], selector: { app: 'web' }, ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 443 }] })
    .declare('shop/none', { clusterIP: 'None', clusterIPs: ['None'], selector: { app: 'none' } })
    .declare('shop/spare', { clusterIP: 'None', clusterIPs: ['None'], selector: { app: 'spare' } }, [], { 'rollcall.dev/dns-fallback': 'idle, orders', 'rollcall.dev/dns-ttl': '60' })
    .declare('shop/front', { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'], selector: { app: 'front' } }, [], { 'rollcall.dev/dns-fallback': 'web, lost', 'rollcall.dev/dns-https': 'false' })
    .declare('shop/near', { type: 'ExternalName', externalName: 'orders.shop.svc.cluster.local' })
    .declare('shop/far', { type: 'ExternalName', externalName: 'www.example.com' })
    .declare('shop/gone', { type: 'ExternalName', externalName: 'nobody.shop.svc.cluster.local' })
    .declare('shop/ring', { type: 'ExternalName', externalName: 'gnir.shop.svc.cluster.local' })
    .declare('shop/gnir', { type: 'ExternalName', externalName: 'ring.shop.svc.cluster.local' })
    .declareNamespace('empty', {})
}

t.test('records are shown as a zone file has them', (t) => {
  const name = nameBytes(['shop', 'example'])
  const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
  const { A, AAAA, NS, CNAME, PTR, SRV, MX, SOA, TXT, HINFO, HTTPS, SVCB } = recordTypes
  for (const [type, rdata, wanted] of [
    [A, hex('0a000007'), 'A 10.0.0.7'],
    [AAAA, hex('20010db8 00000000 00000000 00000001'), 'AAAA 2001:db8::1'],
    [AAAA, hex('00000000 00000000 0000ffff 0a000001'), 'AAAA ::ffff:a00:1'],
    [NS, nameBytes(['ns', 'dns']), 'NS ns.dns.'], [CNAME, nameBytes(['www', 'example']), 'CNAME www.example.'], [PTR, nameBytes([]), 'PTR .'],
    [SRV, Buffer.concat([hex('0001 0064 1f90'), nameBytes(['a', 'shop'])]), 'SRV 1 100 8080 a.shop.'],
    [MX, Buffer.concat([hex('000a'), nameBytes(['mail'])]), 'MX 10 mail.'],
    [SOA, Buffer.concat([nameBytes(['ns']), nameBytes(['hostmaster']), hex('00000001 00000002 00000003 00000004 00000005')]), 'SOA ns. hostmaster. 1 2 3 4 5'],
    [TXT, hex('05 61 22 5c 00 ff 00 02 6869'), 'TXT "a\\"\\\\\\000\\255" "" "hi"'],
    [HINFO, hex('07 52464338343832 00'), 'HINFO "RFC8482" ""'],
    [HTTPS, hex('0001 00 0001 0009 026832 08 687474702f312e31'.replace('0009', '000c')), 'HTTPS 1 . alpn="h2,http/1.1"'],
    [HTTPS, hex('0002 00 0003 0002 1f90 0004 0008 0a000001 0a000002 0006 0010 fd000000000000000000000000000001'), 'HTTPS 2 . port=8080 ipv4hint=10.0.0.1,10.0.0.2 ipv6hint=fd00::1'],
    [SVCB, hex('0001 00 0000 0004 00010003 0002 0000 0005 0002 beef fde8 0003 610022'), 'SVCB 1 . mandatory=alpn,port no-default-alpn ech="vu8=" key65000="a\\000\\""'],
    [HTTPS, hex('0001 00 0003 0001 1f'), 'HTTPS \\# 8 0001000003000' + '11f'],
    [HTTPS, hex('0001 00 0004 0003 0a0000'), 'HTTPS \\# 10 00010000040003' + '0a0000'],
    [HTTPS, hex('00'), 'HTTPS \\# 1 00'], [HTTPS, hex('0001 00 0001 0009 02'), 'HTTPS \\# 8 0001000001000902'],
    [65_280, hex('c0ffee'), 'TYPE65280 \\# 3 c0ffee'], [65_280, hex(''), 'TYPE65280 \\# 0']
  ] as const) {
    const message = Buffer.concat([hex('0000 8580 0001 0001 0000 0000'), name, hex('0001 0001'), recordBytes(0xc00c, type, 7, rdata)])
    const { answer, rcode, flags, octets } = answerText(message, name)
    t.strictSame(answer.map(({ type: shown, data }) => `${shown} ${data}`), [wanted])
    t.strictSame([answer[0]?.name, answer[0]?.ttl, rcode, flags, octets], ['shop.example.', 7, 'NOERROR', ['qr', 'aa', 'rd', 'ra'], message.length])
  }
  t.end()
})

t.test('odd octets of a name are escaped, and the root is a dot', (t) => {
  t.strictSame(nameText(Buffer.from('\x04a.b"\x03\x00\xff \x00', 'latin1'), 0), { text: 'a\\.b\\".\\000\\255\\032.', end: 10 })
  t.strictSame(nameText(Buffer.of(0), 0), { text: '.', end: 1 })
  t.end()
})

t.test('a type is its name in either case or its number', (t) => {
  t.strictSame(['a', 'AAAA', 'Https', 'TYPE65280', 'type1', 'TYPE65536', 'TYPE', 'TYPE-1', 'toString', ''].map(typeNumber), [1, 28, 65, 65_280, 1, undefined, undefined, undefined, undefined, undefined])
  t.end()
})

t.test('an answer has its flags, its sections and its extended error', async (t) => {
  const world = town()
  const found = await ask(deskOf(t, world), 'orders.shop.svc.cluster.local')
  t.match(found, { question: { name: 'orders.shop.svc.cluster.local.', type: 'A' }, rcode: 'NOERROR', flags: ['qr', 'aa', 'rd'], authority: [], additional: [] })
  t.strictSame(found.answer.map(({ name, ttl, type, data }) => `${name} ${ttl} ${type} ${data}`).sort(), ['orders.shop.svc.cluster.local. 3 A 10.0.0.1', 'orders.shop.svc.cluster.local. 3 A 10.0.0.2'])
  t.notOk('extendedError' in found)
  const ports = await ask(deskOf(t, world), '_http._tcp.orders.shop.svc.cluster.local', 'srv')
  t.strictSame(ports.additional.map(({ type, data }) => `${type} ${data}`).sort(), ['A 10.0.0.1', 'A 10.0.0.2'])
  const other = await ask(deskOf(t, world), 'www.example.com')
  t.match(other, { rcode: 'REFUSED', flags: ['qr', 'rd'], extendedError: { code: 20, text: 'not in a zone of this registry' } })
  t.match(await ask(deskOf(t, new PlayedFeed()), 'orders.shop.svc.cluster.local'), { rcode: 'SERVFAIL', extendedError: { code: 14 } })
})

t.test('the extended error is found in OPT, whatever octets look like one', async (t) => {
  const world = town().loseStore() // the text of which makes an OPT of 41 octets, which is the type of OPT
  const desk = deskOf(t, world)
  t.match((await ask(desk, 'web.shop.svc.cluster.local')).extendedError, { code: 3, text: 'the store is away: last known state' })
  t.match((await ask(desk, 'what.cluster.local')).extendedError, { code: 19 })
  const name = Buffer.from('\x04\x00\x00)\x00\x00', 'latin1')
  t.equal(extendedErrorOf(Buffer.concat([Buffer.alloc(12), name, Buffer.from([0, 1, 0, 1])]), name), undefined)
})

t.test('the largest set that may be asked for can be shown', async (t) => {
  const world = new PlayedFeed().load().declareNamespace('big', { 'rollcall.dev/dns-max-records': '1000' })
  for (let index = 0; index < 1_000; index++) world.register(`big/all/i${index}`, { address: `10.1.${index >> 8}.${index & 255}`, ports: [{ name: 'http', port: 80 }] })
  const { answer, additional } = await ask(deskOf(t, world), 'all.big.svc.cluster.local', 'SRV')
  t.ok(answer.length > 500)
  t.ok(answer.length + additional.length > 1_001, 'more than what is taken from an upstream')
})

t.test('short names are tried as a resolver does', async (t) => {
  const desk = deskOf(t, town(), { reverse: ['10.0.0.0/8'] })
  for (const [name, namespace, asked, passed] of [
    ['orders', 'shop', 'orders.shop.svc.cluster.local.', 0],
    ['orders.shop', 'default', 'orders.shop.svc.cluster.local.', 1],
    ['orders.shop.svc', 'default', 'orders.shop.svc.cluster.local.', 2],
    ['Orders.Shop.svc.cluster.LOCAL', 'shop', 'orders.shop.svc.cluster.local.', 0],
    ['orders.shop.svc.cluster.local.', 'shop', 'orders.shop.svc.cluster.local.', 0],
    ['1.0.0.10.in-addr.arpa', 'shop', '1.0.0.10.in-addr.arpa.', 0],
    ['cluster.local', 'shop', 'cluster.local.', 0]
  ] as const) {
    const { question, trace } = await ask(desk, name, 'ANY', { namespace })
    t.equal(question.name, asked, name)
    t.equal(trace.filter(({ rule }) => rule === 'search path').length, passed)
  }
  const lost = await ask(desk, 'nobody', 'A', { namespace: 'shop' })
  t.equal(lost.question.name, 'nobody.shop.svc.cluster.local.', 'if there is none, the first form is what is shown')
  t.strictSame(lost.trace.filter(({ rule }) => rule === 'search path').map(({ message }) => message), ['nobody.svc.cluster.local. does not exist', 'nobody.cluster.local. does not exist'])
  t.equal((await ask(desk, 'orders.', 'A', { namespace: 'shop' })).rcode, 'REFUSED', 'a dot at the end says that it is whole')
  t.equal((await ask(desk, 'orders')).rcode, 'REFUSED', 'without a namespace nothing is completed')
  t.match(await ask(desk, '.', 'NS'), { question: { name: '.' }, rcode: 'REFUSED' })
})

t.test('what is no name and what is no type is refused by field, value and rule', async (t) => {
  const desk = deskOf(t, town())
  for (const name of ['a..b', '.a', `${'a'.repeat(64)}.b`, 'a b', 'ä', `${'a.'.repeat(127)}a`]) {
    await t.rejects(ask(desk, name), { code: 'REG_INVALID', errors: [{ field: 'name', value: name, rule: /must be a DNS name/ }] }, name)
  }
  for (const type of ['B', 'AXFR', 'ixfr', 'OPT', 'TYPE252', 'TYPE41', '']) {
    await t.rejects(ask(desk, 'a', type), { code: 'REG_INVALID', errors: [{ field: 'type', value: type, rule: /must be a type of records/ }] }, type)
  }
})

t.test('the trace names the rules that decided', async (t) => {
  const world = town()
  const desk = deskOf(t, world, { reverse: ['10.0.0.0/8', '10.96.0.0/12'], clientZones })
  const below = '.shop.svc.cluster.local'
  for (const [name, type, ...wanted] of [
    [`orders${below}`, 'A',
      'service: shop/orders is implicit: found by the instances that registered under it', 'endpoints: 2 of 5 are answered', 'not answered: c (10.0.0.3): draining',
      'not answered: d (10.0.0.4): suspect: its lease ran out, or its session broke', 'not answered: e (10.0.0.5): not ready: its status is starting',
      'client zone: 10.9.0.1 is in zone east (--client-zone): records of endpoints there, of all if there are none',
      'ttl: 3 s: the shortest lease of the endpoints, less than the 5 s of --dns-ttl', 'order: the first record is chosen by weight among the best priority, the rest rotate', 'answer: 1 record'],
    [`orders${below}`, 'TXT', 'answer: NODATA: the name exists, and has no TXT records'],
    [`orders${below}`, 'ANY', 'type: ANY gets one HINFO (RFC 8482)', 'answer: 1 record'],
    [`lost${below}`, 'A', 'endpoints: 1 of 1 are answered', 'fail open: none is ready and some are out only because they are suspect: those are answered', 'answer: 1 record'],
    [`idle${below}`, 'A', 'not answered: a (10.0.2.1): not ready: its status is down', 'service: found by its endpoints, and there are none: NXDOMAIN, here and below', 'answer: NXDOMAIN: nothing is at or below the name'],
    [`none${below}`, 'A', 'service: shop/none is declared without a cluster IP (headless): found by its endpoints', 'answer: NXDOMAIN: nothing is at or below the name'],
    [`nobody${below}`, 'A', 'service: shop/nobody is neither declared nor has an instance registered under it: NXDOMAIN'],
    [`web${below}`, 'A', 'service: shop/web is declared (ClusterIP): found by its cluster IPs 10.96.0.7, with or without instances behind it', 'endpoints: 0 of 0 are answered', 'ttl: 5 s, by --dns-ttl', 'answer: 1 record'],
    [`spare${below}`, 'A', 'fallback: no endpoint is answered: shop/orders stands in, with its 2 answered endpoints (rollcall.dev/dns-fallback)',
      'ttl: 3 s: the shortest lease of the endpoints, less than the 5 s of --dns-ttl', 'answer: 1 record'],
    [`_http._tcp.spare${below}`, 'SRV', 'name: the port called http over TCP: SRV', 'answer: 1 record'],
    [`second.spare${below}`, 'A', 'name: no answered endpoint is called second, by its hostname or its dashed address: NXDOMAIN'],
    [`front${below}`, 'A', 'fallback: no endpoint is answered: shop/lost stands in, with its 1 answered endpoints (rollcall.dev/dns-fallback)'],
    [`front${below}`, 'HTTPS', 'binding: HTTPS records are switched off (rollcall.dev/dns-https)', 'answer: NODATA: the name exists, and has no HTTPS records'],
    [`second.orders${below}`, 'A', 'name: the answered endpoints called second: b', 'ttl: 3 s: the shortest lease of the endpoints, less than the 5 s of --dns-ttl'],
    [`10-0-0-3.orders${below}`, 'A', 'name: no answered endpoint is called 10-0-0-3, by its hostname or its dashed address: NXDOMAIN'],
    [`_tcp.orders${below}`, 'A', 'name: nothing of its own, ports over TCP are below: NODATA'],
    [`_udp.orders${below}`, 'A', 'name: no port over UDP has a name (there are _http._tcp): NXDOMAIN'],
    [`_grpc._tcp.orders${below}`, 'SRV', 'name: no port is called grpc over TCP (there are _http._tcp): NXDOMAIN'],
    [`_https._tcp.web${below}`, 'SRV', 'name: the port called https over TCP: SRV', 'answer: 1 record'],
    [`west.pin._zone.orders${below}`, 'A', 'choice: endpoints in zone west, and no others', 'answer: 1 record'],
    [`north.pin._zone.orders${below}`, 'A', 'choice: endpoints in zone north, and no others', 'answer: NODATA: the name exists, and has no A records'],
    [`north.prefer._zone.orders${below}`, 'A', 'choice: records of endpoints in zone north, of all if there are none', 'answer: 2 records'],
    [`v2._version._tag.orders${below}`, 'A', 'choice: endpoints with all of the tags v2._version, and no others', 'answer: 1 record'],
    [`_tag.orders${below}`, 'A', 'name: nothing of its own, choices are below: NODATA'],
    [`near${below}`, 'A', 'service: shop/near is declared (ExternalName): an alias of orders.shop.svc.cluster.local', 'service: shop/orders is implicit: found by the instances that registered under it', 'answer: 2 records'],
    [`near${below}`, 'TXT', 'answer: NODATA: what the alias leads to exists, and has no TXT records'],
    [`near${below}`, 'CNAME', 'answer: 1 record'],
    [`far${below}`, 'A', 'alias: its target is in no zone of ours: the client asks on', 'answer: the alias, and the client asks on'],
    [`gone${below}`, 'A', 'answer: NXDOMAIN: nothing is at or below the name that the alias leads to'],
    [`ring${below}`, 'A', 'alias: the chain turns back to shop/ring: it ends here, and the client asks on', 'answer: the alias, and the client asks on'],
    [`a.near${below}`, 'A', 'name: nothing is below an alias: NXDOMAIN'],
    ['shop.svc.cluster.local', 'A', 'namespace: shop exists, and names are below: NODATA'],
    ['empty.svc.cluster.local', 'A', 'namespace: empty exists, and names are below: NODATA'],
    ['nowhere.svc.cluster.local', 'A', 'namespace: there is no namespace nowhere: NXDOMAIN'],
    ['svc.cluster.local', 'A', 'name: nothing of its own, names are below: NODATA'],
    ['cluster.local', 'SOA', 'name: the zone itself: SOA and NS', 'answer: 1 record'],
    ['dns-version.cluster.local', 'TXT', 'name: the version of the Kubernetes DNS specification: TXT'],
    ['ns.dns.cluster.local', 'A', 'name: the name server: the address that DNS listens on, if it is one', 'answer: 1 record'],
    ['what.cluster.local', 'A', 'name: it has none of the shapes that names in this zone have', 'answer: NXDOMAIN: nothing is at or below the name'],
    ['10-0-0-3.shop.pod.cluster.local', 'A', 'instance by address: an instance of namespace shop is registered with 10.0.0.3, whatever its status', 'answer: 1 record'],
    ['10-0-0-9.shop.pod.cluster.local', 'A', 'instance by address: no instance of namespace shop is registered with 10.0.0.9: NXDOMAIN'],
    ['2.0.0.10.in-addr.arpa', 'PTR', 'endpoints: 10.0.0.2 is an answered endpoint of shop/orders: its hostnames first, then its dashed addresses', 'answer: 1 record'],
    ['3.0.0.10.in-addr.arpa', 'PTR', 'reverse zone: 10.0.0.3 is no cluster IP that has a name, and no answered endpoint has it', 'answer: NXDOMAIN: nothing is at or below the name'],
    ['7.0.96.10.in-addr.arpa', 'PTR', 'cluster IP: 10.96.0.7 is given to shop/web: its name, and no other'],
    ['0.0.10.in-addr.arpa', 'PTR', 'reverse zone: addresses are below: NODATA'],
    ['_http._tcp.shop.svc.cluster.local', 'PTR', 'DNS-SD: who has a port called http over TCP in namespace shop'],
    ['example.com', 'A', 'zone: the name is in no zone that is served here, and nothing is forwarded: REFUSED, extended error 20', 'answer: REFUSED: the extended error says why']
  ] as const) {
    const explained = await ask(desk, name, type)
    const found = lines(explained)
    t.strictSame(wanted.filter((line) => !found.includes(line)), [], `${name} ${type} says it all: ${found.join(' | ')}`)
    checkClaims(t, explained)
  }
})

t.test('a chain of eight aliases is followed to its end, one of nine is not', async (t) => {
  const world = new PlayedFeed().load().register('shop/a0/x', { address: '10.0.0.1' })
  for (let index = 1; index <= 9; index++) world.declare(`shop/a${index}`, { type: 'ExternalName', externalName: `a${index - 1}.shop.svc.cluster.local` })
  const desk = deskOf(t, world)
  const eight = await ask(desk, 'a8.shop.svc.cluster.local')
  t.equal(lines(eight).at(-1), 'answer: 9 records')
  t.notOk(lines(eight).some((line) => line.includes('asks on')))
  const nine = await ask(desk, 'a9.shop.svc.cluster.local')
  t.strictSame(lines(nine).slice(-2), ['alias: shop/a1 is one more alias, behind 8: the client asks on', 'answer: the alias, and the client asks on'])
})

t.test('while the store is away the trace says so, and what that makes of the TTL', async (t) => {
  const world = new PlayedFeed().load().declareNamespace('shop', { 'rollcall.dev/dns-ttl': '60' }).register('shop/orders/a', { address: '10.0.0.1', lease: { ttlMs: 30_000 } })
  const desk = deskOf(t, world)
  t.match(lines(await ask(desk, 'orders.shop.svc.cluster.local')), ['zone: cluster.local is served here', /^service/, /^endpoints/, 'ttl: 30 s: the shortest lease of the endpoints, less than the 60 s of rollcall.dev/dns-ttl'])
  world.loseStore()
  world.clock.advance(7_000)
  const { answer, extendedError, ...rest } = await ask(desk, 'orders.shop.svc.cluster.local')
  t.match([answer[0]?.ttl, extendedError?.code], [5, 3])
  t.match(lines({ answer, ...rest }), ['zone: cluster.local is served here', /^store: it has been away for 7 s/, /^service/, /^endpoints/, 'ttl: 5 s while the store is away, instead of 30 s'])
})

const verdicts = ['NXDOMAIN', 'NODATA', 'SERVFAIL', 'REFUSED'] as const

/** What a rule claims outright is what was answered. */
function checkClaims (t: { ok (value: unknown, message: string): unknown }, { question, rcode, answer, trace }: Explained): void {
  const verdict = rcode === 'NOERROR' && answer.every(({ type }) => type === 'CNAME') ? 'NODATA' : rcode
  for (const { rule, message } of trace) {
    const claimed = verdicts.find((each) => message.includes(`: ${each}`) || message.startsWith(`${each}:`))
    if (claimed === undefined || claimed === verdict) continue
    t.ok(false, `${question.name} ${question.type} is ${rcode}, and not as it says: ${rule}: ${message}`)
  }
}

t.test('the trace never says another end than the answer has', async (t) => {
  const world = town()
  const desk = deskOf(t, world, { reverse: ['10.0.0.0/8'], clientZones })
  const services = ['orders', 'lost', 'idle', 'web', 'none', 'spare', 'front', 'near', 'far', 'gone', 'ring', 'nobody']
  const label = fc.constantFrom(
    ...services, 'shop', 'empty', 'svc', 'pod', 'dns', 'ns', 'second', '10-0-0-1', '10-0-0-3', '_tcp', '_udp', '_sctp', '_http', '_https', '_grpc', '_zone', '_tag', 'pin', 'prefer', 'east', 'v2', '_version',
    '_dns-sd', '_services', 'b', 'lb', 'second_orders', 'dns-version', 'a!b', '_', '-'
  )
  const parts = (max: number): fc.Arbitrary<string[]> => fc.array(label, { maxLength: max })
  const name = fc.oneof(
    parts(7).map((labels) => [...labels, 'cluster', 'local'].join('.')),
    fc.tuple(parts(4), fc.constantFrom(...services)).map(([labels, service]) => [...labels, service, 'shop', 'svc', 'cluster', 'local'].join('.')),
    fc.tuple(parts(3), fc.constantFrom('_tcp', '_udp', '_dns-sd'), fc.constantFrom('shop', 'empty', 'nowhere')).map(([labels, first, namespace]) => [...labels, first, namespace, 'svc', 'cluster', 'local'].join('.')),
    fc.array(fc.constantFrom('0', '1', '2', '7', '10', '96', '007', 'x'), { maxLength: 5 }).map((labels) => [...labels, '10', 'in-addr', 'arpa'].join('.'))
  )
  const type = fc.constantFrom('A', 'AAAA', 'SRV', 'PTR', 'TXT', 'HTTPS', 'ANY', 'CNAME', 'SOA', 'NS', 'TYPE65280')
  await fc.assert(fc.asyncProperty(name, type, async (asked, kind) => {
    const faults: string[] = []
    const explained = await ask(desk, asked, kind)
    checkClaims({ ok: (_value, message) => faults.push(message) }, explained)
    if (faults.length > 0) throw new Error(faults.join('\n'))
    return explained.trace.at(-1)?.rule === 'answer'
  }), { numRuns: 3_000 })
})

t.test('an answer of endpoints that drain says that it is one', async (t) => {
  const world = town().register('shop/going/a', { address: '10.0.3.1', status: 'draining' }).register('shop/going/b', { address: '10.0.3.2', suspect: true })
  const found = lines(await ask(deskOf(t, world), 'going.shop.svc.cluster.local.'))
  t.match(found.find((line) => line.startsWith('draining')), /none is ready: those that drain and still serve are answered/)
  t.match(found.find((line) => line.startsWith('not answered: b')), /suspect/)
  const usual = lines(await ask(deskOf(t, world), 'orders.shop.svc.cluster.local.'))
  t.equal(usual.find((line) => line.startsWith('draining')), undefined)
})
