// What Consul's agent does for its services: registers them, hears what their checks say, takes them out for maintenance. Here it is one agent
// for each machine that asks, as with Consul: ids are unique for each, and who asks about an id means his own, or the only one there is.
import { randomUUID } from 'node:crypto'
import type { Instance } from '../../client-sdk/src/wire.ts'
import type { Clock } from '../clock.ts'
import { RegistryError } from '../errors.ts'
import { maxTextLength } from '../model/limits.ts'
import { instanceKey } from '../model/names.ts'
import type { Access, CallCounts } from '../registry/core.ts'
import { ConsulError, badRequest, unknownCheck, unknownService } from './consul-error.ts'
import type { Directory } from './directory.ts'
import type { CheckDefinition, CheckStatus } from './form/check-definition.ts'
import { defaultMaintenanceReason, isCountedDown, registeredWeight, registrationOf, registrationWith, statusOf, storedCheck } from './form/mapping.ts'
import { instanceIdAt, instanceIdOf, serviceLabelOf } from './form/names.ts'
import { type ConsulRecord, type StoredCheck, recordKey, recordOf } from './form/record.ts'
import type { ServiceDefinition } from './form/service-definition.ts'
import { tagsOf } from './form/tags.ts'
import { HeardChecks } from './heard-checks.ts'
import type { Outputs } from './outputs.ts'
import { Turns } from './turns.ts'

/** Who asks, and about which namespace. */
export interface Caller {
  readonly access: Access
  readonly namespace: string
  /** The address of the machine. */
  readonly agent: string
}

/** A service that was registered with a node of its own (`/v1/catalog/register`). */
export interface NodeOfService {
  readonly name: string | undefined
  readonly address: string
}

export interface AgentOptions {
  readonly directory: Directory
  readonly outputs: Outputs
  readonly counters: CallCounts
  readonly clock: Clock
}

export class Agent {
  readonly #options: AgentOptions
  /** What the checks of an instance say is one record: those of one instance are heard one after the other. */
  readonly #turns = new Turns()
  readonly #heardChecks: HeardChecks

  constructor (options: AgentOptions) {
    this.#options = options
    this.#heardChecks = new HeardChecks(options.clock)
  }

  /** @throws ConsulError 404 */
  async service (caller: Caller, id: string): Promise<Instance> {
    const found = await this.#find(caller, id)
    if (found === undefined) throw unknownService(id)
    return found
  }

