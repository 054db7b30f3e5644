// Older clients of Consul show their token as `?token=` and have no other way: each request was refused with 400.
import { Socket } from 'node:net'
import type { IncomingMessage } from 'node:http'
import { IncomingMessage as Message } from 'node:http'
import t from 'tap'
import { takeTokenOutOfUrl } from '../../server/consul/url-token.ts'

t.test('the token is in the URL no more, before anything is written down, and is shown as by newer clients', async (t) => {
  for (const [url, left, token] of [
    ['/v1/agent/services?token=secret', '/v1/agent/services', 'secret'], ['/v1/a?dc=dc1&token=s%2Fx&stale', '/v1/a?dc=dc1&stale', 's/x'],
    ['/v1/a?%74oken=secret', '/v1/a', 'secret'], ['/v1/a?token=one&token=two', '/v1/a', 'one'], ['/v1/a?token', '/v1/a', undefined],
    ['/v1/a?filter=token==1', '/v1/a?filter=token==1', undefined], ['/v1/a?tokens=x', '/v1/a?tokens=x', undefined], ['/v1/token=x', '/v1/token=x', undefined]
  ] as const) {
    const request: IncomingMessage = Object.assign(new Message(new Socket()), { url })
    takeTokenOutOfUrl(request)
    t.equal(request.url, left, url)
    t.equal(request.headers['x-consul-token'], token, url)
  }
})
