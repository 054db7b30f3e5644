// Who asks: every command, read and watch has one. Access control decides by it, events show its name.

/** `anonymous`: known by its address alone; `token`, `jwt`, `certificate`: it has shown one; `node`: this registry itself; `operator`: a person. */
export type ActorKind = 'anonymous' | 'token' | 'jwt' | 'certificate' | 'node' | 'operator'

/** Whose instances an actor may keep and change. It is said by access control. */
export interface Ownership {
  /** What it registers is its own from then on; undefined = it has no name, and what it registers is nobody's. */
  readonly owner: string | undefined
  /** False: what is others' is passed over in silence (the control only reports). */
  readonly isBinding: boolean
  /** Told of an instance of another owner. Gives whether it may be changed all the same. */
  permits (instance: Owned): boolean
}

/** An instance, and who registered it; without `owner` it is nobody's. */
export interface Owned {
  readonly namespace: string
  readonly service: string
  readonly id: string
  readonly owner?: string
}

export interface Actor {
  /** As events show it in `by`. */
  readonly name: string
  readonly kind: ActorKind
  /** Where it calls from; undefined = it is this process. It stands in for the address that a registration leaves out. */
  readonly address: string | undefined
  /** By which way it comes, for the audit: `http`, `websocket`. */
  readonly door?: string
  /** The dialect that it speaks, as `eureka`; absent: the registry's own. What it registers is of this `source`. */
  readonly dialect?: string
  /** Absent: there is no access control, and every instance is everybody's. */
  readonly ownership?: Ownership
}

/** A client of which only the address is known. */
export function anonymous (address: string): Actor {
  return { name: address, kind: 'anonymous', address }
}

/** What a node does by itself. */
export const registryActor: Actor = { name: 'registry', kind: 'node', address: undefined }
