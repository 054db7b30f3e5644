// Access control, put together: what the wiring of a node needs of it.
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../clock.ts'
import type { Guard } from '../guard.ts'
import { type Core, type Feed, registryActor } from '../registry/core.ts'
import { WrongAttempts } from './attempts.ts'
import { Audit } from './audit.ts'
import { Book } from './book.ts'
import { Buckets } from './buckets.ts'
import { type CertificateNames, certificateIdentity } from './certificate-identity.ts'
import { IdentityConnections } from './connections.ts'
import { Credentials, type CredentialsOptions } from './credentials.ts'
import { AccessDesk } from './desk.ts'
import type { GateOptions } from './gate.ts'
import { GuardedCore } from './guarded-core.ts'
import { Jwts } from './jwt.ts'
import type { AccessMetrics } from './metrics.ts'
import { Refusals } from './refusals.ts'
import type { AccessValues } from './settings.ts'
import { Tickets } from './tickets.ts'
import { TokenFile } from './token-file.ts'

export interface AccessControlOptions {
  readonly values: AccessValues
  readonly core: Core
  readonly feed: Feed
  readonly clock: Clock
  readonly guard: Guard
  readonly metrics?: AccessMetrics | undefined
  readonly log: { info (message: string): void, warn (message: string): void }
  /** The certificate that a client has shown and that was verified; undefined = none. */
  readonly certificateOf?: ((request: IncomingMessage) => CertificateNames | undefined) | undefined
}

export class AccessControl {
  /** The core as adapters get it. With `off` it is the core itself. */
  readonly core: Core
  readonly book: Book
  readonly desk: AccessDesk
  readonly audit: Audit | undefined
  /** Who sends a request; undefined = by address alone. */
  readonly credentials: Credentials | undefined
  readonly #options: AccessControlOptions
  readonly #file: TokenFile | undefined

  /** @throws RegistryError REG_INVALID for a token file, or an audit file, that is no use */
  constructor (options: AccessControlOptions) {
    const { values } = options
    const { values: { mode, tokenFile, audit, limits }, core, feed, clock, guard, metrics, log } = this.#options = options
    const warn = (message: string): void => log.warn(message)
    const book = this.book = new Book({ feed, clock, warn })
    this.audit = audit === undefined ? undefined : new Audit({ ...audit, clock, guard, warn })
    this.#file = tokenFile === undefined ? undefined : new TokenFile({ path: tokenFile, clock, log, taken: (tokens) => book.setFiled(tokens) })
    const buckets = new Buckets(clock, limits)
    const denied = (verb: string): void => metrics?.denied(verb)
    // With a file for the audit alone everything is permitted, and written down.
    const refusals = this.audit === undefined ? undefined : new Refusals(this.audit, clock)
    const gate: GateOptions = {
      mode: mode === 'off' ? 'report' : mode, book, audit: this.audit, refusals, buckets, denied: mode === 'off' ? () => undefined : denied,
      warn: mode === 'off' ? () => undefined : warn
    }
    this.core = mode === 'off' && audit === undefined ? core : new GuardedCore(core, gate)
    const tickets = new Tickets(clock)
    const desk = this.desk = new AccessDesk({ core: this.core, book, mode, tickets, clock, audit: this.audit })
    const { certificateOf, values: { certificateIdentity: rule } } = options
    const nameOf: CredentialsOptions['certificateOf'] = (request) => {
      const shown = certificateOf?.(request)
      return shown === undefined ? undefined : certificateIdentity(shown, rule)
    }
    const { jwt } = values
    const jwts = jwt === undefined ? undefined : new Jwts({
      ...jwt, clock, kept: core.as(registryActor), log, expiresAt: (atMs) => book.expiresAt(atMs)
    })
    this.credentials = mode === 'off' ? undefined : new Credentials({
      book, tickets, attempts: new WrongAttempts(clock), jwts, certificateOf: nameOf,
      used: (token) => desk.used(token), isReporting: mode === 'report', connections: new IdentityConnections(values.connections, guard),
      refused: (from, { code }) => {
        metrics?.wrongToken()
        if (mode === 'on') refusals?.write(from, { what: 'authenticate', on: '', outcome: code })
      }
    })
  }

  /** What an operator should know once everything is loaded. */
  get warnings (): readonly string[] {
    const { values: { mode } } = this.#options
    if (mode === 'off' || this.book.hasAdmin()) return []
    return ['nobody may administer this registry: no token and no policy of anybody known here says so. "rollcall init --token-file FILE" makes a token, and --token-file makes a node know it']
  }

  /** SIGHUP: the files. @throws RegistryError REG_INVALID for a token file that is no use; nothing has changed then */
  reload (): void {
    this.#file?.reload()
    this.audit?.reopen()
  }

  async close (): Promise<void> {
    this.#file?.close()
    this.book.close()
    await this.audit?.close()
  }
}
