// Decisions on their way to receivers: signed, the newest only, again and again, with a clock that the test moves.
import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import t from 'tap'
import type { ScalingDecision } from '../../server/autoscaling/ports.ts'
import { verdictOf } from '../../server/autoscaling/webhook/answer.ts'
import { isSignedBy, readSecrets, signedHeaders } from '../../server/autoscaling/webhook/signature.ts'
import { WebhookSender } from '../../server/autoscaling/webhook/webhook-sender.ts'
import { HandClock } from '../support/hand-clock.ts'

const secret = Buffer.from('a secret of thirty-two octets ok')

function decision (changes: Partial<ScalingDecision> = {}): ScalingDecision {
  const sequence = changes.sequence ?? 1
  return {
    namespace: 'shop', name: 'worker', decisionId: `shop.worker.${sequence}`, sequence, atMs: Date.UTC(2026, 0, 1), from: 2, to: 4, reason: 'cpu above target',
    target: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'worker' },
    metrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 120 } } }], ...changes
  }
}

interface Sent {
  readonly url: string
  readonly id: string
  readonly body: string
  readonly answer: (status: number, headers?: Record<string, string>) => void
  readonly fail: (error: Error) => void
}

/** A sender whose network the test answers by hand. */
function world () {
  const clock = new HandClock()
  const sent: Sent[] = []
  const failed: string[] = []
  const counted: Record<string, number> = {}
  const wanted = { url: 'http://receiver.example/scale' as string | undefined }
  let isAborted = 0
  const count = (name: string): void => { counted[name] = (counted[name] ?? 0) + 1 }
  const sender = new WebhookSender({
    webhookOf: () => (wanted.url === undefined ? undefined : { name: 'default', url: wanted.url, secrets: () => [secret] }),
    clock, random: () => 1, version: '0', counts: { attempt: (_, result) => count(result), dropped: () => count('dropped') },
    failed: ({ name, sequence }, webhook, why) => failed.push(`${name} ${sequence} ${webhook}: ${why}`),
    fetch: (url, init) => new Promise((resolve, reject) => {
      const headers = new Headers(init?.headers)
      init?.signal?.addEventListener('abort', () => {
        isAborted++
        reject(init.signal?.reason as Error)
      })
      sent.push({
        url: url as string, id: headers.get('webhook-id') ?? '', body: init?.body as string,
        answer: (status, given = {}) => resolve(new Response(null, { status, headers: given })), fail: reject
      })
    })
  })
  return { clock, sent, failed, counted, sender, wanted, aborted: () => isAborted }
}

/** What follows an answer has happened. */
const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

t.test('a receiver that has the secret can verify what it gets, with nothing but HMAC', async (t) => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const clock = new HandClock()
  const sender = new WebhookSender({
    webhookOf: () => ({ name: 'default', url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/scale?team=a`, secrets: () => [Buffer.from('another, of thirty-two octets ok'), secret] }),
    clock, version: '0', counts: { attempt: () => {}, dropped: () => {} }, failed: (_, __, why) => t.fail(why)
  })
  sender.decided(decision())
  const [request, response] = await once(server, 'request') as [IncomingMessage, ServerResponse]
  const body = await text(request)
  response.end('x'.repeat(100_000))
  const { headers } = request
  const id = String(headers['webhook-id'])
  const timestamp = String(headers['webhook-timestamp'])
  const expected = `v1,${createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')}`
  t.equal(request.method, 'POST')
  t.equal(request.url, '/scale?team=a')
  t.equal(headers['content-type'], 'application/json')
  t.ok(String(headers['webhook-signature']).split(' ').includes(expected))
  t.equal(timestamp, String(clock.now() / 1_000))
  t.same(JSON.parse(body), {
    id: 'shop.worker.1', sequence: 1, at: '2026-01-01T00:00:00.000Z', namespace: 'shop', name: 'worker', from: 2, to: 4, reason: 'cpu above target',
    target: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'worker' }, metrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 120 } } }]
  })
  await sender.close()
})

t.test('a signature is of its secret, its id, its time and its body, and of nothing else', async (t) => {
  const headers = signedHeaders([secret], 'id-1', 1_700_000_000_999, '{"to":4}')
  t.ok(isSignedBy(secret, headers, '{"to":4}'))
  t.notOk(isSignedBy(secret, headers, '{"to":5}'))
  t.notOk(isSignedBy(secret, { ...headers, 'webhook-id': 'id-2' }, '{"to":4}'))
  t.notOk(isSignedBy(secret, { ...headers, 'webhook-timestamp': '1700000001' }, '{"to":4}'))
  t.notOk(isSignedBy(Buffer.from('another'), headers, '{"to":4}'))
  t.notOk(isSignedBy(secret, { ...headers, 'webhook-signature': '' }, '{"to":4}'))
})

