// An ingress engine behind a real server, with backends on loopback, for tests: objects in short form, raw requests, a clock by hand.
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect, type Server as NetServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import type { Ingress, IngressBackend, IngressClass, PathType } from '../../client-sdk/src/ingress-manifests.ts'
import type { Endpoint } from '../../client-sdk/src/wire.ts'
import { conditionsOf } from '../../client-sdk/src/rules.ts'
import { Guard } from '../../server/guard.ts'
import type { Service, ServicePort } from '../../server/model/service/types.ts'
import { IngressEngine } from '../../server/proxy/ingress/engine.ts'
import type { AccessRecord, ConnectionFacts, EngineOptions, ServiceState } from '../../server/proxy/ingress/ports.ts'
import { httpServerOptions, serveWith } from '../../server/proxy/ingress/server-handlers.ts'
import type { Machine } from '../../server/proxy/machine.ts'
import { HandClock } from './hand-clock.ts'

export const machine: Machine = {
  node: 'm1', zone: 'a', addresses: new Set(['127.0.0.1']), nodeAddresses: [], serviceRanges: [], externalRanges: [], takesLoopback: true
}

/** `host path (Exact|Prefix|Impl) service[:port]`; `*` stands for every host. */
export type RuleText = string

const types: Readonly<Record<string, PathType>> = { Exact: 'Exact', Prefix: 'Prefix', Impl: 'ImplementationSpecific' }

export function backend (text: string): IngressBackend {
  const [name = '', port = '80'] = text.split(':')
  return { service: { name, port: /^\d+$/.test(port) ? { number: Number(port) } : { name: port } } }
}

export interface IngressText {
  readonly rules?: readonly RuleText[]
  readonly created?: number
  readonly namespace?: string
  readonly defaultBackend?: string
  readonly className?: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly tls?: readonly { readonly hosts?: readonly string[], readonly secretName: string }[]
}

/** @param annotations those of `rollcall.dev/ingress-` by what follows it */
export function ingress (name: string, { rules = [], created = 0, namespace = 'default', defaultBackend, className, annotations = {}, tls }: IngressText): Ingress {
  return {
    apiVersion: 'networking.k8s.io/v1', kind: 'Ingress',
    metadata: {
      name, namespace, creationTimestamp: new Date(Date.UTC(2026, 0, 1) + created * 1_000).toISOString(),
      annotations: Object.fromEntries(Object.entries(annotations).map(([key, value]) => [key.includes('/') ? key : `rollcall.dev/ingress-${key}`, value]))
    },
    spec: {
      ...(className === undefined ? {} : { ingressClassName: className }),
      ...(defaultBackend === undefined ? {} : { defaultBackend: backend(defaultBackend) }),
      ...(tls === undefined ? {} : { tls }),
      rules: rules.map((text) => {
        const [host = '', path = '', type = 'Prefix', service = 'web'] = text.split(' ')
        return { ...(host === '*' ? {} : { host }), http: { paths: [{ path, pathType: types[type] ?? 'Prefix', backend: backend(service) }] } }
      })
    }
  }
}

export function ingressClass (name: string, { controller = 'rollcall.dev/ingress', isDefault = false, created = 0 } = {}): IngressClass {
  return {
    apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', spec: { controller },
    metadata: {
      name, namespace: '', creationTimestamp: new Date(Date.UTC(2026, 0, 1) + created * 1_000).toISOString(),
      ...(isDefault ? { annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } } : {})
    }
  }
}

export function endpoint (id: string, port: number, { address = '127.0.0.1', weight = 100, zone, status = 'up' }: Partial<Endpoint> = {}): Endpoint {
  return {
    id, address, ports: [{ name: 'http', port, protocol: 'TCP' }], labels: {}, metadata: {}, weight, priority: 0, status, suspect: false,
    conditions: conditionsOf(status, false), ...(zone === undefined ? {} : { zone })
  }
}

export interface ServiceText extends Partial<ServicePort> {
  readonly annotations?: Readonly<Record<string, string>>
  readonly spec?: Partial<Service['spec']>
}

