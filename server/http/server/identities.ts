// Who sends a request, by what it has shown: an adapter asks, and access control answers. Without access control a client is known by its
// address alone.
import type { IncomingMessage } from 'node:http'
import { type Actor, anonymous } from '../../registry/core.ts'
import type { Peer } from './peer.ts'

export interface Identities {
  /**
   * Looks at what a request has shown, before anything else is done for it. A promise only where keys must be fetched.
   * @throws RegistryError REG_UNAUTHENTICATED, REG_INVALID, REG_OVERLOADED for one that must wait
   */
  admit (request: IncomingMessage, peer: Peer): Promise<void> | void
  /** Whose request it is. @throws RegistryError as `admit`, if it was not admitted */
  of (request: IncomingMessage, peer: Peer): Actor
  /** The same of a request that nobody has looked at yet; undefined = it must be admitted first. */
  known (request: IncomingMessage, peer: Peer): Actor | undefined
}

/** The same for those who speak a foreign dialect: their actors say so. */
export function speaking (identities: Identities, dialect: string): Identities {
  // An actor is kept with its connection (context.ts): the one who speaks must be the same object, too.
  const speakers = new WeakMap<Actor, Actor>()
  const speaker = (actor: Actor): Actor => {
    const known = speakers.get(actor)
    if (known !== undefined) return known
    const made = { ...actor, dialect }
    speakers.set(actor, made)
    return made
  }
  return {
    admit: (request, peer) => identities.admit(request, peer),
    of: (request, peer) => speaker(identities.of(request, peer)),
    known: (request, peer) => {
      const actor = identities.known(request, peer)
      return actor === undefined ? undefined : speaker(actor)
    }
  }
}

/** By address alone. */
export const byAddress: Identities = {
  admit: () => undefined,
  of: (_request, peer) => anonymous(peer.address),
  known: (_request, peer) => anonymous(peer.address)
}
