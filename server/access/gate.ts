// What stands between an actor and the core: every question "may it?" of this node is asked here, in one way, and a no is said, counted and
// logged here.
import { RegistryError, shown } from '../errors.ts'
import type { Verb } from '../model/service/types.ts'
import type { Actor, Owned, Ownership, Sight } from '../registry/core.ts'
import type { Audit } from './audit.ts'
import type { Book } from './book.ts'
import type { Buckets, Use } from './buckets.ts'
import { type Identity, identityOf } from './identity.ts'
import type { Refusals } from './refusals.ts'
import type { Rights } from './rights.ts'

/** `report`: everything is decided and logged, and nothing is refused. */
export type AccessMode = 'report' | 'on'

export interface GateOptions {
  readonly mode: AccessMode
  readonly book: Book
  readonly audit: Audit | undefined
  /** What was refused and is no command; undefined = it is only counted. */
  readonly refusals?: Refusals | undefined
  readonly buckets: Buckets
  /** Counts a no. */
  readonly denied: (verb: Verb | 'token') => void
  readonly warn: (message: string) => void
}

/** One actor before the gate. */
export class Gate {
  readonly actor: Actor
  readonly identity: Identity
  readonly options: GateOptions
  #rights: Rights | undefined
  #version = 0

  constructor (options: GateOptions, actor: Actor) {
    this.options = options
    this.identity = identityOf(actor)
    this.actor = { ...actor, ownership: this.#ownership() }
  }

  get isReporting (): boolean {
    return this.options.mode === 'report'
  }

  /** What it may do now, whether or not what it has shown is still good. */
  get rights (): Rights {
    const { book } = this.options
    if (this.#version !== book.version || this.#rights === undefined) {
      this.#rights = book.rightsOf(this.identity)
      this.#version = book.version
    }
    return this.#rights
  }

  /** What it sees; undefined = everything. */
  get sight (): Sight | undefined {
    this.requireValid()
    const { rights } = this
    return this.isReporting || rights.readsAll ? undefined : rights
  }

  /** @throws RegistryError REG_UNAUTHENTICATED if what was shown is no good any more */
  requireValid (): void {
    if (this.identity.kind === 'anonymous') return
    const end = this.options.book.endOf(this.identity)
    if (end !== undefined) this.#no('token', new RegistryError('REG_UNAUTHENTICATED', `${this.identity.subject} is not known any more: ${end}`))
  }

  /** @throws RegistryError REG_UNAUTHENTICATED, REG_FORBIDDEN */
  require (verb: Verb, namespace: string, service: string): void {
    this.requireValid()
    if (!this.rights.may(verb, namespace, service)) this.#no(verb, this.refusal(verb, namespace, service), verb === 'read' ? `${namespace}/${service}` : undefined)
  }

  /**
   * For the whole registry.
   * @param read what is to be read by that; undefined = it is a command, and has its line
   * @throws RegistryError REG_UNAUTHENTICATED, REG_FORBIDDEN
   */
  requireEverywhere (verb: Verb, read?: string): void {
    this.requireValid()
    if (!this.rights.everywhere(verb)) this.#no(verb, this.refusal(verb), read)
  }

  /** For all of a namespace. @throws RegistryError REG_UNAUTHENTICATED, REG_FORBIDDEN */
  requireAll (verb: Verb, namespace: string): void {
    this.requireValid()
    if (!this.rights.all(verb, namespace)) this.#no(verb, this.refusal(verb, namespace))
  }

  /** Something of a namespace, or of any. @throws RegistryError REG_UNAUTHENTICATED, REG_FORBIDDEN */
  requireSight (namespace?: string): void {
    this.requireValid()
    const { rights } = this
    if (!(namespace === undefined ? rights.seesAnything : rights.namespace(namespace))) this.#no('read', this.refusal('read', namespace), namespace ?? '')
  }

  /** Whether it may, said without an error; while it only reports, a no is told and passed over. */
  permits (verb: Verb, namespace: string, service: string): boolean {
    if (this.rights.may(verb, namespace, service)) return true
    this.#count(verb, () => this.refusal(verb, namespace, service).message)
    return this.isReporting
  }

  /** @throws RegistryError REG_FORBIDDEN for an address that no rule permits under this name */
  requireAddress (verb: 'register' | 'declare', namespace: string, service: string, address: string): void {
    if (this.rights.mayAddress(verb, namespace, service, address)) return
    const rule = `must be in a network that a policy permits to ${this.identity.subject}`
    const where = `service "${service}" in namespace "${namespace}"`
    this.#no(verb, new RegistryError('REG_FORBIDDEN', `address ${shown(address)} may not be ${verb === 'register' ? 'registered' : 'declared'} for ${where}: it ${rule}`, [{ field: 'address', value: address, rule }]))
  }

  /** Takes one of what there is for each identity. @throws RegistryError REG_OVERLOADED */
  take (use: Use, amount = 1): void {
    if (this.isReporting) return
    // Those who have shown nothing share no name: each network has its own.
    const seconds = this.options.buckets.take(use, this.identity.kind === 'anonymous' ? this.actor.address ?? '' : this.identity.subject, amount)
    if (seconds > 0) throw new RegistryError('REG_OVERLOADED', `${this.identity.subject} asks for more ${use} than one identity may: try again in ${seconds} s`, undefined, { retryAfterSeconds: seconds })
  }

  /** Writes down a command with what became of it. */
  async audited<Result> (what: string, on: string, revisionOf: (result: Result) => number | undefined, act: () => Promise<Result>): Promise<Result> {
    const { audit } = this.options
    if (audit === undefined) return await act()
    try {
      const result = await act()
      audit.write(this.actor, { what, on, outcome: 'ok', revision: revisionOf(result) })
      return result
    } catch (error) {
      audit.write(this.actor, { what, on, outcome: error instanceof RegistryError ? error.code : 'REG_INTERNAL' })
      throw error
    }
  }

  /** Why it may not: with a token the answer is about the token, without one that it needs one. */
  refusal (verb: Verb, namespace?: string, service?: string): RegistryError {
    const { identity: { kind, subject }, rights } = this
    const where = namespace === undefined ? 'the registry' : service === undefined ? `namespace "${namespace}"` : `service "${service}" in namespace "${namespace}"`
    if (kind === 'anonymous') return new RegistryError('REG_UNAUTHENTICATED', `the right to "${verb}" on ${where} needs a token: send one as "authorization: Bearer rc_..." (ROLLCALL_TOKEN)`)
    const looked = rights.sources.length === 0 ? 'no policy is about it' : `none of ${rights.sources.slice(0, 10).join(', ')} says so`
    return new RegistryError('REG_FORBIDDEN', `${subject} has no right to "${verb}" on ${where}: ${looked}`)
  }

  /** Writes down, now and then, what was refused and is no command. */
  refused (what: string, on: string, outcome: string): void {
    if (!this.isReporting) this.options.refusals?.write(this.actor, { what, on, outcome })
  }

  /** @param read what was to be read; undefined = it is a command. @throws the error, unless it only reports */
  #no (verb: Verb | 'token', error: RegistryError, read?: string): void {
    this.#count(verb, () => error.message)
    if (read !== undefined) this.refused('read', read, error.code)
    if (!this.isReporting) throw error
  }

  #count (verb: Verb | 'token', message: () => string): void {
    const { denied, warn } = this.options
    denied(verb)
    if (this.isReporting) warn(`access report: would be refused: ${message()}`)
  }

  #ownership (): Ownership {
    const { kind, subject } = this.identity
    return {
      owner: kind === 'anonymous' ? undefined : subject,
      isBinding: !this.isReporting,
      permits: ({ namespace, service }: Owned) => this.permits('operate', namespace, service)
    }
  }
}
