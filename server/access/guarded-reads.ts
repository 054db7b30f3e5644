// The reads of the core for one actor, behind its gate: what is named must be permitted, and lists hold what is.
import type { Instance } from '../../client-sdk/src/wire.ts'
import { isObjectKind } from '../model/manifest/object-kinds.ts'
import { proxyService, systemNamespace } from '../model/policy/roles.ts'
import { isGlobalKind, type Manifest, serviceNameLabel } from '../model/service/types.ts'
import type { Access, ListedKind, ManifestName, ManifestOf, Reads } from '../registry/core.ts'
import type { Gate } from './gate.ts'

type Answer<Name extends keyof Reads> = Reads[Name] extends (...given: never[]) => infer Result ? Result : never
type Asked<Name extends keyof Reads> = Reads[Name] extends (...given: infer Given) => unknown ? Given : never

export class GuardedReads implements Reads {
  protected readonly inner: Access
  protected readonly gate: Gate

  constructor (inner: Access, gate: Gate) {
    this.inner = inner
    this.gate = gate
  }

  get sight (): Reads['sight'] {
    return this.gate.sight
  }

  permit (what: Asked<'permit'>[0]): void {
    if (what === 'metrics') this.gate.requireEverywhere(what, what)
    else if (what === 'tokens') this.gate.requireEverywhere('admin', what)
    else if (what === 'admin') this.gate.requireEverywhere(what) // of a command: who asks writes it down
    else this.gate.requireSight() // what is answered, of DNS too, is what may be read
  }

  service (namespace: string, service: string): Answer<'service'> {
    this.gate.require('read', namespace, service)
    return this.inner.service(namespace, service)
  }

  endpoints (namespace: string, service: string): Answer<'endpoints'> {
    this.gate.require('read', namespace, service)
    return this.inner.endpoints(namespace, service)
  }

  summary (namespace: string, service: string): Answer<'summary'> {
    this.gate.require('read', namespace, service)
    return this.inner.summary(namespace, service)
  }

  instance (name: Asked<'instance'>[0]): Answer<'instance'> {
    this.gate.require('read', name.namespace, name.service)
    return this.inner.instance(name)
  }

  load (name: Asked<'load'>[0]): Answer<'load'> {
    this.gate.require('read', name.namespace, name.service)
    return this.inner.load(name)
  }

  freshLoads (): Answer<'freshLoads'> {
    return this.inner.freshLoads() // says nothing
  }

  namespace (name: string): Answer<'namespace'> {
    this.gate.requireSight(name)
    return this.inner.namespace(name, this.gate.sight)
  }

  checkScope (scope: Asked<'checkScope'>[0]): void {
    const { namespace, service } = scope
    if (namespace !== undefined && service !== undefined) this.gate.require('read', namespace, service)
    else this.gate.requireSight(namespace)
    this.inner.checkScope(scope)
  }

