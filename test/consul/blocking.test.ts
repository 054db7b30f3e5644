// Blocking queries: nothing is missed, nothing wakes for nothing, and an index of another time begins anew.
import t from 'tap'
import { indexOf } from '../../server/consul/blocking.ts'
import { type Answer, type ConsulWorld, consulWorld, turn, until } from './consul-world.ts'

interface Poll {
  readonly answer: Promise<Answer>
  isOver: boolean
}

/** Begins a question that waits. */
function poll ({ get }: ConsulWorld, path: string): Poll {
  const poll: Poll = { isOver: false, answer: get(path).then((answer) => {
    poll.isOver = true
    return answer
  }) }
  return poll
}

/** Lets everything that is on its way happen. */
async function quiet ({ clock }: ConsulWorld): Promise<void> {
  for (let turns = 0; turns < 40; turns++) {
    clock.hasten(50)
    await turn()
  }
}

t.test('a query waits until its service changes, and no other change wakes it', async (t) => {
  const world = await consulWorld(t)
  const { service, put, get } = world
  await service({ ID: 'a', Name: 'web', Check: { TTL: '10s', Status: 'passing' } })
  await service({ ID: 'b', Name: 'other' })
  const { index } = await get('/v1/health/service/web')
  const waiting = [
    `/v1/health/service/web?index=${index}&wait=60s`, `/v1/catalog/service/web?index=${index}`, `/v1/health/checks/web?index=${index}`, `/v1/health/service/web?passing&index=${index}&wait=1m`
  ].map((path) => poll(world, path))
  await quiet(world)
  await service({ ID: 'b', Name: 'other', Port: 1 })
  await service({ ID: 'c', Name: 'other' })
  await put('/v1/agent/check/pass/service:a?note=still%20fine')
  await service({ ID: 'a', Name: 'web', Check: { TTL: '10s' } })
  await quiet(world)
  t.strictSame(waiting.map(({ isOver }) => isOver), [false, false, false, false], 'neither others, nor heartbeats, nor the same registration')
  await put('/v1/agent/check/warn/service:a')
  await until(() => waiting.every(({ isOver }) => isOver), 'all are answered')
  for (const { answer } of waiting) t.ok((await answer).index > index)
  t.match((await waiting[0]?.answer)?.json, [{ Checks: [{}, { Status: 'warning' }] }])
})

t.test('a query that chooses is woken by what it chooses only', async (t) => {
  const world = await consulWorld(t)
  const { service, put, get } = world
  for (const id of ['a', 'b']) await service({ ID: id, Name: 'web', Tags: [id], Check: { TTL: '10s', Status: 'passing' } })
  const { index } = await get('/v1/health/service/web')
  const [a, filtered, catalog] = [`health/service/web?tag=a`, 'health/service/web?filter=a%20in%20Service.Tags', 'catalog/service/web?tag=a'].map((path) => poll(world, `/v1/${path}&index=${index}&wait=60s`))
  await quiet(world)
  await put('/v1/agent/check/warn/service:b')
  await service({ ID: 'c', Name: 'web' })
  await quiet(world)
  t.strictSame([a?.isOver, filtered?.isOver, catalog?.isOver], [false, false, false])
  await put('/v1/agent/service/deregister/a')
  await until(() => a?.isOver === true && filtered?.isOver === true && catalog?.isOver === true, 'it went')
  t.strictSame((await a?.answer)?.json, [])
})

t.test('at the end of the wait the answer has the same index, and the whole content', async (t) => {
  const world = await consulWorld(t)
  const { service, get, clock } = world
  await service({ ID: 'a', Name: 'web' })
  const { index } = await get('/v1/health/service/web')
  for (const path of ['health/service/web', 'catalog/services', 'catalog/nodes', 'health/state/any', 'health/service/unknown', 'catalog/node/10.0.0.1', 'health/node/10.0.0.1']) {
    const first = await get(`/v1/${path}`)
    t.ok(first.index >= 1, path)
    const held = poll(world, `/v1/${path}?index=${first.index}&wait=10s`)
    await quiet(world)
    t.equal(held.isOver, false, path)
    clock.advance(10_700)
    const { index: later, body } = await held.answer
    t.strictSame([later, body], [first.index, first.body], path)
  }
  t.ok(index > 0)
})

