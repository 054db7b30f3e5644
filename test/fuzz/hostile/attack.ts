// What an attack is given, and what all of them use: connections from loopback addresses of their own.
import { type Socket, connect } from 'node:net'
import type { Random } from '../random.ts'
import { after } from './pace.ts'

/** The node that is attacked. */
export interface Target {
  readonly http: number
  readonly dns: number
  /** Ports of the other dialects of HTTP. */
  readonly kubernetes: number
  readonly eureka: number
  readonly consul: number
  /** Where a silent resolver makes forwarded names slow; they end in this zone. */
  readonly slowZone: string
  readonly redis?: { readonly port: number, readonly prefix: string }
  readonly directory?: string
}

export interface Strike {
  readonly target: Target
  readonly random: Random
  /** The loopback address that it comes from. */
  readonly from: string
  /** Part of the full size of what is large, above 0 and at most 1. */
  readonly size: number
  /** Aborted when its time is over: connections are cut then. */
  readonly signal: AbortSignal
}

export interface Attack {
  readonly name: string
  /** How often it is chosen, beside the others. */
  readonly weight: number
  readonly run: (strike: Strike) => Promise<void>
}

export const host = '127.0.0.1'
/** What attackers write goes into these, and honest clients are elsewhere. Few, so that what is stored is bounded. */
export const namespaces = ['hostile-0', 'hostile-1', 'hostile-2'] as const
export const services = ['s0', 's1', 's2', 's3', 's4', 's5'] as const

/** A number of things that is large: `full` at full size. */
export function many ({ size, random }: Strike, full: number): number {
  return Math.max(1, Math.ceil(full * size * (1 + random.below(100)) / 100))
}

/** A connection of an attack. Errors are what attackers expect: nothing throws. */
export class Wire {
  readonly socket: Socket
  readonly ended: Promise<void>
  received = 0

  static async open ({ from, signal, target }: Strike, port = target.http): Promise<Wire> {
    const wire = new Wire(connect({ host, port, localAddress: from, allowHalfOpen: true }))
    const cut = (): void => { wire.socket.destroy() }
    if (signal.aborted) cut()
    signal.addEventListener('abort', cut, { once: true })
    void wire.ended.then(() => signal.removeEventListener('abort', cut))
    await Promise.race([wire.ended, new Promise((resolve) => wire.socket.once('connect', resolve))])
    return wire
  }

  private constructor (socket: Socket) {
    this.socket = socket
    this.ended = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => { this.received += chunk.length })
    socket.once('end', () => socket.end())
  }

  get isOpen (): boolean {
    return !this.socket.destroyed && this.socket.writable
  }

  /** Resolves when it has left, or the connection is over: a server that does not read holds it up. */
  async write (octets: Buffer | string): Promise<void> {
    if (!this.isOpen) return
    await Promise.race([this.ended, new Promise<void>((resolve) => this.socket.write(octets, () => resolve()))])
  }

  /** Stops to read: what the server answers stays with it. */
  pause (): void {
    this.socket.pause()
  }

  /** Waits until the server ends it, or for so long, and cuts it. */
  async end (ms: number): Promise<void> {
    await Promise.race([this.ended, after(ms)])
    this.socket.destroy()
  }
}

/** One request on a connection of its own; resolves when it is answered, cut or given up. */
export async function request (strike: Strike, text: string | Buffer, ms = 3_000, port = strike.target.http): Promise<void> {
  const wire = await Wire.open(strike, port)
  await wire.write(text)
  await wire.end(ms)
}

/** Many connections that each ask for one thing and wait; they are cut when some of what comes has been read, or none. */
export async function waiting (strike: Strike, port: number, count: number, ask: (index: number) => string): Promise<void> {
  const { random } = strike
  const wires = await Promise.all(Array.from({ length: count }, () => Wire.open(strike, port)))
  const isDeaf = random.below(2) === 0
  for (const [index, wire] of wires.entries()) {
    if (isDeaf) wire.pause()
    await wire.write(ask(index))
  }
  await after(random.below(3_000), strike.signal)
  await Promise.all(wires.map((wire) => wire.end(1)))
}

/** A request with its body. */
export function requestText (method: string, path: string, body = '', media = 'application/json', more = ''): string {
  const head = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${more}`
  if (body === '' && method === 'GET') return `${head}\r\n`
  return `${head}Content-Type: ${media}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

export function instancePath ({ random }: Strike): string {
  return `/v1/namespaces/${random.one(namespaces)}/services/${random.one(services)}/instances/i${random.below(20)}`
}
