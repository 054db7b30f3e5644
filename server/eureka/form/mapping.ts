// The one place that says what Eureka's words mean here and ours mean there.
//
//   Eureka                                    here
//   UP DOWN STARTING OUT_OF_SERVICE UNKNOWN   up down starting draining down
//   overriddenStatus OUT_OF_SERVICE, DOWN     an override: draining, down
//   app, path /apps/{APP}                     service: the same in lower case (names.ts)
//   instanceId                                id (names.ts)
//   ipAddr; hostName                          address; metadata eureka/hostName, where it is not the address
//   port, securePort, as far as enabled       ports http, https
//   metadata zone; Amazon's availability-zone zone, where it is a label value
//   metadata weight                           weight, where it is a whole number 0-65535
//   leaseInfo.durationInSecs                  lease.ttlMs
//   metadata                                  metadata
//   all else that it keeps                    metadata eureka/..., so that it is shown again as it came
//
//   here                                      Eureka
//   up, warning                               UP
//   suspect, and out of the answers           DOWN; while all of a service are suspect and answered: what it was
//   starting draining down                    STARTING OUT_OF_SERVICE DOWN
//   service, where no vipAddress was given    vipAddress: clients look for services by it
//   zone, weight (if not 100)                 metadata zone, weight
import type { EndpointPort, FieldError, Instance, Override, Registration, Status } from '../../../client-sdk/src/wire.ts'
import { isLabelValue } from '../../../client-sdk/src/rules.ts'
import { invalid } from '../../errors.ts'
import { parseAddress } from '../../model/address/address.ts'
import { defaultWeight, maxWeight } from '../../model/limits.ts'
import {
  type DataCenterInfo, type EurekaPort, type EurekaStatus, type InstanceInfo, type PlainText, classOf, defaultDurationSecs, defaultRenewalSecs, plainTexts
} from './instance-info.ts'
import { appOf, idOf, instanceIdOf, instanceIdRule } from './names.ts'

/** Of metadata that hold what only Eureka has. */
export const reservedPrefix = 'eureka/'
/** Of those that hold what other dialects keep (as Consul's do). */
const othersPrefix = 'rollcall.dev/'

/** What Eureka's clients neither set nor see among the metadata. */
export function isReserved (key: string): boolean {
  return key.startsWith(reservedPrefix) || key.startsWith(othersPrefix)
}

/** What a client says of itself, as a status of ours. */
export function statusOf (status: EurekaStatus): Status {
  switch (status) {
    case 'UP': return 'up'
    case 'STARTING': return 'starting'
    case 'OUT_OF_SERVICE': return 'draining'
    case 'DOWN': case 'UNKNOWN': return 'down' // nobody is sent to an instance that does not know its own state
  }
}

/** A status of ours as Eureka has it. @param isOut it is suspect, and no caller is sent to it */
export function eurekaStatusOf (status: Status, isOut = false): EurekaStatus {
  if (isOut) return 'DOWN'
  switch (status) {
    case 'up': case 'warning': return 'UP'
    case 'starting': return 'STARTING'
    case 'draining': return 'OUT_OF_SERVICE'
    case 'down': return 'DOWN'
  }
}

/** What an override of ours is there. One of the weight alone is none. */
export function overriddenStatusOf (override: Pick<Override, 'status'> | undefined): EurekaStatus {
  return override?.status === undefined ? 'UNKNOWN' : eurekaStatusOf(override.status)
}

/**
 * A registration of ours of what a client sent, and the id that it gets.
 * @throws RegistryError REG_INVALID with all faults, in Eureka's names
 */
export function registrationOf (info: InstanceInfo, service: string): { readonly id: string, readonly registration: Registration } {
  const faults: FieldError[] = []
  const id = idOf(info.instanceId)
  if (id === undefined) faults.push({ field: 'instanceId', value: info.instanceId, rule: instanceIdRule })
  const address = parseAddress(info.ipAddr)
  if ('problem' in address) faults.push({ field: 'ipAddr', value: info.ipAddr, rule: address.problem })
  for (const key of Object.keys(info.metadata)) {
    if (!isReserved(key)) continue
    const field = `metadata[${JSON.stringify(key)}]`
    faults.push({ field, value: info.metadata[key], rule: `must not begin with "${reservedPrefix}" or "${othersPrefix}"` })
  }
  const { port, securePort, metadata } = info
  const ports = [...enabled('http', port), ...enabled('https', securePort)]
  if (ports.length === 2 && ports[0]?.port === ports[1]?.port) faults.push({ field: 'securePort', value: securePort?.number, rule: 'must be another than port' })
  if (faults.length > 0 || id === undefined) throw invalid(faults)
  const zone = info.dataCenterInfo.metadata['availability-zone'] ?? metadata['zone']
  const weight = weightOf(metadata['weight'])
  return {
    id,
    registration: {
      address: info.ipAddr,
      ports,
      // What it overrides itself is what it says; the word of an operator is kept apart, and survives.
      status: statusOf(effectiveOf(info)),
      metadata: { ...metadata, ...extrasOf(info, service) },
      ...(zone !== undefined && zone !== '' && isLabelValue(zone) ? { zone } : {}),
      ...(weight === undefined ? {} : { weight }),
      lease: { ttlMs: 1_000 * (info.durationInSecs ?? defaultDurationSecs) }
    }
  }
}

