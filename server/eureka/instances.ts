// What Eureka's clients do with instances: register, renew, change status and metadata, go. Each is one command of the core.
import type { Instance } from '../../client-sdk/src/wire.ts'
import { RegistryError, invalid, refused } from '../errors.ts'
import { RegistrationBody } from '../model/instance/instance.ts'
import { isId } from '../model/names.ts'
import { checker } from '../model/validate.ts'
import type { Access, CallCounts, InstanceName } from '../registry/core.ts'
import { type EurekaStatus, eurekaStatuses, isStatus, readInstanceInfo } from './form/instance-info.ts'
import { dirtyOf, isReserved, registrationOf, statusOf, weightOf } from './form/mapping.ts'
import { appRule, idOf, serviceOf } from './form/names.ts'

/** Pairs of one change of metadata. */
const maxPairs = 64

/**
 * Names the lives that register here: Eureka's clients name none, and what was imported, or registered in another way, is another life than
 * that of the client which comes by itself.
 */
const generation = 'eureka'

const checkRegistration = checker(RegistrationBody)

/** Who does it, and where. */
export interface Doing {
  readonly access: Access
  readonly namespace: string
  readonly counts: CallCounts
}

/** @throws RegistryError REG_INSTANCE_NOT_FOUND: for Eureka's clients "register again" */
function unknownInstance (): RegistryError {
  return new RegistryError('REG_INSTANCE_NOT_FOUND', 'there is no such instance: register again')
}

/** The instance that a path names. */
function find ({ access, namespace }: Pick<Doing, 'access' | 'namespace'>, app: string, instanceId: string): { readonly name: InstanceName, readonly instance: Instance } {
  const service = serviceOf(app)
  if (service === undefined) throw unknownInstance()
  let fault: unknown = unknownInstance()
  for (const id of idsOf(instanceId)) {
    const name = { namespace, service, id }
    try {
      return { name, instance: access.instance(name) }
    } catch (error) {
      if (!(error instanceof RegistryError) || error.status !== 404) throw error
      fault = error
    }
  }
  throw fault
}

/** The same; what this view lacks may have come through another node meanwhile. */
async function found (doing: Doing, app: string, instanceId: string): Promise<ReturnType<typeof find>> {
  try {
    return find(doing, app, instanceId)
  } catch (error) {
    if (!(error instanceof RegistryError) || error.status !== 404) throw error
    await doing.access.caughtUp()
    return find(doing, app, instanceId)
  }
}

/** @returns names of fields that Eureka does not know, and that are not kept */
export async function register ({ access, namespace, counts }: Doing, app: string, body: unknown): Promise<readonly string[]> {
  const service = serviceOf(app)
  if (service === undefined) throw invalid([{ field: 'app', value: app, rule: appRule }])
  const { info, unknown } = readInstanceInfo(body, app)
  const { id, registration } = registrationOf(info, service)
  const refusal = checkRegistration(registration)
  if (refusal !== undefined) throw refused(refusal)
  const name = { namespace, service, id }
  if (await isOlder(access, name, info.lastDirtyTimestamp)) {
    // As in Eureka: what was said later stands, and the lease is renewed.
    counts.heartbeats(await access.heartbeat([name]))
    return unknown
  }
  counts.registered((await access.register(name, { ...registration, generation })).outcome)
  return unknown
}

/** Whether what is registered was said later than this. Only the newest view may decide it. */
async function isOlder (access: Access, name: InstanceName, dirtyMs: number | undefined): Promise<boolean> {
  const isOld = (): boolean => {
    try {
      return dirtyMs !== undefined && dirtyMs < (dirtyOf(access.instance(name).metadata) ?? 0)
    } catch (error) {
      if (error instanceof RegistryError && (error.status === 404 || error.status === 401 || error.status === 403)) return false
      throw error
    }
  }
  if (!isOld()) return false
  await access.caughtUp()
  return isOld()
}

export interface Renewal {
  readonly status: string | undefined
  readonly lastDirtyTimestamp: string | undefined
}

/**
 * Renews a lease. The status counts only where no dirty timestamp comes with it: with one, a client that changed says so by a newer
 * timestamp, and is told to register again.
 */
export async function renew ({ access, namespace, counts }: Doing, app: string, instanceId: string, { status, lastDirtyTimestamp }: Renewal): Promise<void> {
  const service = serviceOf(app)
  if (service === undefined) throw unknownInstance()
  const dirtyMs = numberOf('lastDirtyTimestamp', lastDirtyTimestamp)
  const said = status === undefined || dirtyMs !== undefined ? undefined : statusOf(known('status', status))
  for (const id of idsOf(instanceId)) {
    const name = { namespace, service, id }
    const answer = await access.heartbeat([said === undefined ? name : { ...name, status: said }])
    counts.heartbeats(answer)
    if (answer.forbidden !== undefined && answer.forbidden.length > 0) throw new RegistryError('REG_FORBIDDEN', 'it was registered by somebody else')
    if (answer.unknown.length > 0 || answer.superseded.length > 0) continue
    if (dirtyMs !== undefined && isDirty(access, name, dirtyMs)) {
      await access.caughtUp() // it may have said so through another node
      if (isDirty(access, name, dirtyMs)) throw unknownInstance()
    }
    return
  }
  throw unknownInstance()
}

