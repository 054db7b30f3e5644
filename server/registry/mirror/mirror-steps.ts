// What mirrors are told, made of what the feed has: a copy of everything, and the steps of changes.
//
// A change tells one endpoint where one changed. Where more may have changed at once, as with another manifest, the
// service is told whole, as it is when that is made: what the changes after it say of it is then in it already.
import type { Instance } from '../../../client-sdk/src/wire.ts'
import { endpointOf } from '../../../client-sdk/src/rules.ts'
import { canonicalAddress } from '../../model/service/grammar.ts'
import { type Endpoints, type EndpointSlice, serviceNameLabel } from '../../model/service/types.ts'
import type { ObjectRecord } from '../../store/store.ts'
import type { DeclaredService } from '../catalog/declared-service.ts'
import type { ServiceEntry } from '../catalog/service-entry.ts'
import type { AppliedChange } from '../feed/change-ring.ts'
import type { Feed } from '../feed/feed.ts'
import { isSecretKey } from '../object-keys.ts'
import { manifestName, manifestOf } from '../services/manifests.ts'
import { rowOf } from './mirrored-endpoint.ts'
import type { EndpointRow, MirrorStep } from './mirror-messages.ts'

/** Endpoints in one step, so that a message can end between two. */
const maxRows = 64

/** Steps, and undefined where there was work of which nothing is told. */
export type Steps = Generator<MirrorStep | undefined>

/** The content of a feed, as steps that lead there from nothing. Instances come before what selects them. */
export function * everything (feed: Feed): Steps {
  const { catalog } = feed
  for (const object of feed.heldObjects()) yield objectStep(object)
  for (const name of catalog.namespaces()) {
    yield { type: 'namespace', name, annotations: catalog.namespaceAnnotations(name) }
    for (const service of catalog.services(name)) {
      const group = catalog.registered(name, service)
      if (group !== undefined) yield * wholeGroup(feed, group)
    }
    for (const declared of catalog.declaredServices(name)) yield * wholeDeclared(feed, declared)
  }
}

/** The steps of some changes. @param mixed called when a step says what later changes did, too */
export function * stepsOf (feed: Feed, changes: readonly AppliedChange[], mixed: () => void): Steps {
  const whole = new Set<string>()
  const declaredAnew = function * (namespace: string, name: string, revision: number): Steps {
    const key = `${namespace}/${name}`
    if (whole.has(key)) return
    mixed()
    const declared = feed.catalog.declared(namespace, name)
    if (declared === undefined) {
      yield { type: 'withdrawn', namespace, name, revision }
      return
    }
    whole.add(key)
    yield * wholeDeclared(feed, declared)
    mixed() // its endpoints were read message by message, while changes went on
  }
  for (const change of changes) {
    const { kind, target: { namespace, service }, revision, object } = change
    switch (kind) {
      case 'instance':
        yield * memberSteps(feed, change, mixed)
        break
      case 'service':
        yield * declaredAnew(namespace, service, revision)
        break
      case 'endpoints':
        if (object !== undefined) yield madeStep(object)
        for (const name of [service, ...change.touched]) {
          if (feed.catalog.declared(namespace, name)?.selector === undefined) yield * declaredAnew(namespace, name, revision)
        }
        break
      case 'namespace':
        mixed()
        yield { type: 'namespace', name: namespace, annotations: feed.catalog.namespaceAnnotations(namespace) }
        break
      case 'secret':
        if (object !== undefined) yield objectStep(object)
        break
      default: // of what no thread answers from
        yield undefined
    }
  }
}

/** An instance in the services that have it, or had it. */
function * memberSteps ({ catalog }: Feed, change: AppliedChange, mixed: () => void): Steps {
  const { target: { namespace, service, id }, event, instance, touched, revision } = change
  if (id === '' || (event === 'put' && instance === undefined)) return // an override of an instance that is not there
  const now = event === 'put' ? instance : undefined
  const row = now === undefined ? undefined : rowOf(endpointOf(now), now.lease.ttlMs)
  yield { type: 'member', namespace, name: service, revision, isDeclared: false, id, service: undefined, row }
  for (const name of touched) {
    const declared = catalog.declared(namespace, name)
    if (declared === undefined || declared.storedRevision > revision) mixed()
    if (declared === undefined) continue // its end is a change of its own
    yield { type: 'member', namespace, name, revision, isDeclared: true, id, service, row: now === undefined ? undefined : selectedRow(declared, now) }
  }
}

function selectedRow (declared: DeclaredService, instance: Instance): EndpointRow | undefined {
  const endpoint = declared.selects(instance) ? declared.endpointOf(instance) : undefined
  return endpoint === undefined ? undefined : rowOf(endpoint, instance.lease.ttlMs)
}

function * wholeGroup (feed: Feed, group: ServiceEntry): Steps {
  const { namespace, name, revision } = group
  yield { type: 'begin', namespace, name, revision, manifest: undefined, at: feed.revision }
  yield * inRows(group.entries(), ({ instance }) => rowOf(endpointOf(instance), instance.lease.ttlMs))
  yield { type: 'end' }
}

function * wholeDeclared (feed: Feed, declared: DeclaredService): Steps {
  const { namespace, name, revision, manifest } = declared
  yield { type: 'begin', namespace, name, revision, manifest, at: feed.revision }
  if (declared.selector === undefined) yield * inRows(declared.endpoints.all, (endpoint) => rowOf(endpoint, undefined))
  else yield * inRows(declared.members(), (instance) => selectedRow(declared, instance))
  yield { type: 'end' }
}

function * inRows<Item> (items: Iterable<Item>, row: (item: Item) => EndpointRow | undefined): Steps {
  let rows: EndpointRow[] = []
  for (const item of items) {
    const made = row(item)
    if (made !== undefined && rows.push(made) < maxRows) continue
    if (made === undefined) yield undefined
    if (rows.length < maxRows) continue
    yield { type: 'rows', rows }
    rows = []
  }
  if (rows.length > 0) yield { type: 'rows', rows }
}

/** What a mirror needs of an object beside services. */
function objectStep (object: ObjectRecord | { readonly deletedKey: string }): MirrorStep | undefined {
  const key = 'deletedKey' in object ? object.deletedKey : object.key
  if (isSecretKey(key)) return { type: 'object', key, body: 'deletedKey' in object ? undefined : object.body }
  const kind = manifestName(key)?.kind
  return kind === 'EndpointSlice' || kind === 'Endpoints' ? madeStep(object) : undefined
}

function madeStep (object: ObjectRecord | { readonly deletedKey: string }): MirrorStep {
  if ('deletedKey' in object) return { type: 'made', key: object.deletedKey, namespace: '', owner: '', addresses: [] }
  const manifest = manifestOf(object) as EndpointSlice | Endpoints // `objectStep` and the change's kind say so
  const owner = manifest.kind === 'Endpoints' ? manifest.metadata.name : manifest.metadata.labels?.[serviceNameLabel] ?? ''
  return { type: 'made', key: object.key, namespace: manifest.metadata.namespace, owner, addresses: addressesOf(manifest) }
}

/** As the endpoints of a service are made of it: the first address of each entry, no names. */
function addressesOf (manifest: EndpointSlice | Endpoints): string[] {
  const addresses = manifest.kind === 'Endpoints'
    ? (manifest.subsets ?? []).flatMap(({ addresses = [], notReadyAddresses = [] }) => [...addresses, ...notReadyAddresses].map(({ ip }) => ip))
    : manifest.addressType === 'FQDN' ? [] : manifest.endpoints.flatMap(({ addresses }) => addresses.slice(0, 1))
  return addresses.map(canonicalAddress)
}
