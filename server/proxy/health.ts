// What a machine's agent answers over HTTP: whether it is well, its metrics, and for each service with a
// `healthCheckNodePort` whether this machine has an endpoint of it (Kubernetes' health-check protocol of balancers).
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Guard } from '../guard.ts'
import type { AgentStatus } from './agent.ts'

export interface HealthOptions {
  readonly guard: Guard
  readonly status: () => AgentStatus
  readonly isHealthy: () => boolean
  /** The text of `/metrics`. */
  readonly metrics: () => string
}

const headers = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' }

function answer (response: ServerResponse, code: number, type: string, body: string): void {
  response.writeHead(code, { ...headers, 'content-type': type }).end(body)
}

/** Listens; gives the port and a function that closes it. @throws the system's error if it can't */
export async function serveHealth (host: string, port: number, { guard, status, isHealthy, metrics }: HealthOptions): Promise<Server> {
  const server = createServer(guard.around('proxy-health', (request: IncomingMessage, response: ServerResponse) => {
    const [path] = (request.url ?? '').split('?')
    if (path === '/livez') answer(response, 200, 'text/plain', 'ok\n')
    else if (path === '/healthz') answer(response, isHealthy() ? 200 : 503, 'application/json', `${JSON.stringify(status())}\n`)
    else if (path === '/metrics') answer(response, 200, 'text/plain; version=0.0.4; charset=utf-8', metrics())
    else answer(response, 404, 'text/plain', 'livez, healthz or metrics\n')
  }))
  return await listening(server, host, port, guard)
}

/** One port for one service: 200 while this machine has an endpoint of it, else 503. */
export async function serveServiceHealth (
  host: string, port: number, { guard, isHealthy }: Pick<HealthOptions, 'guard' | 'isHealthy'>,
  local: () => { readonly namespace: string, readonly name: string, readonly endpoints: number }
): Promise<Server> {
  const server = createServer(guard.around('proxy-health', (_request: IncomingMessage, response: ServerResponse) => {
    const { namespace, name, endpoints } = local()
    const body = { service: { namespace, name }, localEndpoints: endpoints, serviceProxyHealthy: isHealthy() }
    answer(response, endpoints > 0 && isHealthy() ? 200 : 503, 'application/json', `${JSON.stringify(body)}\n`)
  }))
  return await listening(server, host, port, guard)
}

function listening (server: Server, host: string, port: number, guard: Guard): Promise<Server> {
  server.maxConnections = 1_000
  server.headersTimeout = 5_000
  server.requestTimeout = 5_000
  return new Promise((resolve, reject) => {
    server.once('error', guard.around('proxy-health', reject))
    server.listen(port, host, guard.around('proxy-health', () => resolve(server)))
  })
}
