// One write of manifests, from documents to what the store is asked for: default, validate, allocate. Pure but for what it was shown of the
// catalog; made anew when another write came in between. A generator: thousands of manifests are planned in slices.
import { randomUUID } from 'node:crypto'
import type { ApplyOutcome, FieldError, Reason } from '../../../client-sdk/src/wire.ts'
import { RegistryError } from '../../errors.ts'
import { streamInvalid } from '../../model/manifest/manifest-faults.ts'
import { fieldErrors } from '../../model/service/causes.ts'
import { hasSelector, type RegistryFacts } from '../../model/service/facts.ts'
import { serviceOf, unusedWarning, useOf } from '../../model/service/hand-made-use.ts'
import { addressCondition, type AllocationPlan, allocationPlan, heldBy, movingReason, withAllocations } from '../../model/service/needs.ts'
import { canonical, compact, without } from '../../model/service/schema.ts'
import { type Condition, type Endpoints, type EndpointSlice, type Manifest, type ObjectMeta, type Policy, type Service } from '../../model/service/types.ts'
import { prepared } from '../../model/service/update.ts'
import { serviceFaults, warnings } from '../../model/service/validate.ts'
import {
  endpointSliceFaults, endpointSliceWarnings, endpointsFaults, endpointsWarning, namespaceFaults, unnamedPortWarnings
} from '../../model/service/validate-endpoints.ts'
import { kindFields } from '../../model/fields/kind-fields.ts'
import { keptEntries, type ManagedFieldsEntry, managedFieldsOf, withManagedFields } from '../../model/fields/managed-fields.ts'
import { afterUpdate } from '../../model/fields/managers.ts'
import { ingressWarnings, secretWarnings, type Surroundings } from '../../model/ingress/warnings.ts'
import { isObjectManifest, objectKinds, type ObjectManifest, preparedObject } from '../../model/manifest/object-kinds.ts'
import { policyFaults } from '../../model/policy/validate.ts'
import { FaultList, maxToldFaults } from '../../refusal.ts'
import { longStep } from '../../slice.ts'
import { maxCommitWrites, type ObjectWrite } from '../../store/store.ts'
import type { Allocator } from '../allocation/allocator.ts'
import { heldTarget, holderName, targetText } from '../allocation/claims.ts'
import type { Fault, Plan, ServiceNeeds, ServiceResult } from '../allocation/needs.ts'
import { type ApplyView, nameOf } from './apply-view.ts'
import { manifestKey, type ManifestName, storedManifest } from './manifests.ts'

/** A manifest on its way in, and where its faults are. */
export interface Item {
  readonly manifest: Manifest
  /** Puts faults of the manifest's fields into their place in the stream. */
  readonly locate: (faults: readonly FieldError[]) => readonly FieldError[]
  /** Which document of the stream. */
  readonly document?: number
  /** What it asks for and nobody here does. */
  readonly dropped?: readonly string[]
  /** Who manages which of its fields after the write; undefined = who writes it manages what changes. */
  readonly managedFields?: readonly ManagedFieldsEntry[] | undefined
  /** It must not be there yet. */
  readonly isNew?: boolean | undefined
}

export interface Applied extends ManifestName {
  readonly outcome: ApplyOutcome
  readonly manifest: Manifest
  readonly previous: Manifest | undefined
  readonly warnings: readonly string[]
  readonly document: number | undefined
}

export interface ApplyPlan {
  readonly plan: Plan
  readonly writes: readonly ObjectWrite[]
  /** In the order of the items. */
  readonly applied: readonly Applied[]
}

interface Draft {
  readonly item: Item
  readonly name: ManifestName
  readonly old: Manifest | undefined
  /** Valid and with its defaults, without what is to be allocated. */
  readonly next: Manifest
  readonly needs: AllocationPlan | undefined
}

/**
 * @throws RegistryError REG_MANIFEST_INVALID with every cause of every document; REG_CONFLICT if a manifest names an older resource
 * version; REG_LIMIT_REACHED
 */
export function * planApply (
  items: readonly Item[], view: ApplyView, allocator: Allocator, facts: RegistryFacts, attempt: number
): Generator<unknown, ApplyPlan> {
  const faults = new FaultList()
  const drafts: Draft[] = []
  const seen = new Map<string, Item>()
  for (const item of items) {
    const name = nameOf(item.manifest)
    const key = manifestKey(name)
    const twin = seen.get(key)
    seen.set(key, item)
    if (twin !== undefined) {
      const rule = `must not be applied twice in one stream${twin.document === undefined ? '' : `: document ${twin.document} has it, too`}`
      faults.addAll([{ field: 'metadata.name', value: name.name, rule }], 0, item.locate)
    }
    const draft = draftOf(item, name, view, facts, faults)
    if (draft !== undefined) drafts.push(draft)
    yield
  }
  if (!faults.isEmpty) throw manifestInvalid(faults.faults, faults.more)
  if (view.noRoom !== undefined) throw view.noRoom
  return yield * allocated(drafts, view, allocator, attempt)
}

