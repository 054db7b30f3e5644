// The clients that people have: Node's own resolver (c-ares) and dig.
import { execFile } from 'node:child_process'
import { Resolver } from 'node:dns/promises'
import { promisify } from 'node:util'
import t from 'tap'
import type { DnsServer } from '../../server/dns/server.ts'
import { cookieSecretKey } from '../../server/dns/protect/cookie-secret.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'
import { lacking } from '../support/programs.ts'

const web = 'web.shop.svc.cluster.local'

function world (): PlayedFeed {
  return new PlayedFeed().load()
    .register('shop/web/a', { address: '10.0.0.1', hostname: 'web-0', ports: [{ name: 'http', port: 8080 }], weight: 10, priority: 1 })
    .register('shop/web/b', { address: 'fd00::2', ports: [{ name: 'http', port: 8081 }], weight: 20, priority: 2 })
}

const front = 'front.shop.svc.cluster.local'
const alias = 'alias.shop.svc.cluster.local'
const ghost = 'ghost.shop.svc.cluster.local'

function declared (): PlayedFeed {
  return world()
    .declare('shop/front', { clusterIPs: ['10.96.0.9', 'fd00:10:96::9'], ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 }] })
    .declare('shop/alias', { type: 'ExternalName', externalName: front })
    .declare('shop/ghost', { type: 'ExternalName', externalName: `no.${front}` })
}

function resolverOf (server: DnsServer): Resolver {
  const resolver = new Resolver({ tries: 1 })
  resolver.setServers([`${server.address}:${server.port}`])
  return resolver
}

t.test('Node resolves every kind of record, with uncompressed SRV targets', async (t) => {
  const resolver = resolverOf(await serve(t, world()))
  t.strictSame(await resolver.resolve4(web, { ttl: true }), [{ address: '10.0.0.1', ttl: 5 }])
  t.strictSame(await resolver.resolve6(web), ['fd00::2'])
  t.match((await resolver.resolveSrv(`_http._tcp.${web}`)).sort((a, b) => a.priority - b.priority), [
    { name: `web-0.${web}`, port: 8080, priority: 1, weight: 10 }, { name: `fd00--2.${web}`, port: 8081, priority: 2, weight: 20 }
  ])
  t.equal((await resolver.resolveSrv(web)).length, 2)
  t.strictSame(await resolver.resolve6(`fd00--2.${web}`), ['fd00::2'])
  t.strictSame(await resolver.resolveNs('cluster.local'), ['ns.dns.cluster.local'])
  t.strictSame(await resolver.resolve4('ns.dns.cluster.local'), ['127.0.0.1'])
  t.strictSame(await resolver.resolveTxt('dns-version.cluster.local'), [['1.1.0']])
  t.match(await resolver.resolveSoa('cluster.local'), {
    nsname: 'ns.dns.cluster.local', hostmaster: 'hostmaster.cluster.local', serial: 2, refresh: 7200, retry: 1800, expire: 86400, minttl: 5
  })
})

t.test('Node tells no data from no name, and from a server that is not ready', async (t) => {
  const resolver = resolverOf(await serve(t, world()))
  await t.rejects(resolver.resolve4('shop.svc.cluster.local'), { code: 'ENODATA' })
  await t.rejects(resolver.resolveTxt(web), { code: 'ENODATA' })
  await t.rejects(resolver.resolve4(`no.${web}`), { code: 'ENOTFOUND' })
  await t.rejects(resolverOf(await serve(t, new PlayedFeed())).resolve4(web), { code: 'ESERVFAIL' })
})

t.test('Node resolves declared services, through an alias too', async (t) => {
  const resolver = resolverOf(await serve(t, declared()))
  t.strictSame([await resolver.resolve4(front), await resolver.resolve6(front)], [['10.96.0.9'], ['fd00:10:96::9']])
  t.strictSame([await resolver.resolve4(alias), await resolver.resolve6(alias)], [['10.96.0.9'], ['fd00:10:96::9']])
  t.match(await resolver.resolveSrv(`_http._tcp.${front}`), [{ name: front, port: 80, priority: 0, weight: 100 }])
  t.match(await resolver.resolveSrv(alias), [{ name: front, port: 80 }])
  t.strictSame(await resolver.resolveCname(alias), [front])
  await t.rejects(resolver.resolve4(ghost), { code: 'ENOTFOUND' })
  await t.rejects(resolver.resolveTxt(front), { code: 'ENODATA' })
})

