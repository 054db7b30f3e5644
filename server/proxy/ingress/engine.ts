// The ingress engine: what happens with one request, from its head to the end of its answer. State is put in from outside, requests
// are handed in by whatever listens.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Ingress, IngressClass } from '../../../client-sdk/src/ingress-manifests.ts'
import type { EngineContext } from './context.ts'
import { Deadlines, type Watched } from './deadlines.ts'
import { EndpointGroups } from './endpoint-groups.ts'
import { Exchange } from './exchange.ts'
import { explainRoute } from './explain.ts'
import { Figures } from './figures.ts'
import { stateNotices } from './notices.ts'
import { answerParserError } from './parser-error.ts'
import type {
  ConnectionFacts, Engine, EngineOptions, EngineRequest, EngineResponse, IngressFigures, IngressLimits, IngressNotice, IngressState, IngressTimeouts,
  RouteExplanation, ServiceState
} from './ports.ts'
import { readRequestHead } from './request-head.ts'
import { RouteTable } from './route-table.ts'
import { Upgrade } from './tunnel.ts'

export const defaultTimeouts: IngressTimeouts = { connectMs: 2_000, responseMs: 60_000, bodyIdleMs: 60_000, upstreamIdleMs: 4_000 }
export const defaultLimits: IngressLimits = { headBytes: 16_384, exchanges: 10_000, endpointConnections: 10_000 }

/** Answered as a plain request: h2c by upgrade is gone from HTTP/2 (RFC 9113 3.1), and nobody needs it behind an ingress. */
const ignoredUpgrades = /^(?:h2c?|TLS\/)/i

export class IngressEngine implements Engine {
  readonly #context: EngineContext
  #isPruned = true

  constructor (options: EngineOptions) {
    const { clock, guard, random, trusted, machine, allowExternalNames = false } = options
    this.#context = {
      clock, guard, random, trusted, accessLog: options.accessLog,
      timeouts: { ...defaultTimeouts, ...options.timeouts }, limits: { ...defaultLimits, ...options.limits },
      table: new RouteTable(), groups: new EndpointGroups({ machine, clock, allowExternalNames }), figures: new Figures(),
      deadlines: new Deadlines(clock, () => this.#prune()), isClosing: false,
      idPrefix: Array.from({ length: 5 }, () => Math.floor(random() * 0x1_0000).toString(16).padStart(4, '0')).join(''), requests: 0, unflushed: []
    }
  }

  setState ({ ingresses, classes, services }: IngressState): void {
    this.#context.table.set(ingresses, classes)
    this.#context.groups.set(services)
    this.#isPruned = false
  }

  putIngress (ingress: Ingress): void {
    this.#context.table.put(ingress)
    this.#isPruned = false
  }

  removeIngress (namespace: string, name: string): void {
    this.#context.table.remove(namespace, name)
    this.#isPruned = false
  }

  putClass (ingressClass: IngressClass): void {
    this.#context.table.putClass(ingressClass)
    this.#isPruned = false
  }

  removeClass (name: string): void {
    this.#context.table.removeClass(name)
    this.#isPruned = false
  }

  putService (service: ServiceState): void {
    this.#context.groups.put(service)
  }

  removeService (namespace: string, name: string): void {
    this.#context.groups.remove(`${namespace}/${name}`)
  }

  handle (request: EngineRequest, response: EngineResponse, facts: ConnectionFacts): void {
    this.#begin(new Exchange(this.#context, request, response, facts))
  }

  isUpgrade (request: IncomingMessage): boolean {
    const { upgrade } = readRequestHead(request.rawHeaders)
    return upgrade !== undefined && !ignoredUpgrades.test(upgrade)
  }

  upgrade (request: IncomingMessage, socket: Duplex, head: Buffer, facts: ConnectionFacts): void {
    this.#begin(new Upgrade(this.#context, request, socket, head, facts))
  }

  clientError (error: Error & { readonly code?: string }, socket: Duplex): void {
    const reason = answerParserError(error, socket)
    if (reason !== undefined) this.#context.figures.reasons.add(reason)
  }

  secretOf (host: string): string | undefined {
    return this.#context.table.secretOf(host)
  }

  secrets (): ReadonlySet<string> {
    return this.#context.table.secrets()
  }

  notices (): readonly IngressNotice[] {
    return [...this.#context.table.notices(), ...stateNotices(this.#context.table, this.#context.groups)]
  }

  explain (url: string, method: string, headers: Readonly<Record<string, string>> = {}): RouteExplanation {
    return explainRoute(this.#context.table, this.#context.groups, this.#context.clock.now(), url, method, headers)
  }

  figures (): IngressFigures {
    const nowMs = this.#context.clock.now()
    const ejected: Record<string, number> = {}
    for (const group of this.#context.groups.all()) {
      const number = group.ejectedNow(nowMs)
      if (number > 0) ejected[group.ref.service] = (ejected[group.ref.service] ?? 0) + number
    }
    return this.#context.figures.read(ejected)
  }

  async close (graceMs: number): Promise<void> {
    const { clock, deadlines, groups } = this.#context
    this.#context.isClosing = true
    const { promise, resolve } = Promise.withResolvers<void>()
    const isQuiet = (): boolean => deadlines.size === 0
    const cancel = clock.after(graceMs, resolve)
    this.#onQuiet = () => { if (isQuiet()) resolve() }
    this.#onQuiet()
    await promise
    cancel()
    deadlines.close()
    for (const watched of deadlines) if (isCuttable(watched)) watched.cut()
    groups.destroy()
  }

  /** An unexpected error ends the one request: its client must not wait for an answer that nobody makes. */
  #begin (exchange: { readonly start: () => void, readonly cut: () => void }): void {
    const { guard } = this.#context
    if (!guard.attempt('ingress', () => exchange.start())) guard.attempt('ingress', () => exchange.cut())
  }

  #onQuiet: () => void = () => undefined

  /** Now and then: lets go of endpoints that no rule leads to. */
  #prune (): void {
    this.#onQuiet()
    if (this.#isPruned) return
    this.#isPruned = true
    const keys = new Set<string>()
    for (const { routes, defaultBackend, canary } of this.#context.table.served()) {
      for (const { backend } of routes) keys.add(backend.key)
      if (defaultBackend !== undefined) keys.add(defaultBackend.key)
      if (canary !== undefined) keys.add(canary.key)
    }
    this.#context.groups.keep(keys)
  }
}

function isCuttable (watched: Watched): watched is Watched & { cut: () => void } {
  return 'cut' in watched
}
