// HTTP with broken framing: pipelines, half requests, bad chunks, wrong lengths, floods of headers, odd targets.
import { mutant } from '../mutants.ts'
import type { Random } from '../random.ts'
import { type Attack, type Strike, Wire, many, requestText } from './attack.ts'
import { after } from './pace.ts'

const paths = [
  '/livez', '/readyz?verbose=true', '/metrics', '/v1/instances?limit=1000', '/v1/services?namespace=honest', '/v1/overview', '/v1/namespaces', '/v1/pools',
  '/openapi.json', '/docs', '/docs/static/index.html', '/v1/events?limit=1000', '/v1/overrides', '/v1/prometheus/targets', '/v1/unreadable',
  '/v1/namespaces/honest/services/s1/endpoints', '/v1/namespaces/hostile-0/services/s1/endpoints?wait=1s&after=1', '/dns-query?dns=AAABAAABAAAAAAAAAAABAAE',
  '/v1/dns/answer?name=s1.honest.svc.cluster.local&type=A', '/v1/watch'
] as const
const oddPaths = [
  '*', '//', '/../../etc/passwd', '/v1/%00', '/v1/%ff%fe', '/%', '/docs/static/%2e%2e%2f', '/docs/static/a%00b', '/docs/static/\x7f', 'http://evil.example/livez',
  'http://127.0.0.1/livez', 'evil.example:443', '/?__proto__=1', '/livez?__proto__=1', '/v1/instances?limit=1&limit=2', '/v1/instances?cursor=e30', '/v1/instances?selector=a%20in%20(',
  `/${'a/'.repeat(4_000)}`, `/v1/instances?selector=${'a,'.repeat(3_000)}`, '/v1/namespaces/toString/services/__proto__/endpoints', '/v1/unreadable/%2e%2e', ''
] as const
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'PRI', 'BREW', 'get', 'G\0T'] as const
const heads = [
  'Host: evil.example', 'Host: 127.0.0.1:1:2', 'Host:', 'Content-Length: 5\r\nContent-Length: 7', 'Content-Length: -1', 'Content-Length: 1e9', 'Content-Length: 99999999999999999999',
  'Transfer-Encoding: chunked\r\nContent-Length: 3', 'Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: chunked, identity', 'Expect: 100-continue', 'Expect: 200-ok',
  'Upgrade: websocket\r\nConnection: Upgrade', 'Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__', 'If-None-Match: "x", W/"y", *',
  'Accept: text/event-stream;q=0.1, */*', 'Accept-Encoding: gzip;q=nan, br, *;q=0', 'Last-Event-ID: \x01', 'Content-Encoding: gzip', 'Content-Type: application/json; charset=utf-32',
  'X-Forwarded-For: 10.0.0.1, ::1', 'Forwarded: for="[::1%25x]"', 'Authorization: Bearer x', 'Cookie: __proto__=1', ' folded: yes', 'No colon here', 'Bad\x00Name: 1'
] as const
const sizes = ['0', '5', 'ffffffff', 'ffffffffffffffffff', '-1', '0x10', '5;ext="a', ' 5', '5 ', 'g', ''] as const

const body = '{"leases":[]}'
const good = Buffer.from(requestText('POST', '/v1/heartbeats', body))

function oneRequest (random: Random): string {
  const path = random.below(3) === 0 ? random.one(oddPaths) : random.one(paths)
  const head = Array.from({ length: random.below(3) }, () => `${random.one(heads)}\r\n`).join('')
  const method = random.below(4) === 0 ? random.one(methods) : 'GET'
  const version = random.below(20) === 0 ? random.one(['HTTP/0.9', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/1.1 ', 'HTTX/1.1']) : 'HTTP/1.1'
  return `${method} ${path} ${version}\r\n${random.below(10) === 0 ? '' : 'Host: 127.0.0.1\r\n'}${head}\r\n`
}

function chunks (random: Random): string {
  const parts = Array.from({ length: 1 + random.below(6) }, () => `${random.one(sizes)}\r\n${'x'.repeat(random.below(12))}${random.below(3) === 0 ? '' : '\r\n'}`)
  const trailers = random.below(2) === 0 ? '' : `T${random.below(9)}: ${'y'.repeat(random.below(9_000))}\r\n`
  return `POST /v1/heartbeats HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${parts.join('')}0\r\n${trailers}\r\n`
}

function lengths (random: Random): string {
  const length = random.one([0, 1, body.length - 1, body.length + 1, body.length + 400, 5 * 1024 * 1024])
  const smuggled = 'GET /v1/overview HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'
  return `POST /v1/heartbeats HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}${smuggled}`
}

function flood ({ random }: Strike): string {
  const count = random.one([50, 500, 2_000, 20_000])
  const lines = Array.from({ length: count }, (_none, index) => `X-${random.below(4) === 0 ? 'Same' : index}: ${'v'.repeat(random.below(40))}\r\n`)
  return `GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n${lines.join('')}${random.below(3) === 0 ? '' : '\r\n'}`
}

async function pipeline (strike: Strike): Promise<void> {
  const { random } = strike
  const wire = await Wire.open(strike)
  if (random.below(3) === 0) wire.pause()
  const same = random.below(2) === 0 ? oneRequest(random) : undefined
  await wire.write(Array.from({ length: many(strike, 1_500) }, () => same ?? oneRequest(random)).join(''))
  await wire.end(random.below(4_000))
}

async function slowly (strike: Strike): Promise<void> {
  const { random } = strike
  const wire = await Wire.open(strike)
  const text = random.below(2) === 0 ? oneRequest(random) : good.toString('latin1')
  for (let at = 0; at < text.length && wire.isOpen && !strike.signal.aborted; at += 1 + random.below(30)) {
    await wire.write(text.slice(at, at + 1))
    await after(random.below(60))
  }
  await wire.end(random.below(2_000))
}

export const rawHttp: readonly Attack[] = [
  { name: 'http pipeline', weight: 3, run: pipeline },
  { name: 'http slowly', weight: 1, run: slowly },
  {
    name: 'http broken framing', weight: 5, run: async (strike) => {
      const { random } = strike
      for (let count = many(strike, 20); count > 0 && !strike.signal.aborted; count--) {
        const wire = await Wire.open(strike)
        switch (random.below(6)) {
          case 0: await wire.write(chunks(random)); break
          case 1: await wire.write(lengths(random)); break
          case 2: await wire.write(flood(strike)); break
          case 3: await wire.write(oneRequest(random)); break
          case 4: await wire.write(oneRequest(random).slice(0, random.below(80))); break
          default: await wire.write(mutant([good, Buffer.from(oneRequest(random), 'latin1')], random))
        }
        await wire.end(random.below(400))
      }
    }
  }
]
