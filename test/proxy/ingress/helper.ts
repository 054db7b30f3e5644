// A worker of the ingress in this process, with sockets of its own, and clients that write octet by octet.
import { connect as tcpConnect, type Socket } from 'node:net'
import { connect as tlsConnect, type TLSSocket } from 'node:tls'
import type { Ingress } from '../../../client-sdk/src/ingress-manifests.ts'
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import { guardedClock, systemClock, type Clock } from '../../../server/clock.ts'
import { standaloneGuard } from '../../../server/guard.ts'
import type { Pair, ServerLimits } from '../../../server/proxy/ingress/listen/ingress-servers.ts'
import type { ServiceState } from '../../../server/proxy/ingress/ports.ts'
import { bindPlaces, type Scheme } from '../../../server/proxy/ingress/workers/place-sockets.ts'
import { IngressWorker } from '../../../server/proxy/ingress/workers/worker.ts'
import type { StateChanges, WorkerSettings, WorkerWord } from '../../../server/proxy/ingress/workers/worker-messages.ts'
import type { Closable } from '../../support/closable.ts'

export const limits: ServerLimits = { connections: 1_000, headBytes: 16_384, headMs: 10_000, idleMs: 72_000, streams: 128 }
export const machine = { node: 'a', addresses: new Set<string>(), nodeAddresses: [], serviceRanges: [], externalRanges: [], takesLoopback: true }

export function settings (over: Partial<WorkerSettings> = {}): WorkerSettings {
  return { place: 0, machine, trusted: [], proxied: [], allowExternalNames: false, timeouts: {}, limits, accessSample: undefined, logLevel: 'info', ...over }
}

export function ingressOf (name: string, hosts: readonly string[], secretName?: string): Ingress {
  return {
    apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { namespace: 'shop', name },
    spec: {
      rules: hosts.map((host) => ({ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }] } })),
      ...(secretName === undefined ? {} : { tls: [{ hosts, secretName }] })
    }
  }
}

export function serviceAt (port: number, over: Partial<Endpoint> = {}): ServiceState {
  return {
    namespace: 'shop', service: 'web',
    manifest: { metadata: { namespace: 'shop', name: 'web' }, spec: { ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }] } } as unknown as ServiceState['manifest'] & object, // as much of it as is read
    endpoints: [{
      id: 'web-1', address: '127.0.0.1', ports: [{ name: 'http', port, protocol: 'TCP' }], weight: 100, labels: {}, metadata: {},
      conditions: { ready: true, serving: true, terminating: false }, suspect: false, ...over
    } as unknown as Endpoint]
  }
}

export const whole = (changes: Partial<StateChanges> = {}): StateChanges =>
  ({ isAll: true, ingresses: [], classes: [], services: [], gone: { ingresses: [], classes: [], services: [] }, ...changes })

export const certificates = (bySecret: Readonly<Record<string, Pair>>, other?: Pair): StateChanges['certificates'] & object =>
  ({ bySecret: new Map(Object.entries(bySecret)), other, ticketKeys: new Uint8Array(48) })

export async function startWorker (t: Closable, { over = {}, state = whole(), clock = guardedClock(systemClock, standaloneGuard, 'test') }: {
  readonly over?: Partial<WorkerSettings>, readonly state?: StateChanges, readonly clock?: Clock
} = {}) {
  const warnings: string[] = []
  const told: WorkerWord[] = []
  const worker = new IngressWorker({
    settings: settings(over), clock, guard: standaloneGuard, log: { warn: (_, message) => warnings.push(message) },
    writeAccess: () => undefined, tell: (word) => told.push(word)
  })
  const [sockets = []] = await bindPlaces([{ host: '127.0.0.1', port: 0, scheme: 'http' }, { host: '127.0.0.1', port: 0, scheme: 'https' }], 1, () => undefined)
  await worker.take({ type: 'state', changes: state })
  for (const { id, scheme, handle } of sockets) await worker.take({ type: 'listen', id, scheme }, handle)
  const port = (scheme: Scheme): number => sockets.find((each) => each.scheme === scheme)?.port ?? 0
  t.teardown(() => worker.end(0))
  return { worker, warnings, told, http: port('http'), https: port('https'), change: (changes: Partial<StateChanges>) => worker.take({ type: 'state', changes: whole({ isAll: false, ...changes }) }) }
}

/** What a connection is sent until it ends. */
export function heard (socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    socket.on('data', (chunk: Buffer) => { text += chunk.toString('latin1') })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(text))
  })
}

/** Writes what it is given, each piece when the one before is gone, and gives what came until the end. */
export async function exchange (port: number, pieces: readonly (string | Buffer)[]): Promise<string> {
  const socket = tcpConnect(port, '127.0.0.1')
  socket.setNoDelay(true)
  const answer = heard(socket)
  for (const piece of pieces) {
    await new Promise<void>((resolve) => { socket.write(piece, () => setImmediate(resolve)) })
  }
  return await answer
}

/** A TLS client. @param before is written ahead of the handshake */
export function greet (port: number, servername: string | undefined, { alpn = ['http/1.1'], before, session, maxVersion }: {
  readonly alpn?: readonly string[], readonly before?: string, readonly session?: Buffer, readonly maxVersion?: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'
} = {}): Promise<TLSSocket> {
  const raw = tcpConnect(port, '127.0.0.1')
  if (before !== undefined) raw.write(before)
  const socket = tlsConnect({
    socket: raw, ALPNProtocols: [...alpn], rejectUnauthorized: false, minVersion: 'TLSv1', ...(maxVersion === undefined ? {} : { maxVersion }),
    ...(servername === undefined ? {} : { servername }), ...(session === undefined ? {} : { session })
  })
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('secureConnect', () => {
      socket.off('error', reject)
      socket.on('error', () => undefined)
      resolve(socket)
    })
  })
}
