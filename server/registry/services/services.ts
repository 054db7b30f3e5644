// The commands on declared things: apply, put, read, delete, and why an instance is in or out.
import type { FieldError, HandMadeEndpoints, Pool, ServiceExplanation } from '../../../client-sdk/src/wire.ts'
import { RegistryError, invalid, refused } from '../../errors.ts'
import type { ManagedFieldsEntry } from '../../model/fields/managed-fields.ts'
import type { ManifestDocument } from '../../model/manifest/manifest-document.ts'
import { wholeSeconds } from '../../model/instant.ts'
import { located, streamInvalid } from '../../model/manifest/manifest-faults.ts'
import { manifestLimits } from '../../model/manifest/manifest-limits.ts'
import { handMadeEndpoints, implicitService, mirrorManager, ownSlices } from '../../model/service/endpoints.ts'
import { defaultFamily, hasSelector, type RegistryFacts } from '../../model/service/facts.ts'
import { droppedFields } from '../../model/service/dropped-fields.ts'
import { serviceOf, useOf } from '../../model/service/hand-made-use.ts'
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import { decoded } from '../../model/service/schema.ts'
import { endpointSlices, endpointsObject } from '../../model/service/slices.ts'
import { type Endpoints, type EndpointSlice, isGlobalKind, type Manifest, type Secret, type Service } from '../../model/service/types.ts'
import { shownManifest } from '../../model/manifest/object-kinds.ts'
import { FaultList } from '../../refusal.ts'
import type { ObjectWrite, Store } from '../../store/store.ts'
import type { Actor } from '../actor.ts'
import { AllocationCheck } from '../allocation/allocation-check.ts'
import { commitAllocated, type Proposal } from '../allocation/allocated-commit.ts'
import { Allocator } from '../allocation/allocator.ts'
import type { Ranges } from '../allocation/ledger.ts'
import { NodeRanges } from '../allocation/node-ranges.ts'
import type { FindingKind } from '../allocation/repair.ts'
import { type Applied, type ApplyPlan, allocationRefusal, checkSize, type Item, planApply, unfitWarnings } from './apply-plan.ts'
import { ApplyView, nameOf } from './apply-view.ts'
import { explanationsOf } from './explanations.ts'
import type { Feed } from '../feed/feed.ts'
import { type Kind, manifestKey, type ManifestName } from './manifests.ts'
import { certificatesOf, type IngressCertificate } from './certificates.ts'
import { checkStatuses, statusWrites, type StatusWrite } from './statuses.ts'
import { atOnce, type InSlices } from '../in-slices.ts'
import type { InstanceName } from '../instance-name.ts'
import type { Lookup } from '../lookup.ts'
import type { Clock } from '../../clock.ts'
import { IngressAddresses } from './ingress-addresses.ts'
import { WaitingBalancers } from '../allocation/waiting-balancers.ts'

export interface WriteOptions {
  /** Says what would be done, and does nothing. */
  readonly dryRun?: boolean | undefined
}

export interface PutOptions extends WriteOptions {
  /** Who manages which of its fields after the write, as the caller says. Absent: this writer manages what it changes. */
  readonly managedFields?: readonly ManagedFieldsEntry[] | undefined
  /** Nothing may stand under the name yet. */
  readonly isNew?: boolean | undefined
}

export interface ApplyOptions extends WriteOptions {
  /** Of manifests that name none. Default `default`. */
  readonly namespace?: string | undefined
  /** How thousands of manifests are planned, so that others are served meanwhile. Default: in one go. */
  readonly inSlices?: InSlices | undefined
}

export interface DeleteOptions extends WriteOptions {
  /** What is not there is passed over. */
  readonly ignoreMissing?: boolean | undefined
  /** What each of them must be, or nothing is deleted. */
  readonly expected?: { readonly uid?: string | undefined, readonly resourceVersion?: string | undefined } | undefined
}

export interface Deleted {
  readonly revision: number
  /** As they were, hand-made endpoints of a deleted service included. */
  readonly deleted: readonly Manifest[]
}

export interface ApplyAnswer {
  /** The revision of the last manifest that was written; where nothing was, what this node knows. */
  readonly revision: number
  readonly results: readonly Applied[]
}

