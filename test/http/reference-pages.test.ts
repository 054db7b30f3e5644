import { readFile } from 'node:fs/promises'
import t from 'tap'
import { observeAutoscaling } from '../../server/autoscaling/metrics.ts'
import { WebhookMetrics } from '../../server/autoscaling/webhook/metrics.ts'
import { errorCatalogue } from '../../server/errors.ts'
import * as limits from '../../server/http/server/limits.ts'
import { manifestLimits } from '../../server/model/manifest/manifest-limits.ts'
import { cluster } from '../kubernetes/helper.ts'
import { build } from '../support/world.ts'

const page = (name: string): Promise<string> => readFile(new URL(`../../docs/reference/${name}.md`, import.meta.url), 'utf8')

t.test('the page of errors is the catalogue', async (t) => {
  const rows = [...(await page('errors')).matchAll(/^\| `(REG_\w+)` \| (\d+) \| ([^|]+) \| [^|]+ \|$/gm)]
  t.strictSame(Object.fromEntries(rows.map(([, code, status, title]) => [code, { status: Number(status), title }])), errorCatalogue)
  t.strictSame(rows.map(([, code]) => code), Object.keys(errorCatalogue), 'in its order')
})

t.test('the page of metrics names every metric, its type and its labels', async (t) => {
  const { app } = await build(t)
  const { metrics } = await cluster(t) // what a dialect counts is there where the dialect is
  observeAutoscaling(metrics.register, { manifests: () => [] }, { isElected: false, rounds: 0, report: { autoscalers: 0, ms: 0 } })
  new WebhookMetrics(metrics.register, ['default'], () => 0)
  const text = `${(await app.inject('/metrics')).body}\n${await metrics.register.metrics()}`
  const rows = [...(await page('metrics')).matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]*) \| [^|]+ \|$/gm)]
  t.strictSame(rows.map(([, name, type]) => `${name} ${type}`).sort(), [...new Set([...text.matchAll(/^# TYPE (\w+ \w+)$/gm)].map(([, line]) => line))].sort())
})

t.test('the page of the API names every path', async (t) => {
  const { app } = await build(t)
  const text = await page('http-api')
  for (const path of Object.keys((await app.inject('/openapi.json')).json().paths)) {
    const shown = path.replace('{namespace}', '{ns}').replace('/v1/namespaces/{ns}/services/{service}/instances/{id}/', '.../instances/{id}/')
    t.ok(text.includes(shown), shown)
  }
})

t.test('the page of the API tells the limits that are kept', async (t) => {
  const text = await page('http-api')
  const rows = new Map([...text.matchAll(/^\| ([^|]+) \| ([^|]+) \| [^|]+ \|$/gm)].map(([, what = '', limit = '']) => [what, limit]))
  const count = (value: number): string => value.toLocaleString('en-US')
  const mib = (value: number): string => `${value / 1024 ** 2} MiB`
  const kib = (value: number): string => `${value / 1024} KiB`
  const seconds = (value: number): string => `${value / 1_000} s`
  for (const [what, limit] of Object.entries({
    body: `${mib(limits.maxBodyBytes)} (setting); heartbeats ${mib(limits.maxHeartbeatBytes)}; \`/v1/apply\`, \`/v1/delete\` ${mib(limits.maxManifestBytes)}`,
    'path and query': kib(limits.maxUrlLength),
    'time until the header, until the whole request is there': `${seconds(limits.headersTimeoutMs)}, ${seconds(limits.requestTimeoutMs)}`,
    'a connection on which nothing moves; an idle one': `${seconds(limits.connectionTimeoutMs)}; ${seconds(limits.keepAliveTimeoutMs)}`,
    'requests of a connection': count(limits.maxRequestsPerSocket),
    connections: count(limits.maxConnections),
    'requests that wait behind others of their connection': count(limits.maxWaitingRequests),
    'bytes of bodies on their way, and of WebSocket frames': mib(limits.maxBodyBytesTogether),
    'bytes of heartbeats on their way': mib(limits.maxHeartbeatBytesTogether),
    'bytes of answers and snapshots that wait to be read; what several wait for counts once': mib(limits.maxUnreadBytesTogether),
    'characters of long manifests that are read, or wait to be': mib(limits.maxWaitingTextBytes),
    [`long manifests (over ${kib(limits.longTextLength)}) in work`]: `${limits.maxLongTasks}, one of each client`,
    'subscriptions of watches': count(limits.maxSubscriptionsTogether),
    'watches that wait for their cursor': count(limits.maxCatchUps),
    'text of long answers that is kept for the next one who asks for the same': mib(limits.keptTextBytes)
  })) t.equal(rows.get(what), limit, what)
  t.match(rows.get('one document; manifests of a stream; tokens of a document, of a stream') ?? '', `; ${count(manifestLimits.maxDocuments)};`)
  for (const sentence of [`within ${limits.turnMs} ms of each of its turns`, `slices of ${limits.readSliceMs} ms`]) t.ok(text.includes(sentence), sentence)
})