t.test('Node finds names from addresses, and browses', async (t) => {
  const resolver = resolverOf(await serve(t, declared(), { reverse: ['10.0.0.0/8', 'fd00::/8'] }))
  t.strictSame(await resolver.reverse('10.0.0.1'), [`web-0.${web}`])
  t.strictSame(await resolver.reverse('fd00::2'), [`fd00--2.${web}`])
  t.strictSame([await resolver.reverse('10.96.0.9'), await resolver.reverse('fd00:10:96::9')], [[front], [front]])
  await t.rejects(resolver.reverse('10.0.0.2'), { code: 'ENOTFOUND' })
  t.strictSame(await resolver.resolve4('10-0-0-1.shop.pod.cluster.local'), ['10.0.0.1'])
  const [type = ''] = await resolver.resolvePtr('_services._dns-sd._udp.shop.svc.cluster.local')
  t.equal(type, '_http._tcp.shop.svc.cluster.local')
  const offers = (await resolver.resolvePtr(type)).sort()
  t.strictSame(offers, [`fd00--2_web.${type}`, `front.${type}`, `web-0_web.${type}`])
  t.match(await resolver.resolveSrv(`web-0_web.${type}`), [{ name: `web-0.${web}`, port: 8080 }])
  t.strictSame(await resolver.resolveTxt(`web-0_web.${type}`), [['']])
})

t.test('Node takes a large answer over TCP, and leaves ANY without an answer of a type it knows', async (t) => {
  const large = new PlayedFeed().load()
  for (let index = 0; index < 100; index++) large.register(`shop/web/${index}`, { address: `10.0.1.${index}`, ports: [{ name: 'http', port: 80 }] })
  const server = await serve(t, large)
  const resolver = resolverOf(server)
  t.equal((await resolver.resolve4(web)).length, 100)
  t.equal((await resolver.resolveSrv(`_http._tcp.${web}`)).length, 100)
  t.ok(server.counters.truncated >= 2)
  t.strictSame(await resolver.resolveAny(web).catch((error: NodeJS.ErrnoException) => error.code), [])
})

const noDig = lacking('dig')
const run = promisify(execFile)

/** Asks with dig. Its own configuration file is not read. */
async function dig (server: DnsServer, ...question: string[]): Promise<string> {
  const { stdout } = await run('dig', ['-r', `@${server.address}`, '-p', String(server.port), '+tries=1', ...question])
  return stdout
}

t.test('dig finds no fault with any answer', { skip: noDig }, async (t) => {
  const server = await serve(t, declared(), { reverse: ['10.0.0.0/8'] })
  const names = [[front, 'A'], [front, 'SRV'], [`_http._tcp.${front}`, 'SRV'], [alias, 'AAAA'], [alias, 'SRV'], [alias, 'TXT'], [alias, 'CNAME'], [alias, 'ANY'], [ghost, 'A'],
    [web, 'A'], [web, 'AAAA'], [web, 'SRV'], [web, 'ANY'], [`_http._tcp.${web}`, 'SRV'], ['cluster.local', 'SOA'], ['cluster.local', 'NS'], ['ns.dns.cluster.local', 'A'],
    ['dns-version.cluster.local', 'TXT'], ['shop.svc.cluster.local', 'A'], [`no.${web}`, 'A'], ['example.com', 'A'], ['1.0.0.10.in-addr.arpa', 'PTR'], ['10.in-addr.arpa', 'SOA'], ['10.in-addr.arpa', 'NS'], ['2.0.0.10.in-addr.arpa', 'PTR'],
    ['b._dns-sd._udp.cluster.local', 'PTR'], ['_services._dns-sd._udp.cluster.local', 'PTR'], ['_http._tcp.shop.svc.cluster.local', 'PTR'],
    ['web-0_web._http._tcp.shop.svc.cluster.local', 'SRV'], ['web-0_web._http._tcp.shop.svc.cluster.local', 'TXT'], [web, 'HTTPS'], [web, 'TYPE65280'], [`a\\.b.shop.svc.cluster.local`, 'A']] as const
  for (const transport of ['+notcp', '+tcp']) {
    for (const [name, type] of names) {
      const output = await dig(server, name, type, transport, '+norecurse')
      t.match(output, /status: (?:NOERROR|NXDOMAIN|REFUSED)/, `${name} ${type} ${transport}`)
      t.notMatch(output, /warning: (?!.*\.local is reserved)|malformed|extra bytes|communications error/i, 'no complaint')
    }
  }
})

