// Where an app listens: on every address of a host name, with or without TLS. One server keeps the connections; each address
// hands its own over to it. With TLS the client chooses HTTP/2 or HTTP/1.1 (ALPN, RFC 7301).
import { type AddressInfo, type Server, type Socket, createServer as createPlainServer } from 'node:net'
import { type Server as TlsServer, type TLSSocket, type TlsOptions, createServer as createTlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import type { Guard } from '../../guard.ts'
import { hostPort, listenAddresses, listenOnAll } from '../../listen-addresses.ts'
import type { Share } from '../../shares.ts'
import { oldestTls } from '../../tls/certificate.ts'
import type { Listener, ListenerTls } from './dialect.ts'

/** As Node's own HTTP server has them: a client may close its side as soon as it has asked. */
const socketOptions = { noDelay: true, allowHalfOpen: true } as const
const place = 'http-connection'

/** Something that listens. */
export interface Listening {
  /** `http://host:port` of each address, as it really is. */
  readonly urls: readonly string[]
  /** Takes another certificate for connections from now on; those that are open keep theirs. @throws the error of OpenSSL */
  renew (tls: ListenerTls): void
  /** Accepts no more connections, and resolves when those that are there have gone. */
  close (): Promise<void>
}

/**
 * Makes an app listen.
 * @param addressesOf gives the addresses of a name, for tests
 * @throws the system's error if an address cannot be listened on; the error of OpenSSL for a bad certificate
 */
export async function listen (
  app: FastifyInstance, guard: Guard, { host, port, tls }: Listener, addressesOf: typeof listenAddresses = listenAddresses
): Promise<Listening> {
  const handOver = guard.around(place, (socket: Socket) => app.server.emit('connection', socket))
  const secured: SecureListener[] = []
  const servers = await listenOnAll(await addressesOf(host), port, async ({ address }, chosen) => {
    let server: Server
    if (tls === undefined) server = createPlainServer(socketOptions, handOver)
    else {
      const secure = new SecureListener(app, guard, tls)
      secured.push(secure)
      server = secure.server
    }
    await listening(server, address, chosen)
    return { server, port: (server.address() as AddressInfo).port, close: () => closed(server) } // a TCP server that listens has one
  })
  app.server.emit('listening') // Node begins to look for late requests then
  const scheme = tls === undefined ? 'http' : 'https'
  return {
    urls: servers.map(({ server }) => urlOf(scheme, server)),
    renew: (renewed) => { for (const each of secured) each.renew(renewed) },
    close: async () => { await Promise.all(servers.map((each) => each.close())) }
  }
}

/** TLS at one address. */
class SecureListener {
  /** Takes the connections; the handshake of each begins in its turn. */
  readonly server: Server
  readonly #handshakes: TlsServer
  #tls: ListenerTls
  /** Connections that have not yet agreed on keys, by the client's address and port. */
  readonly #arrived = new Map<string, { readonly socket: Socket, readonly share: Share }>()

  constructor ({ secureEntrance }: FastifyInstance, guard: Guard, tls: ListenerTls) {
    this.#tls = tls
    const handshakes = this.#handshakes = createTlsServer({
      ...socketOptions,
      ...contextOf(tls),
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: secureEntrance.handshakeMs,
      requestCert: tls.ca !== undefined,
      // Who shows none, or a wrong one, is refused by an answer that says so: a broken handshake tells a person nothing.
      rejectUnauthorized: false
    })
    this.server = createPlainServer(socketOptions, guard.around(place, (socket: Socket) => {
      const share = secureEntrance.arrived(socket, () => { handshakes.emit('connection', socket) })
      if (share === undefined) return
      const name = nameOf(socket)
      this.#arrived.set(name, { socket, share })
      socket.once('close', guard.around(place, () => { if (this.#arrived.get(name)?.socket === socket) this.#arrived.delete(name) }))
    }))
    handshakes.on('secureConnection', guard.around(place, (secure: TLSSocket) => {
      const name = nameOf(secure)
      const arrived = this.#arrived.get(name)
      if (arrived === undefined) return void secure.destroy() // it was closed before it was agreed
      this.#arrived.delete(name)
      const isTaken = guard.attempt(place, () => secureEntrance.agreed(arrived.socket, arrived.share, secure, this.#tls))
      if (!isTaken) secure.destroy()
    }))
    handshakes.on('tlsClientError', guard.around(place, (error: Error, secure: TLSSocket) => {
      secureEntrance.failed(error, this.#arrived.get(nameOf(secure))?.socket)
      secure.destroy() // Node leaves those open that were too slow
    }))
  }

  renew (tls: ListenerTls): void {
    this.#handshakes.setSecureContext(contextOf(tls))
    this.#tls = { ...tls, ca: this.#tls.ca === undefined ? undefined : tls.ca } // who was not asked for a certificate is not from here on
  }
}

function contextOf ({ cert, key, ca }: ListenerTls): TlsOptions {
  return { cert, key, ca, minVersion: oldestTls }
}

/** The same for a connection and for what TLS makes of it. */
function nameOf ({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
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
