// The agent that carries traffic, in a lab of network namespaces (root): the kernel against a direct connection, userspace against
// HAProxy, the load of many services and one change, the way from a registration to a reachable cluster IP, and how long a
// load-balancer address is away when it moves. `npm run bench -- proxy`; BENCH_ONLY for a part of a name.
//
// Rates are ratios of alternating turns, each turn at ports of its own, with all ports for the client: a client that closes first keeps its
// port for a minute (TIME-WAIT). wrk does so as soon as it has the whole answer. Through a process the end of a connection comes in a packet
// behind the answer, so that wrk is first there more often than directly: with one port for all rounds its 28,000 were used up in the second,
// and the rate was the rate at which they came back, some hundred a second.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { clients, elapsedMs, kernelIn, measuring, rateOf, runIn } from './proxy-lab.ts'
import { median, residentBytes, type Row, takeAllCores, takeSecondCore, thousands } from './lib.ts'
import { neighbourhood, four, until } from '../support/announce-lab.ts'
import { Lab, noLab } from '../support/lab.ts'
import { type FrontEnd, frontEndKey, type Target } from '../../server/proxy/front-end.ts'

const address = '10.96.0.10'
const machines = { r: '10.77.0.9', g: '10.77.0.8', b: '10.77.0.2', x: '10.77.0.100' }
const firstPort = 8_000
const rounds = 3
const idlePairs = 1_000
const reaches = 100
const services = { few: 1_000, many: 10_000 } as const
const only = process.env.BENCH_ONLY ?? ''

const parts: readonly (readonly [name: string, measure: () => Promise<Row[]>])[] = [
  ['rates', rates], ['load', loads], ['reach', reach], ['moves', moves]
]

export async function proxy (): Promise<Row[]> {
  if (noLab !== false) {
    console.log(`  not measured: ${noLab}`)
    return []
  }
  takeAllCores() // the load is made by programs of the lab
  const rows: Row[] = []
  for (const [name, measure] of parts) {
    if (!name.includes(only)) continue
    for (const row of await measure()) {
      console.log(`  ${row.what}: ${row.measured}`)
      rows.push(row)
    }
  }
  takeSecondCore()
  return rows
}

/** HAProxy as what answers (each port of a range) and as the proxy that userspace is compared with. */
const answering = `global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout client 60s
  timeout connect 5s
  timeout server 60s
frontend answers
  bind :${firstPort}-${firstPort + 99}
  http-request return status 200 content-type text/plain string ok
`
const copying = `global
  nbthread 1
  maxconn 4000
defaults
  mode tcp
  timeout client 60s
  timeout connect 5s
  timeout server 60s
${Array.from({ length: rounds * 2 }, (_, turn) => `listen copies${turn}
  bind :${9_000 + turn}
  server one ${machines.b}:${firstPort + 50 + turn}
`).join('')}`
/** The ports that a turn of userspace and of HAProxy has, at the proxies and behind them. */
const userspacePorts = { front: 9_100, behind: firstPort + 70, turns: rounds * 2 } as const

function frontEnd (at: string, port: number, targets: readonly Target[]): FrontEnd {
  const choice = { targets, whenNone: 'refuse', keepSource: false } as const
  return { family: 4, address: at, port, transport: 'tcp', kind: 'cluster-ip', service: 'bench/web', outside: choice, inside: choice }
}

const keyed = (frontEnds: readonly FrontEnd[]): Map<string, FrontEnd> => new Map(frontEnds.map((each) => [frontEndKey(each), each]))

