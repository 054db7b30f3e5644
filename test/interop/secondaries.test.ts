// BIND, NSD and Knot as secondaries, with the configurations of the guide: each takes the zones by signed transfer, hears of changes,
// takes differences, and answers as the registry does.
import t, { type Test } from 'tap'
import { startDnsWorkers } from '../../server/dns/workers.ts'
import { readDnsPeers } from '../../server/dns/transfer/peers.ts'
import type { PlayedFeed } from '../support/played-feed.ts'
import { guideBlock } from './guide.ts'
import { type PeerPlan, startPeer, until } from './peers.ts'
import { freePort } from '../support/free-port.ts'
import { lacking } from '../support/programs.ts'
import { dig } from './resolvers.ts'
import { inShop, shop } from './shop.ts'

const secret = Buffer.alloc(32, 7).toString('base64')
const zone = 'cluster.local'
const reverse = '10.in-addr.arpa'

/** A secondary: its program and how it is started before a primary on a port. */
interface Secondary {
  readonly program: string
  readonly plan: (block: string) => Pick<PeerPlan, 'config' | 'args'>
  readonly marker: string
  readonly changes: (primaryPort: number) => Readonly<Record<string, string>>
}

const secondaries: Readonly<Record<string, Secondary>> = {
  BIND: {
    program: 'named',
    marker: 'type secondary',
    changes: (port) => ({ SECRET: secret, '192.0.2.53 port 53': `127.0.0.1 port ${port}` }),
    plan: (block) => ({
      config: (port, directory) => `
        options {
          directory "${directory}";
          pid-file none;
          session-keyfile none;
          listen-on port ${port} { 127.0.0.1; };
          listen-on-v6 { none; };
          recursion no;
        };
        controls { };
        ${block}`,
      args: (path) => ['-g', '-4', '-n', '1', '-c', path]
    })
  },
  NSD: {
    program: 'nsd',
    marker: 'request-xfr',
    changes: (port) => ({ SECRET: secret, '192.0.2.53@53': `127.0.0.1@${port}`, 'allow-notify: 192.0.2.53': 'allow-notify: 127.0.0.1' }),
    plan: (block) => ({
      config: (port, directory) => `
server:
  ip-address: 127.0.0.1@${port}
  do-ip6: no
  username: ""
  chroot: ""
  zonesdir: "${directory}"
  database: ""
  pidfile: "${directory}/pid"
  xfrdfile: "${directory}/xfrd.state"
  xfrdir: "${directory}"
  zonelistfile: "${directory}/zones"
  server-count: 1
  xfrd-reload-timeout: 0
remote-control:
  control-enable: no
${block}`,
      args: (path) => ['-d', '-c', path]
    })
  },
  Knot: {
    program: 'knotd',
    marker: 'master: rollcall',
    changes: (port) => ({ SECRET: secret, '192.0.2.53@53': `127.0.0.1@${port}`, 'address: 192.0.2.53\n': 'address: 127.0.0.1\n' }),
    plan: (block) => ({
      config: (port, directory) => `
server:
  listen: 127.0.0.1@${port}
  rundir: ${directory}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: ${directory}
log:
  - target: stdout
    any: info
template:
  - id: default
    storage: ${directory}
${block}`,
      args: (path) => ['-c', path]
    })
  }
}

async function serial (port: number, of = zone): Promise<number> {
  return Number((await dig(port, '+short', of, 'SOA')).split(' ')[2])
}

/** The answer's code and records, sorted: who turns them, and in which order, is a server's own business. */
async function answer (port: number, name: string, type: string): Promise<string> {
  const output = (await dig(port, '+norecurse', '+noall', '+answer', '+comments', '+tcp', name, type)).replaceAll(/[ \t]+/g, ' ')
  const rcode = /status: (\w+)/.exec(output)?.[1] ?? ''
  return [rcode, ...output.split('\n').filter((line) => line !== '' && !line.startsWith(';')).sort()].join('\n')
}

