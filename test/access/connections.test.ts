// How many connections one identity may have open at a node: one more is refused and closed, and others are served.
import { EventEmitter } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { Agent, request as ask } from 'node:http'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { IdentityConnections } from '../../server/access/connections.ts'
import { standaloneGuard } from '../../server/guard.ts'
import { authority } from '../support/certificate.ts'
import { type HttpWorld, bearer, build, tokenOf } from '../support/world.ts'

t.test('a connection counts for who used it last, until it closes', async (t) => {
  const connections = new IdentityConnections(2, standaloneGuard)
  const [one, two, three] = [new EventEmitter(), new EventEmitter(), new EventEmitter()] as const
  t.ok(connections.take(one, 'token:a') && connections.take(one, 'token:a') && connections.take(two, 'token:a'))
  t.notOk(connections.take(three, 'token:a'))
  t.ok(connections.take(three, 'token:b'), 'of others there are as many as before')
  t.ok(connections.take(two, 'token:b'), 'a trusted proxy may send requests of several')
  t.same([connections.of('token:a'), connections.of('token:b')], [1, 2])
  t.notOk(connections.take(one, 'token:b'))
  for (const each of [one, two, three, three]) each.emit('close')
  t.same([connections.of('token:a'), connections.of('token:b')], [0, 0])
})

async function limited (t: Test): Promise<HttpWorld & { readonly a: string, readonly b: string }> {
  const world = await build(t, { control: { mode: 'on', connections: 2 } })
  const [a, b] = [await tokenOf(world, 'a', [{ role: 'reader', namespaces: ['*'] }]), await tokenOf(world, 'b', [{ role: 'reader', namespaces: ['*'] }])]
  return { ...world, a, b }
}

t.test('one connection more than an identity may have is answered 429 and closed; its others go on', async (t) => {
  const world = await limited(t)
  const { port } = await world.listen()
  const get = async (agent: Agent, token: string, path = '/v1/services'): Promise<{ status: number | undefined, connection: string | undefined }> => {
    const sent = ask({ port, host: '127.0.0.1', path, agent, headers: bearer(token) })
    sent.end()
    const [answer] = await once(sent, 'response')
    await once(answer.resume(), 'end')
    return { status: answer.statusCode, connection: answer.headers.connection }
  }
  const agents = Array.from({ length: 4 }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
  t.teardown(() => { for (const agent of agents) agent.destroy() })
  const [one, two, three, four] = agents as [Agent, Agent, Agent, Agent]
  t.match(await get(one, world.a), { status: 200 })
  t.match(await get(two, world.a), { status: 200 })
  t.same(await get(three, world.a), { status: 429, connection: 'close' })
  t.same(await get(three, world.a, '/v1/watch?namespace=shop'), { status: 429, connection: 'close' }, 'whatever it asks for')
  t.match(await get(one, world.a), { status: 200 }, 'those that it has go on')
  t.match(await get(four, world.b), { status: 200 }, 'and others have theirs')
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/watch`, { headers: bearer(world.a) })
  await new Promise<void>((resolve) => { socket.onerror = () => resolve() })
  t.pass('a WebSocket counts as any connection')
  t.match(await get(two, world.b), { status: 200 }, 'a connection is of who uses it')
  t.match(await get(three, world.a), { status: 200 }, 'and its place is free for another one')
})

t.test('a session of HTTP/2 is one connection, with however many streams', async (t) => {
  const world = await limited(t)
  const ours = authority()
  const [url = ''] = await world.http.listen({ host: '127.0.0.1', port: 0, tls: ours.issue() })
  const open = (): ClientHttp2Session => {
    const session = connectHttp2(url, { ca: ours.cert })
    session.on('error', () => undefined)
    t.teardown(() => session.destroy())
    return session
  }
  const get = async (session: ClientHttp2Session): Promise<number> => {
    const stream = session.request({ ':path': '/v1/services', ...bearer(world.a) })
    const [headers] = await once(stream, 'response')
    await once(stream.resume(), 'end')
    return headers[':status']
  }
  const [one, two, three] = [open(), open(), open()] as const
  t.same(await Promise.all([get(one), get(one), get(one)]), [200, 200, 200])
  t.equal(await get(two), 200)
  t.equal(await get(three), 429)
  const closed = once(two, 'close')
  two.destroy()
  await closed
  let status = await get(three)
  while (status !== 200) status = await get(three) // the server hears of the end a moment later
  t.equal(status, 200)
})
