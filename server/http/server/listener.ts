// Where an app listens: on every address of a host name, with or without TLS. One server keeps the connections; each address
// hands its own over to it.
import { lookup } from 'node:dns/promises'
import { type AddressInfo, isIP, createServer as createPlainServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import type { Guard } from '../../guard.ts'
import type { Listener } from './dialect.ts'
import { headersTimeoutMs } from './limits.ts'

/** As Node's own HTTP server has them: a client may close its side as soon as it has asked. */
const socketOptions = { noDelay: true, allowHalfOpen: true } as const

/** How often another port is tried when the system's choice for the first address is taken at another one. */
const maxPortAttempts = 8

/** Something that listens. */
export interface Listening {
  /** `http://host:port` of each address, as it really is. */
  readonly urls: readonly string[]
  /** Accepts no more connections. Those that are there stay the server's. */
  close (): Promise<void>
}

/**
 * Makes an app listen.
 * @param resolve gives the addresses of a name, for tests
 * @throws the system's error if an address cannot be listened on
 */
export async function listen (app: FastifyInstance, guard: Guard, { host, port, tls }: Listener, resolve = addressesOf): Promise<Listening> {
  const handOver = guard.around('http-connection', (socket: Socket) => app.server.emit('connection', socket))
  const addresses = isIP(host) === 0 ? await resolve(host) : [host]
  for (let attempt = 1; ; attempt++) {
    const opened: Server[] = []
    const close = async (): Promise<void> => { await Promise.all(opened.map(closed)) }
    try {
      for (const address of addresses) {
        const server = tls === undefined
          ? createPlainServer(socketOptions, handOver)
          : createTlsServer({ ...socketOptions, ...tls, ALPNProtocols: ['http/1.1'], handshakeTimeout: headersTimeoutMs }, handOver)
        opened.push(server)
        await listening(server, address, opened.length > 1 ? portOf(opened[0]) : port)
      }
      app.server.emit('listening') // Node begins to look for late requests then
      const scheme = tls === undefined ? 'http' : 'https'
      return { urls: opened.map((server) => urlOf(scheme, server)), close }
    } catch (error) {
      await close()
      const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
      if (!isTaken || port !== 0 || opened.length < 2 || attempt === maxPortAttempts) throw error
    }
  }
}

async function addressesOf (host: string): Promise<string[]> {
  const found = await lookup(host, { all: true })
  return [...new Set(found.map(({ address }) => address))]
}

function listening (server: Server, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen({ host, port }, () => {
    server.off('error', reject)
    resolve()
  })
  return promise
}

function closed (server: Server): Promise<void> {
  return server.listening ? new Promise((resolve) => { server.close(() => resolve()) }) : Promise.resolve()
}

function portOf (server: Server | undefined): number {
  return (server?.address() as AddressInfo).port // a TCP server that listens has one
}

/** Of a wildcard address the one that this machine reaches itself by. */
function urlOf (scheme: string, server: Server): string {
  const { address, port } = server.address() as AddressInfo // a TCP server that listens has one
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
}
