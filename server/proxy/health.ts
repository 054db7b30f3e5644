// What a machine's agent answers over HTTP: whether it is well, and its metrics.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Guard } from '../guard.ts'

export interface HealthOptions {
  readonly guard: Guard
  /** What `/healthz` shows. */
  readonly status: () => object
  readonly isHealthy: () => boolean
  /** The text of `/metrics`. */
  readonly metrics: () => string | Promise<string>
}

/** Of every answer: a balancer's page is no place to guess types. */
export const headers = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' }

function answer (response: ServerResponse, code: number, type: string, body: string): void {
  response.writeHead(code, { ...headers, 'content-type': type }).end(body)
}

/** Answers for the agent. @throws the system's error if it can't listen there */
export async function serveHealth (host: string, port: number, { guard, status, isHealthy, metrics }: HealthOptions): Promise<Server> {
  const server = createServer(guard.around('proxy-health', async (request: IncomingMessage, response: ServerResponse) => {
    const [path] = (request.url ?? '').split('?')
    if (path === '/livez') answer(response, 200, 'text/plain', 'ok\n')
    else if (path === '/healthz') answer(response, isHealthy() ? 200 : 503, 'application/json', `${JSON.stringify(status())}\n`)
    else if (path === '/metrics') answer(response, 200, 'text/plain; version=0.0.4; charset=utf-8', await metrics())
    else answer(response, 404, 'text/plain', 'livez, healthz or metrics\n')
  }))
  return await listening(server, host, port, guard)
}

/** Begins to listen. @throws the system's error if it can't */
export function listening (server: Server, host: string, port: number, guard: Guard): Promise<Server> {
  server.maxConnections = 1_000
  server.headersTimeout = 5_000
  server.requestTimeout = 5_000
  return new Promise((resolve, reject) => {
    server.once('error', guard.around('proxy-health', reject))
    server.listen(port, host, guard.around('proxy-health', () => resolve(server)))
  })
}
