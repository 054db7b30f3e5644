// Clients of Consul ask any node: no write is refused, and nothing is called unknown, because this node has not heard of it yet.
import t from 'tap'
import { HandClock } from '../support/hand-clock.ts'
import { twoNodes } from '../support/two-nodes.ts'
import { serveConsul } from './consul-world.ts'

t.test('a node that lags does what is asked of it, and says 404 only if it is so', async (t) => {
  const nodes = await twoNodes(t, 'sqlite')
  const clock = new HandClock().letMomentsPass()
  const warnings: string[] = []
  const serve = (core: typeof nodes.registries[number]): ReturnType<typeof serveConsul> => serveConsul(t, { core, warnings, clock })
  const first = await serve(nodes.registries[0])
  const second = await serve(nodes.registries[1])
  nodes.hold()
  for (const ID of ['a', 'b', 'c', 'd']) await first.service({ ID, Name: 'web', Checks: [{ CheckID: `${ID}-1`, TTL: '1h', Status: 'passing' }, { CheckID: `${ID}-2`, TTL: '1h' }] })
  await first.service({ ID: 'shared', Name: 'web' }, '10.0.0.9')
  t.strictSame((await second.get('/v1/health/service/web')).json, [], 'it lags')
  for (const [path, status] of [
    ['agent/check/pass/a-2', 200], ['agent/service/deregister/b', 200], ['agent/service/deregister/b', 404], ['agent/service/maintenance/c?enable=true', 200], ['agent/check/deregister/d-2', 200], ['agent/check/pass/nope', 404]
  ] as const) t.equal((await second.put(`/v1/${path}`)).status, status, path)
  await second.service({ ID: 'shared', Name: 'web', Port: 1 })
  await nodes.two.caughtUp()
  const shown = async ({ get }: typeof first): Promise<string[]> => (await get('/v1/health/service/web')).json.map(
    ({ Service, Checks }: any) => `${Service.ID} ${Service.Port} ${Checks.slice(1).map(({ Status }: any) => Status).join()}`
  ).sort()
  t.strictSame(await shown(first), ['a 0 passing,passing', 'c 0 passing,critical,critical', 'd 0 passing', 'shared 0 ', 'shared 1 '], 'of two agents each has its own')
  t.strictSame(await shown(second), await shown(first))
  t.strictSame(warnings, [])
})

t.test('a check that one node hears keeps what another has heard of the other checks', async (t) => {
  const nodes = await twoNodes(t, 'sqlite')
  const clock = new HandClock().letMomentsPass()
  const first = await serveConsul(t, { core: nodes.registries[0], warnings: [], clock })
  const second = await serveConsul(t, { core: nodes.registries[1], warnings: [], clock })
  await first.service({ Name: 'web', Checks: [{ CheckID: 'x', TTL: '1h' }, { CheckID: 'y', TTL: '1h' }] })
  await nodes.two.caughtUp()
  nodes.hold()
  await first.put('/v1/agent/check/pass/x')
  await second.put('/v1/agent/check/pass/y')
  t.strictSame((await first.get('/v1/health/checks/web')).json.map(({ Status }: any) => Status), ['passing', 'passing'])
})
