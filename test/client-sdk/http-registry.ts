// The test registry behind real sockets: node:http for requests, ws for the watch. For what only sockets can show.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'
import { createTestRegistry, type TestRegistry } from '../../client-sdk/src/testing.ts'

export interface HttpRegistry {
  readonly address: string
  readonly registry: TestRegistry
  /** Resolves when a request with this method has been answered. */
  readonly answered: (method: string) => Promise<void>
  readonly close: () => Promise<void>
}

/** Listens on a free port, or on the one that is given. Several may stand before one registry. */
export async function httpRegistry (registry: TestRegistry = createTestRegistry(), port = 0): Promise<HttpRegistry> {
  const waiting: { method: string, resolve: () => void }[] = []
  const server = createServer((request, response) => {
    answer(registry, request, response).then(() => {
      for (const each of waiting.filter(({ method }) => method === request.method)) each.resolve()
    }, () => response.destroy())
  })
  const sockets = new WebSocketServer({ server, path: '/v1/watch' })
  sockets.on('connection', (socket) => bridge(registry, socket))
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    registry,
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answered: (method) => new Promise((resolve) => waiting.push({ method, resolve })),
    close: () => closeAll(server, sockets)
  }
}

async function answer (registry: TestRegistry, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const gone = new AbortController()
  response.once('close', () => gone.abort(new Error('the client went away')))
  const text = Buffer.concat(chunks).toString()
  const result = await registry.fetch(`http://registry.test${request.url}`, {
    method: request.method ?? 'GET', headers: request.headers as Record<string, string>, signal: gone.signal, ...(text === '' ? {} : { body: text })
  })
  const header = (name: string): string => result.headers.get(name) ?? ''
  response.writeHead(result.status, { 'content-type': header('content-type'), 'rollcall-revision': header('rollcall-revision') })
  response.end(await result.text())
}

function bridge (registry: TestRegistry, socket: WebSocket): void {
  const inner = new registry.WebSocket('ws://registry.test/v1/watch')
  const early: string[] = []
  let open = false
  inner.addEventListener('open', () => {
    open = true
    for (const data of early) inner.send(data)
  })
  inner.addEventListener('message', ({ data }) => socket.send(String(data)))
  inner.addEventListener('close', () => socket.close())
  socket.on('message', (data: Buffer) => {
    if (open) inner.send(data.toString())
    else early.push(data.toString())
  })
  socket.on('close', () => inner.close())
  socket.on('error', () => inner.close())
}

async function closeAll (server: Server, sockets: WebSocketServer): Promise<void> {
  for (const socket of sockets.clients) socket.terminate()
  sockets.close()
  server.closeAllConnections()
  if (!server.listening) return
  server.close()
  await once(server, 'close')
}
