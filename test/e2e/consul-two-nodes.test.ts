// Consul's API of two nodes on one Redis: heartbeats through either, the same index, and what one registers the other finds at once.
import t from 'tap'
import { RedisServer } from '../support/redis-server.ts'
import { startNode } from '../support/processes.ts'

t.test('two nodes are one Consul', { timeout: 90_000 }, async (t) => {
  const redis = await RedisServer.start()
  t.teardown(() => redis.dispose())
  const urls = await Promise.all(['one', 'two'].map(async (node) => {
    const started = await startNode(t, ['--redis', redis.url, '--node', node, '--consul', '127.0.0.1:0'])
    return (JSON.parse(await started.line(/"msg":"ready"/)) as { consul: string }).consul
  }))
  const [one = '', two = ''] = urls
  const put = async (url: string, body?: object): Promise<number> => {
    const response = await fetch(url, { method: 'PUT', ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    await response.arrayBuffer()
    return response.status
  }
  const health = async (url: string, query = ''): Promise<{ index: string, ids: string }> => {
    const response = await fetch(`${url}/v1/health/service/web?passing${query}`)
    const entries = await response.json() as any[]
    return { index: response.headers.get('x-consul-index') ?? '', ids: entries.map(({ Service }) => Service.ID).join() }
  }
  const first = await health(two)
  const waiting = health(two, `&index=${first.index}&wait=60s`)
  t.equal(await put(`${one}/v1/agent/service/register`, { ID: 'a', Name: 'web', Check: { TTL: '2s', Status: 'passing' } }), 200)
  const woken = await waiting
  t.equal(woken.ids, 'a', 'a change through one node wakes who waits at the other')
  t.strictSame(await health(one), woken, 'the index is the same at both')
  // Eight beats, in turn through both: each node alone hears one in four seconds, twice the TTL.
  let isOver = false
  const beating = (async () => {
    for (let beat = 0; !isOver; beat++) {
      t.equal(await put(`${urls[beat % 2 === 0 ? 0 : 1]}/v1/agent/check/pass/service:a`), 200)
      await health(two, `&index=${woken.index}&wait=1s`)
    }
  })()
  t.strictSame(await health(one, `&index=${woken.index}&wait=6s`), woken, 'nothing happened: neither node missed the beats that the other heard')
  isOver = true
  await beating
  // Silence: it is critical at both, and stays.
  let after = woken
  while (after.ids !== '') after = await health(two, `&index=${after.index}&wait=20s`)
  t.equal((await health(one)).ids, '')
  t.equal(await put(`${two}/v1/agent/check/pass/service:a`), 200, 'it is still registered')
  t.equal((await health(one)).ids, 'a', 'and back, at both')
})
