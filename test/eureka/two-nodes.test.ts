// Clients of Eureka ask any node, and each request may reach another one: no write is refused because this node has not heard of something.
import t from 'tap'
import { HandClock } from '../support/hand-clock.ts'
import { twoNodes } from '../support/two-nodes.ts'
import { asJson, instance, serveEureka } from './eureka-world.ts'

t.test('a node that lags does what is asked of it, and says 404 only if it is so', async (t) => {
  const nodes = await twoNodes(t, 'sqlite')
  const { registries, two } = nodes
  const warnings: string[] = []
  const clock = new HandClock().letMomentsPass()
  const [first, second] = await Promise.all(registries.map((core) => serveEureka(t, { core, feed: core.feed, clock, warnings })))
  if (first === undefined || second === undefined) throw new Error('there are two')
  const register = async (instanceId: string, lastDirtyTimestamp: string): Promise<void> => {
    t.equal((await first.ask('POST', '/apps/ORDERS', { instance: instance({ instanceId, lastDirtyTimestamp }) })).status, 204)
  }
  const path = '/apps/ORDERS'
  await register('z', '1000')
  nodes.hold()
  await register('z', '2000')
  for (const id of ['a', 'b', 'c', 'd', 'e']) await register(id, '1000')
  t.equal((await second.ask('GET', `${path}/a`)).status, 404, 'it lags')
  for (const [method, url, status] of [
    ['PUT', `${path}/a?status=UP&lastDirtyTimestamp=1000`, 200], ['PUT', `${path}/z?status=UP&lastDirtyTimestamp=2000`, 200], ['PUT', `${path}/b/status?value=OUT_OF_SERVICE`, 200], ['DELETE', `${path}/c/status`, 200],
    ['PUT', `${path}/d/metadata?a=1`, 200], ['DELETE', `${path}/e`, 200], ['DELETE', `${path}/e`, 404], ['PUT', `${path}/e`, 404], ['PUT', `${path}/z?status=UP&lastDirtyTimestamp=3000`, 404]
  ] as const) t.equal((await second.ask(method, url)).status, status, `${method} ${url}`)
  await two.caughtUp()
  const lists = await Promise.all([first, second].map(async ({ ask }) => (await ask('GET', '/apps', undefined, asJson)).json.applications))
  t.equal(lists[0].apps__hashcode, 'OUT_OF_SERVICE_1_UP_4_')
  const shown = lists.map(({ application }) => application[0].instance.map((each: any) => `${each.instanceId} ${each.status} ${each.lastDirtyTimestamp} ${JSON.stringify(each.metadata)}`).sort())
  t.strictSame(shown[0], shown[1])
})