/** Whether the client changed since it registered, as it says. */
function isDirty (access: Access, name: InstanceName, dirtyMs: number): boolean {
  try {
    const stored = dirtyOf(access.instance(name).metadata)
    return stored !== undefined && dirtyMs > stored
  } catch {
    return false // it may keep its lease and not be read
  }
}

/** Does something with the instance that a path names, whether or not the client may read it. */
async function withInstance ({ namespace }: Doing, app: string, instanceId: string, act: (name: InstanceName) => Promise<unknown>): Promise<void> {
  const service = serviceOf(app)
  let fault: unknown = unknownInstance()
  for (const id of idsOf(instanceId)) {
    if (service === undefined) break
    try {
      return void await act({ namespace, service, id })
    } catch (error) {
      if (!(error instanceof RegistryError) || error.status !== 404) throw error
      fault = error
    }
  }
  throw fault
}

/** What it is called here; an id that is ours, and that no id of Eureka leads to, is called as it is. */
function idsOf (instanceId: string): string[] {
  const id = idOf(instanceId)
  return [...new Set([...id === undefined ? [] : [id], ...isId(instanceId) ? [instanceId] : []])]
}

export async function deregister (doing: Doing, app: string, instanceId: string): Promise<void> {
  await withInstance(doing, app, instanceId, (name) => doing.access.deregister(name))
  doing.counts.deregistered()
}

/** An operator's word: OUT_OF_SERVICE and DOWN are overrides of ours; UP and UNKNOWN take them back, and UP also a reported OUT_OF_SERVICE. */
export async function override (doing: Doing, app: string, instanceId: string, value: string | undefined): Promise<void> {
  const status = known('value', value)
  if (status === 'STARTING') throw invalid([{ field: 'value', value, rule: 'must be UP, DOWN, OUT_OF_SERVICE or UNKNOWN' }])
  const { name, instance } = await found(doing, app, instanceId)
  if (status === 'UP' || status === 'UNKNOWN') {
    await removeStatus(doing, name, instance)
    if (status === 'UP' && instance.status === 'draining') await doing.access.patch(name, { status: 'up' })
    return
  }
  const weight = instance.override?.weight
  await doing.access.override(name, {
    status: status === 'DOWN' ? 'down' : 'draining', reason: `${status} by a client of Eureka`, ...(weight === undefined ? {} : { weight })
  })
}

/** Takes an operator's word back. @param value what the instance shall be from then on; undefined = what it says of itself */
export async function removeOverride (doing: Doing, app: string, instanceId: string, value: string | undefined): Promise<void> {
  const status = value === undefined ? undefined : known('value', value)
  const { name, instance } = await found(doing, app, instanceId)
  await removeStatus(doing, name, instance)
  if (status !== undefined && status !== 'UNKNOWN' && statusOf(status) !== instance.status) await doing.access.patch(name, { status: statusOf(status) })
}

/** A weight that an operator set stays. */
async function removeStatus ({ access }: Doing, name: InstanceName, { override: current }: Instance): Promise<void> {
  if (current?.status === undefined) return
  if (current.weight !== undefined) {
    const { weight, reason, until } = current
    await access.override(name, { weight, reason, ...(until === undefined ? {} : { until }) })
    return
  }
  try {
    await access.removeOverride(name)
  } catch (error) {
    if (!(error instanceof RegistryError) || error.code !== 'REG_OVERRIDE_NOT_FOUND') throw error // it ended by itself
  }
}

export async function changeMetadata (doing: Doing, app: string, instanceId: string, query: URLSearchParams): Promise<void> {
  const pairs = [...query]
  const faults = pairs.flatMap(([key, value]) => [
    ...(isReserved(key) || key === '' || key === '@class' ? [{ field: key, value, rule: 'is not a key that clients may set' }] : []),
    ...(key === 'zone' ? [{ field: key, value, rule: 'is changed by registering again' }] : []),
    ...(key === 'weight' && weightOf(value) === undefined ? [{ field: key, value, rule: 'must be a whole number 0-65535' }] : [])
  ])
  if (pairs.length === 0 || pairs.length > maxPairs) faults.push({ field: 'metadata', value: String(pairs.length), rule: `must be 1-${maxPairs} pairs` })
  if (new Set(pairs.map(([key]) => key)).size < pairs.length) faults.push({ field: 'metadata', value: 'a key twice', rule: 'must name each key once' })
  if (faults.length > 0) throw invalid(faults)
  const metadata = Object.fromEntries(pairs)
  const weight = weightOf(metadata['weight'])
  await withInstance(doing, app, instanceId, (name) => doing.access.patch(name, { metadata, ...(weight === undefined ? {} : { weight }) }))
}

function known (field: string, text: string | undefined): EurekaStatus {
  if (text !== undefined && isStatus(text)) return text
  throw invalid([{ field, ...(text === undefined ? {} : { value: text }), rule: `must be one of ${eurekaStatuses.join(', ')}` }])
}

function numberOf (field: string, text: string | undefined): number | undefined {
  if (text === undefined || text === '' || text === 'null') return undefined // a client that keeps none sends this
  if (!/^\d{1,15}$/.test(text)) throw invalid([{ field, value: text, rule: 'must be a whole number of milliseconds' }])
  return Number(text)
}