/** An overridden status wins over UP and OUT_OF_SERVICE; an instance that starts or is down is so. */
function effectiveOf ({ status, overriddenStatus }: InstanceInfo): EurekaStatus {
  return overriddenStatus === 'UNKNOWN' || (status !== 'UP' && status !== 'OUT_OF_SERVICE') ? status : overriddenStatus
}

function enabled (name: 'http' | 'https', port: EurekaPort | undefined): { readonly name: string, readonly port: number }[] {
  return port?.isEnabled === true ? [{ name, port: port.number }] : []
}

/** undefined = it is no weight of ours, and stays a text among the metadata. */
export function weightOf (text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,5}$/.test(text)) return undefined
  const weight = Number(text)
  return weight <= maxWeight ? weight : undefined
}

/** What is not shown by anything else: only what differs from what would be shown without it. */
function extrasOf (info: InstanceInfo, service: string): Record<string, string> {
  const { dataCenterInfo, texts, port, securePort } = info
  const durationSecs = info.durationInSecs ?? defaultDurationSecs
  const said: Record<string, string | number | undefined> = {
    hostName: info.hostName === info.ipAddr ? undefined : info.hostName,
    countryId: info.countryId === 1 ? undefined : info.countryId,
    dataCenter: dataCenterInfo.name === 'MyOwn' ? undefined : dataCenterInfo.name,
    dataCenterMetadata: Object.keys(dataCenterInfo.metadata).length === 0 ? undefined : JSON.stringify(dataCenterInfo.metadata),
    renewalIntervalInSecs: info.renewalIntervalInSecs === renewalOf(durationSecs) ? undefined : info.renewalIntervalInSecs,
    lastDirtyTimestamp: info.lastDirtyTimestamp,
    port: port === undefined || port.isEnabled || port.number === 0 ? undefined : port.number,
    securePort: securePort === undefined || securePort.isEnabled || securePort.number === 0 ? undefined : securePort.number
  }
  for (const name of plainTexts) said[name] = texts[name]
  if (texts.vipAddress === service) delete said['vipAddress']
  if (texts.sid === 'na') delete said['sid']
  return Object.fromEntries(Object.entries(said).flatMap(([name, value]) => (value === undefined ? [] : [[reservedPrefix + name, String(value)]])))
}

/** How often a client renews that says nothing of it: three times in its lease. */
function renewalOf (durationSecs: number): number {
  return durationSecs === defaultDurationSecs ? defaultRenewalSecs : Math.max(1, Math.round(durationSecs / 3))
}

/** How often its owner renews it, in seconds: as it said, or as is usual. */
export function renewalSecsOf (metadata: Readonly<Record<string, string>>, ttlMs: number): number {
  return numberOf(metadata[`${reservedPrefix}renewalIntervalInSecs`]) ?? renewalOf(Math.ceil(ttlMs / 1_000))
}

/** An instance as Eureka shows it: every field, with the type of its client. */
export interface ShownInfo {
  readonly instanceId: string
  readonly app: string
  readonly hostName: string
  readonly ipAddr: string
  readonly status: EurekaStatus
  readonly overriddenStatus: EurekaStatus
  readonly port: EurekaPort
  readonly securePort: EurekaPort
  readonly countryId: number
  readonly dataCenterInfo: DataCenterInfo
  readonly renewalIntervalInSecs: number
  readonly durationInSecs: number
  readonly texts: Readonly<Partial<Record<PlainText, string>>>
  readonly metadata: Readonly<Record<string, string>>
  readonly registeredAtMs: number
  readonly updatedAtMs: number
  readonly lastDirtyTimestamp: number
}

