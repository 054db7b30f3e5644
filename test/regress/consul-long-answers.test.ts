// `health/state`, `agent/services` and `agent/checks` of a large registry were made and written as one text, which held everybody else up.
import t from 'tap'
import { consulWorld } from '../consul/consul-world.ts'

t.test('a long answer of Consul is sent in pieces, and is what a short one would be', async (t) => {
  const { get, register } = await consulWorld(t)
  const ids = Array.from({ length: 300 }, (_, index) => `i${index}`)
  for (const id of ids) await register(`default/web/${id}`, { address: '10.0.0.1', ports: [{ port: 80 }], lease: { ttlMs: 3_600_000 } })
  for (const [path, idsIn] of [
    ['/v1/health/state/any', (body: any[]) => body.filter(({ ServiceID }) => ServiceID !== '').map(({ ServiceID }) => ServiceID)],
    ['/v1/agent/services', (body: object) => Object.keys(body)],
    ['/v1/agent/checks', (body: object) => Object.values(body).map(({ ServiceID }) => ServiceID)],
    ['/v1/catalog/service/web', (body: any[]) => body.map(({ ServiceID }) => ServiceID)]
  ] as const) {
    const [plain, pretty] = [await get(path), await get(`${path}?pretty`)]
    t.equal(plain.headers['content-length'], undefined, `${path} is sent as it is made`)
    t.equal(plain.headers['content-type'], 'application/json')
    t.same(plain.json, pretty.json)
    t.same((idsIn as (body: unknown) => string[])(plain.json).sort(), ids.toSorted(), path)
  }
  t.not((await get('/v1/catalog/nodes')).headers['content-length'], undefined, 'a short one at once')
})