t.test('a file of secrets holds one to three, long enough', async (t) => {
  const line = `whsec_${secret.toString('base64')}`
  t.same(readSecrets(`${line}\n`), [secret])
  t.same(readSecrets(`\n${line}\r\n${line}\n`)?.length, 2)
  const refused = ['', '\n', secret.toString('base64'), 'whsec_', `whsec_${Buffer.alloc(23).toString('base64')}`, `whsec_${Buffer.alloc(65).toString('base64')}`,
    `${line} ${line}`, 'whsec_!!!!', [line, line, line, line].join('\n'), `${line}\nnothing`]
  for (const given of refused) t.equal(readSecrets(given), undefined, JSON.stringify(given))
})

t.test('what an answer means', async (t) => {
  const nowMs = Date.UTC(2026, 0, 1)
  const rows: readonly (readonly [number, string | null, object])[] = [
    [200, null, { kind: 'delivered' }], [204, null, { kind: 'delivered' }], [301, null, { kind: 'refused' }], [307, null, { kind: 'refused' }],
    [400, null, { kind: 'refused' }], [404, '5', { kind: 'refused' }], [408, null, { kind: 'again' }], [410, null, { kind: 'refused' }], [425, null, { kind: 'again' }],
    [429, '7', { kind: 'again', afterMs: 7_000 }], [500, null, { kind: 'again' }], [503, 'Thu, 01 Jan 2026 00:00:09 GMT', { kind: 'again', afterMs: 9_000 }],
    [503, '999999999', { kind: 'again', afterMs: 300_000 }], [503, 'soon', { kind: 'again' }], [503, '-5', { kind: 'again' }], [503, 'Wed, 31 Dec 2025 00:00:00 GMT', { kind: 'again', afterMs: 0 }]
  ]
  for (const [status, retryAfter, expected] of rows) t.match(verdictOf(status, retryAfter, nowMs), expected, `${status} ${retryAfter}`)
  t.notOk('afterMs' in verdictOf(503, 'soon', nowMs))
})

t.test('a receiver that fails is asked again with longer pauses, by the same id, until it has it', async (t) => {
  const { sender, sent, clock, failed, counted } = world()
  sender.decided(decision())
  t.equal(sender.waiting, 1)
  sent[0]?.fail(Object.assign(new TypeError('fetch failed'), { cause: new Error('connect ECONNREFUSED 192.0.2.1:80') }))
  await turn()
  t.same(failed, ['worker 1 default: connect ECONNREFUSED 192.0.2.1:80; it is tried again'])
  for (const pauseMs of [2_000, 4_000, 8_000]) {
    const before = sent.length
    clock.advance(pauseMs - 1)
    t.equal(sent.length, before)
    clock.advance(1)
    t.equal(sent.length, before + 1)
    sent.at(-1)?.answer(500)
    await turn()
  }
  clock.advance(16_000)
  sent.at(-1)?.answer(503, { 'retry-after': '120' })
  await turn()
  clock.advance(119_999)
  t.equal(sent.length, 5)
  clock.advance(1)
  t.equal(sent.length, 6)
  sent.at(-1)?.answer(202)
  await turn()
  t.equal(sender.waiting, 0)
  t.equal(new Set(sent.map(({ id, body }) => id + body)).size, 1, 'the same id and the same body each time')
  t.equal(failed.length, 1, 'told once')
  t.same(counted, { again: 5, delivered: 1 })
  await sender.close()
})

t.test('no answer in time is a failure, and the answer that comes later is nobody\'s', async (t) => {
  const { sender, sent, clock, failed, aborted } = world()
  sender.decided(decision())
  clock.advance(10_000)
  await turn()
  t.equal(aborted(), 1)
  t.same(failed, ['worker 1 default: no answer within 10 s; it is tried again'])
  sent[0]?.answer(200)
  await turn()
  t.equal(sender.waiting, 1)
  await sender.close()
})

