// The commands of the core for one actor, behind its gate. Who owns an instance is the core's to look at (registry/ownership.ts), at the very
// moment of the write; here it is decided what may be asked for at all.
import type { Static } from 'typebox'
import type { Heartbeat, HeartbeatAnswer, Instance, LeaseReference, Registration } from '../../client-sdk/src/wire.ts'
import { RegistryError } from '../errors.ts'
import type { OverrideBody, PatchBody } from '../model/instance/instance.ts'
import type { ManifestDocument } from '../model/manifest/manifest-document.ts'
import { isObjectKind } from '../model/manifest/object-kinds.ts'
import { isGlobalKind, type Policy, serviceNameLabel } from '../model/service/types.ts'
import type {
  ApplyAnswer, ApplyOptions, Commands, Deleted, DeleteOptions, InstanceName, LeaseSession, ManifestName, PutOptions, Registered, StatusWrite
} from '../registry/core.ts'
import { GuardedReads } from './guarded-reads.ts'
import { type Written, writtenBy } from './written.ts'

const defaultNamespace = 'default'

export class GuardedCommands extends GuardedReads implements Commands {
  async register (name: InstanceName, registration: Registration): Promise<Registered> {
    const { gate, inner } = this
    return await gate.audited('register', pathOf(name), ({ revision }) => revision, async () => {
      gate.require('register', name.namespace, name.service)
      gate.requireAddress('register', name.namespace, name.service, registration.address ?? gate.actor.address ?? '')
      this.#requireSelecting(name, registration.labels ?? {})
      // After an outage everybody registers again at once: that keeps nobody from writing, nor those who live from being renewed.
      gate.take(this.#isKept(name) ? 'registrations' : 'writes')
      return await inner.register(name, registration)
    })
  }

  async patch (name: InstanceName, patch: Static<typeof PatchBody>, generation?: string): Promise<Instance> {
    const { gate, inner } = this
    return await gate.audited('patch', pathOf(name), ({ revision }) => revision, async () => {
      this.#requireOwn(name)
      if (patch.labels !== undefined) this.#requireSelecting(name, present(patch.labels))
      gate.take('writes')
      return await inner.patch(name, patch, generation)
    })
  }

  async deregister (name: InstanceName, generation?: string): Promise<number> {
    const { gate, inner } = this
    return await gate.audited('deregister', pathOf(name), (revision) => revision, async () => {
      this.#requireOwn(name)
      gate.take('writes')
      return await inner.deregister(name, generation)
    })
  }

  async heartbeat (heartbeats: readonly Heartbeat[], session?: LeaseSession): Promise<HeartbeatAnswer> {
    const { gate, inner } = this
    gate.requireValid()
    const permitted: Heartbeat[] = []
    const forbidden: Heartbeat[] = []
    for (const heartbeat of heartbeats) (this.#mayKeep(heartbeat) ? permitted : forbidden).push(heartbeat)
    const [first] = forbidden
    // One who may renew nothing learns why; of many the answer names those that were refused, and the others are renewed.
    if (first !== undefined && permitted.length === 0 && gate.identity.kind === 'anonymous') {
      const refusal = gate.refusal('register', first.namespace, first.service)
      gate.refused('heartbeat', listed(forbidden.map(pathOf)), refusal.code)
      throw refusal
    }
    gate.take('heartbeats', permitted.length)
    const answer = await inner.heartbeat(permitted, session)
    // Those that policies refuse, and those that are somebody else's.
    const refused = [...answer.forbidden ?? [], ...forbidden.map(reference)]
    if (refused.length > 0) gate.refused('heartbeat', listed(refused.map(pathOf)), 'REG_FORBIDDEN')
    return forbidden.length === 0 ? answer : { ...answer, forbidden: refused }
  }

  async override (name: InstanceName, input: Static<typeof OverrideBody>): Promise<Instance> {
    const { gate, inner } = this
    return await gate.audited('override', pathOf(name), ({ revision }) => revision, async () => {
      gate.require('operate', name.namespace, name.service)
      gate.take('writes')
      return await inner.override(name, input)
    })
  }

  async removeOverride (name: InstanceName): Promise<number> {
    const { gate, inner } = this
    return await gate.audited('remove-override', pathOf(name), (revision) => revision, async () => {
      gate.require('operate', name.namespace, name.service)
      gate.take('writes')
      return await inner.removeOverride(name)
    })
  }

  async apply (documents: readonly ManifestDocument[], options: ApplyOptions = {}): Promise<ApplyAnswer> {
    const { namespace = defaultNamespace, dryRun = false } = options
    const written = documents.map(({ kind, value }) => writtenBy(kind, value, namespace))
    return await this.#write(dryRun ? 'apply-dry-run' : 'apply', written, async () => {
      await this.#keepAnAdmin(documents.filter(({ kind }) => kind === 'Policy').map(({ value }) => value))
      return await this.inner.apply(documents, options)
    })
  }

