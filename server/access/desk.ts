// What is asked of access control itself: tokens are made, listed and revoked here, and everybody may ask who it is and what it may do.
import type { CanI, NewToken, Ticket, Token, TokenCreated, WhoAmI } from '../../client-sdk/src/wire.ts'
import type { Clock } from '../clock.ts'
import { RegistryError, invalid, shown } from '../errors.ts'
import { isLabel, labelRule } from '../model/names.ts'
import { maxTokens } from '../model/limits.ts'
import { rulesFaults } from '../model/policy/validate.ts'
import { globalVerbs } from '../model/policy/roles.ts'
import { fieldErrors } from '../model/service/causes.ts'
import { type Verb, verbs } from '../model/service/types.ts'
import { type Access, type Actor, type Core, registryActor } from '../registry/core.ts'
import type { AccessMode } from './gate.ts'
import type { Audit } from './audit.ts'
import type { Book } from './book.ts'
import { identityOf } from './identity.ts'
import type { Tickets } from './tickets.ts'
import { hashOf, newToken } from './token-text.ts'
import { type KnownToken, idOf, storedToken, tokenName } from './token.ts'

/** A token is said to be used at most so often: it is a write. */
const toldMs = 60 * 60 * 1_000
/** Tokens whose use waits to be stored. */
const maxUnsaid = 1_000
/** Of taking one away that is changed at the same time. */
const maxRounds = 10
const namePattern = new RegExp(tokenName.pattern)

export interface DeskOptions {
  readonly core: Core
  readonly book: Book
  readonly mode: AccessMode | 'off'
  readonly tickets: Tickets
  readonly clock: Pick<Clock, 'now'>
  readonly audit: Audit | undefined
}

export class AccessDesk {
  readonly #options: DeskOptions
  readonly #own: Access
  /** When tokens were used through this node. */
  readonly #used = new Map<string, number>()
  #saying = false

  constructor (options: DeskOptions) {
    this.#options = options
    this.#own = options.core.as(registryActor)
  }

  /** Access control is on: it refuses, and does not only report. */
  get isGuarding (): boolean {
    return this.#options.mode === 'on'
  }

  whoAmI (actor: Actor): WhoAmI {
    const { book, mode } = this.#options
    const identity = identityOf(actor)
    const { sources } = book.rightsOf(identity)
    return {
      subject: identity.subject, kind: identity.kind, address: actor.address ?? '', access: mode, sources,
      ...(identity.groups === undefined ? {} : { groups: identity.groups }),
      ...(identity.expiresAtMs === undefined ? {} : { expiresAt: iso(identity.expiresAtMs) })
    }
  }

  /** @throws RegistryError REG_INVALID */
  canI (actor: Actor, verb: string, namespace: string, service: string): CanI {
    const faults = [
      ...((verbs as readonly string[]).includes(verb) ? [] : [{ field: 'verb', value: verb, rule: `must be one of ${verbs.join(', ')}` }]),
      ...(isLabel(namespace) ? [] : [{ field: 'namespace', value: namespace, rule: labelRule }]),
      ...(isLabel(service) ? [] : [{ field: 'service', value: service, rule: labelRule }])
    ]
    if (faults.length > 0) throw invalid(faults)
    const asked = verb as Verb // it has just been looked for
    const identity = identityOf(actor)
    const { book, mode } = this.#options
    const rights = book.rightsOf(identity)
    const isPossible = !globalVerbs.has(asked) || rights.everywhere(asked)
    const source = isPossible ? rights.source(asked, namespace, service) : undefined
    const { subject } = identity
    const looked = rights.sources.length === 0 ? 'no policy is about it' : `none of ${rights.sources.slice(0, 10).join(', ')} says so`
    const reason = source !== undefined ? `${source} permits it` : mode === 'off' ? 'access control is off: everything is permitted'
      : `${subject} may not: ${looked}${mode === 'report' ? '; access control only reports, and lets it pass' : ''}`
    return { verb: asked, namespace, service, subject, allowed: source !== undefined || mode !== 'on', ...(source === undefined ? {} : { source }), reason }
  }

  /** All tokens, by name. @throws RegistryError REG_UNAUTHENTICATED, REG_FORBIDDEN */
  tokens (actor: Actor): Token[] {
    this.#options.core.as(actor).permit('tokens')
    return this.#options.book.tokens.map((token) => this.#shown(token)).sort((a, b) => order(a.name, b.name) || order(a.id, b.id))
  }