t.test('names wake those who follow names, and nothing else does', async (t) => {
  const world = await consulWorld(t)
  const { service, put, get, register, access } = world
  await service({ ID: 'a', Name: 'web', Tags: ['x'], Check: { TTL: '10s' } })
  let { index } = await get('/v1/catalog/services')
  const held = async (): Promise<Poll> => {
    const begun = poll(world, `/v1/catalog/services?index=${index}&wait=60s`)
    await quiet(world)
    return begun
  }
  let waiting = await held()
  await put('/v1/agent/check/pass/service:a')
  await service({ ID: 'b', Name: 'web', Tags: ['x'] })
  await service({ ID: 'b', Name: 'web', Port: 5, Tags: ['x'] })
  await put('/v1/agent/service/deregister/b')
  await register('elsewhere/web/a')
  await quiet(world)
  t.equal(waiting.isOver, false)
  for (const [act, expected] of [
    [() => service({ ID: 'b', Name: 'web', Tags: ['y'] }), { web: ['x', 'y'], consul: [] }],
    [() => service({ ID: 'c', Name: 'new' }), { new: [], web: ['x', 'y'], consul: [] }],
    [() => put('/v1/agent/service/deregister/b'), { new: [], web: ['x'], consul: [] }],
    [() => register('default/native/a', { address: '10.0.0.3', labels: { version: 'v2' } }), { native: ['version=v2'], new: [], web: ['x'], consul: [] }],
    [() => access.patch({ namespace: 'default', service: 'native', id: 'a' }, { labels: { version: 'v3' } }), { native: ['version=v3'], new: [], web: ['x'], consul: [] }],
    [() => put('/v1/agent/service/deregister/c'), { native: ['version=v3'], web: ['x'], consul: [] }]
  ] as const) {
    await act()
    await until(() => waiting.isOver, JSON.stringify(expected))
    const answer = await waiting.answer
    t.strictSame(answer.json, expected)
    t.ok(answer.index > index)
    index = answer.index
    waiting = await held()
    t.equal(waiting.isOver, false, 'once')
  }
})

t.test('what is not there is waited for, and its end is told', async (t) => {
  const world = await consulWorld(t)
  const { service, put, get } = world
  const first = await get('/v1/health/service/web')
  t.ok(first.index >= 1)
  const coming = poll(world, `/v1/health/service/web?index=${first.index}&wait=60s`)
  await quiet(world)
  await service({ Name: 'other' })
  await quiet(world)
  t.equal(coming.isOver, false, 'another service is not this one')
  await service({ Name: 'web' })
  await until(() => coming.isOver, 'it came')
  const { index } = await coming.answer
  const going = poll(world, `/v1/health/service/web?index=${index}&wait=60s`)
  await quiet(world)
  await put('/v1/agent/service/deregister/web')
  await until(() => going.isOver, 'it went')
  const gone = await going.answer
  t.strictSame(gone.json, [])
  t.ok(gone.index > index, 'the index of its end')
  t.equal((await get('/v1/health/service/web')).index, gone.index, 'and so it stays')
})

t.test('an index that was never told here begins anew', async (t) => {
  const { service, get, registry } = await consulWorld(t)
  await service({ Name: 'web' })
  const { index } = await get('/v1/health/service/web')
  for (const other of [index + 1_000, 2 ** 53, '18446744073709551615']) {
    const answer = await get(`/v1/health/service/web?index=${other}&wait=60s`)
    t.equal(answer.index, index, `${other}: the smaller index tells the client to begin anew`)
    t.equal(answer.json.length, 1)
  }
  const { epoch, revision } = registry.feed
  for (const other of ['000000000000', 'ffffffffffff', 'abcdef012345']) {
    const foreign = indexOf(other, revision)
    t.equal((await get(`/v1/health/service/web?index=${foreign}&wait=60s`)).index, index, 'of another epoch')
    t.not(foreign, indexOf(epoch, revision))
  }
})

