// Who asks, as access control knows it.
import { anonymousSubject } from '../model/policy/subject.ts'
import type { Actor, ActorKind } from '../registry/core.ts'

export interface Identity {
  readonly kind: ActorKind
  /** As policies name it: `token:web`, or `anonymous`. */
  readonly subject: string
  /** The token that was shown: its rules come along, and what it is good for ends with it. */
  readonly tokenId?: string
  /** When what was shown ends; undefined = it does not end by itself. */
  readonly expiresAtMs?: number | undefined
  /** What its issuer says that it belongs to, each once: policies may be about `jwt-group:NAME`. */
  readonly groups?: readonly string[]
}

/** An actor that has shown who it is. */
export interface KnownActor extends Actor {
  readonly identity: Identity
}

export const nobody: Identity = { kind: 'anonymous', subject: anonymousSubject }

export function identityOf (actor: Actor): Identity {
  return 'identity' in actor ? (actor as KnownActor).identity : nobody
}

/** An actor of an identity, calling from an address. */
export function actorOf (identity: Identity, address: string): KnownActor {
  return { name: identity.subject, kind: identity.kind, address, identity }
}
