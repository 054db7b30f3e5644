// What a run does to a registry: plain data, so that a list of them can be printed, cut and run again.
import type { Registration, Status } from '../../../client-sdk/src/wire.ts'

/** Names one instance: `namespace/service/id`. */
export type InstancePath = string

export interface Made extends Registration {
  readonly address: string
  readonly generation: string
}

export type Manifest = Readonly<Record<string, unknown>> & {
  readonly kind: 'Service' | 'EndpointSlice' | 'Endpoints' | 'Namespace'
  readonly metadata: {
    readonly name: string, readonly namespace?: string, readonly labels?: Readonly<Record<string, string>>
  }
}

export interface OverrideOperation {
  readonly status?: 'draining' | 'down'
  readonly weight?: number
  /** From now; absent = until it is ended. */
  readonly endsAfterMs?: number
}

export interface Patch {
  readonly status?: Status
  readonly weight?: number
  readonly labels?: Readonly<Record<string, string | null>>
  readonly metadata?: Readonly<Record<string, string | null>>
}

/** `node` = which of the nodes is asked; a world with one node takes it as 0. */
export type Operation = { readonly node?: number } & (
  | { readonly type: 'register', readonly path: InstancePath, readonly body: Made }
  | { readonly type: 'patch', readonly path: InstancePath, readonly patch: Patch }
  | { readonly type: 'heartbeat', readonly path: InstancePath, readonly generation?: string, readonly status?: Status }
  | { readonly type: 'deregister', readonly path: InstancePath, readonly generation?: string }
  | { readonly type: 'override', readonly path: InstancePath, readonly override: OverrideOperation }
  | { readonly type: 'end-override', readonly path: InstancePath }
  /** A socket that is the lease of an instance breaks. */
  | { readonly type: 'break', readonly path: InstancePath }
  /** Time goes on, and what is due ends. Only where the clock is ours. */
  | { readonly type: 'pass', readonly ms: number }
  | { readonly type: 'apply', readonly manifest: Manifest }
  | { readonly type: 'delete', readonly kind: Manifest['kind'], readonly namespace: string, readonly name: string }
  | { readonly type: 'restart' }
  /** Redis ends and starts again: another term of the same epoch. Only on Redis. */
  | { readonly type: 'new-term' }
  /** Nothing is done: all surfaces are compared with the model. */
  | { readonly type: 'look' }
)

export function partsOf (path: InstancePath): { namespace: string, service: string, id: string } {
  const [namespace = '', service = '', id = ''] = path.split('/')
  return { namespace, service, id }
}

/** One line for each, to be pasted into a test. */
export function listing (operations: readonly Operation[]): string {
  return operations.map((operation) => JSON.stringify(operation)).join(',\n')
}