async function rates (): Promise<Row[]> {
  await using m = measuring()
  const lab = await Lab.start(m, machines)
  for (const [machine, name, text] of [['b', 'answering.cfg', answering], ['g', 'copying.cfg', copying]] as const) {
    writeFileSync(join(lab.directory, name), text)
    m.start(lab, machine, 'haproxy', ['-f', join(lab.directory, name)])
  }
  for (const machine of ['x', 'g']) await lab.run(machine, 'sysctl', '-q', '-w', 'net.ipv4.ip_local_port_range=10000 65535')
  await lab.run('x', 'ip', 'route', 'add', '10.96.0.0/12', 'via', machines.g)
  await lab.run('x', 'ip', 'route', 'add', `${machines.b}/32`, 'via', machines.g)
  await until(async () => (await lab.ask('g', machines.b, firstPort)).includes('ok') && !(await lab.ask('g', machines.g, 9_000)).includes('refused'))
  const agent = kernelIn(runIn(lab.namespace('g')), { 4: machines.g })
  await agent.start(new Map())
  let port = firstPort
  const rows: Row[] = []
  for (const [client, where] of [['g', 'on its machine'], ['x', 'routed']] as const) {
    for (const kind of ['keep-alive', 'new connections'] as const) {
      const ratios: number[] = []
      for (let round = 0; round < rounds; round++) {
        await agent.apply(keyed([frontEnd(address, 80, [{ address: machines.b, port: port + 1, weight: 1 }])]))
        const direct = await rateOf(lab, client, `http://${machines.b}:${port}/`, kind)
        const carried = await rateOf(lab, client, `http://${address}/`, kind)
        ratios.push(carried / direct)
        port += 2
      }
      rows.push(ratioRow(`kernel against a direct connection, ${kind}, ${where}`, ratios, 0.9))
    }
  }
  await agent.clean()

  const { front, behind, turns } = userspacePorts
  m.start(lab, 'g', process.execPath, ['--conditions=rollcall-source', 'test/bench/userspace-proxy.ts', machines.g, String(front), machines.b, String(behind), String(turns)])
  await until(async () => (await lab.ask('g', machines.g, front + turns - 1)).includes('ok'))
  let turn = 0
  for (const [kind, goal] of [['keep-alive', 0.5], ['new connections', 0.4]] as const) {
    const ratios: number[] = []
    for (let round = 0; round < rounds; round++) {
      const other = await rateOf(lab, 'x', `http://${machines.g}:${9_000 + turn}/`, kind)
      ratios.push(await rateOf(lab, 'x', `http://${machines.g}:${front + turn}/`, kind) / other)
      turn++
    }
    rows.push(ratioRow(`userspace against HAProxy with one thread, ${kind}`, ratios, goal))
  }
  const fresh = m.start(lab, 'g', process.execPath, ['--conditions=rollcall-source', 'test/bench/userspace-proxy.ts', machines.g, '9200', machines.b, String(firstPort + 92), '1'])
  await until(async () => (await lab.ask('g', machines.g, 9_200)).includes('ok'))
  const before = residentBytes(fresh.pid)
  const idle = m.start(lab, 'x', process.execPath, ['-e', clients.idle, machines.g, '9200', String(idlePairs)])
  await idle.line(/open/)
  const each = (residentBytes(fresh.pid) - before) / idlePairs / 1_024
  rows.push({ what: `userspace, memory of an idle pair of ${thousands(idlePairs)}`, measured: `${each.toFixed(1)} KiB`, goal: 'at most 16 KiB', met: each <= 16 })
  return rows
}

/** Many services of four endpoints: the first load, and one change. */
async function loads (): Promise<Row[]> {
  await using m = measuring()
  const lab = await Lab.start(m, { g: machines.g })
  const run = runIn(lab.namespace('g'))
  const times: Record<number, { load: number, change: number }> = {}
  for (const count of [services.few, services.many]) {
    const agent = kernelIn(run, { 4: machines.g })
    const one = (index: number, first: number): FrontEnd => frontEnd(`10.96.${1 + (index >> 8)}.${index & 255}`, 80,
      Array.from({ length: 4 }, (_, number) => ({ address: `10.1.${index >> 8}.${index & 255}`, port: first + number, weight: 1 })))
    const load = await elapsedMs(() => agent.start(keyed(Array.from({ length: count }, (_, index) => one(index, 8_000)))))
    const changes: number[] = []
    for (let round = 0; round < 15; round++) changes.push(await elapsedMs(() => agent.apply(keyed([one(round * 7, 9_000)]))))
    times[count] = { load, change: median(changes) }
    await agent.clean()
  }
  const [few, many] = [times[services.few], times[services.many]]
  if (few === undefined || many === undefined) return []
  const ratio = many.change / few.change
  return [
    { what: `kernel, load of ${thousands(services.many)} services of four endpoints`, measured: `${(many.load / 1_000).toFixed(2)} s`, goal: 'under 3 s', met: many.load < 3_000 },
    { what: `kernel, one change among ${thousands(services.many)} services`, measured: `${many.change.toFixed(1)} ms`, goal: 'under 50 ms', met: many.change < 50 },
    { what: `the same against ${thousands(services.few)} services`, measured: `${ratio.toFixed(2)} times`, goal: 'under 1.5 times', met: ratio < 1.5 }
  ]
}

