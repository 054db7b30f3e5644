// Which of many endpoints come first, which come at all.
import t from 'tap'
import { TcpClient, UdpClient } from '../support/dns-client.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const name = 'web.shop.svc.cluster.local'

/** Small and seeded, so that a failure comes back. */
function generator (seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function world (...endpoints: readonly (readonly [address: string, weight: number, priority?: number])[]): PlayedFeed {
  const result = new PlayedFeed().load()
  for (const [index, [address, weight, priority = 0]] of endpoints.entries()) {
    result.register(`shop/web/${index}`, { address, weight, priority, ports: [{ name: 'http', port: 80 }] })
  }
  return result
}

async function firsts (t: { teardown (end: () => unknown): void }, of: PlayedFeed, count: number, type = 'A'): Promise<Map<string, number>> {
  const client = new UdpClient(t, await serve(t, of, { random: generator(7) }))
  const counts = new Map<string, number>()
  for (let index = 0; index < count; index++) {
    const [first] = (await client.query(name, type)).answers
    const key: string = type === 'SRV' ? first?.data.target.split('.')[0] : first?.data
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}

t.test('the first address is chosen by weight', async (t) => {
  const counts = await firsts(t, world(['10.0.0.1', 100], ['10.0.0.2', 300]), 1_000)
  const share = (counts.get('10.0.0.2') ?? 0) / 1_000
  t.ok(share > 0.7 && share < 0.8, `three quarters go to the one of weight 300: ${share}`)
})

t.test('equal weights share evenly', async (t) => {
  const counts = await firsts(t, world(['10.0.0.1', 65_535], ['10.0.0.2', 65_535], ['10.0.0.3', 65_535]), 900)
  for (const [address, count] of counts) t.ok(count > 250 && count < 350, `${address}: ${count} of 900`)
  t.equal(counts.size, 3)
})

t.test('weight 0 never comes first while another weight is there', async (t) => {
  t.strictSame([...await firsts(t, world(['10.0.0.1', 0], ['10.0.0.2', 1], ['10.0.0.3', 0]), 200)], [['10.0.0.2', 200]])
})

t.test('if all weights are 0 all come first in turn', async (t) => {
  const counts = await firsts(t, world(['10.0.0.1', 0], ['10.0.0.2', 0]), 200)
  t.equal(counts.size, 2)
})

t.test('only the best priority comes first, the others are still answered', async (t) => {
  const of = world(['10.0.0.1', 65_535, 10], ['10.0.0.2', 1, 5], ['10.0.0.3', 0, 5])
  t.strictSame([...await firsts(t, of, 100)], [['10.0.0.2', 100]])
  t.strictSame([...await firsts(t, of, 100, 'SRV')], [['10-0-0-2', 100]])
  const client = new UdpClient(t, await serve(t, of))
  t.equal((await client.query(name, 'A')).answers.length, 3)
})

t.test('instances that share an address are one record and add their weights', async (t) => {
  const of = world(['10.0.0.1', 50], ['10.0.0.1', 50], ['10.0.0.2', 100])
  const client = new UdpClient(t, await serve(t, of))
  t.strictSame((await client.query(name, 'A')).answers.map(({ data }) => data).sort(), ['10.0.0.1', '10.0.0.2'])
  const share = (await firsts(t, of, 1_000)).get('10.0.0.1') ?? 0
  t.ok(share > 450 && share < 550, `${share} of 1000`)
  t.strictSame((await client.query(name, 'SRV')).answers.map(({ data }) => `${data.weight} ${data.target.split('.')[0]}`).sort(), ['100 10-0-0-1', '100 10-0-0-2'])
})

t.test('behind the first one the rest rotate', async (t) => {
  const of = world(['10.0.0.1', 1], ['10.0.0.2', 0], ['10.0.0.3', 0], ['10.0.0.4', 0])
  const client = new UdpClient(t, await serve(t, of))
  const seconds = new Set<string>()
  for (let index = 0; index < 4; index++) {
    const { answers } = await client.query(name, 'A')
    t.equal(answers[0]?.data, '10.0.0.1')
    t.equal(new Set(answers.map(({ data }) => data)).size, 4, 'no record twice')
    seconds.add(answers[1]?.data)
  }
  t.equal(seconds.size, 3)
})

t.test('of a large set a hundred are answered at a time, and all are found', async (t) => {
  const addresses = Array.from({ length: 1_000 }, (_, index) => `10.1.${index >> 8}.${index & 255}`)
  const server = await serve(t, world(...addresses.map((address) => [address, 100] as const)), { random: generator(3) })
  const client = await TcpClient.open(t, server)
  for (const type of ['A', 'SRV']) {
    const found = new Set<string>()
    for (let index = 0; index < 12; index++) {
      const message = await client.query(name, type)
      t.equal(message.answers.length, 100)
      t.equal(message.flag_tc, false, 'nothing is missing that TCP could bring')
      const data = message.answers.map((record) => (type === 'A' ? record.data : record.data.target))
      t.equal(new Set(data).size, 100, 'no record twice')
      for (const one of data) found.add(one)
    }
    t.equal(found.size, 1_000)
  }
  t.equal(server.counters.cut, 24)
})

t.test('a hundred and no more are not cut', async (t) => {
  const addresses = Array.from({ length: 100 }, (_, index) => `10.1.0.${index}`)
  const server = await serve(t, world(...addresses.map((address) => [address, 100] as const)))
  const client = await TcpClient.open(t, server)
  t.equal((await client.query(name, 'A')).answers.length, 100)
  const message = await client.query(`_http._tcp.${name}`, 'SRV')
  t.equal(message.answers.length, 100)
  t.equal(message.additionals.length, 100)
  t.equal(server.counters.cut, 0)
})

t.test('very many endpoints behind one hostname have no glue, since a part would be taken for the whole', async (t) => {
  const of = new PlayedFeed().load()
  for (let index = 0; index < 101; index++) of.register(`shop/web/${index}`, { address: `10.1.0.${index}`, hostname: 'all', ports: [{ name: 'http', port: 80 }], weight: 65_535 })
  const client = await TcpClient.open(t, await serve(t, of))
  const message = await client.query(`_http._tcp.${name}`, 'SRV')
  t.strictSame(message.answers.map(({ data }) => `${data.weight} ${data.target}`), [`65535 all.${name}`], 'their weights add up to the largest there is')
  t.strictSame(message.additionals, [])
  t.equal((await client.query(`all.${name}`, 'A')).answers.length, 100)
})
