// What clients of Kubernetes cost: a table of ten thousand services, against our own list of the same, and how soon a thousand watches of
// one kind have a change.
import { Agent, get } from 'node:http'
import { type Row, cpuMs, median, startRegistry, temporaryDirectory, thousands } from './lib.ts'

/** BENCH_PAIRS is for a brief look. */
const pairs = Number(process.env.BENCH_PAIRS ?? 7)
const services = 10_000
const perApply = 500
const pageSize = 1_000
/** Of a turn: some 300 ms of CPU, which is counted in steps of 10. */
const lists = 4
const watches = 1_000
const listGoal = 1.5
const watchGoalMs = 200
const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' }

export async function kubernetes (): Promise<Row[]> {
  await using directory = await temporaryDirectory()
  await using program = await startRegistry({ directory: directory.path }, '0', ['--kubernetes', '127.0.0.1:0'])
  const own = program.url
  const theirs = program.ready.kubernetes ?? ''
  for (let at = 0; at < services; at += perApply) await apply(own, at)
  const ours = async (): Promise<void> => {
    for (let cursor = ''; ;) {
      const { next } = await (await fetch(`${own}/v1/services?namespace=big&limit=${pageSize}${cursor}`)).json() as { next?: string }
      if (next === undefined) return
      cursor = `&cursor=${encodeURIComponent(next)}`
    }
  }
  const list = async (): Promise<void> => void await (await fetch(`${theirs}/api/v1/namespaces/big/services`, { headers: table })).text()
  await ours()
  await list()
  const perTime = async (act: () => Promise<void>): Promise<number> => {
    const before = cpuMs(program.pid)
    for (let count = 0; count < lists; count++) await act()
    return (cpuMs(program.pid) - before) / lists
  }
  const ratios: number[] = []
  for (let pair = 0; pair < pairs; pair++) {
    const mine = await perTime(ours)
    ratios.push(await perTime(list) / mine)
  }
  const ratio = median(ratios)
  const waits = await told(own, theirs)
  const slowest = median(waits)
  return [
    { what: `get services as a table, ${thousands(services)} of them`, measured: `${ratio.toFixed(2)} of our own list, in CPU time`, goal: `at most ${listGoal}`, met: ratio <= listGoal },
    { what: `one change is seen by ${thousands(watches)} watches`, measured: `${slowest.toFixed(0)} ms`, goal: `at most ${watchGoalMs} ms`, met: slowest <= watchGoalMs }
  ]
}

async function apply (own: string, at: number): Promise<void> {
  const manifests = Array.from({ length: perApply }, (_, index) => {
    const name = `s${at + index}`
    return JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'big' }, spec: { clusterIP: 'None', selector: { app: name }, ports: [{ port: 80 }] } })
  })
  const { status } = await fetch(`${own}/v1/apply`, { method: 'POST', headers: { 'content-type': 'application/yaml' }, body: manifests.join('\n---\n') })
  if (status !== 200) throw new Error(`apply was answered with ${status}`)
}

/** From a write until all watches have it, of several writes. */
async function told (own: string, theirs: string): Promise<number[]> {
  const agent = new Agent({ maxSockets: watches })
  const { metadata: { resourceVersion } } = await (await fetch(`${theirs}/api/v1/namespaces/watched/pods`)).json() as { metadata: { resourceVersion: string } }
  let seen = 0
  let all = (): void => undefined
  await Promise.all(Array.from({ length: watches }, () => new Promise<void>((resolve, reject) => {
    get(`${theirs}/api/v1/namespaces/watched/pods?watch=true&resourceVersion=${resourceVersion}`, { agent }, (response) => {
      resolve()
      response.on('data', () => { if (++seen === watches) all() })
      response.on('error', () => undefined) // it is cut at the end
    }).on('error', reject)
  })))
  const waits: number[] = []
  for (let pair = 0; pair < pairs; pair++) {
    seen = 0
    const whole = new Promise<void>((resolve) => { all = resolve })
    const began = performance.now()
    await fetch(`${own}/v1/namespaces/watched/services/orders/instances/i${pair}`, {
      method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ address: '10.0.0.1', lease: { ttlMs: 600_000 } })
    })
    await whole
    waits.push(performance.now() - began)
  }
  agent.destroy()
  return waits
}
