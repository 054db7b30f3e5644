// Informers of client-go as they are: their caches over changes, a kill of the node, and a backup that is put back.
// They are built when they are first needed (informer/build.sh), for which Go must be there.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import t from 'tap'
import type { Closable } from '../support/closable.ts'
import { freePort } from '../support/free-port.ts'
import { programPath } from '../support/programs.ts'
import { call, instancePath, type Node, repository, startNode } from '../support/processes.ts'
import { until } from './peers.ts'

const program = join(repository, 'node_modules/.cache/rollcall/informer')
const skip = !existsSync(program) && programPath('go') === undefined && 'go not installed: apt-get install golang-go'

interface Told {
  readonly resourceVersion: string
  readonly labels?: Readonly<Record<string, string>>
  readonly addresses?: readonly string[]
}

type State = Readonly<Record<string, Readonly<Record<string, Told>>>>

interface Informer {
  /** What its caches hold; a kind that has not been synced is missing. */
  readonly state: () => Promise<State>
  /** The requests so far: `GET /api/v1/pods?watch=true... 200`. */
  readonly requests: readonly string[]
}

function informerOf (t: Closable, url: string): Informer {
  const child = spawn(program, [url], { stdio: ['pipe', 'pipe', 'pipe'] })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await once(child, 'close')
  })
  const requests: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => requests.push(line))
  const lines = createInterface({ input: child.stdout })
  return {
    requests,
    state: async () => {
      const line = once(lines, 'line')
      child.stdin.write('\n')
      return JSON.parse(String((await line)[0])) as State
    }
  }
}

const paths = {
  services: '/api/v1/services', pods: '/api/v1/pods', nodes: '/api/v1/nodes', endpointslices: '/apis/discovery.k8s.io/v1/endpointslices'
} as const

/** What the registry lists, as the informer tells it. */
async function listed (kubernetes: string): Promise<State> {
  return Object.fromEntries(await Promise.all(Object.entries(paths).map(async ([kind, path]) => {
    const { items } = (await call('GET', `${kubernetes}${path}`)).body
    return [kind, Object.fromEntries(items.map((item: any) => {
      const { metadata: { namespace, name, labels } } = item
      const addresses = kind === 'services' ? [item.spec.clusterIP] : kind === 'pods' ? [item.status.podIP]
        : kind === 'nodes' ? item.status.addresses.map(({ address }: any) => address) : item.endpoints.flatMap(({ addresses }: any) => addresses)
      return [namespace === undefined ? name : `${namespace}/${name}`, { ...(labels === undefined ? {} : { labels }), ...(addresses.length === 0 ? {} : { addresses }) }]
    }))]
  })))
}

/** Without resource versions, in one order. */
function text (state: State): string {
  const sorted = <Of>(of: Readonly<Record<string, Of>>): [string, Of][] => Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify(sorted(state).map(([kind, items]) =>
    [kind, sorted(items).map(([name, { labels = {}, addresses = [] }]) => [name, sorted(labels), addresses])]))
}

async function agrees (informer: Informer, kubernetes: string, when: string): Promise<void> {
  await until(`the caches are what the registry has ${when}`, async () => (text(await informer.state()) === text(await listed(kubernetes)) ? true : undefined))
}

let seed = 7
const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below

async function change (node: Node, count: number): Promise<void> {
  for (let round = 0; round < count; round += 20) {
    await Promise.all(Array.from({ length: 20 }, async () => {
      const id = random(150)
      const path = `${node.url}${instancePath(`i${id}`, 'orders', 'shop')}`
      if (random(4) === 0) return call('DELETE', path)
      const labels = { app: `a${random(3)}`, count: String(random(1_000)) }
      return call('PUT', path, { address: `10.0.${random(2)}.${id}`, node: `n${random(5)}`, labels, ports: [{ port: 80 }], lease: { ttlMs: 600_000 } })
    }))
    const name = `web${random(4)}`
    const service = `${node.url}/v1/namespaces/shop/services/${name}`
    if (random(5) === 0) await call('DELETE', service)
    else {
      const spec = { selector: { app: `a${random(3)}` }, ports: [{ port: 80 }] }
      await call('PUT', service, { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' }, spec })
    }
  }
}

t.test('their caches are what the registry has, over changes, a kill of the node and a backup that is put back', { skip, timeout: 600_000 }, async (t) => {
  if (!existsSync(program)) await promisify(execFile)('sh', [join(repository, 'test/interop/informer/build.sh'), program], { timeout: 500_000 })
  const home = t.testdir()
  const data = join(home, 'data')
  const port = await freePort()
  const kubernetes = `http://127.0.0.1:${port}`
  const start = (): Promise<Node> => startNode(t, ['--data', data, '--kubernetes', `127.0.0.1:${port}`])
  let node = await start()
  await change(node, 200)
  const informer = informerOf(t, kubernetes)
  await agrees(informer, kubernetes, 'at first')
  await change(node, 400)
  await agrees(informer, kubernetes, 'after changes')
  const backup = await fetch(`${node.url}/v1/backup`, { method: 'POST' })
  const saved = join(home, 'backup')
  await writeFile(saved, Buffer.from(await backup.arrayBuffer()))
  await change(node, 100)
  await agrees(informer, kubernetes, 'before the kill')

  const before = informer.requests.length
  await node.end('SIGKILL')
  node = await start()
  await call('PUT', `${node.url}${instancePath('i1', 'orders', 'shop')}`, { address: '10.0.0.1', labels: { count: 'after' }, lease: { ttlMs: 600_000 } })
  await call('DELETE', `${node.url}${instancePath('i2', 'orders', 'shop')}`)
  await agrees(informer, kubernetes, 'after the kill')
  const resumed = informer.requests.slice(before)
  t.same(resumed.filter((line) => /too old|Expired| [45]\d\d$/.test(line)), [], 'no watch was refused')
  t.ok(resumed.filter((line) => /watch=true.* 200$/.test(line)).length >= Object.keys(paths).length, 'each kind is watched again')
  // Where the connection broke while a watch was asked for, client-go takes that for an empty watch, and lists by
  // itself.
  const short = new Set(resumed.flatMap((line) => /watch of \*\S+\.(\S+) ended with: very short watch/.exec(line)?.[1] ?? []))
  const kindOf: Readonly<Record<string, string>> = { services: 'Service', pods: 'Pod', nodes: 'Node', endpointslices: 'Unstructured' }
  const lists = resumed.flatMap((line) => /^GET \S*\/(\w+)\?(?!.*watch=true)\S* 200$/.exec(line)?.[1] ?? [])
  t.same(lists.filter((kind) => !short.has(kindOf[kind] ?? '')), [], 'and went on where it was')

  const later = informer.requests.length
  await node.end('SIGTERM')
  await rm(data, { recursive: true })
  await promisify(execFile)(process.execPath, ['bin/rollcall.js', 'restore', saved, '--data', data], { cwd: repository, timeout: 60_000 })
  node = await start()
  await agrees(informer, kubernetes, 'after a backup was put back')
  t.ok(informer.requests.slice(later).some((line) => line.includes('/pods?') && !line.includes('watch=true')), 'what was lost is in no log: it lists anew')
  await change(node, 100)
  await agrees(informer, kubernetes, 'and goes on')
})
