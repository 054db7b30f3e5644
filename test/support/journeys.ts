// How many files one change and one question run through: a registration that a watcher sees, and an A question over UDP.
//
//   npm run journeys
//
// "run" counts the files of server/ and client-sdk/ of which any function ran in a node that is warm. The "spine" are those of them that the
// journey passes through: they stand on the stack and call into another of our files, or write the row, the answer or the frame. The rest
// are leaves, which a reader takes by their names. A helper that calls a helper counts, too; what is called without a look at a map, a text
// or a buffer further on does not.
import { createSocket, Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { request, ServerResponse } from 'node:http'
import { Session } from 'node:inspector/promises'
import { StatementSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import WebSocket from 'ws'
import { loadConfig } from '../../server/config/config.ts'
import { serve } from '../../server/serve.ts'

const home = resolve(import.meta.dirname, '../..')
Error.stackTraceLimit = 200

interface Journey {
  readonly name: string
  readonly files: ReadonlyMap<string, readonly string[]>
  readonly spine: readonly string[]
}

/** Files of ours on the stacks at the moments that `watched` names, during a journey. */
const spine = new Set<string>()
let isWatching = false

/** @param isEnd the journey comes out here: the file that calls it is part of the spine, too */
function watch (owner: object, method: string, isEnd: boolean): void {
  const own = Reflect.get(owner, method) as (...parameters: unknown[]) => unknown
  Reflect.set(owner, method, function (this: unknown, ...parameters: unknown[]): unknown {
    if (isWatching) note(new Error().stack ?? '', isEnd)
    return own.apply(this, parameters)
  })
}

function note (stack: string, isEnd: boolean): void {
  isWatching = false // what it does itself is no part of the journey
  const files = Array.from(stack.matchAll(/file:\/\/[^:)]+\.ts/g), ([file]) => ours(file)).filter((file) => file !== undefined)
  for (const file of files) if (isEnd || file !== files[0]) spine.add(file)
  isWatching = true
}

/** The path of a file of the registry; undefined for others. */
function ours (url: string): string | undefined {
  if (!url.startsWith('file:')) return undefined
  const path = relative(home, fileURLToPath(url))
  return /^(server|client-sdk\/src)\//.test(path) ? path : undefined
}

async function travelled (inspector: Session, name: string, prepare: () => Promise<void>, act: () => Promise<void>): Promise<Journey> {
  for (let warm = 0; warm < 3; warm++) {
    await prepare()
    await act()
  }
  // Three times, and only what is in all three: what a timer of the node does in between (a sweep of leases) is not on the way.
  const runs = [await run(inspector, prepare, act), await run(inspector, prepare, act), await run(inspector, prepare, act)]
  const { files, spine } = runs.reduce((some, more) => ({
    files: new Map([...some.files].filter(([path]) => more.files.has(path))),
    spine: some.spine.filter((path) => more.spine.includes(path))
  }))
  return { name, files, spine }
}

async function run (inspector: Session, prepare: () => Promise<void>, act: () => Promise<void>): Promise<Omit<Journey, 'name'>> {
  await prepare()
  await inspector.post('Profiler.takePreciseCoverage')
  spine.clear()
  isWatching = true
  await act()
  isWatching = false
  const { result } = await inspector.post('Profiler.takePreciseCoverage')
  const files = new Map<string, string[]>()
  for (const { url, functions } of result) {
    const path = ours(url)
    const ran = functions.filter(({ functionName, ranges }) => functionName !== '' && (ranges[0]?.count ?? 0) > 0)
      .map(({ functionName }) => functionName)
    if (path !== undefined && ran.length > 0) files.set(path, ran)
  }
  return { files, spine: [...spine] }
}

function printed ({ name, files, spine }: Journey): string {
  const lines = (path: string): number => readFileSync(join(home, path), 'utf8').split('\n').length - 1
  const functions = [...files.values()].reduce((sum, ran) => sum + ran.length, 0)
  return [
    `${name}: ${files.size} files and ${functions} functions run, a spine of ${spine.length}`,
    ...spine.map((path) => `  ${path} (${lines(path)} lines)`),
    `  beside it: ${[...files.keys()].filter((path) => !spine.includes(path)).join(', ')}`
  ].join('\n')
}

for (const [owner, methods] of [[StatementSync.prototype, ['run', 'get']], [ServerResponse.prototype, ['end']], [WebSocket.prototype, ['send']], [UdpSocket.prototype, ['send']]] as const) {
  for (const method of methods) watch(owner, method, true)
}
// What nearly every function calls: a look at the stack from there.
for (const [owner, methods] of [[Map.prototype, ['get', 'set', 'has']], [Set.prototype, ['add', 'delete']], [JSON, ['parse', 'stringify']], [Uint8Array.prototype, ['set']],
  [Buffer.prototype, ['copy', 'utf8Write', 'latin1Write']], [Array.prototype, ['push', 'map', 'slice']], [String.prototype, ['charCodeAt', 'indexOf', 'startsWith']]] as const) {
  for (const method of methods) watch(owner, method, false)
}

const directory = await mkdtemp(join(tmpdir(), 'rollcall-journeys-'))
const { values } = loadConfig({
  argv: ['--http', '127.0.0.1:0', '--dns', '127.0.0.1:0', '--dns-workers', '0', '--data', directory, '--log-level', 'silent'], env: {}, readFile: () => ''
})
const node = await serve(values)
const inspector = new Session()
inspector.connect()
await inspector.post('Profiler.enable')
await inspector.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })

const socket = new WebSocket(`${node.http.replace('http', 'ws')}/v1/watch`)
await once(socket, 'open')
socket.send('{"type":"subscribe","id":1,"namespace":"shop","service":"orders"}')
await once(socket, 'message')

let weight = 0
async function change (): Promise<void> {
  const seen = once(socket, 'message')
  const body = JSON.stringify({ address: '10.0.0.7', ports: [{ name: 'http', port: 8080 }], weight: ++weight })
  const call = request(`${node.http}/v1/namespaces/shop/services/orders/instances/a`, { method: 'PUT', headers: { 'content-type': 'application/json' } })
  call.end(body)
  const [answer] = await once(call, 'response') as [NodeJS.ReadableStream]
  answer.resume()
  await Promise.all([once(answer, 'end'), seen])
}

const put = await travelled(inspector, 'PUT of an instance, until a watcher has it', async () => {}, change)

const client = createSocket('udp4')
const [, port = ''] = /:(\d+)$/.exec(node.dns ?? '') ?? []
const name = ['orders', 'shop', 'svc', 'cluster', 'local'].map((label) => String.fromCharCode(label.length) + label).join('')
let id = 0
async function ask (): Promise<void> {
  const message = Buffer.concat([Buffer.from([0, ++id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), Buffer.from(name, 'latin1'), Buffer.from([0, 0, 1, 0, 1])])
  const answered = once(client, 'message')
  client.send(message, Number(port), '127.0.0.1')
  await answered
}

const first = await travelled(inspector, 'A over UDP, the first after a change', change, ask)
const again = await travelled(inspector, 'A over UDP, asked again', async () => {}, ask)

console.log([put, first, again].map(printed).join('\n\n'))
client.close()
socket.close()
inspector.disconnect()
await node.close()
await rm(directory, { recursive: true, force: true })
