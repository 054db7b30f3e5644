// What Eureka's clients cost: the whole list of ten thousand instances after a change, against our own list of the same; a delta; and a
// renewal, which is a request of its own in that protocol, against our own.
import { Agent, request } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { fillDirectory } from './filled.ts'
import { type Program, type Row, cpuMs, median, startRegistry, temporaryDirectory, thousands } from './lib.ts'

/** BENCH_PAIRS is for a brief look. */
const pairs = Number(process.env.BENCH_PAIRS ?? 7)
const instances = 10_000
const pageSize = 1_000
/** Of a turn: some 300 ms of CPU, which is counted in steps of 10. */
const fetches = 4
const renewals = 6_000
const connections = 32
const deltas = 200
const listGoal = 1.5
const deltaGoalMs = 5
/** Of the CPU time of our own heartbeat in a request: Node's HTTP is what both cost. */
const renewalGoal = 1.3

export async function eureka (): Promise<Row[]> {
  await using directory = await temporaryDirectory()
  await fillDirectory(directory.path, instances)
  await using program = await startRegistry({ directory: directory.path }, '0', ['--eureka', '127.0.0.1:0', '--eureka-namespace', 'shop'])
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const ask = asker(agent)
  const own = program.url
  const theirs = program.ready.eureka ?? ''
  const json = { accept: 'application/json', 'accept-encoding': 'gzip' }
  let count = 0
  /** Makes everything that was kept old. */
  const change = async (): Promise<void> => {
    const body = JSON.stringify({ weight: 1 + ++count % 60_000 })
    await ask('PATCH', `${own}/v1/namespaces/shop/services/service-0/instances/instance-0`, { 'content-type': 'application/merge-patch+json' }, body)
  }
  const ours = async (): Promise<void> => {
    for (let cursor = ''; ;) {
      const text = await ask('GET', `${own}/v1/instances?limit=${pageSize}${cursor}`, {}, undefined, { 'accept-encoding': 'gzip' })
      const next = text.next
      if (next === undefined) return
      cursor = `&cursor=${encodeURIComponent(next)}`
    }
  }
  const list = async (): Promise<void> => void await ask('GET', `${theirs}/eureka/apps/`, {}, undefined, json)
  const rows: Row[] = []
  await list()
  await ours()

  const lists: { readonly ours: number, readonly theirs: number }[] = []
  for (let pair = 0; pair < pairs; pair++) {
    lists.push({
      ours: await perTime(program, fetches, async () => { await change(); await ours() }),
      theirs: await perTime(program, fetches, async () => { await change(); await list() })
    })
  }
  const ratio = median(lists.map((pair) => pair.theirs / pair.ours))
  const ms = (side: 'ours' | 'theirs'): string => (median(lists.map((pair) => pair[side])) / 1_000).toFixed(0)
  rows.push({
    what: `the list of ${thousands(instances)} instances in gzip, after a change`, measured: `${ratio.toFixed(2)} of our own list (${ms('theirs')} ms of CPU against ${ms('ours')})`,
    goal: `at most ${listGoal}`, met: ratio <= listGoal
  })

  const times: number[] = []
  for (let n = 0; n < deltas; n++) {
    await change()
    const began = performance.now()
    await ask('GET', `${theirs}/eureka/apps/delta`, {}, undefined, json)
    times.push(performance.now() - began)
  }
  rows.push({
    what: `a delta after a change, of ${thousands(instances)} instances`, measured: `${median(times).toFixed(2)} ms at the median`,
    goal: `at most ${deltaGoalMs} ms`, met: median(times) <= deltaGoalMs
  })

  const beats: { readonly ours: number, readonly theirs: number }[] = []
  const renew = (url: (n: number) => string, headers: Record<string, string>, body?: string): Promise<number> => {
    const all = async (): Promise<void> => void await Promise.all(Array.from({ length: connections }, async (_, worker) => {
      for (let n = worker; n < renewals; n += connections) await ask('PUT', url(n % instances), headers, body)
    }))
    return perTime(program, renewals, undefined, all)
  }
  const native = (): Promise<number> => renew((n) => `${own}/v1/namespaces/shop/services/service-${n % 1_000}/instances/instance-${n}/heartbeat`, { 'content-type': 'application/json' }, '{}')
  const foreign = (): Promise<number> => renew((n) => `${theirs}/eureka/apps/SERVICE-${n % 1_000}/instance-${n}?status=UP&lastDirtyTimestamp=1732700000000`, {})
  await native()
  await foreign()
  for (let pair = 0; pair < pairs; pair++) beats.push({ ours: await native(), theirs: await foreign() })
  const us = median(beats.map(({ theirs: each }) => each))
  const renewalRatio = median(beats.map((pair) => pair.theirs / pair.ours))
  rows.push({
    what: 'a renewal, one request each',
    measured: `${renewalRatio.toFixed(2)} of our own heartbeat in a request (${us.toFixed(1)} us of CPU: ${thousands(1e6 / us)} a second on one core)`,
    goal: `at most ${renewalGoal}`, met: renewalRatio <= renewalGoal
  })
  agent.destroy()
  return rows
}

/** Microseconds of CPU of the server. */
async function perTime (program: Program, times: number, one?: () => Promise<void>, all?: () => Promise<void>): Promise<number> {
  const before = cpuMs(program.pid)
  if (all !== undefined) await all()
  else for (let n = 0; n < times; n++) await one?.()
  return (cpuMs(program.pid) - before) * 1_000 / times
}

interface Answer { readonly next?: string | undefined }

/** Reads an answer to its end; a page says where the next one begins. */
function asker (agent: Agent) {
  return (
    method: string, url: string, headers: Readonly<Record<string, string>> = {}, body?: string, more: Readonly<Record<string, string>> = {}
  ): Promise<Answer> => new Promise((resolve, reject) => {
    const own = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    request(url, { agent, method, headers: { ...headers, ...own, ...more } }, (response) => {
      if (response.statusCode === undefined || response.statusCode >= 300) return reject(new Error(`${method} ${url} answered ${response.statusCode}`))
      const isPage = url.includes('/v1/instances?')
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => { if (isPage) chunks.push(chunk) }).on('end', () => {
        if (!isPage) return resolve({})
        resolve(JSON.parse(gunzipSync(Buffer.concat(chunks)).toString()) as Answer)
      })
    }).on('error', reject).end(body)
  })
}
