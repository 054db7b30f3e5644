// What instances are made into: pods, their leases, the machines that they are on, the workloads that they share.
import type { Instance } from '../../../client-sdk/src/wire.ts'
import { everything, parseSelector } from '../../model/instance/selector.ts'
import type { Access, AppliedChange, InstanceFilter, Position } from '../../registry/core.ts'
import { deploymentOf, workloadLabel } from '../objects/deployment.ts'
import { leaseOf } from '../objects/lease.ts'
import { derivedUid } from '../objects/meta.ts'
import { nodeNameOf, nodeOf } from '../objects/node.ts'
import { podOf, podUid } from '../objects/pod.ts'
import { isOwn } from '../own-name.ts'
import type { Entry, Made } from '../shelf/entry.ts'
import { type Gone, type Source, isUnclear, noUnits, partsOf, unitOf } from '../shelf/source.ts'
import { instanceAt } from './found.ts'
import { lastOf, nameOnly, seenBy } from './gone.ts'
import type { PodIndex } from './pod-index.ts'
import { isLabel } from '../../model/names.ts'

const pageItems = 1_000

function * allInstances (core: Access, filter: InstanceFilter = {}): Generator<Instance> {
  let after: Position | undefined
  do {
    const { items, next } = core.instances(filter, after, pageItems)
    for (const instance of items) if (!isOwn(instance)) yield instance
    after = next
  } while (after !== undefined)
}

export class PodSource implements Source {
  readonly #pods: PodIndex

  constructor (pods: PodIndex) {
    this.#pods = pods
  }

  unitsOf ({ kind, target: { namespace, service, id } }: AppliedChange): Iterable<string> {
    return kind === 'instance' && id !== '' && !isOwn({ namespace, service }) ? [unitOf(namespace, id)] : noUnits
  }

  all (): Promise<Iterable<string>> {
    return this.#pods.units()
  }