/**
 * Gives load balancers that wait for an address what there is. Who would get nothing that it has not, or asks for what another has,
 * stays as it is and is not written.
 */
export function * planWaiting (
  services: readonly Service[], view: ApplyView, allocator: Allocator, attempt: number
): Generator<unknown, ApplyPlan> {
  let drafts = services.map((old): Draft => {
    return { item: { manifest: old, locate: (faults) => faults }, name: nameOf(old), old, next: old, needs: allocationPlan(old, old) }
  })
  for (;;) { // each turn has fewer of them
    const { results, faults } = allocator.plan(drafts.map(needsOf), { reason: 'updated', attempt })
    const refused = new Set(faults.map(({ of }) => holderName(of)))
    const gaining = drafts.filter((draft, index) => {
      const result = results[index]
      if (result === undefined || refused.has(holderName(needsOf(draft).holder))) return false
      const has = new Set<string | number>(heldBy(draft.old as Service).map((held) => ('port' in held ? held.port : held.address))) // all are services
      return [...result.values.values()].some((value) => !has.has(value))
    })
    if (gaining.length === drafts.length) return yield * allocated(drafts, view, allocator, attempt, 'updated')
    drafts = gaining
  }
}

/** The error of allocation faults: REG_LIMIT_REACHED if ranges are full and nothing else is wrong. */
export function allocationRefusal (items: readonly Item[], faults: readonly Fault[]): RegistryError {
  const errors = faults.slice(0, maxToldFaults).flatMap((fault) => { // the others are counted: finding each costs a look at all documents
    const item = items.find(({ manifest }) => manifest.kind === 'Service' && manifest.metadata.namespace === fault.of.namespace && manifest.metadata.name === fault.of.service)
    const { field, rule } = fault
    const error: FieldError = { field, ...('value' in fault ? { value: fault.value } : {}), rule, reason: 'FieldValueInvalid' }
    return item?.locate([error]) ?? [error]
  })
  const error = manifestInvalid(errors, faults.length - errors.length)
  return faults.every(({ kind }) => kind === 'full') ? new RegistryError('REG_LIMIT_REACHED', error.message, error.errors, { moreErrors: error.moreErrors }) : error
}

/** A REG_MANIFEST_INVALID whose message begins each fault with its place in the stream. */
export function manifestInvalid (faults: readonly FieldError[], more = 0): RegistryError {
  const { message, errors, moreErrors } = streamInvalid(faults, more)
  return new RegistryError('REG_MANIFEST_INVALID', message, errors, { moreErrors })
}

function draftOf (item: Item, name: ManifestName, view: ApplyView, facts: RegistryFacts, faults: FaultList): Draft | undefined {
  const old = view.manifest(name)
  const { manifest } = item
  const asked = manifest.metadata.resourceVersion
  if (old === undefined) refuseDeleted(item, name)
  else if (item.isNew === true) refuseTwin(item, name)
  if (old !== undefined && asked !== undefined && asked !== old.metadata.resourceVersion) {
    const rule = 'the object has been modified; please apply your changes to the latest version'
    throw new RegistryError('REG_CONFLICT', `${name.kind} "${name.namespace}/${name.name}": ${rule}`, item.locate([{ field: 'metadata.resourceVersion', value: asked, rule: `must be ${old.metadata.resourceVersion}, or absent: ${rule}` }]))
  }
  // `old` has the kind of the manifest: the key says the kind.
  const next = manifest.kind === 'Service' ? prepared(manifest, old as Service | undefined, facts) : carried(manifest, old)
  const causes = faultsOf(next, old, facts)
  if (causes.length > 0) {
    const told = causes.slice(0, maxToldFaults) // where each stands costs a search in its document
    faults.addAll(fieldErrors(told), causes.length - told.length, item.locate)
    return undefined
  }
  return { item, name, old, next, needs: next.kind === 'Service' ? allocationPlan(next, old as Service | undefined) : undefined }
}

/**
 * A manifest with a resource version, or a uid, is a change of the object that had it. Where there is none any more,
 * the change is of something that somebody deleted meanwhile: to create it anew is another wish, and is said by leaving
 * both out.
 */
