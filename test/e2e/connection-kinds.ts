// Every kind of connection that a node may have when it ends, each in a state in which no client waits for an answer.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import WebSocket from 'ws'
import { question } from '../support/dns-client.ts'
import type { Closable } from '../support/closable.ts'
import { type Node, call, endpointsPath, instancePath } from '../support/processes.ts'

const key = Buffer.alloc(16, 7).toString('base64')

/** A WebSocket handshake as a client sends it. */
export function handshake (path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET'): string {
  const all = {
    Host: '127.0.0.1', Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': key, ...headers
  }
  return [`${method} ${path} HTTP/1.1`, ...Object.entries(all).map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n')
}

/** Handshakes that are refused, by the status that they get. */
export const refusedUpgrades: readonly (readonly [says: string, request: string, status: number])[] = [
  ['a foreign Host', handshake('/v1/watch', { Host: 'evil.example' }), 421],
  ['a foreign page', handshake('/v1/watch', { Origin: 'http://evil.example' }), 403],
  ['an unknown path', handshake('/v1/nothing'), 404],
  ['an unknown path below the watch', handshake('/v1/watch/more'), 404],
  ['an unknown parameter', handshake('/v1/watch?color=red'), 400],
  ['another method', handshake('/v1/watch', { 'Content-Length': '0' }, 'POST'), 405],
  ['a path that takes none', handshake('/livez'), 200],
  ['a path that is too long', handshake(`/v1/watch?namespace=${'x'.repeat(9_000)}`), 414],
  ['another version', handshake('/v1/watch', { 'Sec-WebSocket-Version': '99' }), 400],
  ['a bad key', handshake('/v1/watch', { 'Sec-WebSocket-Key': 'short' }), 400]
]

export interface Places extends Node {
  readonly dnsTls: number
}

/** A plain connection; what comes is read unless `read` is false. */
export async function plain (t: Closable, host: string, port: number, first: string | Buffer = '', read = true): Promise<Socket> {
  const socket = connect({ host, port })
  socket.on('error', () => undefined)
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  if (first.length > 0) socket.write(first)
  if (read) socket.on('data', () => undefined)
  return socket
}

type Opener = (t: Closable, node: Places) => Promise<unknown>

const http = (first: string, read = true): Opener => async (t, node) => {
  const { hostname, port } = new URL(node.url)
  return plain(t, hostname, Number(port), first, read)
}

/** As `http`, and waits until something has come back. */
const answered = (first: string): Opener => async (t, node) => {
  const socket = await http(first)(t, node) as Socket
  await once(socket, 'data')
}

const dns = (first: Buffer = Buffer.alloc(0)): Opener => (t, node) => plain(t, node.dnsHost, node.dnsPort, first)
const framedQuestion = (): Buffer => {
  const message = question('orders.shop.svc.cluster.local', 'A')
  const frame = Buffer.alloc(2 + message.length)
  frame.writeUInt16BE(message.length)
  message.copy(frame, 2)
  return frame
}

async function tls (t: Closable, node: Places): Promise<Socket> {
  const socket = connectTls({ host: '127.0.0.1', port: node.dnsTls, rejectUnauthorized: false, ALPNProtocols: ['dot'] })
  socket.on('error', () => undefined)
  socket.on('data', () => undefined)
  t.teardown(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

/** More than the kernel keeps for a reader that does not read. */
async function fillRegistry (node: Places): Promise<void> {
  const metadata = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`text-${index}`, 'x'.repeat(900)]))
  const register = (index: number): Promise<unknown> => call('PUT', `${node.url}${instancePath(`large-${index}`, 'large')}`, { address: '10.0.0.1', metadata })
  for (let from = 0; from < 1_500; from += 100) await Promise.all(Array.from({ length: 100 }, (_, index) => register(from + index)))
}

export const idleKinds: Readonly<Record<string, Opener>> = {
  'HTTP that says nothing': http(''),
  'half a request line': http('GET /li'),
  'half a request head': http('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: '),
  'keep-alive after an answer': answered('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'),
  'keep-alive after an answer, and half a request': async (t, node) => {
    const socket = await http('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')(t, node) as Socket
    await once(socket, 'data')
    socket.write('GET /livez HT')
  },
  'a client that has closed its half': async (t, node) => (await http('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')(t, node) as Socket).end(),
  'a long poll': http(`GET ${endpointsPath()}?wait=60s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`),
  'a wait for a revision': http('GET /v1/overview?minRevision=999999 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'),
  'a watch that is read': async (t, node) => {
    const socket = new WebSocket(`${node.url.replace('http', 'ws')}/v1/watch`)
    socket.on('error', () => undefined)
    t.teardown(() => socket.terminate())
    await once(socket, 'open')
    socket.send(JSON.stringify({ type: 'subscribe', id: 1 }))
    await once(socket, 'message')
  },
  'a watch that never answers a close': answered(handshake('/v1/watch')),
  'an event stream': answered('GET /v1/watch HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n'),
  'an event stream that nobody reads': async (t, node) => {
    await fillRegistry(node)
    await http('GET /v1/watch HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n', false)(t, node)
    // Its first frames have left when this later one is answered.
    await call('GET', `${node.url}/livez`)
  },
  ...Object.fromEntries(refusedUpgrades.map(([says, request]) => [`an upgrade refused for ${says}`, answered(request)])),
  'DNS over UDP': async (t, node) => {
    const socket = createSocket('udp4')
    t.teardown(() => socket.close())
    socket.send(question('orders.shop.svc.cluster.local', 'A'), node.dnsPort, node.dnsHost)
    await once(socket, 'message')
  },
  'DNS over TCP that says nothing': dns(),
  'DNS over TCP after an answer': async (t, node) => once(await dns(framedQuestion())(t, node) as Socket, 'data'),
  'DNS over TCP in a length': dns(Buffer.of(0)),
  'DNS over TCP in a message': dns(Buffer.of(0, 40, 1, 2, 3)),
  'TLS that says nothing': (t, node) => plain(t, '127.0.0.1', node.dnsTls),
  'half a TLS handshake': (t, node) => plain(t, '127.0.0.1', node.dnsTls, Buffer.of(0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3)),
  'TLS that asks nothing': tls,
  'TLS in a message': async (t, node) => (await tls(t, node)).write(Buffer.of(0, 40, 1))
}
