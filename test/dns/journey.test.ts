// The way of a question from the socket to its answer, as V8 saw it run: through how few files it leads, and that none of them is long.
import { readFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { batchSettings } from '../support/dns-batches.ts'
import { UdpClient, question, text, codec } from '../support/dns-client.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

/** `off`: each message by a call of its own. `auto`: two more files, the calls of the system for many at once. */
const maxFiles = { off: 8, auto: 10 } as const
const maxLines = 350
const name = 'orders.shop.svc.cluster.local'
const server = new URL('../../server/', import.meta.url)

// The guard stands around every handler, and says to the watch of the loop what begins: neither is a part of the way.
for (const batch of batchSettings) t.test(`an A question over UDP that was asked before runs through few files (batch ${batch})`, async (t) => {
  const world = new PlayedFeed().load().register('shop/orders/a', { address: '10.0.0.1', ports: [] })
  const dns = await serve(t, world, { rateLimit: 5_000, batch })
  const client = new UdpClient(t, dns)
  await client.query(name, 'A')
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
  await client.ask(question(name, 'A')) // what runs once, as with the first look of the profiler, has run
  await session.post('Profiler.takePreciseCoverage')
  const answer = codec.decode(await client.ask(question(name, 'A')))
  const { result } = await session.post('Profiler.takePreciseCoverage')
  session.disconnect()
  t.strictSame(text(answer.answers), [`${name} 5 A 10.0.0.1`])
  const ran = result.filter(({ url, functions }) => url.startsWith(server.href) && !/\/(?:guard|loop)\.ts$/.test(url) && functions.some(({ ranges }) => (ranges[0]?.count ?? 0) > 0))
  const files = ran.map(({ url }) => url.slice(server.href.length)).sort()
  t.ok(files.length > 3 && files.length <= maxFiles[batch], `${files.length}: ${files.join(' ')}`)
  for (const { url } of ran.filter((file) => file.url.startsWith(`${server.href}dns/`))) {
    const lines = readFileSync(fileURLToPath(url), 'utf8').split('\n').length
    t.ok(lines <= maxLines, `${url.slice(server.href.length)} has ${lines} lines`)
  }
})
