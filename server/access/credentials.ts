// From what a request has shown to an actor: a bearer token, a ticket of a browser, a certificate. What was found is kept with the
// connection, so that the next request with the same header costs a comparison.
import type { IncomingMessage } from 'node:http'
import { RegistryError, invalid } from '../errors.ts'
import type { Actor } from '../registry/core.ts'
import type { WrongAttempts } from './attempts.ts'
import type { Book } from './book.ts'
import type { Connection, IdentityConnections } from './connections.ts'
import { type Identity, type KnownActor, actorOf, nobody } from './identity.ts'
import { type KnownToken, isToken } from './token.ts'
import type { Tickets } from './tickets.ts'

/** Longer headers are no token of anybody's. */
const maxHeaderLength = 16_384

/** Tokens of others (JWT), checked by their keys. */
export interface Verifier {
  /** Whether a text has the form of one. */
  mayBe (text: string): boolean
  /** Checks one, and keeps what it says. @throws RegistryError REG_UNAUTHENTICATED */
  verify (text: string): Promise<void>
  /** Whose it is; undefined = it was not checked yet, or is too old. */
  known (text: string): Identity | undefined
}

export interface CredentialsOptions {
  readonly book: Book
  readonly attempts: WrongAttempts
  readonly tickets: Tickets
  readonly jwts: Verifier | undefined
  /** The identity of a certificate that a client has shown and that was verified; undefined = it has shown none. */
  readonly certificateOf?: ((request: IncomingMessage) => string | undefined) | undefined
  /** A token was used. */
  readonly used: (token: KnownToken) => void
  /** Counts a wrong one, and writes it down. */
  readonly refused: (from: Actor, error: RegistryError) => void
  /** Connections of identities; undefined = they are not counted. */
  readonly connections?: IdentityConnections | undefined
  /** Wrong tokens are passed over, as if nothing had been shown. */
  readonly isReporting: boolean
}

interface Kept {
  readonly header: string
  readonly address: string
  readonly version: number
  readonly actor: KnownActor
}

interface Asker {
  readonly address: string
}

export class Credentials {
  readonly #options: CredentialsOptions
  readonly #kept = new WeakMap<object, Kept>()
  /** Of requests with a ticket, which is good once. */
  readonly #tickets = new WeakMap<IncomingMessage, KnownActor>()

  constructor (options: CredentialsOptions) {
    this.#options = options
  }