t.test('a newer decision takes the place of the older one, wherever that is', async (t) => {
  const { sender, sent, clock, aborted } = world()
  sender.decided(decision({ sequence: 1 }))
  sender.decided(decision({ sequence: 2, to: 6 })) // the first is being sent
  await turn()
  t.equal(aborted(), 1)
  sent[1]?.answer(500)
  await turn()
  sender.decided(decision({ sequence: 3, to: 8 })) // the second waits for its next attempt
  sent[2]?.answer(200)
  await turn()
  sender.decided(decision({ sequence: 2, to: 6 })) // told late by whomever
  sender.decided(decision({ sequence: 3, to: 8 }))
  clock.advance(59_000)
  t.same(sent.map(({ id }) => id), ['shop.worker.1', 'shop.worker.2', 'shop.worker.3'])
  await sender.close()
})

t.test('what is delivered and not followed is sent again, less and less often; what is followed or gone is not', async (t) => {
  const { sender, sent, clock } = world()
  sender.decided(decision())
  for (const pauseMs of [60_000, 120_000, 240_000, 480_000, 960_000, 1_800_000, 1_800_000]) {
    sent.at(-1)?.answer(200)
    await turn()
    const before = sent.length
    clock.advance(pauseMs - 1)
    t.equal(sent.length, before)
    clock.advance(1)
    t.equal(sent.length, before + 1, `after ${pauseMs} ms`)
  }
  sent.at(-1)?.answer(200)
  await turn()
  const count = sent.length
  sender.ended(decision(), 'followed')
  clock.advance(10_000_000)
  t.equal(sent.length, count)
  sender.decided(decision({ sequence: 5 }))
  sender.ended(decision({ sequence: 4 }), 'replaced')
  t.equal(sender.waiting, 1, 'the end of an older decision ends no newer one')
  sender.ended(decision({ sequence: 5 }), 'gone')
  t.equal(sender.waiting, 0)
  await sender.close()
  t.equal(clock.waiting, 0, 'no timer is left')
})

t.test('a receiver that refuses, or is away for a quarter of an hour, is left alone for a while', async (t) => {
  const { sender, sent, clock, failed } = world()
  sender.decided(decision())
  sent[0]?.answer(302, { location: 'http://169.254.169.254/' })
  await turn()
  t.same(failed, ['worker 1 default: status 302: redirects are not followed; the next attempt is in 1m'])
  clock.advance(60_000)
  t.equal(sent.length, 2)
  t.equal(sent[1]?.url, 'http://receiver.example/scale')
  const endMs = clock.now() + 900_000
  while (failed.length === 1 && clock.now() < endMs + 120_000) {
    sent.at(-1)?.answer(500)
    await turn()
    clock.advance(60_000)
  }
  t.match(failed[1], /status 500, for 15 minutes; the next attempt is in 2m/)
  await sender.close()
})

t.test('sixteen attempts run at a time, in the order in which decisions came', async (t) => {
  const { sender, sent } = world()
  for (let at = 0; at < 40; at++) sender.decided(decision({ name: `worker-${at}`, decisionId: `d-${at}` }))
  t.equal(sent.length, 16)
  for (let answered = 0; answered < 40; answered++) {
    sent[answered]?.answer(200)
    await turn()
  }
  t.same(sent.map(({ id }) => id), Array.from({ length: 40 }, (_, at) => `d-${at}`))
  await sender.close()
})

t.test('which webhook is wanted is asked at the beginning of each go: an annotation may be mended', async (t) => {
  const { sender, sent, clock, wanted } = world()
  wanted.url = undefined
  sender.decided(decision())
  t.equal(sent.length, 0)
  t.equal(sender.waiting, 0)
  wanted.url = 'http://other.example/'
  clock.advance(60_000)
  t.same(sent.map(({ url }) => url), ['http://other.example/'])
  sent[0]?.answer(200)
  await turn()
  wanted.url = undefined
  clock.advance(10_000_000)
  t.equal(sent.length, 1)
  await sender.close()
})

t.test('no more than ten thousand autoscalers wait', async (t) => {
  const { sender, counted } = world()
  for (let at = 0; at < 10_000; at++) sender.decided(decision({ name: `worker-${at}` }))
  sender.decided(decision({ name: 'one-more' }))
  sender.decided(decision({ name: 'worker-0', sequence: 2 }))
  t.equal(sender.waiting, 10_000)
  t.same(counted, { dropped: 1 })
  await sender.close()
  sender.decided(decision({ name: 'after-the-end' }))
  t.equal(sender.waiting, 0)
})