t.test('dig prints the sections as a zone file has them', { skip: noDig }, async (t) => {
  const server = await serve(t, world())
  const lines = (output: string): string[] => output.split('\n').filter(Boolean).map((line) => line.replaceAll(/\s+/g, ' ')).sort()
  t.strictSame(lines(await dig(server, web, 'A', '+short')), ['10.0.0.1'])
  t.strictSame(lines(await dig(server, `_http._tcp.${web}`, 'SRV', '+noall', '+answer', '+additional')), [
    `_http._tcp.${web}. 5 IN SRV 1 10 8080 web-0.${web}.`,
    `_http._tcp.${web}. 5 IN SRV 2 20 8081 fd00--2.${web}.`,
    `fd00--2.${web}. 5 IN AAAA fd00::2`,
    `web-0.${web}. 5 IN A 10.0.0.1`
  ])
  t.strictSame(lines(await dig(server, `no.${web}`, '+noall', '+authority')), ['cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 2 7200 1800 86400 5'])
  t.match(await dig(server, 'WEB.Shop.SVC.cluster.LOCAL', '+noall', '+question'), 'WEB.Shop.SVC.cluster.LOCAL.', 'the case of the question')
})

t.test('dig -x finds the name of an address in either family', { skip: noDig }, async (t) => {
  const server = await serve(t, declared(), { reverse: ['10.0.0.0/8', 'fd00::/8'] })
  for (const [address, name] of [['10.0.0.1', `web-0.${web}`], ['fd00::2', `fd00--2.${web}`], ['10.96.0.9', front], ['fd00:10:96::9', front]] as const) {
    t.equal((await dig(server, '-x', address, '+short')).trim(), `${name}.`)
  }
  t.match(await dig(server, '-x', '10.0.0.2'), /status: NXDOMAIN[^]*10\.in-addr\.arpa\.\s+5\s+IN\s+SOA\s+ns\.dns\.cluster\.local\./)
  t.match(await dig(server, '-x', '203.0.113.1'), 'status: REFUSED')
})

t.test('dig calls cookies good, the first and the one that they bring back', { skip: noDig }, async (t) => {
  const server = await serve(t, world().keep(cookieSecretKey, JSON.stringify({ keys: ['e5e973e5a6b2a43f48e7dc849e37bfcf'] })))
  const output = await dig(server, '+cookie', web)
  const cookie = /COOKIE: ([0-9a-f]{48}) \(good\)/.exec(output)?.[1] ?? ''
  t.equal(cookie.length, 48, output)
  t.match(await dig(server, `+cookie=${cookie}`, web), `COOKIE: ${cookie} (good)`)
  t.match(await dig(server, '+tcp', '+cookie', web), '(good)')
  t.match(await dig(server, '+cookie', '+header-only'), /status: NOERROR[^]*\(good\)/, 'without a question')
  t.match(await dig(server, '+cookie', '+badcookie', 'example.com'), /status: REFUSED[^]*\(good\)/)
})

t.test('kdig calls cookies good, too', { skip: lacking('kdig') }, async (t) => {
  const server = await serve(t, world().keep(cookieSecretKey, JSON.stringify({ keys: ['e5e973e5a6b2a43f48e7dc849e37bfcf'] })))
  const { stdout } = await run('kdig', [`@${server.address}`, '-p', String(server.port), '+cookie', web])
  t.match(stdout, /status: NOERROR/)
  t.notMatch(stdout, /WARNING/i)
})

t.test('dig sees the version, the size, the reason and the header alone', { skip: noDig }, async (t) => {
  const of = world()
  const server = await serve(t, of, { node: 'node-a', version: 'rollcall 1.2.3' })
  t.match(await dig(server, web, '+edns=1', '+noednsneg'), 'status: BADVERS')
  t.match(await dig(server, web, '+bufsize=4096'), 'EDNS: version: 0, flags:; udp: 1232')
  t.notMatch(await dig(server, web, '+cookie'), 'COOKIE', 'without a secret there is no cookie, and none is echoed')
  t.notMatch(await dig(server, web, '+noedns'), 'OPT PSEUDOSECTION')
  t.match(await dig(server, 'example.com'), 'EDE: 20 (Not Authoritative): (not in a zone of this registry)')
  t.match(await dig(server, '+nocookie', '+header-only'), 'status: FORMERR')
  t.match(await dig(server, '+opcode=UPDATE', web), 'status: NOTIMP')
  t.match(await dig(server, 'authors.bind', 'CH', 'TXT'), 'status: REFUSED')
  t.match(await dig(server, '+short', 'version.bind', 'CH', 'TXT'), '"rollcall 1.2.3"')
  t.match(await dig(server, '+short', 'id.server', 'CH', 'TXT'), '"node-a"')
  t.match(await dig(server, '+nsid', web), /NSID:.*\("node-a"\)/)
  t.match(await dig(server, 'cluster.local', 'AXFR'), 'Transfer failed')
  of.loseStore()
  t.match(await dig(server, web), 'EDE: 3 (Stale Answer)')
  t.match(await dig(await serve(t, new PlayedFeed()), web), /status: SERVFAIL[^]*EDE: 14 \(Not Ready\)/)
})
