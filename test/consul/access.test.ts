// Access control as Consul's clients meet it: tokens in their own header, refusals in Consul's words, and the audit names the dialect.
import t from 'tap'
import { tokenOf } from '../support/world.ts'
import { consulWorld } from './consul-world.ts'

t.test('a token permits what it says, and refusals are Consul\'s own', async (t) => {
  const world = await consulWorld(t, { control: { mode: 'on' } })
  const { get, put } = world
  const agent = await tokenOf(world, 'web', [{ verbs: ['register', 'read'], namespaces: ['default'], services: ['web'] }])
  const reader = await tokenOf(world, 'reader', [{ verbs: ['read'], namespaces: ['default'] }])
  const body = { ID: 'a', Name: 'web', Address: '10.0.0.5', Check: { TTL: '10s', Status: 'passing' } }
  for (const [headers, status, text] of [
    [{}, 403, /^(?:ACL not found|Permission denied)/], [{ 'x-consul-token': 'nonsense' }, 403, /^ACL not found: /], [{ 'x-consul-token': reader }, 403, /^Permission denied: /],
    [{ 'x-consul-token': agent }, 200, ''], [{ authorization: `Bearer ${agent}` }, 200, '']
  ] as const) {
    const answer = await put('/v1/agent/service/register', body, { headers })
    t.equal(answer.status, status, JSON.stringify(headers).slice(0, 40))
    t.match(answer.body, text)
    t.notMatch(answer.body, /REG_/)
  }
  const mine = { 'x-consul-token': agent }
  t.equal((await put('/v1/agent/check/pass/service:a', undefined, { headers: mine })).status, 200)
  t.equal((await put('/v1/agent/check/pass/service:a', undefined, { headers: { 'x-consul-token': reader } })).status, 403)
  t.match(await put('/v1/agent/service/register', { ...body, Name: 'other', ID: 'b' }, { headers: mine }), { status: 403 })
  t.equal((await get('/v1/health/service/web', mine)).json.length, 1)
  t.match(await get('/v1/health/service/other', mine), { status: 403 })
  await world.register('default/other/x')
  t.strictSame((await get('/v1/catalog/services', mine)).json, { web: [], consul: [] }, 'what may not be read is not listed')
  t.strictSame(Object.keys((await get('/v1/catalog/services', { 'x-consul-token': reader })).json), ['other', 'web', 'consul'])
  t.strictSame((await get('/v1/catalog/nodes', mine)).json.map(({ Address }: any) => Address), ['10.0.0.5', '127.0.0.1'])
  t.match(await get('/v1/agent/service/x', mine), { status: 403 })
  for (const url of [`/v1/health/service/web?token=${agent}`, `/v1/health/service/web?stale&token=${agent}&pretty`, `/v1/health/service/web?%74oken=${agent}`]) {
    t.match(await get(url), { status: 200, json: { length: 1 } }, 'older clients have no other way')
  }
  t.match(await get(`/v1/health/service/web?token=${agent}`, { 'x-consul-token': 'nonsense' }), { status: 200 }, 'that in the URL counts, as in Consul')
  t.match(await get('/v1/health/service/web?token=nonsense', mine), { status: 403 })
  t.match(await get('/v1/health/service/web?token=', mine), { status: 200 }, 'an empty one is none')
  t.match(await get(`/v1/health/service/web?access_token=${agent}`), { status: 400, body: /must not be in a URL/ }, 'no client of Consul does that')
  t.match(world.access.instance({ namespace: 'default', service: 'web', id: 'a' }), { owner: 'token:web', source: 'consul' })
})