/** What is shown of an instance, or of an endpoint that was made by hand. */
export interface Source {
  readonly service: string
  readonly id: string
  /** The service that its instance registered under, where that is another one: ids are unique within it only. */
  readonly from?: string | undefined
  readonly address: string
  /** Those of the service, with the numbers that they have on this instance. */
  readonly ports: readonly EndpointPort[]
  readonly metadata: Readonly<Record<string, string>>
  readonly weight: number
  readonly zone?: string | undefined
  readonly status: Status
  /** It is suspect, and no caller is sent to it. */
  readonly isOut: boolean
  /** The registered instance behind it; undefined = it was made by hand. */
  readonly instance: Pick<Instance, 'override' | 'lease' | 'createdAt' | 'updatedAt'> | undefined
}

/** How Eureka shows it. */
export function shownOf (source: Source): ShownInfo {
  const { service, instance, metadata, ports } = source
  const extra = (name: string): string | undefined => metadata[reservedPrefix + name]
  const secure = ports.find(({ name, protocol }) => name === 'https' && protocol === 'TCP')
  const tcp = ports.filter((port) => port !== secure && port.protocol === 'TCP')
  const plain = tcp.find(({ name }) => name === 'http') ?? tcp[0]
  const texts: Partial<Record<PlainText, string>> = {}
  for (const name of plainTexts) {
    const text = extra(name)
    if (text !== undefined) texts[name] = text
  }
  texts.vipAddress ??= service
  if (secure !== undefined) texts.secureVipAddress ??= service
  const durationInSecs = instance === undefined ? defaultDurationSecs : Math.ceil(instance.lease.ttlMs / 1_000)
  const updatedAtMs = instance === undefined ? 0 : Date.parse(instance.updatedAt)
  const dataCenter = extra('dataCenter') ?? 'MyOwn'
  return {
    instanceId: source.from === undefined ? instanceIdOf(source.id) : `${source.from}/${instanceIdOf(source.id)}`,
    app: appOf(service),
    hostName: extra('hostName') ?? source.address,
    ipAddr: source.address,
    status: eurekaStatusOf(source.status, source.isOut),
    overriddenStatus: overriddenStatusOf(instance?.override),
    port: portOf(plain?.port, extra('port')),
    securePort: portOf(secure?.port, extra('securePort') ?? '443'),
    countryId: numberOf(extra('countryId')) ?? 1,
    dataCenterInfo: { className: classOf(dataCenter), name: dataCenter, metadata: mapOf(extra('dataCenterMetadata')) },
    renewalIntervalInSecs: renewalSecsOf(metadata, durationInSecs * 1_000),
    durationInSecs,
    texts,
    metadata: shownMetadata(source),
    registeredAtMs: instance === undefined ? 0 : Date.parse(instance.createdAt),
    updatedAtMs,
    lastDirtyTimestamp: dirtyOf(metadata) ?? updatedAtMs
  }
}

/** The virtual addresses of an instance, in lower case: clients compare them so. */
export function vipsOf ({ service, metadata, ports }: Pick<Source, 'service' | 'metadata' | 'ports'>, field: 'vipAddress' | 'secureVipAddress'): readonly string[] {
  const isDefault = field === 'vipAddress' || ports.some(({ name, protocol }) => name === 'https' && protocol === 'TCP')
  const text = metadata[reservedPrefix + field] ?? (isDefault ? service : '')
  return text.toLowerCase().split(',').map((part) => part.trim()).filter((part) => part !== '')
}

function shownMetadata ({ metadata, zone, weight }: Source): Record<string, string> {
  const shown = Object.fromEntries(Object.entries(metadata).filter(([key]) => !isReserved(key)))
  if (zone !== undefined) shown['zone'] ??= zone
  // A weight that was changed since is the one that counts.
  if (weight !== defaultWeight || weightOf(shown['weight']) !== undefined) shown['weight'] = String(weight)
  return shown
}

function portOf (number: number | undefined, disabled: string | undefined): EurekaPort {
  return number === undefined ? { number: numberOf(disabled) ?? 0, isEnabled: false } : { number, isEnabled: true }
}

/** When the owner says that it changed last, in milliseconds. */
export function dirtyOf (metadata: Readonly<Record<string, string>>): number | undefined {
  return numberOf(metadata[`${reservedPrefix}lastDirtyTimestamp`])
}

/** Metadata may be written by anybody: what is no number is none. */
function numberOf (text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

function mapOf (text: string | undefined): Readonly<Record<string, string>> {
  if (text === undefined) return {}
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return {}
    return Object.fromEntries(Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === 'string'))
  } catch {
    return {} // somebody else wrote it
  }
}
