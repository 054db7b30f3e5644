// Where an app listens: on every address of a host name, with or without TLS. One server keeps the connections; each address
// hands its own over to it.
import { type AddressInfo, type Server, type Socket, createServer as createPlainServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import type { Guard } from '../../guard.ts'
import { hostPort, listenAddresses, listenOnAll } from '../../listen-addresses.ts'
import type { Listener } from './dialect.ts'
import { headersTimeoutMs } from './limits.ts'

/** As Node's own HTTP server has them: a client may close its side as soon as it has asked. */
const socketOptions = { noDelay: true, allowHalfOpen: true } as const

/** Something that listens. */
export interface Listening {
  /** `http://host:port` of each address, as it really is. */
  readonly urls: readonly string[]
  /** Accepts no more connections, and resolves when those that are there have gone. */
  close (): Promise<void>
}

/**
 * Makes an app listen.
 * @param addressesOf gives the addresses of a name, for tests
 * @throws the system's error if an address cannot be listened on
 */
export async function listen (
  app: FastifyInstance, guard: Guard, { host, port, tls }: Listener, addressesOf: typeof listenAddresses = listenAddresses
): Promise<Listening> {
  const handOver = guard.around('http-connection', (socket: Socket) => app.server.emit('connection', socket))
  const servers = await listenOnAll(await addressesOf(host), port, async ({ address }, chosen) => {
    const server = tls === undefined
      ? createPlainServer(socketOptions, handOver)
      : createTlsServer({ ...socketOptions, ...tls, ALPNProtocols: ['http/1.1'], handshakeTimeout: headersTimeoutMs }, handOver)
    await listening(server, address, chosen)
    return { server, port: (server.address() as AddressInfo).port, close: () => closed(server) } // a TCP server that listens has one
  })
  app.server.emit('listening') // Node begins to look for late requests then
  const scheme = tls === undefined ? 'http' : 'https'
  return {
    urls: servers.map(({ server }) => urlOf(scheme, server)),
    close: async () => { await Promise.all(servers.map((each) => each.close())) }
  }
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

/** Of a wildcard address the one that this machine reaches itself by. */
function urlOf (scheme: string, server: Server): string {
  const { address, port } = server.address() as AddressInfo // a TCP server that listens has one
  return `${scheme}://${hostPort({ address: address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address, port })}`
}
