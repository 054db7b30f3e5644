// Who asks: every command, read and watch has one. Access control decides by it, events show its name.

/** `anonymous`: known by its address alone; `token`, `certificate`: it has shown one; `node`: this registry itself; `operator`: a person. */
export type ActorKind = 'anonymous' | 'token' | 'certificate' | 'node' | 'operator'

export interface Actor {
  /** As events show it in `by`. */
  readonly name: string
  readonly kind: ActorKind
  /** Where it calls from; undefined = it is this process. It stands in for the address that a registration leaves out. */
  readonly address: string | undefined
}

/** A client of which only the address is known. */
export function anonymous (address: string): Actor {
  return { name: address, kind: 'anonymous', address }
}

/** What a node does by itself. */
export const registryActor: Actor = { name: 'registry', kind: 'node', address: undefined }