  instances (filter: Asked<'instances'>[0], ...page: Tail<Asked<'instances'>>): Answer<'instances'> {
    return this.inner.instances({ ...filter, sight: this.#listed() }, ...page)
  }

  services (filter: Asked<'services'>[0], ...page: Tail<Asked<'services'>>): Answer<'services'> {
    return this.inner.services({ ...filter, sight: this.#listed() }, ...page)
  }

  namespaces (after: Asked<'namespaces'>[0], limit: number): Answer<'namespaces'> {
    return this.inner.namespaces(after, limit, this.#listed())
  }

  members (namespace: string | undefined, service: string): readonly Instance[] {
    const sight = this.#listed()
    const members = this.inner.members(namespace, service)
    return sight === undefined ? members : members.filter((each) => sight.service(each.namespace, service))
  }

  protection (): Answer<'protection'> {
    const sight = this.#listed()
    const protection = this.inner.protection()
    if (sight === undefined) return protection
    const services = [...protection.services].filter(([key]) => {
      const [namespace = '', service = ''] = key.split('/')
      return sight.service(namespace, service)
    })
    return { ...protection, services: new Map(services) }
  }

  manifest (name: ManifestName): Manifest {
    if (name.kind === 'Policy') this.gate.requireEverywhere('admin', `Policy ${name.name}`)
    else if (name.kind === 'Namespace') this.gate.requireSight(name.name)
    else if (name.kind === 'IngressClass') this.gate.requireSight()
    else if (isObjectKind(name.kind)) this.gate.requireSight(name.namespace)
    else if (name.kind !== 'EndpointSlice') this.gate.require('read', name.namespace, name.name)
    else this.gate.requireSight(name.namespace)
    const manifest = this.inner.manifest(name)
    if (manifest.kind === 'EndpointSlice') this.gate.require('read', name.namespace, manifest.metadata.labels?.[serviceNameLabel] ?? '')
    return manifest
  }

  manifests<Kind extends ListedKind> (kind: Kind, namespace?: string): readonly ManifestOf<Kind>[] {
    if (kind === 'Policy') this.gate.requireEverywhere('admin', kind)
    else this.gate.requireSight(namespace)
    const { sight } = this
    const manifests = this.inner.manifests(kind, namespace)
    const namespaceOf = (manifest: Manifest): string => manifest.metadata.namespace
    return sight === undefined ? manifests : manifests.filter((each) => isGlobalKind(kind) || sight.namespace(namespaceOf(each)))
  }

  secretWithData (namespace: string, name: string): Answer<'secretWithData'> {
    this.gate.requireEverywhere('admin', `Secret ${namespace}/${name}`)
    return this.inner.secretWithData(namespace, name)
  }

  /** For the agents that serve ingresses: who may register as one by name has them, of the namespaces that it sees. */
  certificates (): Answer<'certificates'> {
    this.gate.require('register', systemNamespace, proxyService)
    const { sight } = this
    const certificates = this.inner.certificates()
    return sight === undefined ? certificates : certificates.filter(({ namespace }) => sight.namespace(namespace))
  }

  serviceManifest (namespace: string, service: string): Answer<'serviceManifest'> {
    this.gate.require('read', namespace, service)
    return this.inner.serviceManifest(namespace, service)
  }

  endpointSlices (namespace: string, service: string): Answer<'endpointSlices'> {
    this.gate.require('read', namespace, service)
    return this.inner.endpointSlices(namespace, service)
  }

  endpointsObject (namespace: string, service: string): Answer<'endpointsObject'> {
    this.gate.require('read', namespace, service)
    return this.inner.endpointsObject(namespace, service)
  }

  explain (name: Asked<'explain'>[0]): Answer<'explain'> {
    this.gate.require('read', name.namespace, name.service)
    const sight = this.#listed()
    const explained = this.inner.explain(name)
    return sight === undefined ? explained : explained.filter(({ namespace, service }) => sight.service(namespace, service))
  }

  pools (): Answer<'pools'> {
    this.gate.requireSight()
    return this.inner.pools()
  }

  events (query: Asked<'events'>[0]): Answer<'events'> {
    return this.inner.events({ ...query, sight: this.#listed() })
  }

  numbers (): Answer<'numbers'> {
    const sight = this.#listed()
    const numbers = this.inner.numbers(sight)
    if (sight === undefined) return numbers
    // Of what belongs to no service, those are told who see everything.
    return { ...numbers, protection: this.protection(), unreadable: [], handMade: { total: 0, undeclared: 0 }, ranges: { ...numbers.ranges, different: [] }, store: { ...numbers.store, location: '' } }
  }

  secret (name: string): Answer<'secret'> {
    this.gate.requireEverywhere('admin', 'secrets')
    return this.inner.secret(name)
  }

  secrets (prefix: string): Answer<'secrets'> {
    this.gate.requireEverywhere('admin', 'secrets')
    return this.inner.secrets(prefix)
  }

  selecting (instance: Asked<'selecting'>[0]): Answer<'selecting'> {
    const sight = this.#listed()
    return this.inner.selecting(instance).filter((service) => sight === undefined || sight.service(instance.namespace, service))
  }

  overrides (): Answer<'overrides'> {
    const sight = this.#listed()
    const overrides = this.inner.overrides()
    return sight === undefined ? overrides : overrides.filter(({ namespace, service }) => sight.service(namespace, service))
  }

  handMade (...of: Asked<'handMade'>): Answer<'handMade'> {
    const sight = this.#listed()
    const made = this.inner.handMade(...of)
    return sight === undefined ? made : made.filter(({ namespace, service }) => sight.service(namespace, service))
  }

  unreadable (): Answer<'unreadable'> {
    this.gate.requireEverywhere('admin', 'unreadable')
    return this.inner.unreadable()
  }

  unreadableRecord (key: string): Answer<'unreadableRecord'> {
    this.gate.requireEverywhere('admin', 'unreadable')
    return this.inner.unreadableRecord(key)
  }

  /** What a list may hold. @throws RegistryError for one who sees nothing at all */
  #listed (): Reads['sight'] {
    this.gate.requireSight()
    return this.gate.sight
  }
}

type Tail<List extends readonly unknown[]> = List extends readonly [unknown, ...infer Rest] ? Rest : never
