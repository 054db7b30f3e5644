// Access: tokens, who one is, and what one may do.
import type { PolicyRule, Verb } from '../manifests.ts'

/** A token as it is listed: never its text. */
export interface Token {
  /** The beginning of its SHA-256. */
  readonly id: string
  /** Of its identity, `token:NAME`; several tokens may have one. */
  readonly name: string
  readonly rules: readonly PolicyRule[]
  readonly place: 'store' | 'file'
  readonly createdAt?: string
  readonly createdBy?: string
  readonly expiresAt?: string
  readonly expired: boolean
  /** When it was used last, as far as the asked node knows; an hour of fault is usual. */
  readonly usedAt?: string
}

export interface NewToken {
  readonly name: string
  /** What it permits beside what policies permit to `token:NAME`. Default: nothing. */
  readonly rules?: readonly PolicyRule[]
  readonly expiresAt?: string
}

/** The only time that the text of a token is shown. */
export interface TokenCreated extends Token {
  readonly token: string
}

export interface WhoAmI {
  /** As policies name it: `token:web`, or `anonymous`. */
  readonly subject: string
  readonly kind: string
  readonly address: string
  /** How this node decides: `off`, `report`, `on`. */
  readonly access: 'off' | 'report' | 'on'
  /** What permits something: `policy NAME`, `token ID`. */
  readonly sources: readonly string[]
  /** Of a token of an issuer (JWT): the groups that policies may be about, as `jwt-group:NAME`. */
  readonly groups?: readonly string[]
  readonly expiresAt?: string
}

export interface CanI {
  readonly verb: Verb
  readonly namespace: string
  readonly service: string
  readonly subject: string
  readonly allowed: boolean
  /** What permits it; absent = nothing does. */
  readonly source?: string
  /** Why, for people. */
  readonly reason: string
}

export interface Ticket {
  /** For `/v1/watch?ticket=`: good once, at the node that gave it. */
  readonly ticket: string
  readonly expiresAt: string
}