  async put (name: ManifestName, value: unknown, options: PutOptions = {}): Promise<ApplyAnswer> {
    const said = writtenBy(name.kind, value, name.namespace)
    const own = isGlobalKind(name.kind)
      ? { ...said, namespace: spaceOf(name) }
      : { ...said, namespace: name.namespace, name: name.name, service: name.kind === 'EndpointSlice' ? said.service : this.#serviceOf(name) }
    return await this.#write(options.dryRun === true ? 'put-dry-run' : 'put', [own], async () => {
      if (name.kind === 'Policy') await this.#keepAnAdmin([value])
      return await this.inner.put(name, value, options)
    })
  }

  async delete (names: readonly ManifestName[], options: DeleteOptions = {}): Promise<Deleted> {
    const { gate, inner } = this
    return await gate.audited(options.dryRun === true ? 'delete-dry-run' : 'delete', listed(names.map((name) => `${name.kind} ${name.namespace}/${name.name}`)), ({ revision }) => revision, async () => {
      for (const name of names) {
        this.#requireWrite({ kind: name.kind, name: name.name, namespace: spaceOf(name), service: this.#serviceOf(name), addresses: [] })
      }
      const gone = names.filter(({ kind }) => kind === 'Policy')
      if (gone.length > 0) {
        await this.inner.caughtUp()
        this.#requireAdminLeft(new Map(gone.map(({ name }) => [name, undefined])))
      }
      gate.take('writes')
      return await inner.delete(names, options)
    })
  }

  async setStatus (statuses: readonly StatusWrite[]): Promise<number> {
    const { gate, inner } = this
    const on = listed(statuses.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`))
    return await gate.audited('set-status', on, (revision) => revision, async () => {
      for (const { namespace } of statuses) gate.requireAll('declare', namespace)
      gate.take('writes')
      return await inner.setStatus(statuses)
    })
  }

  async keepSecret (name: string, body: string, expected: number): Promise<boolean> {
    this.gate.requireEverywhere('admin')
    return await this.inner.keepSecret(name, body, expected)
  }

  async removeSecret (name: string, expected: number): Promise<boolean> {
    this.gate.requireEverywhere('admin')
    return await this.inner.removeSecret(name, expected)
  }

  async backup (): ReturnType<Commands['backup']> {
    return await this.gate.audited('backup', '', () => undefined, async () => {
      this.gate.requireEverywhere('admin')
      return await this.inner.backup()
    })
  }

  async removeUnreadable (key: string): Promise<void> {
    await this.gate.audited('remove-unreadable', key, () => undefined, async () => {
      this.gate.requireEverywhere('admin')
      await this.inner.removeUnreadable(key)
    })
  }

  async #write (what: string, written: readonly Written[], act: () => Promise<ApplyAnswer>): Promise<ApplyAnswer> {
    const on = listed(written.map(({ kind, namespace, name }) => (isGlobalKind(kind) ? `${kind} ${name}` : `${kind} ${namespace}/${name}`)))
    return await this.gate.audited(what, on, ({ revision }) => revision, async () => {
      for (const each of written) this.#requireWrite(each)
      this.gate.take('writes')
      return await act()
    })
  }

  #requireWrite ({ kind, namespace, name, service, addresses }: Written): void {
    const { gate } = this
    if (kind === 'Policy') return gate.requireEverywhere('admin')
    if (kind === 'IngressClass') return gate.requireEverywhere('declare')
    if (service === undefined) return gate.requireAll('declare', namespace)
    gate.require('declare', namespace, service)
    for (const address of addresses) gate.requireAddress('declare', namespace, service, address)
    // A slice that is there may be of another service now: taking it away is a change of that one.
    const before = kind === 'EndpointSlice' ? this.#serviceOf({ kind, namespace, name }) : undefined
    if (before !== undefined && before !== service) gate.require('declare', namespace, before)
  }

  /** The service that a manifest is about, as it stands; undefined = about none, or it is a slice that is not there: only who may declare all may name it. */
  #serviceOf (name: ManifestName): string | undefined {
    if (isGlobalKind(name.kind) || isObjectKind(name.kind)) return undefined
    if (name.kind !== 'EndpointSlice') return name.name
    try {
      return this.inner.manifest(name).metadata.labels?.[serviceNameLabel] ?? ''
    } catch (error) {
      if (error instanceof RegistryError && error.status === 404) return undefined
      throw error
    }
  }

  /** @throws RegistryError REG_CONFLICT if these policies, in place of those of their names, left nobody who may administer */
  async #keepAnAdmin (values: readonly unknown[]): Promise<void> {
    if (values.length === 0) return
    await this.inner.caughtUp()
    const policies = new Map<string, Policy>()
    for (const value of values) {
      const policy = value as Partial<Policy> // only what is well formed counts here; the core says what is wrong with the rest
      const { metadata, spec } = policy
      if (typeof metadata?.name !== 'string' || !Array.isArray(spec?.subjects) || !Array.isArray(spec.rules)) return
      policies.set(metadata.name, policy as Policy) // as has just been seen
    }
    this.#requireAdminLeft(policies)
  }

  #requireAdminLeft (policies: ReadonlyMap<string, Policy | undefined>): void {
    const { book } = this.gate.options
    if (!book.hasAdmin() || book.hasAdmin({ policies })) return
    throw new RegistryError('REG_CONFLICT', 'this would leave nobody who may administer the registry: give that to somebody else first')
  }

  #requireOwn ({ namespace, service }: InstanceName): void {
    const { gate } = this
    gate.requireValid()
    if (!gate.rights.may('operate', namespace, service)) gate.require('register', namespace, service)
  }

  #mayKeep ({ namespace, service }: Heartbeat): boolean {
    const { gate } = this
    return gate.rights.may('operate', namespace, service) || gate.permits('register', namespace, service)
  }

  /** A declared service that selects an instance sends it its callers: to be among its endpoints is to register there. */
  #requireSelecting ({ namespace, service }: InstanceName, labels: Readonly<Record<string, string>>): void {
    const { gate, inner } = this
    if (gate.rights.all('register', namespace)) return
    for (const name of inner.selecting({ namespace, service, labels })) if (name !== service) gate.require('register', namespace, name)
  }

  #isKept (name: InstanceName): boolean {
    try {
      return this.inner.instance(name).owner === this.gate.identity.subject
    } catch {
      return false // it is not there, or nothing is loaded yet: the command says so
    }
  }
}

function present (labels: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter((pair): pair is [string, string] => pair[1] !== null))
}

function reference ({ namespace, service, id, generation }: Heartbeat): LeaseReference {
  return { namespace, service, id, ...(generation === undefined ? {} : { generation }) }
}

/** The namespace that a write is about: of a Namespace its own name, of an IngressClass none. */
function spaceOf ({ kind, namespace, name }: ManifestName): string {
  return kind === 'Namespace' || kind === 'Policy' ? name : namespace
}

function pathOf ({ namespace, service, id }: Pick<InstanceName, 'namespace' | 'service' | 'id'>): string {
  return `${namespace}/${service}/${id}`
}

/** Manifests of a stream that an audit line names. */
const maxNamed = 20

function listed (names: readonly string[]): string {
  return names.length <= maxNamed ? names.join(', ') : `${names.slice(0, maxNamed).join(', ')} and ${names.length - maxNamed} more`
}
