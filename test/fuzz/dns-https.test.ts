// Hostile messages in requests over HTTP (RFC 8484): each is answered as over TCP, or refused by a status that says why.
import t from 'tap'
import { serve } from '../support/played-feed.ts'
import { build } from '../support/world.ts'
import { mutant } from './mutants.ts'
import { Random, fuzzSeed, seedHint } from './random.ts'
import { seeds } from './seeds.ts'
import { served, shop } from './shop.ts'
import { readSent, verdict } from './verdict.ts'

const mutants = 5_000
const longest = 4_096
const media = 'application/dns-message'

t.test(`${mutants} mutated messages over HTTP: each is answered as it has to be, or is no message`, async (t) => {
  const seed = fuzzSeed()
  const random = new Random(seed)
  const server = await serve(t, shop(), served)
  const { app, log } = await build(t, { dns: server.desk })
  const faults: string[] = []
  let answered = 0
  for (let index = 0; index < mutants; index++) {
    const message = mutant(seeds, random)
    const isPost = message.length > longest || random.below(2) === 0
    const reply = isPost
      ? await app.inject({ method: 'POST', url: '/dns-query', headers: { 'content-type': media }, payload: message })
      : await app.inject({ method: 'GET', url: `/dns-query?dns=${message.toString('base64url')}` })
    const sent = readSent(message)
    const expected = message.length > longest ? 413 : sent.isSilent ? 400 : 200
    const found = reply.statusCode !== expected ? `status ${reply.statusCode}` : expected === 200 ? verdict(sent, reply.rawPayload, 'tcp', {}) : undefined
    if (expected === 200) answered++
    if (found !== undefined && faults.length < 5) faults.push(`${found}: ${isPost ? 'POST' : 'GET'} ${message.toString('hex')} received ${reply.rawPayload.toString('hex')}`)
  }
  t.strictSame(faults, [], seedHint(seed))
  t.equal(server.counters.failed, 0, 'none of them met a fault of ours')
  t.strictSame(log.filter(({ level }) => level === 'error'), [])
  t.ok(answered > mutants / 2, `${answered} were answered`)
})

t.test('a body of 5 MB is refused, and so is a message that is longer than any query (dns2 8)', async (t) => {
  const server = await serve(t, shop(1), served)
  const { app, listen } = await build(t, { dns: server.desk })
  const { url } = await listen()
  const refused = await fetch(`${url}/dns-query`, { method: 'POST', headers: { 'content-type': media }, body: Buffer.alloc(5_000_000) }).then(({ status }) => status, () => 'closed')
  t.ok(refused === 413 || refused === 'closed', `${refused}`) // who still sends may see the end of the connection before the answer
  t.equal((await app.inject({ method: 'POST', url: '/dns-query', headers: { 'content-type': media }, payload: Buffer.alloc(4_097) })).statusCode, 413)
  t.equal((await app.inject({ method: 'GET', url: `/dns-query?dns=${'A'.repeat(8_000)}` })).statusCode, 413)
})
