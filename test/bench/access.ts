// What access control costs: CPU time of the server for each request with a token and a thousand policies, against one without access
// control, in short turns. And how soon a change of a policy is in a live watch.
import { writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import { hashOf, newToken } from '../../server/access/token-text.ts'
import { type Program, type Row, cpuMs, median, startRegistry, temporaryDirectory } from './lib.ts'

/** BENCH_PAIRS is for a brief look. */
const pairs = Number(process.env.BENCH_PAIRS ?? 7)
/** Of a turn: some 300 ms of CPU, which is counted in steps of 10. */
const requests = 4_000
const connections = 16
const idleMs = 5_000
const policies = 1_000
const goal = 0.9
const changeGoalMs = 1_000

const service = '/v1/namespaces/shop/services/orders'

interface Side {
  readonly program: Program
  readonly agent: Agent
  readonly headers: Readonly<Record<string, string>>
}

export async function access (): Promise<Row[]> {
  await using directory = await temporaryDirectory()
  const [admin, reader] = [newToken(), newToken()]
  const tokenFile = join(directory.path, 'tokens.yaml')
  writeFileSync(tokenFile, `tokens:\n- { name: admin, hash: ${hashOf(admin).toString('hex')}, rules: [{ role: admin }] }\n- { name: team-500, hash: ${hashOf(reader).toString('hex')}, rules: [] }\n`, { mode: 0o600 })
  await using open = await startRegistry({ directory: join(directory.path, 'open') }, '0')
  await using controlled = await startRegistry({ directory: join(directory.path, 'controlled') }, '0', ['--access', 'on', '--token-file', tokenFile, '--access-writes', '1000000'])
  const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })
  await done(`${controlled.url}/v1/apply`, 'POST', Array.from({ length: policies }, (_, n) => policy(`team-${n}`, n === 500 ? ['shop'] : [`n${n}`])).join('\n'), bearer(admin))
  const sides: readonly [Side, Side] = [
    { program: open, agent: new Agent({ keepAlive: true, maxSockets: connections }), headers: {} },
    { program: controlled, agent: new Agent({ keepAlive: true, maxSockets: connections }), headers: bearer(reader) }
  ]
  for (const { program, headers } of sides) {
    for (let n = 0; n < 5; n++) {
      await done(`${program.url}${service}/instances/orders-${n}`, 'PUT', JSON.stringify({ address: `10.0.0.${n + 1}`, ports: [{ name: 'http', port: 8080 }], lease: { ttlMs: 600_000 } }), headers)
    }
  }
  const rows: Row[] = []
  for (const [what, method, path, body] of [
    ['GET endpoints of five instances', 'GET', `${service}/endpoints`, undefined],
    ['GET of an instance', 'GET', `${service}/instances/orders-1`, undefined],
    ['PUT heartbeat', 'PUT', `${service}/instances/orders-1/heartbeat`, '{}']
  ] as const) {
    for (const side of sides) await perRequest(side, method, path, body)
    await passed(idleMs)
    const measured: { readonly without: number, readonly behind: number }[] = []
    for (let pair = 0; pair < pairs; pair++) {
      measured.push({ without: await perRequest(sides[0], method, path, body), behind: await perRequest(sides[1], method, path, body) })
    }
    const ratio = median(measured.map(({ without, behind }) => without / behind))
    const us = (side: 'without' | 'behind'): string => median(measured.map((pair) => pair[side])).toFixed(1)
    rows.push({
      what: `${what}, with a token and ${policies} policies`, measured: `${ratio.toFixed(2)} of without (${us('behind')} us of CPU against ${us('without')})`,
      goal: `at least ${goal}`, met: ratio >= goal
    })
  }
  const seenMs = await untilSeen(controlled.url, admin, reader)
  rows.push({ what: 'a change of a policy, until a live watch is told', measured: `${seenMs.toFixed(0)} ms`, goal: `at most ${changeGoalMs} ms`, met: seenMs <= changeGoalMs })
  for (const { agent } of sides) agent.destroy()
  return rows
}

/** One JSON object of the stream. */
function policy (name: string, namespaces: readonly string[]): string {
  return JSON.stringify({ apiVersion: 'rollcall.dev/v1', kind: 'Policy', metadata: { name }, spec: { subjects: [`token:${name}`], rules: [{ role: 'agent', namespaces }] } })
}

async function untilSeen (url: string, admin: string, reader: string): Promise<number> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/watch`, { headers: { authorization: `Bearer ${reader}` } })
  const { promise: begun, resolve: begins } = Promise.withResolvers<void>()
  const { promise: told, resolve: tells } = Promise.withResolvers<void>()
  socket.onmessage = ({ data }) => {
    const { type } = JSON.parse(String(data)) as { readonly type: string }
    if (type === 'snapshot') begins()
    if (type === 'reset') tells()
  }
  socket.onopen = () => socket.send('{"type":"subscribe","id":1}')
  await begun
  const began = performance.now()
  await done(`${url}/v1/apply`, 'POST', policy('team-500', ['pay']), { authorization: `Bearer ${admin}` })
  await told
  socket.close()
  return performance.now() - began
}

async function done (url: string, method: string, body: string, headers: Readonly<Record<string, string>>): Promise<void> {
  const answer = await fetch(url, { method, headers: { 'content-type': 'application/json', ...headers }, body })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${text}`)
}

/** Microseconds of CPU. */
async function perRequest (side: Side, method: string, path: string, body: string | undefined): Promise<number> {
  const { pid } = side.program
  const before = cpuMs(pid)
  await Promise.all(Array.from({ length: connections }, async () => {
    for (let n = 0; n < requests / connections; n++) await ask(side, method, path, body)
  }))
  return (cpuMs(pid) - before) * 1_000 / requests
}

function ask ({ program: { url }, agent, headers }: Side, method: string, path: string, body: string | undefined): Promise<void> {
  const own = body === undefined ? headers : { ...headers, 'content-type': 'application/json', 'content-length': String(body.length) }
  return new Promise((resolve, reject) => {
    request(`${url}${path}`, { agent, method, headers: own }, (response) => {
      if (response.statusCode !== 200) return reject(new Error(`${path} answered ${response.statusCode}`))
      response.resume().on('end', resolve)
    }).on('error', reject).end(body)
  })
}
