// What a process of the ingress does: the engine before its listeners. What it routes by, its certificates and its listening sockets come
// from the agent, as orders (worker-process.ts brings them).
import { createServer, type Server, type Socket } from 'node:net'
import { type Clock } from '../../../clock.ts'
import type { Guard } from '../../../guard.ts'
import { readNetworks } from '../../../model/address/ranges.ts'
import { defaultLimits, IngressEngine } from '../engine.ts'
import { IngressServers } from '../listen/ingress-servers.ts'
import { ProxiedSockets } from '../listen/proxied-sockets.ts'
import type { AccessRecord, Engine } from '../ports.ts'
import { WorkerContexts } from './worker-contexts.ts'
import type { StateChanges, WorkerFigures, WorkerOrder, WorkerSettings, WorkerWord } from './worker-messages.ts'

/** How often an idle connection of a client that went without a word is asked for (RFC 1122 4.2.3.6): WebSockets may be silent for hours. */
const keepAliveMs = 30_000

export interface WorkerOptions {
  readonly settings: WorkerSettings
  readonly clock: Clock
  readonly guard: Guard
  readonly log: { warn (fields: object, message: string): void }
  readonly writeAccess: (record: AccessRecord) => void
  readonly tell: (word: WorkerWord) => void
  /** Default: the engine. */
  readonly engine?: Engine
}

export class IngressWorker {
  readonly #options: WorkerOptions
  readonly #engine: Engine
  readonly #contexts: WorkerContexts
  readonly #servers: IngressServers
  readonly #proxied: ProxiedSockets
  readonly #listening = new Map<string, Server>()
  readonly #handshakes: Record<string, number> = {}
  #accepted = 0
  #headersRefused = 0

  constructor (options: WorkerOptions) {
    this.#options = options
    const { settings, clock, guard, log, writeAccess } = options
    const { machine, timeouts, limits, accessSample, allowExternalNames } = settings
    this.#engine = options.engine ?? new IngressEngine({
      clock, guard, machine, timeouts, allowExternalNames, random: () => Math.random(), trusted: readNetworks(settings.trusted, 'ingress-trusted'),
      limits: {
        headBytes: limits.headBytes, exchanges: Math.max(limits.connections, defaultLimits.exchanges),
        endpointConnections: Math.max(limits.connections, defaultLimits.endpointConnections)
      },
      ...(accessSample === undefined ? {} : { accessLog: { sample: accessSample, write: writeAccess } })
    })
    this.#contexts = new WorkerContexts((host) => this.#engine.secretOf(host), log)
    this.#servers = new IngressServers({
      engine: this.#engine, guard, clock, limits, contextOf: (name) => this.#contexts.find(name),
      shook: (outcome) => { this.#handshakes[outcome] = (this.#handshakes[outcome] ?? 0) + 1 }
    })
    this.#proxied = new ProxiedSockets({
      from: readNetworks(settings.proxied, 'ingress-proxy-protocol'), clock, guard,
      refused: (peer, problem) => {
        if (this.#headersRefused++ === 0) log.warn({ peer }, `a connection of ${peer} was closed, because what it sent ${problem} (--ingress-proxy-protocol; counted from here on)`)
      }
    })
  }

  get figures (): WorkerFigures {
    return {
      engine: this.#engine.figures(),
      listeners: { connections: this.#servers.connections, accepted: this.#accepted, handshakes: { ...this.#handshakes }, headersRefused: this.#headersRefused }
    }
  }

  /** Does as it is told. @param socket a bound one, of `listen` */
  async take (order: Exclude<WorkerOrder, { readonly type: 'begin' }>, socket?: object): Promise<void> {
    const { tell } = this.#options
    switch (order.type) {
      case 'state':
        this.#change(order.changes)
        return tell({ type: 'taken' })
      case 'listen':
        await this.#listen(order.id, order.scheme, socket)
        return tell({ type: 'listening', id: order.id })
      case 'leave': return this.#leave(order.id)
      case 'figures': return tell({ type: 'figures', id: order.id, figures: this.figures })
      case 'end': return await this.end(order.graceMs)
    }
  }

  /** Accepts no more, lets each client have its answer, and cuts what is left after the grace. */
  async end (graceMs: number): Promise<void> {
    for (const id of [...this.#listening.keys()]) this.#leave(id)
    this.#servers.end()
    await this.#servers.ended(graceMs) // the engine answers meanwhile: a request on a connection that is there is no client's fault
    await this.#engine.close(0)
    this.#servers.close()
  }

  #change ({ isAll, ingresses, classes, services, gone, certificates }: StateChanges): void {
    const engine = this.#engine
    if (isAll) engine.setState({ ingresses, classes, services: new Map(services.map((each) => [`${each.namespace}/${each.service}`, each])) })
    else {
      const names = (key: string): [string, string] => key.split('/', 2) as [string, string]
      for (const each of services) engine.putService(each)
      for (const each of classes) engine.putClass(each)
      for (const each of ingresses) engine.putIngress(each)
      for (const key of gone.ingresses) engine.removeIngress(...names(key))
      for (const name of gone.classes) engine.removeClass(name)
      for (const key of gone.services) engine.removeService(...names(key))
    }
    if (certificates === undefined) return
    this.#contexts.set(certificates)
    this.#servers.setDefault(certificates.other, Buffer.from(certificates.ticketKeys))
  }

  #listen (id: string, scheme: 'http' | 'https', handle: object | undefined): Promise<void> {
    const { guard } = this.#options
    const server = createServer({ allowHalfOpen: scheme === 'http', noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs }, guard.around('ingress-listener', (socket: Socket) => {
      this.#accepted++
      this.#proxied.take(socket, (client) => this.#servers.accept(socket, scheme, client))
    }))
    this.#listening.set(id, server)
    return new Promise((resolve, reject) => {
      server.once('error', guard.around('ingress-listener', reject))
      server.listen(handle, guard.around('ingress-listener', () => resolve()))
    })
  }

  #leave (id: string): void {
    this.#listening.get(id)?.close()
    this.#listening.delete(id)
  }
}
