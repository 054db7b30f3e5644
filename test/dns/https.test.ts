// HTTPS and SVCB records (RFC 9460), as bytes, and as dig shows them.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { httpsAnnotation, fallbackAnnotation } from '../../server/model/service/dns-annotations.ts'
import type { DnsServer } from '../../server/dns/server.ts'
import type { ServicePort } from '../../server/model/service/types.ts'
import { readClientZones } from '../../server/dns/protect/client-zone-setting.ts'
import { UdpClient, text } from '../support/dns-client.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'
import { lacking } from '../support/programs.ts'

const zone = 'cluster.local'
const fqdn = (service: string): string => `${service}.shop.svc.${zone}`
const port = (name: string, number: number, rest: Partial<ServicePort> = {}): ServicePort => ({ name, port: number, protocol: 'TCP', targetPort: number, ...rest })
const off = { [httpsAnnotation]: 'false' }

function world (): PlayedFeed {
  const of = new PlayedFeed().load()
    .register('shop/web/a', { address: '10.0.0.1', priority: 1, zone: 'east', ports: [{ name: 'http', port: 8080 }, { name: 'sql', port: 5432 }] })
    .register('shop/web/b', { address: '10.0.0.2', weight: 500, labels: { app: 'web' }, ports: [{ name: 'http', port: 8080 }] })
    .register('shop/web/c', { address: 'fd00::3', zone: 'west', ports: [{ name: 'https', port: 8443 }] })
    .register('shop/db/a', { address: '10.0.1.1', ports: [{ name: 'sql', port: 5432 }] })
    .declare('shop/front', { clusterIPs: ['10.96.0.9', 'fd00:10:96::9'], ports: [port('http', 80), port('https', 443), port('admin-http', 8081), port('metrics', 9000)] })
    .declare('shop/silent', { clusterIPs: ['10.96.0.10'], ports: [port('http', 80)] }, [], off)
    .declare('shop/rpc', { clusterIPs: ['10.96.0.11'], ports: [port('grpc', 50_051)] })
    .declare('shop/fake', { clusterIPs: ['10.96.0.12'], ports: [port('http', 80, { appProtocol: 'redis' }), port('http-udp', 81, { protocol: 'UDP' }), port('x', 82, { appProtocol: 'kubernetes.io/wss' })] })
    .declare('shop/outside', { type: 'ExternalName', externalName: 'partner.example' })
    .declare('shop/alias', { type: 'ExternalName', externalName: fqdn('rpc') })
    .declare('shop/spare', { clusterIP: 'None', clusterIPs: ['None'], selector: { app: 'none' }, ports: [port('http', 80)] }, [], { [fallbackAnnotation]: 'rpc, web' })
  for (let index = 0; index < 20; index++) of.register(`shop/many/${index}`, { address: `10.0.2.${index}`, ports: [{ name: 'web', port: 80 }] })
  return of
}

t.test('the record is in the form of RFC 9460, keys in ascending order', async (t) => {
  const client = new UdpClient(t, await serve(t, world()))
  const hex = async (name: string, type: string): Promise<string[]> => (await client.query(name, type)).answers.map(({ data }) => data.toString('hex')).sort()
  const http11 = `08${Buffer.from('http/1.1').toString('hex')}`
  const hints = ['0004', '0004', '0a600009', '0006', '0010', 'fd000010009600000000000000000009']
  t.strictSame(await hex(fqdn('front'), 'TYPE65'), [
    ['0001', '00', '0001', '000c', '026832', http11, ...hints], // port 443 is left out
    ['0002', '00', '0001', '0009', http11, '0003', '0002', '0050', ...hints],
    ['0002', '00', '0001', '0009', http11, '0003', '0002', '1f91', ...hints]
  ].map((parts) => parts.join('')))
  t.match((await hex(fqdn('front'), 'TYPE64'))[0], /^000100.*0003000201bb0004/, 'SVCB has no port of its own to leave out')
})

const noDig = lacking('dig')
const run = promisify(execFile)

async function dig (server: DnsServer, name: string, type: string): Promise<string[]> {
  const { stdout } = await run('dig', ['-r', `@${server.address}`, '-p', String(server.port), '+tries=1', '+short', name, type])
  return stdout.split('\n').filter(Boolean).sort()
}

t.test('dig shows what is spoken where', { skip: noDig }, async (t) => {
  const server = await serve(t, world())
  for (const [says, service, type, ...wanted] of [
    ['a service with cluster IPs: TLS first, and its default port left out', 'front', 'HTTPS',
      '1 . alpn="h2,http/1.1" ipv4hint=10.96.0.9 ipv6hint=fd00:10:96::9', '2 . alpn="http/1.1" port=80 ipv4hint=10.96.0.9 ipv6hint=fd00:10:96::9',
      '2 . alpn="http/1.1" port=8081 ipv4hint=10.96.0.9 ipv6hint=fd00:10:96::9'],
    ['endpoints: those that have the port, the best first', 'web', 'HTTPS', '1 . alpn="h2,http/1.1" port=8443 ipv6hint=fd00::3', '2 . alpn="http/1.1" port=8080 ipv4hint=10.0.0.2,10.0.0.1'],
    ['at most eight hints of a family', 'many', 'HTTPS', `1 . alpn="http/1.1" port=80 ipv4hint=${[0, 1, 10, 11, 12, 13, 14, 15].map((index) => `10.0.2.${index}`).join(',')}`],
    ['gRPC', 'rpc', 'HTTPS', '1 . alpn="h2" port=50051 ipv4hint=10.96.0.11'],
    ['SVCB of the same service', 'rpc', 'SVCB', '1 . alpn="h2" port=50051 ipv4hint=10.96.0.11'],
    ['appProtocol decides where it is given, and UDP is not spoken', 'fake', 'HTTPS', '1 . alpn="h2,http/1.1" port=82 ipv4hint=10.96.0.12'],
    ['no such port', 'db', 'HTTPS'],
    ['turned off', 'silent', 'HTTPS'],
    ['turned off for SVCB too', 'silent', 'SVCB'],
    ['an alias', 'outside', 'HTTPS', 'partner.example.'],
    ['an alias in a zone of ours', 'alias', 'HTTPS', '1 . alpn="h2" port=50051 ipv4hint=10.96.0.11', `${fqdn('rpc')}.`],
    ['a fallback', 'spare', 'HTTPS', '1 . alpn="h2,http/1.1" port=8443 ipv6hint=fd00::3', '2 . alpn="http/1.1" port=8080 ipv4hint=10.0.0.2,10.0.0.1']
  ] as const) t.strictSame(await dig(server, fqdn(service), type), wanted, says)
})

t.test('dig shows a client with a zone what is near it', { skip: noDig }, async (t) => {
  const server = await serve(t, world(), { clientZones: readClientZones(['127.0.0.0/8=west']) })
  t.strictSame(await dig(server, fqdn('web'), 'HTTPS'), ['1 . alpn="h2,http/1.1" port=8443 ipv6hint=fd00::3'])
})

t.test('a namespace turns the records off for its services, and on again', async (t) => {
  const of = world()
  const client = new UdpClient(t, await serve(t, of))
  t.equal((await client.query(fqdn('web'), 'TYPE65')).answers.length, 2)
  of.declareNamespace('shop', off)
  t.strictSame(text((await client.query(fqdn('web'), 'TYPE65')).answers), [])
  of.declareNamespace('shop', {})
  t.equal((await client.query(fqdn('web'), 'TYPE65')).answers.length, 2)
})
