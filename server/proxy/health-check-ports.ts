// For each service with a `healthCheckNodePort`: HTTP on every path, 200 while this machine has an endpoint of it, else
// 503, so that a balancer sends connections where they stay (Kubernetes' externalTrafficPolicy: Local).
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Guard } from '../guard.ts'
import type { Condition, HealthCheck } from './front-end.ts'
import { headers, listening } from './health.ts'

export interface HealthCheckOptions {
  readonly guard: Guard
  /** The agent is well. */
  readonly isHealthy: () => boolean
  /** Where they are answered: every address of the machine. */
  readonly host?: string
}

export class HealthCheckPorts {
  readonly #options: HealthCheckOptions
  readonly #wanted = new Map<number, HealthCheck>()
  readonly #servers = new Map<number, Server>()
  readonly #faults = new Map<number, Condition>()

  constructor (options: HealthCheckOptions) {
    this.#options = options
  }

  conditions (): readonly Condition[] {
    return [...this.#faults.values()]
  }

  /** Answers for these services and no others; a port that was taken is tried again. */
  async set (checks: readonly HealthCheck[]): Promise<void> {
    this.#wanted.clear()
    for (const check of checks) if (!this.#wanted.has(check.port)) this.#wanted.set(check.port, check)
    for (const [port, server] of [...this.#servers]) if (!this.#wanted.has(port)) this.#close(port, server)
    for (const port of [...this.#faults.keys()]) if (!this.#wanted.has(port)) this.#faults.delete(port)
    for (const check of this.#wanted.values()) if (!this.#servers.has(check.port)) await this.#open(check)
  }

  close (): void {
    for (const [port, server] of [...this.#servers]) this.#close(port, server)
  }

  #close (port: number, server: Server): void {
    this.#servers.delete(port)
    server.close()
    server.closeAllConnections()
  }

  async #open ({ namespace, name, port }: HealthCheck): Promise<void> {
    const { guard, host = '::' } = this.#options
    const server = createServer(guard.around('proxy-health', (_request: IncomingMessage, response: ServerResponse) => this.#answer(port, response)))
    try {
      this.#servers.set(port, await listening(server, host, port, guard))
      this.#faults.delete(port)
    } catch (error) {
      const why = (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'another program listens there' : String(error)
      this.#faults.set(port, { service: `${namespace}/${name}`, reason: 'NodePortTaken', message: `the health-check port ${port} is not answered: ${why}` })
    }
  }

  #answer (port: number, response: ServerResponse): void {
    const { namespace = '', name = '', localEndpoints = 0 } = this.#wanted.get(port) ?? {}
    const isHealthy = this.#options.isHealthy()
    const body = { service: { namespace, name }, localEndpoints, serviceProxyHealthy: isHealthy }
    response.writeHead(localEndpoints > 0 && isHealthy ? 200 : 503, { ...headers, 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
  }
}