  /** Makes one. Its text is in the answer and nowhere else. @throws RegistryError REG_INVALID, REG_LIMIT_REACHED, REG_FORBIDDEN, what the store throws */
  async create (actor: Actor, { name, rules = [], expiresAt }: NewToken): Promise<TokenCreated> {
    this.#requireAdmin(actor, 'create-token', `(${name})`)
    const { book, clock } = this.#options
    const faults = [
      ...(namePattern.test(name) ? [] : [{ field: 'name', value: name, rule: tokenName.rule }]),
      ...(rules.length === 0 ? [] : fieldErrors(rulesFaults('rules', rules)))
    ]
    const expiresAtMs = expiresAt === undefined ? undefined : Date.parse(expiresAt)
    if (expiresAtMs !== undefined && !(expiresAtMs > clock.now())) faults.push({ field: 'expiresAt', value: expiresAt, rule: 'must be a time to come, like 2027-01-01T00:00:00Z' })
    if (faults.length > 0) throw invalid(faults)
    if (book.tokens.length >= maxTokens) throw new RegistryError('REG_LIMIT_REACHED', `there are ${maxTokens} tokens already: revoke some`)
    const text = newToken()
    const hash = hashOf(text)
    const id = idOf(hash)
    const token = { hash, name, rules, expiresAtMs, createdAtMs: clock.now(), createdBy: actor.name, usedAtMs: undefined }
    if (!await this.#own.keepSecret(secretName(id), storedToken(token), 0)) throw new RegistryError('REG_CONFLICT', 'the token was made twice: try again')
    this.#note(actor, 'create-token', `${id} (${name})`)
    return { ...this.#shown({ ...token, id, place: 'store', revision: 0 }), token: text }
  }

  /** Revokes all tokens of a name, or the one of an id. Gives those that went. @throws RegistryError REG_TOKEN_NOT_FOUND, REG_CONFLICT, REG_FORBIDDEN */
  async revoke (actor: Actor, nameOrId: string): Promise<Token[]> {
    this.#requireAdmin(actor, 'revoke-token', nameOrId)
    const { book } = this.#options
    await this.#own.caughtUp()
    const meant = book.tokens.filter(({ id, name }) => id === nameOrId || name === nameOrId)
    if (meant.length === 0) throw new RegistryError('REG_TOKEN_NOT_FOUND', `there is no token ${shown(nameOrId)}: neither a name nor an id`)
    const filed = meant.find(({ place }) => place === 'file')
    if (filed !== undefined) throw new RegistryError('REG_CONFLICT', `token ${filed.id} (${filed.name}) is in the token file of a node: take it out there`)
    if (book.hasAdmin() && !book.hasAdmin({ tokens: new Set(meant.map(({ id }) => id)) })) {
      throw new RegistryError('REG_CONFLICT', 'this would leave nobody who may administer the registry: make another admin first')
    }
    const gone: Token[] = []
    for (const token of meant) {
      // Its use may be stored at the same moment: then it is another record, and goes as that.
      for (let round = 0; book.token(token.id) !== undefined; round++) {
        if (round === maxRounds) throw new RegistryError('REG_CONFLICT', `token ${token.id} was changed at the same time, again and again: try again`)
        await this.#own.removeSecret(secretName(token.id), book.token(token.id)?.revision ?? 0)
      }
      gone.push(this.#shown(token))
      this.#note(actor, 'revoke-token', `${token.id} (${token.name})`)
    }
    return gone
  }

  /** @throws RegistryError REG_UNAUTHENTICATED for one that has shown nothing */
  ticket (actor: Actor): Ticket {
    const { tickets, mode, book } = this.#options
    const identity = identityOf(actor)
    if (identity.kind === 'anonymous' && mode === 'on') throw new RegistryError('REG_UNAUTHENTICATED', 'a ticket needs a token: send one as "authorization: Bearer rc_..."')
    const end = book.endOf(identity)
    if (end !== undefined && mode === 'on') throw new RegistryError('REG_UNAUTHENTICATED', end)
    const { ticket, expiresAtMs } = tickets.give(identity)
    return { ticket, expiresAt: iso(expiresAtMs) }
  }

  /** A token was used: it is remembered here, and told to the store now and then. */
  used (token: KnownToken): void {
    const now = this.#options.clock.now()
    this.#used.set(token.id, now)
    if (this.#used.size > maxUnsaid) for (const oldest of this.#used.keys()) if (this.#used.delete(oldest)) break
    if (token.place === 'file' || this.#saying || (token.usedAtMs ?? 0) > now - toldMs) return
    this.#saying = true
    const body = storedToken({ ...token, usedAtMs: now })
    const said = (): void => { this.#saying = false }
    // Another node may have been faster, and a store that is away is told the next time.
    this.#own.keepSecret(secretName(token.id), body, token.revision).then(said, said)
  }

  /** A command that is refused is written down, too. */
  #requireAdmin (actor: Actor, what: string, on: string): void {
    try {
      this.#options.core.as(actor).permit('admin')
    } catch (error) {
      this.#options.audit?.write(actor, { what, on, outcome: error instanceof RegistryError ? error.code : 'REG_INTERNAL' })
      throw error
    }
  }

  #note (actor: Actor, what: string, on: string): void {
    this.#options.audit?.write(actor, { what, on, outcome: 'ok' })
  }

  #shown ({ id, name, rules, place, createdAtMs, createdBy, expiresAtMs, usedAtMs }: Omit<KnownToken, 'hash'>): Token {
    const lastMs = Math.max(usedAtMs ?? 0, this.#used.get(id) ?? 0)
    return {
      id, name, rules, place,
      ...(createdAtMs === undefined ? {} : { createdAt: iso(createdAtMs) }),
      ...(createdBy === undefined ? {} : { createdBy }),
      ...(expiresAtMs === undefined ? {} : { expiresAt: iso(expiresAtMs) }),
      expired: expiresAtMs !== undefined && expiresAtMs <= this.#options.clock.now(),
      ...(lastMs === 0 ? {} : { usedAt: iso(lastMs) })
    }
  }
}

function secretName (id: string): string {
  return `token/${id}`
}

function iso (atMs: number): string {
  return new Date(atMs).toISOString()
}

function order (a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
