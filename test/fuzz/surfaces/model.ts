// The model: what a registry knows after some operations, in the plainest way. No cache, no index, no revision.
import { serviceLabel, type Status } from '../../../client-sdk/src/wire.ts'
import { type InstancePath, type Made, type Manifest, type Operation, type OverrideOperation, type Patch, partsOf } from './operations.ts'

/** From suspect to removed, and of a broken session: the settings of the nodes are made of it. */
export const graceMs = 15_000
/** Nodes look for what is due so often. */
export const sweepMs = 250

export interface ModelInstance {
  readonly path: InstancePath
  readonly body: Made
  readonly suspect: boolean
  /** When it turns suspect; of a suspect, when it is removed. */
  readonly deadlineMs: number
}

interface ModelOverride extends OverrideOperation {
  readonly endsAtMs: number
}

/** How an operation is to be answered. Manifests are judged by the registry, whose word the model takes over. */
export type Expected = { readonly status: number, readonly body?: object } | undefined

const done: Expected = { status: 200 }
const missing: Expected = { status: 404 }
const superseded: Expected = { status: 409 }

export class Model {
  nowMs: number
  readonly instances = new Map<InstancePath, ModelInstance>()
  readonly overrides = new Map<InstancePath, ModelOverride>()
  /** By `kind/namespace/name`, as the registry said that it stored them. */
  readonly manifests = new Map<string, Manifest>()

  constructor (nowMs: number) {
    this.nowMs = nowMs
  }

  apply (operation: Operation): Expected {
    switch (operation.type) {
      case 'register': return this.#register(operation.path, operation.body)
      case 'patch': return this.#change(operation.path, operation.patch)
      case 'heartbeat': return this.#heartbeat(operation)
      case 'deregister': return this.#deregister(operation.path, operation.generation)
      case 'override': {
        if (!this.instances.has(operation.path)) return missing
        const { endsAfterMs = Infinity } = operation.override
        this.overrides.set(operation.path, { ...operation.override, endsAtMs: this.nowMs + endsAfterMs })
        return done
      }
      case 'end-override': return this.overrides.delete(operation.path) ? { status: 204 } : missing
      case 'break': return this.#break(operation.path)
      case 'pass':
        for (const endMs = this.nowMs + operation.ms; this.nowMs < endMs;) {
          this.nowMs += sweepMs
          this.#sweep()
        }
        return undefined
      case 'restart': {
        for (const { path, body, suspect } of this.instances.values()) {
          this.#renew(path, suspect, suspect ? graceMs : ttlOf(body))
        }
        return undefined
      }
      case 'delete': return this.#delete(manifestKey(operation))
      case 'apply': // its answer says what was stored: `stored`
      case 'new-term':
      case 'look': return undefined
    }
  }

  /** A manifest as the registry answered that it stands there now. */
  stored (manifest: Manifest): void {
    this.manifests.set(keyOf(manifest), manifest)
  }

