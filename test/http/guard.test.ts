import { once } from 'node:events'
import { hostname } from 'node:os'
import t from 'tap'
import WebSocket from 'ws'
import { build } from '../support/world.ts'

t.test('a Host header must name this server', async (t) => {
  const { send } = await build(t, { trustedHosts: ['registry.example.org'] })
  for (const host of ['127.0.0.1', '127.0.0.1:7500', '10.1.2.3:80', '[::1]:7500', 'localhost:7500', 'LOCALHOST', 'a.localhost', `${hostname()}:7500`, 'registry.example.org:7500', 'registry.example.org.']) {
    t.equal((await send('GET', '/livez', undefined, { host })).statusCode, 200, host)
  }
  for (const host of ['evil.example.com', 'localhost.evil.com', '127.0.0.1.evil.com', 'registry.example.org.evil.com', 'a b', '[::1', 'user@127.0.0.1', '1.2.3.4:99999999']) {
    const answer = await send('GET', '/livez', undefined, { host })
    t.equal(answer.statusCode, 421, host)
    t.equal(answer.json().code, 'REG_HOST_REFUSED')
  }
})

t.test('the setting can trust every host', async (t) => {
  const { send } = await build(t, { trustedHosts: ['*'] })
  t.equal((await send('GET', '/livez', undefined, { host: 'whatever.example.com' })).statusCode, 200)
})

t.test('many different hosts do not fill the memory of them', async (t) => {
  const { send } = await build(t)
  for (let port = 1; port < 1_100; port++) t.equal((await send('GET', '/livez', undefined, { host: `127.0.0.1:${port}` })).statusCode, 200)
})

t.test('a foreign Origin is refused, on reads, writes and WebSockets, and there are no CORS headers', async (t) => {
  const { send, registry, listen } = await build(t)
  const { url } = await listen()
  for (const origin of ['https://evil.example.com', 'null', 'http://127.0.0.1:8080', 'http://localhost:7500']) {
    for (const [method, path] of [['GET', '/v1/instances'], ['POST', '/v1/heartbeats'], ['DELETE', '/v1/namespaces/a/services/b/instances/c'], ['OPTIONS', '/v1/heartbeats']] as const) {
      const answer = await send(method, path, undefined, { origin })
      t.equal(answer.statusCode, 403, `${method} ${origin}`)
      t.equal(answer.json().code, 'REG_ORIGIN_REFUSED')
      t.notOk(Object.keys(answer.headers).some((name) => name.startsWith('access-control-')))
    }
    t.equal(await upgradeStatus(url, origin), 403)
  }
  t.equal(registry.watches.count, 0)
})

t.test('our own pages may ask', async (t) => {
  const { send } = await build(t)
  for (const origin of ['http://127.0.0.1:7500', 'https://127.0.0.1:7500']) t.equal((await send('GET', '/v1/instances', undefined, { origin })).statusCode, 200)
})

/** The status that a page of this origin gets for a WebSocket. */
async function upgradeStatus (url: string, origin: string): Promise<number | undefined> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/watch`, { origin })
  const [request, answer] = await once(socket, 'unexpected-response') as [{ destroy (): void }, { readonly statusCode?: number }]
  request.destroy()
  return answer.statusCode
}
