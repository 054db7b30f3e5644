// GET endpoints of a five-instance service, against a bare Fastify route that sends the same bytes. In pairs, one core each.
import { type Row, load, median, start, startRegistry, temporaryDirectory, thousands } from './lib.ts'

const pairs = 5
const seconds = 4
const connections = 32

export async function endpoints (): Promise<Row[]> {
  await using directory = await temporaryDirectory()
  await using registry = await startRegistry({ directory: directory.path }, '0')
  const path = '/v1/namespaces/shop/services/orders/endpoints'
  for (let n = 0; n < 5; n++) {
    await fetch(`${registry.url}/v1/namespaces/shop/services/orders/instances/orders-${n}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ address: `10.0.0.${n + 1}`, ports: [{ name: 'http', port: 8080 }], labels: { version: 'v1' }, zone: 'a', lease: { ttlMs: 600_000 } })
    })
  }
  const bytes = await (await fetch(registry.url + path)).text()
  await using bare = await start('test/bench/bare-server.ts', [bytes], '0')
  const ratios: number[] = []
  const rates: number[] = []
  await load({ url: registry.url + path, connections, seconds: 2 })
  await load({ url: `${bare.url}/bare`, connections, seconds: 2 })
  for (let pair = 0; pair < pairs; pair++) {
    const ours = await load({ url: registry.url + path, connections, seconds })
    const theirs = await load({ url: `${bare.url}/bare`, connections, seconds })
    rates.push(ours)
    ratios.push(ours / theirs)
  }
  const ratio = median(ratios)
  return [{
    what: `GET endpoints of five instances (${bytes.length} octets), against a bare Fastify route`,
    measured: `${ratio.toFixed(2)} of it (${thousands(median(rates))}/s)`,
    goal: 'at least 0.8',
    met: ratio >= 0.8
  }]
}
