// One endpoint of a group: its weight, what is known of its health, its connections.
import type { Duplex } from 'node:stream'
import type { EndpointConnections } from './endpoint-connections.ts'
import type { H2cSession } from './h2c-session.ts'

/** Failures in a row after which an endpoint gets no requests for a while. */
const maxFailures = 5
const firstEjectionMs = 10_000
const longestEjectionMs = 300_000

export class Upstream {
  /** `address port`. */
  readonly key: string
  readonly address: string
  readonly port: number
  /** Of the endpoint, for logs and people. */
  id: string
  weight: number
  /** Of the smooth weighted choice: grows by the weight until it is chosen. */
  credit = 0
  /** It is among the endpoints of the service, whether it may be chosen or not. */
  isListed = true
  failures = 0
  /** 0 = it is not ejected. */
  ejectedUntilMs = 0
  #ejectionMs = 0
  connections: EndpointConnections | undefined
  session: H2cSession | undefined
  /** Upgraded connections that go to it. */
  readonly tunnels = new Set<Duplex>()

  constructor (id: string, address: string, port: number, weight: number) {
    this.key = `${address} ${port}`
    this.address = address
    this.port = port
    this.id = id
    this.weight = weight
  }

  isEjected (nowMs: number): boolean {
    return this.ejectedUntilMs > nowMs
  }

  /** A good answer. The next ejection is a short one again if it has been well for as long as it was out. */
  succeeded (nowMs: number): void {
    this.failures = 0
    if (this.#ejectionMs !== 0 && nowMs >= this.ejectedUntilMs + this.#ejectionMs) this.#ejectionMs = 0
  }

  /** @returns whether it is to be ejected: it failed too often in a row */
  failed (): boolean {
    this.failures++
    return this.failures >= maxFailures
  }

  eject (nowMs: number): void {
    this.#ejectionMs = this.#ejectionMs === 0 ? firstEjectionMs : Math.min(this.#ejectionMs * 2, longestEjectionMs)
    this.ejectedUntilMs = nowMs + this.#ejectionMs
  }

  /** Its connections end when their requests do. */
  close (): void {
    this.connections?.close()
    this.session?.close()
    this.connections = undefined
    this.session = undefined
  }

  /** Cuts everything. */
  destroy (): void {
    for (const tunnel of this.tunnels) tunnel.destroy()
    this.connections?.destroy()
    this.session?.destroy()
    this.connections = undefined
    this.session = undefined
  }
}