  /** @throws RegistryError REG_UNAUTHENTICATED, REG_INVALID, REG_OVERLOADED */
  admit (request: IncomingMessage, peer: Asker): Promise<void> | void {
    const ticket = ticketOf(request)
    if (ticket !== undefined) {
      const actor = actorWithDoor(this.#guarded(request, peer, () => this.#options.tickets.take(ticket)), peer.address, request)
      this.#tickets.set(request, actor)
      return this.#connected(request, actor)
    }
    const text = bearerOf(request)
    if (this.known(request, peer) !== undefined) return
    if (text === undefined) return this.#withoutToken(request, peer)
    const { jwts } = this.#options
    const look = (): void => this.#connected(request, this.#guarded(request, peer, () => this.of(request, peer)) as KnownActor)
    if (isToken(text) || jwts === undefined || !jwts.mayBe(text)) return look()
    return jwts.verify(text).then(look, (error: unknown) => { this.#guarded(request, peer, () => { throw error }) })
  }

  /** A certificate without a name is refused where somebody asks who it is: what is open to all is open to it, too. */
  #withoutToken (request: IncomingMessage, peer: Asker): void {
    let actor: Actor
    try {
      actor = this.of(request, peer)
    } catch {
      return
    }
    this.#connected(request, actor as KnownActor) // as all that are made here
  }

  /** Whose request it is. @throws RegistryError REG_UNAUTHENTICATED */
  of (request: IncomingMessage, peer: Asker): Actor {
    const byTicket = this.#tickets.get(request)
    if (byTicket !== undefined) return byTicket
    const known = this.known(request, peer)
    if (known !== undefined) return known
    const { header, address, version } = this.#placeOf(request, peer)
    const actor = actorWithDoor(this.#identityOf(request), address, request)
    this.#kept.set(request.socket, { header, address, version, actor })
    return actor
  }

  /** Of a connection that has shown the same before; undefined = it must be looked at. */
  known (request: IncomingMessage, peer: Asker): Actor | undefined {
    const kept = this.#kept.get(request.socket)
    if (kept === undefined) return undefined
    const { headers } = request
    if (kept.header !== (headers.authorization ?? '') || kept.address !== peer.address || kept.version !== this.#options.book.version) return undefined
    return headers.upgrade === undefined && kept.actor.door === 'http' ? kept.actor : kept.actor.door === doorOf(request) ? kept.actor : undefined
  }

  #placeOf ({ headers }: IncomingMessage, { address }: Asker): Omit<Kept, 'actor'> {
    return { header: headers.authorization ?? '', address, version: this.#options.book.version }
  }

  #identityOf (request: IncomingMessage): Identity {
    const { book, used, jwts, certificateOf, isReporting } = this.#options
    const text = bearerOf(request)
    if (text === undefined) {
      const name = certificateOf?.(request)
      return name === undefined ? nobody : { kind: 'certificate', subject: `certificate:${name}` }
    }
    const byJwt = isToken(text) ? undefined : jwts?.known(text)
    if (byJwt !== undefined) return byJwt
    const token = book.find(text)
    if (token === undefined) {
      if (isReporting) return nobody
      throw new RegistryError('REG_UNAUTHENTICATED', 'the token is not known here: it was revoked, belongs to another registry, or was copied in part')
    }
    const identity: Identity = { kind: 'token', subject: `token:${token.name}`, tokenId: token.id, expiresAtMs: token.expiresAtMs }
    const end = book.endOf(identity)
    if (end !== undefined && !isReporting) throw new RegistryError('REG_UNAUTHENTICATED', `${end} (${token.id})`)
    used(token)
    return identity
  }

  /** Counts the connection for who uses it. @throws RegistryError REG_OVERLOADED for one more than it may have */
  #connected (request: IncomingMessage, { identity: { kind, subject } }: KnownActor): void {
    const { connections, isReporting } = this.#options
    if (connections === undefined || isReporting || kind === 'anonymous' || connections.take(connectionOf(request), subject)) return
    this.#kept.delete(request.socket)
    throw new RegistryError('REG_OVERLOADED', `${subject} has ${connections.limit} connections to this node, as many as one identity may have (--access-connections)`, undefined, { retryAfterSeconds: 1 })
  }

  /** Counts what is wrong, by address, and makes those wait that show many. */
  #guarded<Result> (request: IncomingMessage, peer: Asker, look: () => Result): Result {
    try {
      return look()
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code !== 'REG_UNAUTHENTICATED') throw error
      this.#options.refused(actorWithDoor(nobody, peer.address, request), error)
      const seconds = this.#options.attempts.count(peer.address)
      if (seconds === 0) throw error
      throw new RegistryError('REG_OVERLOADED', `too many wrong tokens from this address: try again in ${seconds} s`, undefined, { retryAfterSeconds: seconds, cause: error })
    }
  }
}

/** The token of the header. @throws RegistryError REG_INVALID for a header that is none of ours, and for two of them */
function bearerOf ({ headers: { authorization }, rawHeaders }: IncomingMessage): string | undefined {
  if (authorization === undefined) return undefined
  const rule = 'must be "Bearer " and a token, once (RFC 6750)'
  let count = 0
  for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at]?.length === 13 && rawHeaders[at]?.toLowerCase() === 'authorization') count++
  const token = authorization.length > maxHeaderLength ? undefined : /^Bearer +([A-Za-z0-9._~+/=-]+) *$/i.exec(authorization)?.[1]
  if (token === undefined || count > 1) throw invalid([{ field: 'Authorization', rule }])
  return token
}

/** Of a request to open a WebSocket only: elsewhere a header can be sent. */
function ticketOf ({ url = '', headers }: IncomingMessage): string | undefined {
  if (headers.upgrade === undefined) return undefined
  return /[?&]ticket=(rt_[A-Za-z0-9_-]{43})(?:&|$)/.exec(url)?.[1]
}

/** Of HTTP/2 the socket of a request is one of its stream alone. */
function connectionOf (request: IncomingMessage & { readonly stream?: unknown }): Connection {
  return (request.stream as { readonly session?: Connection } | undefined)?.session ?? request.socket
}

function doorOf ({ headers }: IncomingMessage): string {
  return headers.upgrade?.toLowerCase() === 'websocket' ? 'websocket' : 'http'
}

function actorWithDoor (identity: Identity, address: string, request: IncomingMessage): KnownActor {
  const actor = actorOf(identity, address)
  // One that has shown nothing is called by its address, as without access control.
  return { ...actor, name: identity.kind === 'anonymous' ? address : actor.name, door: doorOf(request) }
}