function refuseDeleted (item: Item, name: ManifestName): void {
  const { resourceVersion, uid } = item.manifest.metadata
  const said = Object.entries({ 'metadata.resourceVersion': resourceVersion, 'metadata.uid': uid })
  const rule = 'must be absent: the object that had it is not here (any more), and this would be another one'
  const faults = said.filter(([, value]) => value !== undefined).map(([field, value]): FieldError => ({ field, value, rule }))
  if (faults.length === 0) return
  const fields = faults.map(({ field }) => field).join(' and ')
  const was = `${name.kind} "${name.namespace}/${name.name}" was deleted, or never here`
  throw new RegistryError('REG_CONFLICT', `${was}: leave out ${fields} to create it anew`, item.locate(faults))
}

/** What is to be created is there already. */
function refuseTwin ({ locate }: Item, { kind, namespace, name }: ManifestName): void {
  const fault: FieldError = { field: 'metadata.name', value: name, rule: 'must be new: it is there already' }
  throw new RegistryError('REG_CONFLICT', `${kind} "${namespace}/${name}" already exists`, locate([fault]))
}

function faultsOf (next: Manifest, old: Manifest | undefined, facts: RegistryFacts): Parameters<typeof fieldErrors>[0] {
  if (isObjectManifest(next)) return objectKinds[next.kind].faults(next, old as ObjectManifest | undefined)
  switch (next.kind) { // the casts: the key of the old one says that it is of the same kind
    case 'Service': return serviceFaults(next, { ...facts, old: old as Service | undefined })
    case 'EndpointSlice': return endpointSliceFaults(next, old as EndpointSlice | undefined)
    case 'Endpoints': return endpointsFaults(next, old as Endpoints | undefined)
    case 'Namespace': return namespaceFaults(next)
    case 'Policy': return policyFaults(next, old as Policy | undefined)
  }
}

/** Who exports and re-creates an object brings its old identity along; a stored one keeps its own. */
function carried<Kind extends Manifest> (manifest: Kind, old: Manifest | undefined): Kind {
  const { name, namespace, labels, annotations, uid, generateName } = manifest.metadata
  const metadata = compact<ObjectMeta>({
    name, namespace, labels, annotations, generateName, uid: old === undefined ? undefined : uid ?? old.metadata.uid,
    creationTimestamp: old?.metadata.creationTimestamp, resourceVersion: old?.metadata.resourceVersion, generation: old?.metadata.generation
  })
  const own: Manifest = { ...manifest, metadata }
  return (isObjectManifest(own) ? preparedObject(own, old as ObjectManifest | undefined) : canonical(own)) as Kind // of the same kind
}

function * allocated (
  drafts: readonly Draft[], view: ApplyView, allocator: Allocator, attempt: number, reason: Reason = 'declared'
): Generator<unknown, ApplyPlan> {
  const needy = drafts.filter((draft) => draft.needs !== undefined)
  yield longStep // what is free must not change meanwhile
  const plan = allocator.plan(needy.map(needsOf), { reason, attempt })
  if (plan.faults.length > 0) return { plan, writes: [], applied: [] }
  yield longStep
  const results = new Map(needy.map((draft, index) => [draft, plan.results[index]]))
  const writes: ObjectWrite[] = []
  const declared = new Map(drafts.filter(({ next }) => next.kind === 'Service').map(({ name, next }) => [`${name.namespace}/${name.name}`, next as Service])) // the filter has just said so
  const applied: Applied[] = []
  const around = view.surroundings?.with(drafts.map(({ next }) => next), Date.parse(view.now))
  for (const draft of drafts) {
    const { name, old, item } = draft
    const result = results.get(draft)
    const final = noted(identified(result === undefined ? draft.next : withResult(draft, result), old), draft, view.now)
    const body = storedManifest(final)
    const outcome = old === undefined ? 'created' : body === storedManifest(old) ? 'unchanged' : 'configured'
    if (outcome !== 'unchanged') {
      const expected = old === undefined ? 0 : Number(old.metadata.resourceVersion)
      writes.push({ type: 'put', key: manifestKey(name), body, endsAtMs: 0, reason, expected })
    }
    const warned = [...item.dropped ?? [], ...warningsOf(final, view, declared, allocator, around)]
    applied.push({ ...name, outcome, manifest: final, previous: old, warnings: warned, document: item.document })
    yield
  }
  return { plan, writes, applied }
}

function needsOf ({ name, needs }: Draft): ServiceNeeds {
  return { holder: { namespace: name.namespace, service: name.name }, needs: needs?.needs ?? [], kept: needs?.kept ?? new Map<string, string | number>() }
}

