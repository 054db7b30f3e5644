// The settings of DNS: what is wrong between them, and the values that DNS is started with.
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../server/config/config.ts'
import { RegistryError } from '../../server/errors.ts'
import { startDns } from '../../server/dns/server.ts'
import { readCertificate } from '../../server/tls/certificate.ts'
import type { DnsValues } from '../../server/dns/settings.ts'
import { selfSigned } from '../support/certificate.ts'
import { UdpClient, question, codec } from '../support/dns-client.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const load = (...argv: string[]): DnsValues | undefined => loadConfig({ argv, env: {}, readFile: () => '', hostname: 'here' }).values.dns
const faults = (...argv: string[]): unknown => {
  try {
    load(...argv)
    return []
  } catch (error) {
    return error instanceof RegistryError ? error.errors : error
  }
}

t.test('without any setting DNS has the values of its defaults', async (t) => {
  const values = load()
  t.match(values, {
    workers: process.platform === 'linux' && availableParallelism() > 1 ? 1 : 0, host: '127.0.0.1', port: 7553, zones: ['cluster.local'], ttlSeconds: 5, clientZones: [], notify: [], rateLimit: 5_000,
    transfer: { keys: [], transferTo: [] }, forward: { upstreams: [], mixesCase: true }
  })
  t.strictSame([values?.tls, values?.chaos, values?.queryLogRatio], [undefined, undefined, undefined])
  t.strictSame(values?.reverse?.map((network) => (typeof network === 'string' ? network : network.text)), [
    '10.96.0.0/12', '10.0.0.0/8', '127.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '::1/128', 'fd00::/8'
  ], 'networks are read, those of services among them')
  t.equal(load('--dns', 'off'), undefined)
  t.match(faults('--dns', 'off', '--client-zone', 'x'), [{ field: '--client-zone' }], 'and what is set for DNS is checked all the same')
})

t.test('what was set is read once, to values', async (t) => {
  const directory = t.testdir()
  const { cert, key } = selfSigned()
  writeFileSync(join(directory, 'cert.pem'), cert)
  writeFileSync(join(directory, 'key.pem'), key)
  const tls = ['--dns-tls', '127.0.0.1:0', '--dns-tls-cert', join(directory, 'cert.pem'), '--dns-tls-key', join(directory, 'key.pem')]
  const values = load(
    ...tls, '--client-zone', '10.1.0.0/16=East', '--dns-forward-case', 'lower', '--dns-chaos', 'off', '--dns-rate-limit', '0', '--dns-notify', '192.0.2.7:53'
  )
  t.match(values, {
    tls: { host: '127.0.0.1', port: 0 }, clientZones: [{ zone: 'east', network: { family: 4, prefix: 16 } }], forward: { mixesCase: false },
    chaos: false, rateLimit: undefined, notify: [{ address: '192.0.2.7', port: 53 }]
  })
  const filesOf = (given: DnsValues | undefined): unknown => (given?.tls === undefined ? undefined : readCertificate(given.tls))
  t.match(filesOf(values), { cert, key, ca: undefined, subject: 'CN=localhost' })
  const missing = ['--dns-tls', '127.0.0.1:0', '--dns-tls-cert', '/nowhere', '--dns-tls-key', join(directory, 'key.pem')]
  t.throws(() => filesOf(load(...missing)), { code: 'REG_INVALID', errors: [{ field: 'dns-tls-cert', rule: /ENOENT/ }] })
})

t.test('what is wrong between settings is said before anything starts', async (t) => {
  t.match(faults('--zone', 'cluster.local', '--zone', 'svc.cluster.local'), [
    { field: '--zone', value: 'svc.cluster.local', rule: 'must not be among the names of cluster.local, which it would hide' }
  ])
  t.match(faults('--zone', 'x.in-addr.arpa'), [{ field: '--zone', rule: /reverse zone/ }])
  t.strictSame(faults('--zone', 'cluster.local', '--zone', 'east.cluster.local'), [])
  t.match(faults('--dns-transfer-to', 'key:edge'), [{ field: '--dns-transfer-to', value: 'edge' }])
  t.match(faults('--dns-chaos', 'maybe', '--dns-forward-case', 'UPPER'), [{ field: '--dns-chaos', value: 'maybe' }, { field: '--dns-forward-case', value: 'UPPER' }])
})

t.test('class CH is answered on loopback, and beyond it only if that was said', async (t) => {
  const version = async (host: string | readonly string[], chaos?: boolean): Promise<string> => {
    const world = new PlayedFeed().load()
    const server = await serve(t, world, { host, chaos })
    const message = question('version.bind', 'TXT')
    message.writeUInt16BE(3, message.length - 2)
    return codec.decode(await new UdpClient(t, { port: server.port, address: '127.0.0.1' }).ask(message)).rcode
  }
  t.strictSame([await version('127.0.0.1'), await version('127.0.0.1', false)], ['NOERROR', 'REFUSED'])
  t.strictSame([await version('0.0.0.0'), await version('0.0.0.0', true)], ['REFUSED', 'NOERROR'])
  t.equal(await version(['127.0.0.1', '127.0.0.2']), 'NOERROR')
  const secure = await startDns({ source: new PlayedFeed().load().feed, host: '127.0.0.1', port: 0, tls: { host: '0.0.0.0', port: 0, ...selfSigned() } })
  t.teardown(() => secure.close())
  const message = question('id.server', 'TXT')
  message.writeUInt16BE(3, message.length - 2)
  t.equal(codec.decode(await new UdpClient(t, secure).ask(message)).rcode, 'REFUSED', 'TLS is beyond it')
})
