// `GET http://evil.example/...` with a good Host header was answered, and so were two Host headers.
import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { build } from '../support/world.ts'

t.test('a request names one host, and the same in its target as in its header', async (t) => {
  const { listen, log } = await build(t)
  const { host, port } = await listen()
  for (const [head, status] of [
    ['GET /livez HTTP/1.1\r\nHost: 127.0.0.1', 200],
    ['GET http://127.0.0.1/livez HTTP/1.1\r\nHost: 127.0.0.1', 200],
    ['GET http://LOCALHOST:80/livez HTTP/1.1\r\nHost: localhost:80', 200],
    ['GET http://evil.example/livez HTTP/1.1\r\nHost: 127.0.0.1', 421],
    ['GET https://evil.example/livez HTTP/1.1\r\nHost: 127.0.0.1', 421],
    ['GET http://127.0.0.1@evil.example/livez HTTP/1.1\r\nHost: 127.0.0.1', 421],
    ['GET http://evil.example/livez HTTP/1.1\r\nHost: evil.example', 421],
    ['GET http://evil.example/v1/instances HTTP/1.1\r\nHost: 127.0.0.1', 421],
    ['GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example', 400],
    ['GET /livez HTTP/1.1\r\nHost: evil.example\r\nHost: 127.0.0.1', 421],
    ['GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nhost: 127.0.0.1', 400],
    ['GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: 127.0.0.1', 400]
  ] as const) {
    const socket = connect({ host, port })
    socket.write(`${head}\r\nConnection: close\r\n\r\n`)
    const [answer] = await once(socket, 'data') as [Buffer]
    const got = /^HTTP\/1\.1 (\d+)/.exec(answer.toString())?.[1]
    t.ok(got === String(status) || (status === 421 && got === '400'), `${head} gives ${got}`)
    socket.destroy()
  }
  t.strictSame(log, [], 'none of it is worth a line')
})
