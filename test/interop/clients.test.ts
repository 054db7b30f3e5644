// The programs that people ask by hand: dig, kdig, host and nslookup.
import t from 'tap'
import type { DnsServer } from '../../server/dns/server.ts'
import { serve } from '../support/played-feed.ts'
import { lacking, output } from '../support/programs.ts'
import { inShop, shop } from './shop.ts'

const web = inShop('web')
const away = inShop('away')

/** Name, type, and the lines of the answer section. */
const table: readonly (readonly [name: string, type: string, answer: readonly string[]])[] = [
  [web, 'A', [`${web}. 5 IN A 10.0.0.1`, `${web}. 5 IN A 10.0.0.2`]],
  [web, 'AAAA', []],
  [inShop('mixed'), 'AAAA', [`${inShop('mixed')}. 5 IN AAAA fd00::3`]],
  [`_http._tcp.${web}`, 'SRV', [`_http._tcp.${web}. 5 IN SRV 1 10 8080 web-0.${web}.`, `_http._tcp.${web}. 5 IN SRV 2 20 8081 10-0-0-2.${web}.`]],
  [`web-0.${web}`, 'A', [`web-0.${web}. 5 IN A 10.0.0.1`]],
  [inShop('front'), 'A', [`${inShop('front')}. 5 IN A 10.96.0.9`]],
  [inShop('alias'), 'A', [`${inShop('alias')}. 5 IN CNAME ${inShop('front')}.`, `${inShop('front')}. 5 IN A 10.96.0.9`]],
  [inShop('alias'), 'CNAME', [`${inShop('alias')}. 5 IN CNAME ${inShop('front')}.`]],
  [away, 'A', [`${away}. 5 IN CNAME payments.partner.example.`]],
  ['cluster.local', 'NS', ['cluster.local. 5 IN NS ns.dns.cluster.local.']],
  ['dns-version.cluster.local', 'TXT', ['dns-version.cluster.local. 5 IN TXT "1.1.0"']],
  [inShop('nobody'), 'A', []]
]

/** The records of an answer section, in the same form for every client. */
function records (printed: string): string[] {
  return printed.split('\n').filter((line) => line !== '' && !line.startsWith(';')).map((line) => line.trim().replaceAll(/\s+/g, ' ')).sort()
}

const variants = {
  dig: [['+notcp'], ['+tcp'], ['+noedns'], ['+bufsize=512'], ['+bufsize=4096', '+dnssec'], ['+nsid'], ['+cookie'], ['+subnet=192.0.2.0/24'], ['+norecurse', '+adflag', '+cdflag'], ['+padding=128', '+tcp', '+keepalive']],
  kdig: [['+notcp'], ['+tcp'], ['+edns=0', '+bufsize=512'], ['+bufsize=4096', '+dnssec'], ['+nsid'], ['+cookie'], ['+subnet=192.0.2.0/24'], ['+padding=128'], ['+tcp', '+keepopen']]
} as const
/** What dig says of every server that does not recurse, and of every name in .local. */
const harmless = /WARNING: (?:recursion requested but not available|\.local is reserved for Multicast DNS)/g
const fixed = { dig: ['-r', '+tries=1'], kdig: ['+retry=0'] } as const

for (const client of ['dig', 'kdig'] as const) {
  t.test(client, { skip: lacking(client) }, async (t) => {
    const ask = async ({ port }: DnsServer, ...question: readonly string[]): Promise<string> => {
      const { stdout, stderr } = await output(client, ...fixed[client], '@127.0.0.1', '-p', String(port), ...question)
      return stdout + stderr
    }

    for (const options of variants[client]) {
      t.test(`${options.join(' ')} gets the records of every kind, and finds no fault`, async (t) => {
        const server = await serve(t, shop())
        const questions = table.flatMap(([name, type]) => [name, type])
        t.strictSame(records(await ask(server, ...options, '+noall', '+answer', ...questions)), table.flatMap(([,, answer]) => answer).sort())
        const whole = await ask(server, ...options, ...questions)
        t.equal(whole.match(/status: (?:NOERROR|NXDOMAIN)/g)?.length, table.length)
        t.notMatch(whole.replaceAll(harmless, ''), /warning|malformed|extra bytes|echoed|mismatch|communications error/i)
      })
    }

    t.test('takes a large set over TCP after UDP', async (t) => {
      const server = await serve(t, shop())
      t.equal(records(await ask(server, `_http._tcp.${inShop('wide')}`, 'SRV', '+noall', '+answer')).length, 60)
      t.equal(server.counters.truncated, 1)
    })

    t.test('says that there is no such name, or no such record, and shows the SOA', async (t) => {
      const server = await serve(t, shop())
      t.match(await ask(server, inShop('nobody'), 'A'), /status: NXDOMAIN[^]*cluster\.local\.\s+5\s+IN\s+SOA\s+ns\.dns\.cluster\.local\./)
      t.match(await ask(server, inShop('ghost'), 'A'), /status: NXDOMAIN[^]*CNAME[^]*SOA/)
      t.match(await ask(server, web, 'AAAA'), /status: NOERROR[^]*cluster\.local\.\s+5\s+IN\s+SOA/)
      t.match(await ask(server, 'www.example.com', 'A'), /status: REFUSED/)
    })
  })
}

t.test('host', { skip: lacking('host') }, async (t) => {
  const server = await serve(t, shop())
  const host = async (...question: readonly string[]): Promise<string> => {
    const { stdout } = await output('host', '-p', String(server.port), ...question, '127.0.0.1').catch((error: { stdout: string }) => error)
    return stdout
  }
  t.match(await host(web), `${web} has address 10.0.0.1`)
  t.match(await host(inShop('front')), /has address 10\.96\.0\.9[^]*has IPv6 address fd00:10:96::9/)
  t.match(await host(inShop('second')), /is an alias for alias[^]*is an alias for front[^]*has address 10\.96\.0\.9/)
  t.match(await host('-t', 'SRV', `_http._tcp.${web}`), `has SRV record 1 10 8080 web-0.${web}.`)
  t.match(await host('-t', 'AAAA', web), 'has no AAAA record')
  t.match(await host(inShop('nobody')), 'not found: 3(NXDOMAIN)')
  t.equal((await host('-T', '-t', 'A', inShop('wide'))).match(/has address/g)?.length, 60)
})

t.test('nslookup', { skip: lacking('nslookup') }, async (t) => {
  const server = await serve(t, shop())
  const nslookup = async (...question: readonly string[]): Promise<string> => {
    const { stdout } = await output('nslookup', `-port=${server.port}`, ...question, '127.0.0.1').catch((error: { stdout: string }) => error)
    return stdout
  }
  t.match(await nslookup(inShop('front')), /Address: 10\.96\.0\.9\n[^]*Address: fd00:10:96::9/)
  t.match(await nslookup(web), /Address: 10\.0\.0\.[12]\n[^]*Address: 10\.0\.0\.[12]\n/)
  t.match(await nslookup(inShop('alias')), `canonical name = ${inShop('front')}.`)
  t.match(await nslookup('-type=SRV', `_http._tcp.${web}`), `service = 1 10 8080 web-0.${web}.`)
  t.match(await nslookup('-type=AAAA', web), 'No answer')
  t.match(await nslookup(inShop('nobody')), `server can't find ${inShop('nobody')}: NXDOMAIN`)
})