t.test('every kind of index and wait is read or refused', async (t) => {
  const { service, get } = await consulWorld(t)
  await service({ Name: 'web' })
  for (const index of ['-1', '1.5', 'a', '0x1', '1e3', '18446744073709551616', '9'.repeat(30), '%201']) t.match(await get(`/v1/health/service/web?index=${index}`), { status: 400, body: 'Invalid index' }, index)
  for (const wait of ['5', 'abc', '1d', '1 s', '--5s', `${'9'.repeat(40)}h`, '10s5', '%00']) t.match(await get(`/v1/health/service/web?wait=${wait}`), { status: 400, body: 'Invalid wait time' }, wait)
  for (const wait of ['', '0', '0s', '-5s', '1ms', '120000ms', '1m30s', '1.5h', '10h', '300us']) t.equal((await get(`/v1/health/service/web?wait=${wait}`)).status, 200, wait)
  for (const index of ['', '0']) t.equal((await get(`/v1/health/service/web?index=${index}&wait=5m`)).status, 200)
})

t.test('a service of the agent is waited for by its hash', async (t) => {
  const world = await consulWorld(t)
  const { service, put, get, clock } = world
  await service({ ID: 'a', Name: 'web', Port: 1 })
  const first = await get('/v1/agent/service/a')
  const hash = first.json.ContentHash
  t.equal(first.headers['x-consul-contenthash'], hash)
  t.equal((await get('/v1/agent/service/a?hash=other&wait=60s')).json.ContentHash, hash, 'another hash is answered at once')
  const late = poll(world, `/v1/agent/service/a?hash=${hash}&wait=10s`)
  await quiet(world)
  clock.advance(10_700)
  t.equal((await late.answer).json.ContentHash, hash)
  const waiting = poll(world, `/v1/agent/service/a?hash=${hash}&wait=60s`)
  await quiet(world)
  await service({ ID: 'b', Name: 'web' })
  await quiet(world)
  t.equal(waiting.isOver, false)
  await service({ ID: 'a', Name: 'web', Port: 2 })
  await until(() => waiting.isOver, 'it changed')
  t.match((await waiting.answer).json, { Port: 2 })
  const last = poll(world, `/v1/agent/service/a?hash=${(await waiting.answer).json.ContentHash}&wait=60s`)
  await quiet(world)
  await put('/v1/agent/service/deregister/a')
  await until(() => last.isOver, 'it went')
  t.equal((await last.answer).status, 404)
})

t.test('those who wait are answered when the node goes, and who comes then is sent away', async (t) => {
  const world = await consulWorld(t)
  await world.service({ Name: 'web' })
  const { index } = await world.get('/v1/health/service/web')
  const waiting = poll(world, `/v1/health/service/web?index=${index}&wait=60s`)
  await quiet(world)
  world.consulHttp.leaving.begin()
  await until(() => waiting.isOver, 'it is answered')
  t.equal((await waiting.answer).index, index)
  t.equal((await world.get(`/v1/health/service/web?index=${index}`)).status, 503)
  t.equal((await world.get('/v1/health/service/web')).status, 200)
})

t.test('a follower of changes misses none and is never woken for nothing', async (t) => {
  const world = await consulWorld(t)
  const { service, put, get } = world
  let { index } = await get('/v1/health/service/web')
  let seen = ''
  let idle = 0
  let isOver = false
  const follow = async (): Promise<void> => {
    while (!isOver) {
      const answer = await get(`/v1/health/service/web?index=${index}&wait=1h`)
      const content = answer.json.map((entry: any) => `${entry.Service.ID} ${entry.Service.Port} ${entry.Checks.at(-1).Status}`).join()
      if (content === seen && !isOver) idle++
      seen = content
      index = answer.index
    }
  }
  const following = follow()
  for (let round = 0; round < 150; round++) {
    const id = `i${round % 5}`
    if (round % 3 === 0) await service({ ID: id, Name: 'web', Port: round + 1, Check: { TTL: '1h' } })
    if (round % 3 === 1) await put(`/v1/agent/check/${round % 2 === 0 ? 'pass' : 'warn'}/service:i${(round - 1) % 5}`)
    if (round % 7 === 6) await put(`/v1/agent/service/deregister/${id}`)
    if (round % 4 === 0) await service({ ID: 'x', Name: 'other', Port: round + 1 })
    if (round % 2 === 0) await quiet(world)
    const now = (await get('/v1/health/service/web')).json.map((entry: any) => `${entry.Service.ID} ${entry.Service.Port} ${entry.Checks.at(-1).Status}`).join()
    if (round % 2 === 0) t.equal(seen, now, `round ${round}`)
  }
  t.equal(idle, 0)
  isOver = true
  await service({ ID: 'last', Name: 'web' })
  await following
})