/** The uid of a new object, and a generation that grows with each change of what it says. */
function identified (next: Manifest, old: Manifest | undefined): Manifest {
  const { metadata } = next
  if (old === undefined) return { ...next, metadata: { ...metadata, uid: randomUUID(), generation: 1 } }
  const said = ({ ...rest }: Manifest): string => JSON.stringify(canonical(without(without(rest as Service, 'metadata'), 'status'))) // `status` may be absent, as of most kinds
  const generation = said(next) === said(old) ? old.metadata.generation : (old.metadata.generation ?? 0) + 1
  return { ...next, metadata: compact<ObjectMeta>({ ...metadata, generation }) }
}

/** How a writer that is none of Kubernetes' API is called among the managers of fields. */
const ownManager = 'rollcall'

/** With the note of who manages which fields, where there is one. */
function noted (final: Manifest, { item, old, next }: Draft, now: string): Manifest {
  const before = old === undefined ? [] : managedFieldsOf(old)
  if (item.managedFields !== undefined) return withManagedFields(final, item.managedFields)
  if (old === undefined || before.length === 0) return final
  const writer = { manager: ownManager, apiVersion: final.apiVersion }
  const entries = afterUpdate({ object: { ...old }, entries: before }, { ...next }, kindFields[final.kind], writer, now)
  return withManagedFields(final, keptEntries(entries))
}

function withResult ({ next, needs }: Draft, { values, pending }: ServiceResult): Manifest {
  if (next.kind !== 'Service' || needs === undefined) return next
  const service = withAllocations(next, needs, values)
  const why = [...(needs.pending === '' ? [] : [needs.pending]), ...pending.values()].join('; ')
  const reason = [...pending.keys()].some((key) => values.has(key)) ? movingReason : 'Pending'
  const others = (service.status?.conditions ?? []).filter(({ type }) => type !== addressCondition)
  const condition: Condition = { type: addressCondition, status: 'False', reason, message: why }
  const conditions = why === '' ? others : [...others, condition]
  if (service.status === undefined && conditions.length === 0) return service
  const { loadBalancer = {} } = service.status ?? {}
  return canonical({ ...service, status: { loadBalancer, ...(conditions.length === 0 ? {} : { conditions }) } })
}

/** Endpoints that were written by hand before, and that the service as it is now has no port for. */
function lostPorts (service: Service, view: ApplyView): string[] {
  if (hasSelector(service) || service.spec.type === 'ExternalName') return []
  const { namespace, name } = service.metadata
  const { slices, endpoints } = view.handMade(namespace, name)
  const made = [...slices, ...(endpoints === undefined ? [] : [endpoints])]
  return made.flatMap((each) =>
    unnamedPortWarnings(each, service).map((warning) => `${each.kind} "${each.metadata.name}": ${warning}`))
}

function warningsOf (
  manifest: Manifest, view: ApplyView, declared: ReadonlyMap<string, Service>, allocator: Allocator, around: Surroundings | undefined
): readonly string[] {
  const { namespace } = manifest.metadata
  const unused = (made: EndpointSlice | Endpoints): readonly string[] => {
    const service = serviceOf(made)
    const owner = declared.get(`${namespace}/${service}`) ?? view.declared(namespace, service)
    const warning = unusedWarning(useOf(made, owner, view.handMade(namespace, service).endpoints), service)
    if (warning !== undefined) return [warning]
    return owner === undefined ? [] : unnamedPortWarnings(made, owner)
  }
  switch (manifest.kind) {
    case 'Service': {
      const why = manifest.status?.conditions?.find(({ type }) => type === addressCondition)
      const what = why?.reason === movingReason ? 'the load-balancer address is not changed' : 'no load-balancer address'
      const pending = why === undefined ? [] : [`${what}: ${why.message ?? ''}`]
      return [...warnings(manifest), ...pending, ...lostPorts(manifest, view), ...unfitWarnings(manifest, allocator)]
    }
    case 'EndpointSlice': return [...endpointSliceWarnings(manifest), ...unused(manifest)]
    case 'Endpoints': return [endpointsWarning, ...unused(manifest)]
    case 'Ingress': return around === undefined ? [] : ingressWarnings(manifest, around)
    case 'Secret': return secretWarnings(manifest, Date.parse(view.now))
    default: return []
  }
}

/** What the service has and this node could not give it. Not stored: other nodes may have other ranges. */
export function unfitWarnings (service: Service, allocator: Allocator): string[] {
  return heldBy(service).map(heldTarget).filter((target) => !allocator.inRange(target))
    .map((target) => `${targetText(target)} is ${allocator.placeOf(target)}: the service keeps it until it lets it go`)
}

/** @throws RegistryError REG_LIMIT_REACHED if they are more than one commit holds */
export function checkSize (writes: number): void {
  if (writes <= maxCommitWrites) return
  throw new RegistryError('REG_LIMIT_REACHED', `this is ${writes} writes with the addresses and ports, and one commit holds ${maxCommitWrites}: apply it in parts`)
}
