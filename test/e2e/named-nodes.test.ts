// A node that shuts down names the others to its watchers and sessions, so that a client that was given one address goes on.
import t from 'tap'
import { Rollcall, type RollcallEvent } from '../../client-sdk/src/index.ts'
import { freePort } from '../support/free-port.ts'
import { call, instancePath, run, startNode } from '../support/processes.ts'
import { RedisServer, noRedis } from '../support/redis-server.ts'

t.test('a client that knows the leaving node alone goes to the one that this names, with its watch and its session', { skip: noRedis }, async (t) => {
  const redis = await RedisServer.start()
  t.teardown(() => redis.dispose())
  const staying = await startNode(t, ['--redis', redis.url, '--node', 'staying'])
  const port = await freePort()
  const other = `http://127.0.0.1:${port}`
  const node = run(t, 'bin/rollcall.js', ['serve', '--http', `127.0.0.1:${port}`, '--dns', 'off', '--redis', redis.url, '--node', 'other', '--advertise', `${other}/`])
  await node.line(/"msg":"ready"/)
  // One that says no address is counted and not named.
  const knows = async (): Promise<number> => (await call('GET', `${staying.url}/v1/overview`)).body.ranges.nodes as number
  while (await knows() < 2) continue
  const { promise: left, resolve } = Promise.withResolvers<RollcallEvent>()
  const rollcall = new Rollcall({ address: staying.url, namespace: 'shop', warn: null, onEvent: (event) => { if (event.type === 'failover') resolve(event) } })
  t.teardown(() => rollcall.close())
  const registration = await rollcall.register({ service: 'orders', id: 'a', address: '10.0.0.1', port: 80, session: true })
  t.equal((await rollcall.resolve('orders')).id, 'a')
  const ended = staying.end('SIGTERM')
  t.match(await left, { from: staying.url, to: other })
  t.equal(await ended, 0)
  t.equal(rollcall.address, other)
  t.match((await call('GET', `${other}${instancePath('a')}`)).body, { suspect: false, generation: registration.generation })
})
