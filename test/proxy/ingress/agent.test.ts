// `rollcall proxy --ingress` as it is run: a real registry, real workers, real TLS. One registry and one agent for all of it, since each is a process.
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, request, type RequestOptions } from 'node:http'
import { connect as connectHttp2, constants, createServer as createHttp2Server } from 'node:http2'
import { request as requestTls, Agent } from 'node:https'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Pair, selfSigned } from '../../support/certificate.ts'
import { temporaryDirectory } from '../../support/closable.ts'
import { call, type Program, run, startNode } from '../../support/processes.ts'
import { greet, heard } from './helper.ts'

const secret = (name: string, { cert, key }: Pair): object => ({
  apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'shop' }, type: 'kubernetes.io/tls',
  data: { 'tls.crt': Buffer.from(cert).toString('base64'), 'tls.key': Buffer.from(key).toString('base64') }
})
const rule = (host: string, service: string, port: string) =>
  ({ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: service, port: { name: port } } } }] } })
const ingress = (name: string, spec: object): object => ({ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name, namespace: 'shop' }, spec })

/** A copy of a service: says its name, echoes what comes over an upgraded connection. */
async function copy (t: Test, name: string): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((_request, response) => response.end(name)).on('upgrade', (_request, socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
    socket.on('data', (chunk: Buffer) => socket.write(`${name}:${chunk.toString()}`))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close().closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

async function grpcCopy (t: Test): Promise<number> {
  const server = createHttp2Server()
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.pipe(stream)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  return (server.address() as AddressInfo).port
}

interface Answered { readonly status: number, readonly body: string, readonly subject: unknown }

function answered (make: (done: (response: IncomingMessage) => void) => ReturnType<typeof request>): Promise<Answered> {
  return new Promise((resolve, reject) => {
    make((response) => {
      let body = ''
      const subject = 'getPeerCertificate' in response.socket ? (response.socket as unknown as { getPeerCertificate: () => { subject?: { CN?: unknown } } }).getPeerCertificate().subject?.CN : undefined
      response.on('data', (chunk: Buffer) => { body += chunk.toString() }).on('end', () => resolve({ status: response.statusCode ?? 0, body, subject })).on('error', reject)
    }).on('error', reject).end()
  })
}

t.test('ingresses are served, whatever happens to certificates, workers and the registry', { timeout: 100_000 }, async (t) => {
  const directory = await temporaryDirectory(t)
  const registry = await startNode(t, ['--data', join(directory, 'data')])
  const start = async (workers: number): Promise<{ readonly program: Program, readonly http: number, readonly https: number }> => {
    const program = run(t, 'bin/rollcall.js', [
      'proxy', '--mode', 'off', '--address', registry.url, '--health', 'off', '--state', join(directory, 'state'), '--ingress-workers', String(workers), '--ingress-grace', '5s',
      '--ingress', '127.0.0.1:0', '--ingress-tls', '127.0.0.1:0'
    ])
    const { http: [http = ''], https: [https = ''] } = JSON.parse(await program.line(/"serving ingresses"/)) as { http: string[], https: string[] }
    return { program, http: Number(http.split(':')[1]), https: Number(https.split(':')[1]) }
  }
  const apply = async (...manifests: object[]): Promise<void> => {
    const { status, body } = await call('POST', `${registry.url}/v1/apply`, { apiVersion: 'v1', kind: 'List', items: manifests })
    t.equal(status, 200, String(body.detail ?? 'applied'))
  }
  const register = async (service: string, id: string, port: number): Promise<void> => {
    await call('PUT', `${registry.url}/v1/namespaces/shop/services/${service}/instances/${id}`, {
      address: '127.0.0.1', ports: [{ name: 'http', port }], labels: { app: service }, lease: { ttlMs: 3_600_000 }
    })
  }
  const pairs = ['one', 'two', 'three', 'four'].map((name) => selfSigned({ name, names: ['a.example', 'grpc.example'] }))
  const [first] = pairs
  await register('web', 'web-1', await copy(t, 'web-1'))
  await register('rpc', 'rpc-1', await grpcCopy(t))
  await apply(
    secret('tls', first as Pair), secret('foreign', selfSigned({ names: ['elsewhere.example'] })),
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'grpc', namespace: 'shop' }, spec: { clusterIP: 'None', selector: { app: 'rpc' }, ports: [{ name: 'grpc', port: 50_051, targetPort: 'http', appProtocol: 'kubernetes.io/h2c' }] } },
    ingress('web', { tls: [{ hosts: ['a.example', 'grpc.example'], secretName: 'tls' }], rules: [rule('a.example', 'web', 'http'), rule('grpc.example', 'grpc', 'grpc')] }),
    ingress('bad', { tls: [{ hosts: ['b.example'], secretName: 'foreign' }], rules: [rule('b.example', 'web', 'http')] })
  )
  const { program, http, https } = await start(2)
  const plain = (options: RequestOptions = {}) => answered((done) => request({ port: http, host: '127.0.0.1', agent: false, headers: { host: 'a.example' }, ...options }, done))
  const secure = (agent?: Agent, port = https) => answered((done) => requestTls({
    port, host: '127.0.0.1', servername: 'a.example', rejectUnauthorized: false, headers: { host: 'a.example' }, agent: agent ?? false
  }, done))

  t.match(await plain(), { status: 200, body: 'web-1' })
  t.match(await secure(), { status: 200, body: 'web-1', subject: 'one' })
  await t.rejects(greet(https, 'b.example'), { code: 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME' }, 'a certificate for other names is not served')
  t.match(await plain({ headers: { host: 'b.example' } }), { status: 200 }, 'and the others go on')
  t.match(JSON.parse(await program.line(/the ingress shop\/bad is not served as it says/)), { reason: 'BadCertificate', msg: /secret foreign: its certificate is for elsewhere\.example and not for b\.example/ })

  // gRPC: HTTP/2 on both sides, with trailers.
  const tlsSocket = await greet(https, 'grpc.example', { alpn: ['h2'] })
  const client = connectHttp2('https://grpc.example', { createConnection: () => tlsSocket })
  const stream = client.request({ ':method': 'POST', ':path': '/echo.Echo/Say', 'content-type': 'application/grpc', te: 'trailers' })
  const trailers = once(stream, 'trailers')
  const message = once(stream, 'data')
  stream.end('ping')
  t.equal(String((await message)[0]), 'ping')
  stream.resume()
  t.equal((await trailers)[0]['grpc-status'], '0')
  t.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR)
  client.close()

  // Its address is told.
  const address = async (): Promise<unknown> => (await call('GET', `${registry.url}/v1/namespaces/shop/ingresses/web`)).body.status?.loadBalancer?.ingress
  await until(async () => await address() !== undefined)
  t.same(await address(), [{ ip: '127.0.0.1' }])

  // The certificate is replaced under load, on new connections and on those that are kept.
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  let isOver = false
  const load = [agent, undefined].map(async (each) => {
    const seen = new Set<unknown>()
    let count = 0
    for (; !isOver; count++) {
      const { status, subject } = await secure(each)
      if (status !== 200) t.fail(String(status))
      seen.add(subject)
    }
    return { seen, count }
  })
  for (const [index, name] of ['two', 'three', 'four'].entries()) {
    await apply(secret('tls', pairs[index + 1] as Pair))
    await until(async () => (await secure()).subject === name)
  }
  isOver = true
  const [, fresh] = await Promise.all(load)
  t.ok((fresh?.seen.size ?? 0) > 1, `${fresh?.count} requests on new connections, 0 failed`)
  agent.destroy()

  // A WebSocket stays at its copy while the service is replaced, and while workers are.
  const socket = connect(http, '127.0.0.1')
  const told = lines(socket)
  socket.write('GET /ws HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
  t.match(await told(/\r\n\r\n$/), / 101 /)
  await register('web', 'web-2', await copy(t, 'web-2'))
  await call('PATCH', `${registry.url}/v1/namespaces/shop/services/web/instances/web-1`, { status: 'draining' })
  await until(async () => (await Promise.all(Array.from({ length: 4 }, () => plain()))).every(({ body }) => body === 'web-2'))
  // So it does while the workers are replaced: the old ones end with what they have open.
  const replaced = await workersOf(program)
  process.kill(program.pid, 'SIGUSR2')
  await until(async () => (await workersOf(program)).filter((pid) => !replaced.includes(pid)).length === 2)
  t.match(await plain(), { status: 200, body: 'web-2' })
  socket.write('hello')
  t.equal(await told(/hello$/), 'web-1:hello', 'the old copy still answers who is there')

  // Workers are killed, one while the other answers, then both: nobody is refused.
  const pids = await workersOf(program)
  for (const victims of [pids.slice(0, 1), pids]) {
    for (const pid of victims) killed(pid)
    t.match(await Promise.all(Array.from({ length: 10 }, () => plain())), Array.from({ length: 10 }, () => ({ status: 200, body: 'web-2' })))
  }
  socket.destroy()

  // The registry goes away. What is served goes on, over a restart as well.
  await registry.end('SIGKILL')
  t.match(await secure(), { status: 200, body: 'web-2', subject: 'four' })
  const kept = connect(http, '127.0.0.1')
  const rest = heard(kept)
  kept.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
  await once(kept, 'data')
  t.equal(await program.end('SIGTERM'), 0)
  t.match(await rest, /web-2$/, 'and an unused connection is let go')
  const again = await start(1)
  t.match(await secure(undefined, again.https), { status: 200, body: 'web-2', subject: 'four' })
  t.equal(await again.program.end('SIGTERM'), 0)
})

/** The processes of its workers. */
async function workersOf ({ pid }: Program): Promise<readonly number[]> {
  return (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').map(Number)
}

function killed (pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // killed before
  }
}

/** Gives what has come since the last call, when it matches. */
function lines (socket: Socket): (pattern: RegExp) => Promise<string> {
  let text = ''
  let look = (): void => undefined
  socket.on('error', () => undefined)
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    look()
  })
  return (pattern) => new Promise((resolve) => {
    look = () => {
      if (!pattern.test(text)) return
      resolve(text)
      text = ''
    }
    look()
  })
}

async function until (isMet: () => Promise<boolean>): Promise<void> {
  while (!await isMet()) await new Promise<void>((resolve) => { setImmediate(resolve) })
}
