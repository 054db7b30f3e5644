// What a publisher sends to the mirrors in other threads.
//
//   messages = *( health / changes )
//   changes  = *step, namespaces, [state]
//   steps    = *( whole / member / withdrawn / made / namespace / object )
//   whole    = begin *rows end          all endpoints of one service; nothing stands between its steps
//
// A mirror has what callers get, the derived endpoints, and not what they are derived from: neither leases nor
// generations, nor the selectors' work. What is equal in many endpoints is one text, which the mirror keeps once.
import type { Labels, Service } from '../../model/service/types.ts'
import type { StoreHealth } from '../../store/store.ts'

export type MirrorMessage = HealthMessage | ChangesMessage

interface HealthMessage {
  readonly type: 'health'
  readonly health: StoreHealth
}

export interface ChangesMessage {
  readonly type: 'changes'
  /** They are the first of a new copy. */
  readonly begins: boolean
  readonly steps: readonly MirrorStep[]
  /** Of each namespace that the steps name: whether it is there. */
  readonly namespaces: readonly (readonly [name: string, isThere: boolean])[]
  /** What the view is after them; undefined = more steps lead there. */
  readonly state: MirrorState | undefined
}

export interface MirrorState {
  readonly epoch: string
  readonly revision: number
  /** The revision that everything derived is shown at least at. */
  readonly floor: number
}

/**
 * An endpoint. `service` is the one that its instance registered under, where a declared service has it; `core` and
 * `texts` are JSON of `EndpointCore` and `EndpointTexts`.
 */
export type EndpointRow = readonly [
  id: string, address: string, hostname: string | undefined, service: string | undefined, core: string, texts: string
]

interface InService {
  readonly namespace: string
  readonly name: string
  /** Of the service after the step. */
  readonly revision: number
}

/** All instances that registered under a name, or, with a manifest, all endpoints of a declared service. */
export interface BeginStep extends InService {
  readonly type: 'begin'
  readonly manifest: Service | undefined
  /** Everything up to this revision is in it. */
  readonly at: number
}

/** An instance came, changed or went. */
export interface MemberStep extends InService {
  readonly type: 'member'
  readonly isDeclared: boolean
  readonly id: string
  /** Of a declared service: the service that the instance registered under. */
  readonly service: string | undefined
  /** undefined = it is no endpoint of the service, or not any more. */
  readonly row: EndpointRow | undefined
}

export type MirrorStep =
  | BeginStep
  | { readonly type: 'rows', readonly rows: readonly EndpointRow[] }
  | { readonly type: 'end' }
  | MemberStep
  /** A declared service went. */
  | InService & { readonly type: 'withdrawn' }
  /** The addresses of a hand-written object, answered or not; none = it went. */
  | { readonly type: 'made', readonly key: string, readonly namespace: string, readonly owner: string, readonly addresses: readonly string[] }
  | { readonly type: 'namespace', readonly name: string, readonly annotations: Labels | undefined }
  /** A value that the nodes share: the secret of cookies. */
  | { readonly type: 'object', readonly key: string, readonly body: string | undefined }