  /**
   * @param saysTags tags that others may change (`EnableTagOverride`) are changed by this: else they stay as they are
   * @throws ConsulError 400, RegistryError as `Commands.register`
   */
  async register (caller: Caller, service: ServiceDefinition, replaceChecks: boolean, node?: NodeOfService, saysTags = false): Promise<Instance> {
    const label = serviceLabelOf(service.name)
    const plainId = instanceIdOf(service.id)
    return this.#turns.take(`${caller.namespace}/${service.id}`, async () => {
      await caller.access.caughtUp() // whose id it is, and what its checks said, is the store's word
      const known = await this.#own(caller, service.id)
      // Of another agent's, or registered in another way under another name of its own: both stay.
      const isTaken = known === undefined && this.#isOthers(caller, { namespace: caller.namespace, service: label, id: plainId })
      const instanceId = known?.service === label ? known.id : isTaken ? instanceIdAt(service.id, caller.agent) : plainId
      const before = known === undefined ? undefined : recordOf(known)
      const fresh = service.checks.map((check, place) => storedCheck(check, service, place, service.checks.length, before?.checks ?? []))
      requireDistinct(fresh)
      const checks = [...fresh, ...(before?.checks ?? []).filter(({ id }) => !replaceChecks && !fresh.some((each) => each.id === id))]
      const status = statusOf(checks, known?.service === label ? known.status : undefined)
      const keepsTags = !saysTags && known !== undefined && before?.enableTagOverride === true && service.enableTagOverride
      const tags = keepsTags ? tagsOf(known.labels, before.tags) : service.tags
      const name = { namespace: caller.namespace, service: label, id: instanceId }
      const registration = registrationOf({ service: { ...service, tags }, agent: caller.agent, instanceId, checks, status, node })
      // What another registry's import keeps is its owner's from here on: another life, which the import leaves alone.
      const generation = before?.imported === true && node === undefined ? { generation: randomUUID() } : {}
      const { instance, outcome } = await caller.access.register(name, { ...registration, ...generation })
      this.#options.counters.registered(outcome)
      this.#say(instance, service.checks, fresh)
      if (known !== undefined && known.service !== label) await this.#end(caller, known)
      return instance
    })
  }

  /** @throws ConsulError 404 */
  async deregister (caller: Caller, id: string): Promise<void> {
    const instance = await this.service(caller, id)
    await this.#end(caller, instance)
  }

  /** @throws ConsulError 404 */
  async checkIs (caller: Caller, checkId: string, status: CheckStatus, output: string): Promise<void> {
    const instance = await this.#withCheck(caller, checkId)
    await this.#turns.take(nameOf(instance), async () => {
      await this.#bringUpToDate(caller)
      const now = this.#options.directory.instance(instance)
      if (now === undefined) throw unknownCheck(checkId)
      this.#options.outputs.set(nameOf(now), checkId, output)
      const record = recordOf(now)
      if (record === undefined) return this.#beat(caller, now, checkId, status)
      const silent = this.#heardChecks.heard(nameOf(now), checkId, record.checks)
      for (const id of silent) this.#options.outputs.set(nameOf(now), id, 'TTL expired: this check is silent, and others of the service are not')
      const checks = record.checks.map((check) => (
        check.id === checkId ? { ...check, status } : silent.includes(check.id) ? { ...check, status: 'critical' as const } : check
      ))
      await this.#heard(caller, now, { ...record, checks }, checkId)
    })
  }

  /** Adds a check to a service, or takes the place of one. @throws ConsulError 400, 404 */
  async registerCheck (caller: Caller, serviceId: string, check: CheckDefinition): Promise<void> {
    if (serviceId === '') throw badRequest('Missing service ID: this registry has no agent whose node it could check, so that each check is of a service')
    const found = await this.#find(caller, serviceId)
    if (found === undefined) throw new ConsulError(404, `ServiceID ${JSON.stringify(serviceId)} does not exist`)
    await this.#turns.take(nameOf(found), async () => {
      await caller.access.caughtUp()
      const instance = this.#options.directory.instance(found) ?? found
      const record = recordOf(instance) ?? { agent: caller.agent, checks: [] }
      const stored = storedCheck(check, { id: serviceId, name: instance.service }, 0, 1, record.checks)
      const checks = [...record.checks.filter(({ id }) => id !== stored.id), check.name === '' ? stored : { ...stored, name: check.name }]
      await this.#write(caller, instance, { ...record, checks })
      if (check.output !== '') this.#options.outputs.set(nameOf(instance), stored.id, check.output)
    })
  }

  /** @throws ConsulError 404 */
  async deregisterCheck (caller: Caller, checkId: string): Promise<void> {
    const instance = await this.#withCheck(caller, checkId)
    await this.#turns.take(nameOf(instance), async () => {
      await caller.access.caughtUp()
      const now = this.#options.directory.instance(instance)
      const record = now === undefined ? undefined : recordOf(now)
      if (now === undefined || record === undefined) throw unknownCheck(checkId)
      await this.#write(caller, now, { ...record, checks: record.checks.filter(({ id }) => id !== checkId) })
    })
  }

  /** @throws ConsulError 400, 404 */
  async maintain (caller: Caller, id: string, enable: boolean, reason: string): Promise<void> {
    await this.#override(caller, await this.service(caller, id), enable, reason)
  }

  /** The same for everything that this agent registered. */
  async maintainAll (caller: Caller, enable: boolean, reason: string): Promise<void> {
    await caller.access.caughtUp()
    for await (const instance of this.#options.directory.instances(caller.namespace)) {
      if (recordOf(instance)?.agent === caller.agent) await this.#override(caller, instance, enable, reason)
    }
  }

  async #override ({ access }: Caller, instance: Instance, enable: boolean, reason: string): Promise<void> {
    if (reason.length > maxTextLength) throw badRequest(`Invalid reason: must not be longer than ${maxTextLength} characters, got ${reason.length}`)
    if (enable) {
      await access.override(instance, { status: 'draining', reason: reason === '' ? defaultMaintenanceReason : reason })
      return
    }
    try {
      await access.removeOverride(instance)
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code !== 'REG_OVERRIDE_NOT_FOUND') throw error // it is as it was asked to be
    }
  }

  async #heard (caller: Caller, instance: Instance, record: ConsulRecord, checkId: string): Promise<void> {
    const status = statusOf(record.checks, instance.status)
    const isGoing = status === 'down' && isCountedDown(record.checks)
    const { lapsed } = record
    // The time until it goes began when it became critical: further words of the same kind don't begin it anew.
    if (isGoing && lapsed !== undefined) return
    if (isGoing || lapsed !== undefined) {
      return this.#write(caller, instance, isGoing ? { ...record, lapsed: 'failed' } : status === 'down' ? record : withoutLapse(record))
    }
    await this.#beat(caller, instance, checkId)
    const text = JSON.stringify(record)
    if (instance.metadata[recordKey] === text && instance.status === status) return
    const weight = registeredWeight(record.weights, status)
    await caller.access.patch(instance, { status, metadata: { [recordKey]: text }, ...(weight === undefined ? {} : { weight }) })
  }

  /** A heartbeat. @param status of an instance that was registered in another way */
  async #beat ({ access }: Caller, { namespace, service, id }: Instance, checkId: string, status?: CheckStatus): Promise<void> {
    const said = status === undefined ? {} : { status: status === 'passing' ? 'up' : status === 'warning' ? 'warning' : 'down' } as const
    const answer = await access.heartbeat([{ namespace, service, id, ...said }])
    this.#options.counters.heartbeats(answer)
    if (answer.unknown.length > 0) throw unknownCheck(checkId)
    if (answer.forbidden !== undefined) throw new RegistryError('REG_FORBIDDEN', `instance "${id}" of service "${service}" is registered by somebody else, or may not be kept by you any more`)
  }

  /** Its checks, or what they come to, are others: the lease too. */
  async #write ({ access }: Caller, instance: Instance, record: ConsulRecord): Promise<void> {
    const status = statusOf(record.checks, instance.status)
    const { outcome } = await access.register(instance, registrationWith(instance, record, status))
    this.#options.counters.registered(outcome)
  }

  async #end ({ access }: Caller, instance: Instance): Promise<void> {
    try {
      await access.deregister(instance)
      this.#heardChecks.forget(nameOf(instance))
      this.#options.counters.deregistered()
    } catch (error) {
      if (!(error instanceof RegistryError) || error.status !== 404) throw error // it has gone meanwhile
    }
  }

  async #find (caller: Caller, id: string): Promise<Instance | undefined> {
    return this.#look(caller, () => meant(this.#options.directory.withId(caller.namespace, id), caller))
  }

  /** "There is none" is said by a current view only: another node may have heard of it a moment ago. */
  async #look (caller: Caller, look: () => Instance | undefined): Promise<Instance | undefined> {
    await this.#options.directory.ready
    const found = look()
    if (found !== undefined) return found
    await caller.access.caughtUp()
    return look()
  }

  /** What is written is made of what is stored. While the store is away a heartbeat is taken all the same, and handed over later. */
  async #bringUpToDate ({ access }: Caller): Promise<void> {
    try {
      await access.caughtUp()
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code !== 'REG_STORE_UNAVAILABLE') throw error
    }
  }

  /** What this agent registered under an id. */
  async #own ({ namespace, agent }: Caller, id: string): Promise<Instance | undefined> {
    await this.#options.directory.ready
    return this.#options.directory.withId(namespace, id).find((instance) => recordOf(instance)?.agent === agent)
  }

  /** Whether the plain id belongs to another agent. What was registered in another way is this caller's to replace. */
  #isOthers ({ agent }: Caller, name: { readonly namespace: string, readonly service: string, readonly id: string }): boolean {
    const instance = this.#options.directory.instance(name)
    const record = instance === undefined ? undefined : recordOf(instance)
    return record !== undefined && record.agent !== agent
  }

  async #withCheck (caller: Caller, checkId: string): Promise<Instance> {
    const found = await this.#look(caller, () => meant(this.#options.directory.withCheck(caller.namespace, checkId), caller))
    if (found === undefined) throw unknownCheck(checkId)
    return found
  }

  #say (instance: Instance, checks: readonly CheckDefinition[], stored: readonly StoredCheck[]): void {
    for (const [place, { output }] of checks.entries()) {
      const check = stored[place]
      if (check !== undefined && output !== '') this.#options.outputs.set(nameOf(instance), check.id, output)
    }
  }
}

/** His own, or the only one. */
function meant (found: readonly Instance[], { agent }: Caller): Instance | undefined {
  return found.find((instance) => recordOf(instance)?.agent === agent) ?? (found.length === 1 ? found[0] : undefined)
}

function withoutLapse (record: ConsulRecord): ConsulRecord {
  const { lapsed, ...rest } = record
  return lapsed === undefined ? record : rest
}

function requireDistinct (checks: readonly StoredCheck[]): void {
  for (const [place, { id }] of checks.entries()) {
    if (checks.findIndex((each) => each.id === id) !== place) throw badRequest(`Invalid check: the check ID ${JSON.stringify(id)} is used twice`)
  }
}

function nameOf ({ namespace, service, id }: Instance): string {
  return instanceKey(namespace, service, id)
}
