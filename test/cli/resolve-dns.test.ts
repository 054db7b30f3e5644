// What DNS answers, and why, at the terminal: `rollcall resolve NAME TYPE --trace`, against a node in this process.
import t, { type Test } from 'tap'
import { run } from '../../server/cli/run.ts'
import { buildWithDns } from '../support/world.ts'
import type { Ran } from './helper.ts'

async function place (t: Test): Promise<(...argv: string[]) => Promise<Ran>> {
  const world = await buildWithDns(t)
  const ports = [{ name: 'http', port: 8080 }]
  await world.register('shop/orders/orders-1', { address: '10.0.0.1', ports, lease: { ttlMs: 3_000 } })
  await world.register('shop/orders/orders-2', { address: '10.0.0.2', ports, status: 'draining' })
  const { url } = await world.listen()
  return async (...argv) => {
    const out: string[] = []
    const err: string[] = []
    const exitCode = await run(argv, {
      env: { ROLLCALL_ADDRESS: url, ROLLCALL_NAMESPACE: 'shop' }, hostname: 'machine', user: 'ann', colours: false, now: () => world.clock.now(), signal: new AbortController().signal,
      readFile: () => '', readDirectory: () => undefined, readInput: async () => '',
      out: (text) => { out.push(...text.split('\n')) }, err: (text) => { err.push(...text.split('\n')) }
    })
    return { exitCode, out, err }
  }
}

t.test('with a type the answer of DNS is shown as dig does, and with --trace the rules', async (t) => {
  const rollcall = await place(t)
  const plain = await rollcall('resolve', 'orders', 'A')
  t.match(plain, { exitCode: 0, err: [] })
  t.match(plain.out, [/^;; status: NOERROR, flags: qr aa rd, 74 octets, revision \w+\.\d+$/, ';; QUESTION', ';orders.shop.svc.cluster.local. IN A', ';; ANSWER', 'orders.shop.svc.cluster.local. 3 IN A 10.0.0.1'])
  t.equal(plain.out.length, 5)
  const traced = await rollcall('resolve', 'orders.shop.svc.cluster.local', '--trace')
  t.strictSame(traced.out.slice(5), [
    ';; TRACE',
    'zone: cluster.local is served here',
    'service: shop/orders is implicit: found by the instances that registered under it',
    'endpoints: 1 of 2 are answered',
    'not answered: orders-2 (10.0.0.2): draining',
    'ttl: 3 s: the shortest lease of the endpoints, less than the 5 s of --dns-ttl',
    'answer: 1 record'
  ])
  const ports = await rollcall('resolve', '_http._tcp.orders.shop', 'SRV', '-n', 'elsewhere')
  t.ok(ports.out.includes(';; ADDITIONAL'))
  t.ok(ports.out.includes('_http._tcp.orders.shop.svc.cluster.local. 3 IN SRV 0 100 8080 10-0-0-1.orders.shop.svc.cluster.local.'))
})

t.test('exit code 1: DNS has no such records, or refuses', async (t) => {
  const rollcall = await place(t)
  t.match(await rollcall('resolve', 'orders', 'AAAA', '--trace'), { exitCode: 1, out: /NODATA: the name exists/ })
  const lost = await rollcall('resolve', 'nobody', 'A')
  t.match(lost.exitCode, 1)
  t.ok(lost.out.includes(';; AUTHORITY'))
  const refused = await rollcall('resolve', 'example.com.', 'A')
  t.equal(refused.exitCode, 1)
  t.ok(refused.out.includes(';; EDE: 20: not in a zone of this registry'))
})

t.test('the whole answer is JSON or YAML for who asks for it', async (t) => {
  const rollcall = await place(t)
  const { out, exitCode } = await rollcall('resolve', 'orders', 'A', '-o', 'json', '--client', '10.9.9.9')
  t.equal(exitCode, 0)
  t.match(JSON.parse(out.join('\n')), { rcode: 'NOERROR', answer: [{ data: '10.0.0.1' }], trace: [{ rule: 'zone' }] })
  t.ok((await rollcall('resolve', 'orders', 'A', '-o', 'yaml')).out.includes('rcode: NOERROR'))
})

t.test('what is no type, no client, or no flag of DNS is said to be', async (t) => {
  const rollcall = await place(t)
  t.match(await rollcall('resolve', 'orders', 'B'), { exitCode: /[12]/, err: /type/ })
  t.match(await rollcall('resolve', 'orders', 'A', '--client', 'here'), { exitCode: /[12]/, err: /client/ })
  t.match(await rollcall('resolve', 'orders', 'A', '--port', 'http'), { exitCode: 2, err: /--port is for endpoints/ })
})
