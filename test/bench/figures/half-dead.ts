// What SDKs feel while nodes are frozen, cut off and stopped one after the other: calls that fail, living instances that are missing at the
// healthy node, and lists that are old.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Rollcall } from '../../../client-sdk/src/index.ts'
import { call, endpointsPath, instancePath } from '../../support/processes.ts'
import { type Figures, type Options, repeat, until } from './figure.ts'
import { type Pair, type PairNode, startPair } from './pair.ts'

const instances = 6
const callers = 4
const ttlMs = 3_000
const faultMs = 3_000
const restMs = 1_500
/** The longest time between two looks is what the figures are exact to. */
const lookMs = 10

const faults: Readonly<Record<string, readonly [act: (node: PairNode) => Promise<void>, undo: (node: PairNode) => Promise<void>]>> = {
  'frozen': [async (node) => node.signal('SIGSTOP'), async (node) => node.signal('SIGCONT')],
  'cut off': [async (node) => node.cut(), async (node) => node.mend()],
  'deaf': [async (node) => node.deafen(), async (node) => node.mend()],
  'stopped': [(node) => node.stop(), (node) => node.start()]
}

/** Over all runs: a mark of the run before may live yet. */
let mark = 0

interface Endpoints { readonly endpoints: readonly { readonly id: string, readonly suspect: boolean }[] }

/** Looks at something all the time: how long it was not so at most, in ms. */
function longest (isSo: () => Promise<boolean | undefined>): { most: () => number, end: () => Promise<void> } {
  let worst = 0
  let since: number | undefined
  let isOver = false
  const looks = (async () => {
    while (!isOver) {
      const is = await isSo().catch(() => undefined)
      if (is === true) since = undefined
      if (is === false) worst = Math.max(worst, performance.now() - (since ??= performance.now()))
      await pause(lookMs)
    }
  })()
  return { most: () => worst, end: async () => {
    isOver = true
    await looks
  } }
}

async function serve (): Promise<Server> {
  const server = createServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

export async function halfDead ({ runs }: Options): Promise<void> {
  await using pair = await startPair()
  const names = Object.keys(faults).join(', ')
  await repeat(`Section 2: each of two nodes ${names} for ${faultMs} ms, ${callers} callers, ${instances} instances (half of them sessions, TTL ${ttlMs} ms)`, runs, () => rolling(pair))
}

async function rolling (pair: Pair): Promise<Figures> {
  const address = pair.nodes.map(({ url }) => url)
  const client = (): Rollcall => new Rollcall({ address, namespace: 'shop', warn: null, signals: false })
  const servers = await Promise.all(Array.from({ length: instances }, serve))
  const owners = await Promise.all(servers.map(async (server, index) => {
    const rollcall = client()
    await rollcall.register({ service: 'orders', id: `i${index}`, address: '127.0.0.1', port: (server.address() as AddressInfo).port, ttlMs, session: index % 2 === 0 }) // TCP
    return rollcall
  }))
  const living = Array.from({ length: instances }, (_, index) => `i${index}`)
  const asking = Array.from({ length: callers }, client)
  for (const caller of asking) await until('a list', async () => (await caller.resolveAll('orders')).length === instances)

  let calls = 0
  let failed = 0
  let isOver = false
  const loops = asking.map(async (caller) => {
    while (!isOver) {
      calls++
      try {
        const { address: host, port } = await caller.resolve('orders')
        if (!(await fetch(`http://${host}:${port}`)).ok) failed++
      } catch {
        failed++
      }
      await pause(5)
    }
  })
  let healthy: PairNode | undefined
  const missing = longest(async () => {
    const node = healthy
    if (node === undefined) return undefined
    const { status, body } = await call('GET', `${node.url}${endpointsPath()}`) as { status: number, body: Endpoints }
    if (status !== 200 || node !== healthy) return undefined
    return living.every((id) => body.endpoints.some((endpoint) => endpoint.id === id && !endpoint.suspect))
  })

  let oldest = 0
  /** A new instance at the healthy node: how long until every caller has it. */
  const marks = async (node: PairNode): Promise<void> => {
    const id = `mark-${++mark}`
    const { status } = await call('PUT', `${node.url}${instancePath(id, 'marks')}`, { address: '10.0.0.1', ports: [{ port: 80 }], lease: { ttlMs: 60_000 } })
    if (status !== 201) return
    const began = performance.now()
    for (const caller of asking) {
      await until(`${id} in the list of a caller`, async () => (await caller.resolveAll('marks').catch(() => [])).some((endpoint) => endpoint.id === id))
    }
    oldest = Math.max(oldest, performance.now() - began)
  }
  await marks(pair.nodes[0])
  oldest = 0

  for (const [act, undo] of Object.values(faults)) {
    for (const [index, node] of pair.nodes.entries()) {
      const other = pair.nodes[1 - index] as PairNode // there are two
      healthy = other
      const begun = performance.now()
      const acting = act(node)
      while (performance.now() - begun < faultMs) {
        await marks(other)
        await pause(lookMs)
      }
      await acting
      healthy = undefined
      await undo(node)
      await until('both nodes', async () => (await Promise.all(pair.nodes.map(({ url }) => call('GET', `${url}/readyz`)))).every(({ status }) => status === 200))
      await pause(restMs)
    }
  }
  isOver = true
  await Promise.all([...loops, missing.end()])
  for (const rollcall of [...asking, ...owners]) await rollcall.close()
  for (const server of servers) server.close()
  return {
    'calls': calls,
    'calls that failed, of 1,000': failed / calls * 1_000,
    'longest that a living instance was missing at the healthy node, ms': missing.most(),
    'longest until a change at the healthy node was in every list, ms': oldest
  }
}