const questions = [
  ...['A', 'AAAA', 'SRV', 'HTTPS', 'SVCB', 'CNAME'].flatMap((type) => ['web', 'mixed', 'front', 'wide'].map((name) => [inShop(name), type] as const)),
  ...['A', 'AAAA', 'CNAME'].map((type) => [inShop('alias'), type] as const), [inShop('second'), 'CNAME'], [inShop('away'), 'CNAME'], [inShop('ghost'), 'CNAME'],
  [`web-0.${inShop('web')}`, 'A'], [`10-0-0-2.${inShop('web')}`, 'A'], [`_http._tcp.${inShop('web')}`, 'SRV'], [`_http._tcp.${inShop('front')}`, 'SRV'],
  [`_tcp.${inShop('web')}`, 'A'], [inShop('nobody'), 'A'], [zone, 'SOA'], [zone, 'NS'], [`ns.dns.${zone}`, 'A'], [`dns-version.${zone}`, 'TXT'],
  [reverse, 'SOA'], [reverse, 'NS'], ['1.0.0.10.in-addr.arpa', 'PTR'], ['2.0.0.10.in-addr.arpa', 'PTR'], ['9.0.96.10.in-addr.arpa', 'PTR'],
  ['1.1.0.10.in-addr.arpa', 'PTR'], ['9.9.9.10.in-addr.arpa', 'PTR'], ['0.0.10.in-addr.arpa', 'PTR']
] as const

async function checkSecondary (t: Test, { program, plan, marker, changes }: Secondary, workers: number): Promise<void> {
  const world: PlayedFeed = shop()
  const secondaryPort = await freePort()
  const { notify, ...transfer } = readDnsPeers({ keys: [`edge=${secret}`], transferTo: ['127.0.0.1+key:edge'], notify: [`127.0.0.1:${secondaryPort}+key:edge`] })
  const warnings: string[] = []
  const log = { warn: (message: string) => warnings.push(message), error: (message: string) => warnings.push(message) }
  const dns = await startDnsWorkers({ workers, feed: world.feed, host: '127.0.0.1', port: 0, reverse: ['10.0.0.0/8'], transfer, notify, log })
  t.teardown(() => dns.close())
  await dns.whenTaken(world.feed.revision)
  const block = await guideBlock('secondary', marker, changes(dns.port))
  await startPeer(t, {
    program, ...plan(block), port: secondaryPort,
    isReady: async (port) => await serial(port) > 0 && await serial(port, reverse) > 0
  })

  for (const [name, type] of questions) t.equal(await answer(secondaryPort, name, type), await answer(dns.port, name, type), `${name} ${type}`)

  world.register('shop/web/c', { address: '10.0.0.9', ports: [{ name: 'http', port: 8080 }] }).deregister('shop/web/a')
  const { revision } = world.feed
  await until('the secondary has the change', async () => await serial(secondaryPort) === revision && await serial(secondaryPort, reverse) === revision || undefined)
  await dns.whenTaken(revision)
  for (const [name, type] of [[inShop('web'), 'A'], [inShop('web'), 'SRV'], ['9.0.0.10.in-addr.arpa', 'PTR'], ['1.0.0.10.in-addr.arpa', 'PTR']] as const) {
    t.equal(await answer(secondaryPort, name, type), await answer(dns.port, name, type), `${name} ${type} after a change`)
  }
  t.match(await answer(secondaryPort, inShop('web'), 'A'), /10\.0\.0\.2[^]*10\.0\.0\.9/)
  const { counters } = dns
  t.ok(counters.notifyAcknowledged >= 2, 'it took what it was told')
  if (workers === 0) t.match({ full: counters.transfersFull, difference: counters.transfersDifference }, { full: 2, difference: 2 }, 'each zone once, and what changed')
  t.strictSame(warnings.filter((message) => !/does not answer/.test(message)), [], 'before it was started it was silent')
}

for (const [name, secondary] of Object.entries(secondaries)) {
  t.test(`${name} as a secondary`, { skip: lacking(secondary.program, 'dig') }, (t) => checkSecondary(t, secondary, 0))
}

t.test('a secondary of a node whose threads answer', { skip: lacking('nsd', 'dig') }, async (t) => {
  const { NSD } = secondaries
  if (NSD !== undefined) await checkSecondary(t, NSD, 2)
})