  #register (path: InstancePath, body: Made): Expected {
    const known = this.instances.get(path)
    const isNew = known === undefined || known.body.generation !== body.generation
    this.instances.set(path, { path, body, suspect: false, deadlineMs: this.nowMs + ttlOf(body) })
    return { status: isNew ? 201 : 200 }
  }

  #change (path: InstancePath, { labels, metadata, ...others }: Patch): Expected {
    const known = this.instances.get(path)
    if (known === undefined) return missing
    const body = { ...known.body, ...others, labels: merged(known.body.labels, labels), metadata: merged(known.body.metadata, metadata) }
    this.instances.set(path, { ...known, body })
    return done
  }

  #heartbeat ({ path, generation, status }: Extract<Operation, { type: 'heartbeat' }>): Expected {
    const known = this.instances.get(path)
    const reference = { ...partsOf(path), ...(generation === undefined ? {} : { generation }) }
    const none = { renewed: 0, unknown: [], superseded: [], stored: true }
    if (known === undefined) return { status: 200, body: { ...none, unknown: [reference] } }
    if (generation !== undefined && generation !== known.body.generation) return { status: 200, body: { ...none, superseded: [reference] } }
    this.#renew(path, false, ttlOf(known.body))
    if (status !== undefined) this.#change(path, { status })
    return { status: 200, body: { ...none, renewed: 1 } }
  }

  #deregister (path: InstancePath, generation: string | undefined): Expected {
    const known = this.instances.get(path)
    if (known === undefined) return missing
    if (generation !== undefined && generation !== known.body.generation) return superseded
    this.instances.delete(path)
    return { status: 204 }
  }

  #break (path: InstancePath): Expected {
    if (this.instances.has(path)) this.#renew(path, true, graceMs)
    return undefined
  }

  #delete (key: string): Expected {
    if (!this.manifests.delete(key)) return missing
    if (!key.startsWith('Service/')) return done
    const [, namespace, name] = key.split('/') // its hand-made endpoints go with it
    for (const [other, { kind, metadata }] of this.manifests) {
      const isOfIt = kind === 'Endpoints' ? metadata.name === name : kind === 'EndpointSlice' && metadata.labels?.['kubernetes.io/service-name'] === name
      if (metadata.namespace === namespace && isOfIt) this.manifests.delete(other)
    }
    return done
  }

  #renew (path: InstancePath, suspect: boolean, ms: number): void {
    const known = this.instances.get(path)
    if (known !== undefined) this.instances.set(path, { ...known, suspect, deadlineMs: this.nowMs + ms })
  }

  #sweep (): void {
    for (const { path, suspect, deadlineMs } of this.instances.values()) {
      if (deadlineMs > this.nowMs) continue
      if (suspect) this.instances.delete(path)
      else this.#renew(path, true, graceMs)
    }
    for (const [path, { endsAtMs }] of this.overrides) if (endsAtMs <= this.nowMs) this.overrides.delete(path)
  }

  // What everything else is derived from -----------------------------------------------------------------------------

  get namespaces (): string[] {
    const names = [...this.instances.keys()].map((path) => partsOf(path).namespace)
    for (const { kind, metadata } of this.manifests.values()) names.push(kind === 'Namespace' ? metadata.name : metadata.namespace ?? '')
    return [...new Set(names)].sort()
  }

  /** Of a namespace, declared and implicit. */
  services (namespace: string): string[] {
    const implicit = [...this.instances.keys()].map(partsOf).filter((parts) => parts.namespace === namespace).map(({ service }) => service)
    const manifests = [...this.manifests.values()].filter(({ kind, metadata }) => kind === 'Service' && metadata.namespace === namespace)
    const declared = manifests.map(({ metadata }) => metadata.name)
    return [...new Set([...implicit, ...declared])].sort()
  }

  declared (namespace: string, name: string): Manifest | undefined {
    return this.manifests.get(`Service/${namespace}/${name}`)
  }

  /** An instance as it is shown, without its times and its revision. */
  shown (path: InstancePath) {
    const { body, suspect } = this.instances.get(path) ?? (() => { throw new RangeError(`the model has no ${path}`) })()
    const { status: overridden, weight } = this.overrides.get(path) ?? {}
    const { status = 'up', ports = [], labels = {}, metadata = {}, lease, ...rest } = body
    const effectiveStatus: Status = overridden ?? status
    const terminating = effectiveStatus === 'draining'
    const serving = !suspect && (effectiveStatus === 'up' || effectiveStatus === 'warning' || terminating)
    return {
      ...partsOf(path), weight: 100, priority: 0, ...rest, status, effectiveStatus, suspect, labels, metadata,
      ports: sortedPorts(ports.map(({ name = '', port, protocol = 'TCP' }) => ({ name, port, protocol }))),
      conditions: { ready: serving && !terminating, serving, terminating },
      lease: { ttlMs: lease?.ttlMs ?? defaultTtlMs },
      override: this.overrides.has(path) ? { status: overridden, weight } : undefined
    }
  }

  /** All instances that fit, in the order of lists. */
  list (fits: (instance: Shown) => boolean = () => true): Shown[] {
    return [...this.instances.keys()].map((path) => this.shown(path)).filter(fits)
      .sort((a, b) => order(a.namespace, b.namespace) || order(a.service, b.service) || order(a.id, b.id))
  }
}

export type Shown = ReturnType<Model['shown']>

/** A label as selectors see it: the service that an instance registered under is one. */
export function labelOf (
  { service, labels }: { readonly service: string, readonly labels: Readonly<Record<string, string>> }, key: string
): string | undefined {
  return key === serviceLabel ? service : labels[key]
}

export function sortedPorts<T extends {
  readonly name: string, readonly port: number, readonly protocol: string
}> (ports: readonly T[]): T[] {
  return ports.toSorted((a, b) => order(a.name, b.name) || a.port - b.port || order(a.protocol, b.protocol))
}

export function order (a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

export function keyOf ({ kind, metadata: { namespace, name } }: Manifest): string {
  return manifestKey({ kind, namespace: kind === 'Namespace' ? '' : namespace ?? '', name })
}

function manifestKey ({ kind, namespace, name }: { readonly kind: string, readonly namespace: string, readonly name: string }): string {
  return `${kind}/${namespace}/${name}`
}

function ttlOf ({ lease }: Made): number {
  return lease?.ttlMs ?? defaultTtlMs
}

const defaultTtlMs = 15_000

/** A merge patch of a flat map. */
function merged (
  before: Readonly<Record<string, string>> = {}, patch: Readonly<Record<string, string | null>> = {}
): Record<string, string> {
  return Object.fromEntries(Object.entries({ ...before, ...patch }).filter((pair): pair is [string, string] => pair[1] !== null))
}