/** From a registration at the registry to an answer of the cluster IP on another machine. */
async function reach (): Promise<Row[]> {
  await using m = measuring()
  const lab = await Lab.start(m, machines)
  await lab.answer(m, 'b')
  const environment = { ROLLCALL_ADDRESS: `http://${machines.r}:7500` }
  const registry = lab.start(m, 'r', ['server/main.ts', 'serve', '--http', `${machines.r}:7500`, '--dns', 'off', '--insecure', '--data', join(lab.directory, 'data')])
  await registry.line(/"http":/)
  writeFileSync(join(lab.directory, 'web.yaml'), `{ apiVersion: v1, kind: Service, metadata: { name: web }, spec: { clusterIP: ${address}, selector: { app: web },
  ports: [ { name: tcp, port: 80, targetPort: tcp } ] } }\n`)
  await lab.start(m, 'r', ['server/main.ts', 'apply', '-f', join(lab.directory, 'web.yaml')], environment).ended
  const agent = lab.start(m, 'g', ['server/main.ts', 'proxy', '--node', 'g', '--mode', 'kernel', '--state', 'off'], environment)
  await agent.line(/carrying \d+ addresses/)
  const client = m.start(lab, 'g', process.execPath, ['-e', clients.reach, environment.ROLLCALL_ADDRESS, machines.b, address, String(reaches)])
  const times = (JSON.parse(await client.line(/^\[/)) as number[]).sort((a, b) => a - b)
  const p99 = times[Math.ceil(times.length * 0.99) - 1] ?? NaN
  return [{
    what: 'registration to an answer of the cluster IP on another machine', measured: `${median(times).toFixed(1)} ms at the median, ${p99.toFixed(1)} ms at the 99th percentile`,
    goal: 'at most 100 ms at the 99th percentile', met: p99 <= 100
  }]
}

/** The longest time that a client on the network gets no answer, while the address moves. */
async function moves (): Promise<Row[]> {
  const rows: Row[] = []
  for (const [what, flags, isCrash, goalMs] of [
    ['moved in order', [], false, 100], ['its machine is off', [], true, 8_000], ['its machine is off, fast', ['--announce-takeover', 'fast'], true, 1_000]
  ] as const) {
    await using m = measuring()
    const { lab, startAgent, owners, owned } = await neighbourhood(m)
    const agents = new Map(await Promise.all(['a', 'b'].map(async (machine) => [machine, await startAgent(machine, ...flags)] as const)))
    await until(async () => (await owners(four)).length === 1)
    const [owner = ''] = await owners(four)
    const other = owner === 'a' ? 'b' : 'a'
    const client = m.start(lab, 'x', process.execPath, ['-e', clients.gap, four, '80', other])
    await client.line(/begun/)
    agents.get(owner)?.process.kill(isCrash ? 'SIGKILL' : 'SIGTERM')
    if (isCrash) await lab.plug(owner, false)
    else await owned(four, other)
    const gapMs = Number(/gap (\d+)/.exec(await client.line(/^gap/))?.[1])
    rows.push({ what: `a load-balancer address, ${what}: the longest gap`, measured: `${gapMs} ms`, goal: `under ${thousands(goalMs)} ms`, met: gapMs < goalMs })
  }
  return rows
}

function ratioRow (what: string, ratios: readonly number[], goal: number): Row {
  const ratio = median(ratios)
  const least = Math.min(...ratios)
  return { what, measured: `${ratio.toFixed(2)} at the median of ${ratios.length}, ${least.toFixed(2)} at least`, goal: `at least ${goal}`, met: ratio >= goal }
}