export interface ServicesOptions {
  readonly store: Store
  readonly feed: Feed
  readonly ranges: Ranges
  readonly random: () => number
  readonly clock: Clock
  readonly log: { info (message: string): void, warn (message: string): void }
  readonly lookup: Lookup
  /** The name of this node; see `RegistryOptions`. */
  readonly node: string | undefined
}

export const defaultNamespace = 'default'

export class Services {
  readonly #store: Store
  readonly #feed: Feed
  readonly #lookup: Lookup
  readonly #clock: Clock
  readonly #allocator: Allocator
  readonly #waiting: WaitingBalancers
  readonly #addresses: IngressAddresses
  readonly #check: AllocationCheck
  readonly facts: RegistryFacts
  /** The ranges of the other nodes. */
  readonly nodeRanges: NodeRanges

  constructor ({ store, feed, ranges, random, clock, log, lookup, node }: ServicesOptions) {
    this.#store = store
    this.#feed = feed
    this.#lookup = lookup
    this.#clock = clock
    const nodeRanges = this.nodeRanges = new NodeRanges({ store, feed, clock, random, log, node, ranges })
    this.#allocator = new Allocator({ ...ranges, random, elsewhere: (target) => nodeRanges.holderOf(target) })
    const families = ranges.serviceCidrs.map(({ family }) => (family === 4 ? 'IPv4' as const : 'IPv6' as const))
    this.facts = { families: families.length === 0 ? [defaultFamily] : families }
    const keeping = { store, feed, allocator: this.#allocator, clock, random, warn: (message: string) => log.warn(message) }
    this.#waiting = new WaitingBalancers(keeping)
    this.#addresses = new IngressAddresses({ feed, clock, random, write: (actor, statuses) => this.setStatus(actor, statuses), warn: keeping.warn })
    this.#check = new AllocationCheck({ ...keeping, ticked: () => this.#waiting.nudge() })
    feed.listen({
      name: 'services',
      changed: (change) => {
        const { object } = change
        if (object === undefined) return
        if ('deletedKey' in object) this.#allocator.freed(object.deletedKey)
        else this.#allocator.taken(object)
        this.#waiting.changed(change)
        if (change.kind === 'service' || change.kind === 'claim') this.#check.changed()
      },
      loaded: () => {
        this.#allocator.load(feed.heldObjects())
        this.#waiting.loaded()
        this.#check.loaded()
      },
      health: ({ available }) => { if (available) this.#waiting.nudge() }
    })
  }

  /** Ends what it does by itself. */
  async close (): Promise<void> {
    this.#waiting.close()
    this.#addresses.close()
    this.#check.close()
    await this.nodeRanges.close()
  }

  // Writing -------------------------------------------------------------------------------------------------------

  /**
   * Applies the documents of a stream (`readManifests`), all or nothing.
   * @throws RegistryError REG_INVALID for a wrong shape, REG_MANIFEST_INVALID for broken rules and values that are taken, both with
   * document, line and field; REG_CONFLICT for an old resource version; REG_LIMIT_REACHED; what the store throws
   */
  async apply (actor: Actor, documents: readonly ManifestDocument[], options: ApplyOptions = {}): Promise<ApplyAnswer> {
    if (documents.length > manifestLimits.maxDocuments) throw invalid([{ field: 'documents', value: documents.length, rule: `must not be more than ${manifestLimits.maxDocuments}` }])
    const { inSlices, namespace = defaultNamespace } = options
    const read = (): Generator<undefined, Item[]> => itemsOf(documents, namespace)
    const items = inSlices === undefined ? atOnce(read()) : await inSlices(read)
    return this.#apply(actor, items, options)
  }

  /**
   * Writes one manifest under the name of its path. A manifest that names another one is refused.
   * @throws RegistryError as `apply`, without documents and lines
   */
  async put (actor: Actor, name: ManifestName, value: unknown, options: PutOptions = {}): Promise<ApplyAnswer> {
    const read = decoded(name.kind, value, name.namespace)
    if ('refusal' in read) throw refused(read.refusal)
    const { metadata } = read.manifest
    const named = metadata.name === '' ? { ...read.manifest, metadata: { ...metadata, name: name.name } } as Manifest : read.manifest // the same kind
    const faults = [
      ...(named.metadata.name === name.name ? [] : [{ field: 'metadata.name', value: metadata.name, rule: `must be ${name.name}, as in the path` }]),
      ...(nameOf(named).namespace === name.namespace ? [] : [{ field: 'metadata.namespace', value: metadata.namespace, rule: `must be ${name.namespace}, as in the path` }])
    ]
    if (faults.length > 0) throw invalid(faults)
    const dropped = droppedFields(name.kind, value)
    return this.#apply(actor, [{ manifest: named, locate: (found) => found, dropped, managedFields: options.managedFields, isNew: options.isNew }], options)
  }

  async #apply (actor: Actor, items: readonly Item[], { dryRun = false, inSlices }: ApplyOptions): Promise<ApplyAnswer> {
    this.#lookup.requireLoaded()
    const manifests = items.map(({ manifest }) => manifest)
    const proposed = ({ plan, writes, applied }: ApplyPlan): Proposal<readonly Applied[]> => {
      checkSize(writes.length + plan.writes.length)
      // The store checks what is written. That a manifest is the same already, or stands beside nothing that it names, is said by the view.
      const says = applied.some(({ outcome, warnings }) => outcome === 'unchanged' || warnings.length > 0)
      return { plan, writes, result: applied, says }
    }
    const { revisions, result } = await this.#commit(actor, dryRun, (attempt) => {
      const view = new ApplyView(manifests, this.#feed.catalog, wholeSeconds(this.#clock.now())) // at once: what is said is said of now
      const work = (): Generator<unknown, ApplyPlan> => planApply(items, view, this.#allocator, this.facts, attempt)
      return inSlices === undefined ? proposed(atOnce(work())) : inSlices(work).then(proposed)
    }, (faults) => allocationRefusal(items, faults))
    const { catalog } = this.#feed
    // As it is stored: with its times and its resource version. It may have been removed meanwhile.
    const results = result.map((applied): Applied => ({
      ...applied,
      manifest: shownManifest(dryRun ? applied.manifest : catalog.manifest(applied) ?? applied.manifest),
      previous: applied.previous === undefined ? undefined : shownManifest(applied.previous)
    }))
    return { revision: revisions.length === 0 ? this.#feed.revision : Math.max(...revisions), results }
  }

  /**
   * Takes manifests back, all or nothing. A service takes its hand-made endpoints along and frees what was allocated to it.
   * A namespace stays while something is in it.
   * @throws RegistryError REG_..._NOT_FOUND naming the first that is not there, unless `ignoreMissing`; REG_CONFLICT for the first that is not
   * what was expected
   */
  async delete (actor: Actor, names: readonly ManifestName[], { dryRun = false, ignoreMissing = false, expected = {} }: DeleteOptions = {}): Promise<Deleted> {
    this.#lookup.requireLoaded()
    const { revisions, result } = await this.#commit(actor, dryRun, () => {
      const deleted = new Map<string, Manifest>()
      for (const name of names) {
        const manifest = ignoreMissing ? this.#feed.catalog.manifest(name) : this.get(name)
        if (manifest === undefined) continue
        refuseOther(name, manifest, expected)
        deleted.set(manifestKey(name), manifest)
        if (name.kind !== 'Service') continue
        const { slices, endpoints } = this.#feed.catalog.handMade(name.namespace, name.name)
        for (const made of [...slices, ...(endpoints === undefined ? [] : [endpoints])]) deleted.set(manifestKey(nameOf(made)), made)
      }
      const services = [...deleted.values()].filter(({ kind }) => kind === 'Service')
      const plan = this.#allocator.plan(services.map(({ metadata }) => ({ holder: { namespace: metadata.namespace, service: metadata.name }, needs: [] })), { reason: 'removed' })
      const writes = [...deleted].map(([key, { metadata }]): ObjectWrite => ({ type: 'delete', key, reason: 'removed', expected: Number(metadata.resourceVersion) }))
      checkSize(writes.length + plan.writes.length)
      // Which of them are there, and which endpoints belong to a service, is said by the view.
      return { plan, writes, result: [...deleted.values()], says: true }
    })
    return { revision: Math.max(this.#feed.revision, ...revisions), deleted: result.map(shownManifest) }
  }

  /**
   * Writes what the registry says of objects, all or nothing. An object that is not there any more, or another one by now, is passed over,
   * and one that says it already costs no revision.
   * @throws RegistryError REG_INVALID for a status of a wrong shape
   */
  async setStatus (actor: Actor, statuses: readonly StatusWrite[]): Promise<number> {
    this.#lookup.requireLoaded()
    checkStatuses(statuses)
    const { revisions } = await this.#commit(actor, false, () => {
      const { catalog } = this.#feed
      const writes = statusWrites(statuses, (name) => catalog.manifest(name))
      checkSize(writes.length)
      return { plan: this.#allocator.plan([], { reason: 'updated' }), writes, result: undefined }
    })
    return Math.max(this.#feed.revision, ...revisions)
  }

  #commit<Result> (
    actor: Actor, dryRun: boolean, propose: (attempt: number) => Proposal<Result> | Promise<Proposal<Result>>,
    refuse?: (faults: ApplyPlan['plan']['faults']) => RegistryError
  ): ReturnType<typeof commitAllocated<Result>> {
    return commitAllocated({
      store: this.#store, clock: this.#clock, allocator: this.#allocator, by: actor.name, dryRun, propose, ...(refuse === undefined ? {} : { refuse })
    })
  }

  // Reading -------------------------------------------------------------------------------------------------------

  /** @throws RegistryError REG_NAMESPACE_NOT_FOUND, REG_SERVICE_NOT_FOUND, REG_MANIFEST_NOT_FOUND */
  get (name: ManifestName): Manifest {
    return shownManifest(this.#stored(name))
  }

  /** Certificates with their keys: of secrets that an ingress names which agents of this registry serve. Ordered by namespace and name. */
  certificates (): readonly IngressCertificate[] {
    return certificatesOf(this.#feed.catalog.declaredObjects)
  }

  /** With its data. @throws RegistryError as `get` */
  secretWithData (namespace: string, name: string): Secret {
    return this.#stored({ kind: 'Secret', namespace, name }) as Secret // the kind that was asked for
  }

  #stored (name: ManifestName): Manifest {
    const found = this.#feed.catalog.manifest(name)
    if (found !== undefined) return found
    if (name.kind === 'Namespace') throw new RegistryError('REG_NAMESPACE_NOT_FOUND', `namespace "${name.name}" was not declared`)
    if (isGlobalKind(name.kind)) throw new RegistryError('REG_MANIFEST_NOT_FOUND', `there is no ${name.kind === 'Policy' ? 'policy' : name.kind} "${name.name}"`)
    if (!this.#feed.catalog.hasNamespace(name.namespace)) throw new RegistryError('REG_NAMESPACE_NOT_FOUND', `namespace "${name.namespace}" not found`)
    if (name.kind !== 'Service') throw new RegistryError('REG_MANIFEST_NOT_FOUND', `${name.kind} "${name.name}" not found in namespace "${name.namespace}"`)
    const hint = this.#feed.catalog.registered(name.namespace, name.name) === undefined ? 'not found' : 'was not declared: it is implicit, made of the instances that registered under its name'
    throw new RegistryError('REG_SERVICE_NOT_FOUND', `service "${name.name}" of namespace "${name.namespace}" ${hint}`)
  }

  /** Addresses and node ports of a declared service that are in no range of this node. */
  outOfRange (namespace: string, service: string): readonly string[] {
    const manifest = this.#feed.catalog.declared(namespace, service)?.manifest
    return manifest === undefined ? [] : unfitWarnings(manifest, this.#allocator)
  }

  /** Manifests of a kind, ordered by namespace and name. */
  list (kind: Kind, namespace?: string): readonly Manifest[] {
    return this.#feed.catalog.manifests(kind, namespace).map(shownManifest)
  }

  /** EndpointSlices and Endpoints that were applied by hand, whether or not they are used, in no particular order. */
  handMade (namespace?: string, service?: string): readonly HandMadeEndpoints[] {
    const { catalog } = this.#feed
    const found: HandMadeEndpoints[] = []
    for (const name of namespace === undefined ? catalog.namespaces() : [namespace]) {
      for (const manifest of catalog.allHandMade(name)) {
        const owner = serviceOf(manifest)
        if (service !== undefined && service !== owner) continue
        const use = useOf(manifest, catalog.declared(name, owner)?.manifest, catalog.handMade(name, owner).endpoints)
        found.push({ namespace: name, kind: manifest.kind, name: manifest.metadata.name, service: owner, use, manifest })
      }
    }
    return found
  }

  /**
   * A service as a manifest: the declared one, or what an implicit one would look like.
   * @throws RegistryError REG_NAMESPACE_NOT_FOUND, REG_SERVICE_NOT_FOUND
   */
  manifest (namespace: string, service: string): Service {
    const { manifest, endpoints } = this.#lookup.requireService(namespace, service)
    return manifest ?? implicitService(namespace, service, endpoints.all)
  }

  /** The EndpointSlices of a service: computed for a selector, else what was made by hand, a mirrored Endpoints object included. */
  slices (namespace: string, service: string): readonly EndpointSlice[] {
    const manifest = this.manifest(namespace, service)
    if (hasSelector(manifest)) return endpointSlices(manifest, this.#endpointsOf(namespace, service))
    const made = this.#feed.catalog.handMade(namespace, service)
    if (made.endpoints === undefined) return made.slices
    const mirrored = handMadeEndpoints(manifest, { slices: [], endpoints: made.endpoints }, this.#endpointsOf(namespace, service).revision)
    return [...ownSlices(made), ...endpointSlices(manifest, mirrored, mirrorManager)]
  }

  /** The older Endpoints view of a service. */
  endpointsObject (namespace: string, service: string): Endpoints {
    const manifest = this.manifest(namespace, service)
    const made = hasSelector(manifest) ? undefined : this.#feed.catalog.handMade(namespace, service).endpoints
    return made ?? endpointsObject(manifest, this.#endpointsOf(namespace, service))
  }

  /** Why an instance is, or is not, an endpoint of each service of its namespace; those that have it first, at most `maxExplained`. */
  explain (name: InstanceName): readonly ServiceExplanation[] {
    const { instance } = this.#lookup.requireEntry(name)
    return explanationsOf(this.#feed.catalog, instance, (service) => this.outOfRange(name.namespace, service))
  }

  /** What can be given and what is: cluster IPs, node ports, the pools of load balancers. */
  pools (): readonly Pool[] {
    return this.#allocator.state()
  }

  /** Load balancers without an address that they could have. */
  get waitingBalancers (): number {
    return this.#waiting.size
  }

  /** What does not fit between services and what is allocated, by kind; see repair.ts. */
  allocationFindings (): Readonly<Record<FindingKind, number>> {
    return this.#check.counts()
  }

  #endpointsOf (namespace: string, service: string): EndpointSet {
    return this.#lookup.requireService(namespace, service).endpoints
  }
}

/** What the documents say, decoded. @throws RegistryError as `Services.apply` */
function * itemsOf (documents: readonly ManifestDocument[], namespace: string): Generator<undefined, Item[]> {
  const faults = new FaultList()
  const items: Item[] = []
  for (const document of documents) {
    const locate = (found: readonly FieldError[]): readonly FieldError[] => located(document, found)
    const read = decoded(document.kind, document.value, namespace)
    if ('refusal' in read) faults.addAll(read.refusal.faults, read.refusal.more, locate)
    else {
      const dropped = droppedFields(document.kind, document.value)
      items.push({ manifest: read.manifest, locate, document: document.index, dropped })
    }
    yield
  }
  if (!faults.isEmpty) throw streamInvalid(faults.faults, faults.more)
  return items
}

/** @throws RegistryError REG_CONFLICT if a manifest is not the one, or not as, that was meant */
function refuseOther ({ kind, namespace, name }: ManifestName, { metadata }: Manifest, expected: NonNullable<DeleteOptions['expected']>): void {
  for (const field of ['uid', 'resourceVersion'] as const) {
    if (expected[field] === undefined || expected[field] === metadata[field]) continue
    const fault = { field: `metadata.${field}`, value: expected[field], rule: `must be ${metadata[field]}` }
    throw new RegistryError('REG_CONFLICT', `${kind} "${namespace}/${name}": its ${field} is ${metadata[field]}, not ${expected[field]}`, [fault])
  }
}
