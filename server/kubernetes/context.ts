// What each handler of a request gets.
import type { FastifyRequest } from 'fastify'
import type { CanI, WhoAmI } from '../../client-sdk/src/wire.ts'
import type { DialectParts } from '../http/server/dialect.ts'
import type { Access, Actor, Core, Feed } from '../registry/core.ts'
import type { Kind } from './kinds.ts'
import type { ResourcePath } from './request/path.ts'
import type { Wanted } from './request/accept.ts'
import type { Shelf } from './shelf/shelf.ts'
import type { Shelves } from './shelf/shelves.ts'
import type { NodeSource } from './sources/instances.ts'
import type { KubernetesMetrics } from './metrics.ts'
import type { EventTexts } from './watch/event-text.ts'
import type { WatchStreams } from './watch/watch-streams.ts'

/** What is asked of access control itself. */
export interface ReviewQuestions {
  /** @throws RegistryError REG_INVALID */
  canI (actor: Actor, verb: string, namespace: string, service: string): CanI
  whoAmI (actor: Actor): WhoAmI
}

export interface KubernetesContext {
  readonly parts: DialectParts
  readonly core: Core
  readonly shelves: Shelves
  /** Resolves when the registry is loaded, or does not load within some seconds. */
  readonly whenLoaded: () => Promise<void>
  /** What came after a revision, in memory and in the store's log. */
  readonly resume: Feed['resume']
  readonly streams: WatchStreams
  readonly texts: EventTexts
  readonly metrics: KubernetesMetrics
  readonly nodes: NodeSource
  readonly reviews: ReviewQuestions | undefined
  /** Of Rollcall. */
  readonly version: string
}

/** A request for a kind, as far as its path and its headers say. */
export interface Asked {
  readonly request: FastifyRequest
  readonly access: Access
  readonly actor: Actor
  readonly kind: Kind
  readonly path: ResourcePath
  readonly query: URLSearchParams
  readonly wanted: Wanted
  /** Empty where there is none. */
  readonly body: Buffer
}

/** What is answered, but to a list and a watch. */
export interface Answer {
  readonly code: number
  readonly body: object
  /** For people: they are sent as Warning headers. */
  readonly warnings?: readonly string[]
}

/** The shelf of a kind, at the revision of the view. @throws RegistryError REG_NOT_LOADED */
export async function shelfOf ({ core, shelves }: Pick<KubernetesContext, 'core' | 'shelves'>, kind: Kind): Promise<Shelf> {
  core.position.requireLoaded()
  const shelf = shelves.of(kind)
  if (shelf === undefined) throw new RangeError(`of ${kind.resource} there is no shelf`)
  await shelf.current()
  return shelf
}