/** A declared service with one port, 80 by the name `http`. */
export function service (name: string, endpoints: readonly Endpoint[], { annotations, spec, ...port }: ServiceText = {}): ServiceState {
  const manifest: Service = {
    apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default', ...(annotations === undefined ? {} : { annotations }) },
    spec: { type: 'ClusterIP', sessionAffinity: 'None', ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 'http', ...port }], ...spec }
  }
  return { namespace: 'default', service: name, manifest, endpoints }
}

export function portOf (server: NetServer): number {
  return (server.address() as AddressInfo).port
}

export async function listening<Kind extends NetServer> (t: Test, server: Kind): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return portOf(server)
}

/** An HTTP backend; gives its port. */
export async function backendOf (t: Test, answer: RequestListener): Promise<number> {
  return listening(t, createServer({ keepAliveTimeout: 0 }, answer))
}

export interface Started {
  readonly engine: IngressEngine
  readonly clock: HandClock
  readonly server: Server
  readonly port: number
  readonly records: AccessRecord[]
  /** Errors that the guard has caught: a test ends with none. */
  readonly errors: unknown[]
}

export async function startIngress (
  t: Test, given: { readonly ingresses: readonly Ingress[], readonly services: readonly ServiceState[], readonly classes?: readonly IngressClass[] },
  options: Partial<EngineOptions> = {}, facts: Partial<ConnectionFacts> = {}
): Promise<Started> {
  const clock = new HandClock()
  const errors: unknown[] = []
  const records: AccessRecord[] = []
  const guard = new Guard({ count: () => undefined, log: (error) => errors.push(error) })
  const engine = new IngressEngine({
    clock, guard, random: Math.random, machine, trusted: [], accessLog: { sample: 1, write: (record) => records.push(record) }, ...options
  })
  engine.setState({
    ingresses: given.ingresses, classes: given.classes ?? [],
    services: new Map(given.services.map((each) => [`${each.namespace}/${each.service}`, each]))
  })
  const server = createServer(httpServerOptions(engine))
  serveWith(server, engine, guard, (socket) => ({
    scheme: 'http', clientAddress: socket.remoteAddress ?? '', clientPort: socket.remotePort ?? 0, localPort: socket.localPort ?? 0, ...facts
  }))
  const port = await listening(t, server)
  t.teardown(async () => {
    const closed = engine.close(0)
    clock.advance(1)
    await closed
    if (errors.length > 0) throw errors[0] instanceof Error ? errors[0] : new Error(String(errors[0]))
  })
  return { engine, clock, server, port, records, errors }
}

/** Writes octets on a connection and gives all that comes until it is closed, or until `until` fits what has come. */
export async function raw (port: number, text: string | Buffer, until?: RegExp): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => undefined)
  socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
  return received(socket, until)
}

export async function received (socket: Socket, until?: RegExp): Promise<string> {
  let all = ''
  const { promise, resolve } = Promise.withResolvers<string>()
  const take = (chunk: Buffer): void => {
    all += chunk.toString('latin1')
    if (until?.test(all) === true) resolve(all)
  }
  socket.on('data', take)
  socket.once('close', () => resolve(all))
  socket.once('end', () => socket.end())
  const given = await promise
  socket.off('data', take)
  if (until === undefined || socket.destroyed) socket.destroy()
  return given
}

/** A request on a connection of its own. */
export function get (port: number, host: string, path = '/', headers: Readonly<Record<string, string>> = {}, method = 'GET', body = ''): Promise<string> {
  const fields = { ...headers, ...(body === '' ? {} : { 'Content-Length': String(body.length) }) }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return raw(port, `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${lines}\r\n${body}`)
}

export function statusOf (answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0)
}

export function bodyOf (answer: string): string {
  const at = answer.indexOf('\r\n\r\n')
  const body = answer.slice(at + 4)
  if (!/transfer-encoding: chunked/i.test(answer.slice(0, at))) return body
  let [rest, all] = [body, '']
  for (let size = parseInt(rest, 16); size > 0; size = parseInt(rest, 16)) {
    const from = rest.indexOf('\r\n') + 2
    all += rest.slice(from, from + size)
    rest = rest.slice(from + size + 2)
  }
  return all
}