  make (unit: string): readonly Made[] {
    return Array.from(this.#pods.pods(unit), ([instance, name]) => this.made(instance, name))
  }

  /** The lives that ended. Where several services have the id, the names of their pods may have been others. */
  gone (unit: string, changes: readonly AppliedChange[], now: readonly Entry[]): readonly Gone[] | undefined {
    const services = new Set(changes.map(({ target: { service } }) => service))
    for (const [{ service }] of this.#pods.pods(unit)) services.add(service)
    if (services.size > 1 || now.length > 1) return undefined
    const gone: Gone[] = []
    for (const { event, instance, previous, revision, aside } of changes) {
      const ended = event === 'delete' ? instance : previous
      if (event === 'delete' && (ended === undefined || aside !== undefined)) return undefined
      if (ended === undefined || (event === 'put' && instance !== undefined && podUid(ended) === podUid(instance))) continue
      gone.push({ ...this.made(ended, this.#pods.nameOf(ended)), revision })
    }
    return gone
  }

  protected made (instance: Instance, name: string): Made {
    const { namespace, service, revision } = instance
    return {
      namespace, name, uid: podUid(instance), mark: instance, revision,
      isSeen: (sight) => sight.service(namespace, service), object: (at) => podOf(instance, name, at)
    }
  }
}

export class LeaseSource extends PodSource {
  protected override made (instance: Instance, name: string): Made {
    const { namespace, service, id, createdAt, lease, owner } = instance
    return {
      ...super.made(instance, name), uid: derivedUid('Lease', namespace, service, id, createdAt), mark: JSON.stringify([lease.ttlMs, owner, instance.labels]),
      object: (at) => leaseOf(instance, name, at)
    }
  }
}

/** The unit is the name of a machine. */
export class NodeSource implements Source {
  readonly #core: Access
  /** The instances on each machine. */
  readonly #members = new Map<string, Map<string, Pick<Instance, 'namespace' | 'service' | 'id'>>>()

  constructor (core: Access) {
    this.#core = core
  }

  unitsOf ({ kind, instance, previous }: AppliedChange): Iterable<string> {
    if (kind !== 'instance' || instance === undefined || isOwn(instance)) return noUnits
    const now = instanceAt(this.#core, instance)
    const names = new Set<string>()
    for (const each of [instance, previous, now]) {
      const node = each === undefined ? undefined : nodeNameOf(each)
      if (node !== undefined) names.add(node)
    }
    for (const node of names) this.#remove(node, instance)
    const node = now === undefined ? undefined : nodeNameOf(now)
    if (node !== undefined && now !== undefined) this.#add(node, now)
    return [...names].map((name) => unitOf('', name))
  }

  all (): Iterable<string> {
    this.#members.clear()
    for (const instance of allInstances(this.#core)) {
      const node = nodeNameOf(instance)
      if (node !== undefined) this.#add(node, instance)
    }
    return Array.from(this.#members.keys(), (name) => unitOf('', name))
  }

  make (unit: string): readonly Made[] {
    const { name } = partsOf(unit)
    const instances = this.instancesOf(name)
    if (instances.length === 0) return []
    const object = nodeOf(name, instances, 0)
    return [{
      namespace: '', name, uid: derivedUid('Node', name), mark: JSON.stringify(object), atLeast: instances.reduce((last, { revision }) => Math.max(last, revision), 0),
      isSeen: (sight) => instances.some(({ namespace, service }) => sight.service(namespace, service)),
      object: (at) => ({ ...object, metadata: { ...object.metadata, resourceVersion: String(at) } })
    }]
  }

  gone (unit: string, changes: readonly AppliedChange[], now: readonly Entry[]): readonly Gone[] | undefined {
    if (changes.some(isUnclear)) return undefined
    const { name } = partsOf(unit)
    if (now.length > 0) return []
    return [nameOnly({
      apiVersion: 'v1', kind: 'Node', namespace: '', name, uid: derivedUid('Node', name), revision: lastOf(changes).revision, isSeen: seenBy(changes)
    })]
  }

  /** Those on a machine, in the order of their names: what is made of them must be the same on every node, and after a restart. */
  instancesOf (node: string): readonly Instance[] {
    const members = [...this.#members.get(node) ?? []].sort(([a], [b]) => (a < b ? -1 : 1))
    return members.flatMap(([, name]) => instanceAt(this.#core, name) ?? [])
  }

  #add (node: string, { namespace, service, id }: Instance): void {
    let members = this.#members.get(node)
    if (members === undefined) this.#members.set(node, members = new Map<string, Instance>())
    members.set(`${namespace}/${service}/${id}`, { namespace, service, id })
  }

  #remove (node: string, { namespace, service, id }: Instance): void {
    const members = this.#members.get(node)
    if (members?.delete(`${namespace}/${service}/${id}`) === true && members.size === 0) this.#members.delete(node)
  }
}

/** The unit is the name of a workload. */
export class DeploymentSource implements Source {
  readonly #core: Access

  constructor (core: Access) {
    this.#core = core
  }

  unitsOf ({ kind, instance, previous }: AppliedChange): Iterable<string> {
    if (kind !== 'instance' || (instance !== undefined && isOwn(instance))) return noUnits
    return new Set([instance, previous].flatMap((each) => (each === undefined ? [] : workloadsOf(each))))
  }

  all (): Iterable<string> {
    const names = new Set<string>()
    for (const instance of allInstances(this.#core)) for (const name of workloadsOf(instance)) names.add(name)
    return names
  }

  make (unit: string): readonly Made[] {
    const { namespace, name } = partsOf(unit)
    const own = [...allInstances(this.#core, { namespace, service: name })]
    const isService = own.length > 0
    const instances = isService ? own : [...allInstances(this.#core, { namespace, selector: name === '' ? everything : parseSelector(`${workloadLabel}=${name}`) })]
    if (instances.length === 0) return []
    const object = deploymentOf(namespace, name, isService, instances, 0)
    const services = new Set(instances.map(({ service }) => service))
    return [{
      namespace, name, uid: object.metadata.uid ?? '', mark: JSON.stringify(object),
      atLeast: instances.reduce((last, { revision }) => Math.max(last, revision), 0),
      isSeen: (sight) => [...services].every((service) => sight.service(namespace, service)),
      object: (at) => ({ ...object, metadata: { ...object.metadata, resourceVersion: String(at) } })
    }]
  }

  gone (unit: string, changes: readonly AppliedChange[], now: readonly Entry[]): readonly Gone[] | undefined {
    if (changes.some(isUnclear)) return undefined
    const { namespace, name } = partsOf(unit)
    if (now.length > 0) return []
    return [nameOnly({
      apiVersion: 'apps/v1', kind: 'Deployment', namespace, name, uid: derivedUid('Deployment', namespace, name),
      revision: lastOf(changes).revision, isSeen: seenBy(changes)
    })]
  }
}

function workloadsOf ({ namespace, service, labels }: Instance): readonly string[] {
  const label = labels[workloadLabel]
  return label === undefined || label === service || !isLabel(label) ? [unitOf(namespace, service)] : [unitOf(namespace, service), unitOf(namespace, label)]
}
