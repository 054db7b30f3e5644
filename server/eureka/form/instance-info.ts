// Eureka's instance as its clients send it, in JSON or in XML: names, and the types that each of them may have. What JSON has as
// `{"$": 8080, "@enabled": "true"}`, XML has as `<port enabled="true">8080</port>`; both are read into the first form (xml-reader.ts).
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import { invalid } from '../../errors.ts'

export const eurekaStatuses = ['UP', 'DOWN', 'STARTING', 'OUT_OF_SERVICE', 'UNKNOWN'] as const
export type EurekaStatus = (typeof eurekaStatuses)[number]

export interface EurekaPort {
  readonly number: number
  readonly isEnabled: boolean
}

export interface DataCenterInfo {
  /** A class of the Java client, which it needs to read the answer. */
  readonly className: string
  /** `MyOwn`, `Amazon` or `Netflix`. */
  readonly name: string
  /** Of Amazon only. */
  readonly metadata: Readonly<Record<string, string>>
}

/** Texts that are kept as they are. */
export const plainTexts = [
  'appGroupName', 'homePageUrl', 'statusPageUrl', 'healthCheckUrl', 'secureHealthCheckUrl', 'vipAddress', 'secureVipAddress', 'asgName', 'sid'
] as const
export type PlainText = (typeof plainTexts)[number]

/** What a client said of itself. */
export interface InstanceInfo {
  readonly instanceId: string
  readonly app: string
  readonly hostName: string
  readonly ipAddr: string
  readonly status: EurekaStatus
  readonly overriddenStatus: EurekaStatus
  readonly port: EurekaPort | undefined
  readonly securePort: EurekaPort | undefined
  readonly countryId: number
  readonly dataCenterInfo: DataCenterInfo
  /** Seconds. */
  readonly renewalIntervalInSecs: number | undefined
  readonly durationInSecs: number | undefined
  readonly texts: Readonly<Partial<Record<PlainText, string>>>
  readonly metadata: Readonly<Record<string, string>>
  /** Milliseconds; undefined = it keeps none. */
  readonly lastDirtyTimestamp: number | undefined
}

/** A client that sends no lease has this one, as in Eureka. */
export const defaultDurationSecs = 90
export const defaultRenewalSecs = 30
export const myOwn: DataCenterInfo = { className: 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn', metadata: {} }
const amazonClass = 'com.netflix.appinfo.AmazonInfo'
const dataCenters = ['MyOwn', 'Amazon', 'Netflix']

/** Fields that say what the registry says by itself. */
const ours = ['isCoordinatingDiscoveryServer', 'lastUpdatedTimestamp', 'actionType', 'dirty', 'isDirty', 'isInstanceInfoDirty']
const known = new Set<string>([
  ...plainTexts, ...ours, 'instanceId', 'app', 'hostName', 'ipAddr', 'status', 'overriddenStatus', 'overriddenstatus', 'port', 'securePort', 'countryId',
  'dataCenterInfo', 'leaseInfo', 'metadata', 'lastDirtyTimestamp'
])

type Fields = Readonly<Record<string, unknown>>

/** Reads fields of several types, and collects what is wrong with them. */
class Reader {
  readonly faults: FieldError[] = []

  fault (field: string, value: unknown, rule: string): undefined {
    this.faults.push({ field, ...(value === undefined ? {} : { value }), rule })
    return undefined
  }

  /** A text; numbers and booleans are texts too, since XML has nothing else. An empty one is none. */
  text (fields: Fields, name: string, path = name): string | undefined {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (value === undefined || value === null || value === '') return undefined
    if (typeof value === 'string') return value.isWellFormed() ? value : this.fault(path, value, 'must be Unicode')
    if (typeof value === 'number' || typeof value === 'boolean') return String(value)
    return this.fault(path, value, 'must be a text')
  }

  needed (fields: Fields, name: string): string {
    const before = this.faults.length
    const value = this.text(fields, name)
    if (value === undefined && this.faults.length === before) this.fault(name, undefined, 'is missing')
    return value ?? ''
  }

  number (fields: Fields, name: string, path: string, least: number, most: number): number | undefined {
    const text = this.text(fields, name, path)
    if (text === undefined) return undefined
    const value = /^-?\d{1,16}$/.test(text) ? Number(text) : NaN
    return value >= least && value <= most ? value : this.fault(path, text, `must be a whole number ${least}-${most}`)
  }

  status (fields: Fields, name: string): EurekaStatus | undefined {
    const text = this.text(fields, name)
    if (text === undefined) return undefined
    return isStatus(text) ? text : this.fault(name, text, `must be one of ${eurekaStatuses.join(', ')}`)
  }

  object (fields: Fields, name: string): Fields | undefined {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (value === undefined || value === null || value === '') return undefined // an empty element of XML
    return isFields(value) ? value : this.fault(name, value, 'must be an object')
  }

  /** `{"$": 8080, "@enabled": "true"}`, or the number alone. */
  port (fields: Fields, name: string): EurekaPort | undefined {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (value === undefined || value === null || value === '') return undefined
    const parts = isFields(value) ? value : { $: value, '@enabled': true }
    const number = this.number(parts, '$', name, 0, 65_535)
    const flag = this.text(parts, '@enabled', `${name}.@enabled`) ?? 'true'
    if (!/^(?:true|false)$/i.test(flag)) return this.fault(`${name}.@enabled`, flag, 'must be true or false')
    const isEnabled = flag.toLowerCase() === 'true'
    if (number === undefined) return undefined
    if (isEnabled && number === 0) return this.fault(name, 0, 'must be 1-65535 where it is enabled')
    return { number, isEnabled }
  }

  /** A map of texts, without the class of Java that may stand among them. */
  texts (fields: Fields, name: string, path = name): Record<string, string> {
    const map = this.object(fields, name) ?? {}
    const read: [string, string][] = []
    for (const [key, value] of Object.entries(map)) {
      if (key === '@class' || value === null) continue
      if (key === '' || !key.isWellFormed()) this.fault(`${path}[${JSON.stringify(key)}]`, key, 'must be a key')
      else if (typeof value === 'string' && value.isWellFormed()) read.push([key, value])
      else if (typeof value === 'number' || typeof value === 'boolean') read.push([key, String(value)])
      else this.fault(`${path}[${JSON.stringify(key)}]`, value, 'must be a text')
    }
    return Object.fromEntries(read)
  }
}

/** An instance that was read, and the names of fields that Eureka does not have. */
export interface ReadInfo {
  readonly info: InstanceInfo
  readonly unknown: readonly string[]
}

/**
 * Reads the body of a registration, `{"instance": {...}}`.
 * @param app of the path; the body must name the same, in any case, or none
 * @throws RegistryError REG_INVALID with all faults, in Eureka's names
 */
export function readInstanceInfo (body: unknown, app: string): ReadInfo {
  const fields = isFields(body) && Object.hasOwn(body, 'instance') ? body['instance'] : undefined
  if (!isFields(fields)) throw invalid([{ field: 'instance', rule: 'is missing: the body must be an instance' }])
  const read = new Reader()
  const own = read.text(fields, 'app') ?? (Object.hasOwn(fields, 'app') ? undefined : app)
  if (own === undefined) read.fault('app', undefined, 'is missing')
  else if (own.toLowerCase() !== app.toLowerCase()) read.fault('app', own, `must be ${app}, as in the path`)
  const hostName = read.needed(fields, 'hostName')
  const ipAddr = read.needed(fields, 'ipAddr')
  const lower = read.status(fields, 'overriddenstatus')
  const upper = read.status(fields, 'overriddenStatus')
  if (lower !== undefined && upper !== undefined && lower !== upper) read.fault('overriddenStatus', upper, `must be ${lower}, as overriddenstatus says`)
  const lease = read.object(fields, 'leaseInfo') ?? {}
  const dataCenterInfo = dataCenterOf(read, fields)
  const info: InstanceInfo = {
    // As in Eureka: of Amazon the id of the machine, else the name of the host.
    instanceId: read.text(fields, 'instanceId') ?? dataCenterInfo.metadata['instance-id'] ?? hostName,
    app,
    hostName,
    ipAddr,
    status: read.status(fields, 'status') ?? 'UP',
    overriddenStatus: upper ?? lower ?? 'UNKNOWN',
    port: read.port(fields, 'port'),
    securePort: read.port(fields, 'securePort'),
    countryId: read.number(fields, 'countryId', 'countryId', 0, 2_147_483_647) ?? 1,
    dataCenterInfo,
    renewalIntervalInSecs: read.number(lease, 'renewalIntervalInSecs', 'leaseInfo.renewalIntervalInSecs', 1, 86_400),
    durationInSecs: read.number(lease, 'durationInSecs', 'leaseInfo.durationInSecs', 1, 86_400),
    texts: Object.fromEntries(plainTexts.flatMap((name) => {
      const text = read.text(fields, name)
      return text === undefined ? [] : [[name, text]]
    })),
    metadata: read.texts(fields, 'metadata'),
    lastDirtyTimestamp: read.number(fields, 'lastDirtyTimestamp', 'lastDirtyTimestamp', 0, Number.MAX_SAFE_INTEGER)
  }
  if (read.faults.length > 0) throw invalid(read.faults)
  return { info, unknown: Object.keys(fields).filter((name) => !known.has(name) && !name.startsWith('@')) }
}

function dataCenterOf (read: Reader, fields: Fields): DataCenterInfo {
  const given = read.object(fields, 'dataCenterInfo')
  if (given === undefined) {
    if (read.faults.every(({ field }) => field !== 'dataCenterInfo')) read.fault('dataCenterInfo', undefined, 'is missing')
    return myOwn
  }
  const before = read.faults.length
  const name = read.text(given, 'name', 'dataCenterInfo.name')
  if (name === undefined && read.faults.length === before) read.fault('dataCenterInfo.name', undefined, 'is missing')
  if (name !== undefined && !dataCenters.includes(name)) read.fault('dataCenterInfo.name', name, `must be one of ${dataCenters.join(', ')}`)
  const metadata = read.texts(given, 'metadata', 'dataCenterInfo.metadata')
  // The class follows from the name: Java would load whatever a client named.
  return { className: name === 'Amazon' ? amazonClass : myOwn.className, name: name ?? 'MyOwn', metadata: name === 'Amazon' ? metadata : {} }
}

export function isStatus (text: string): text is EurekaStatus {
  return (eurekaStatuses as readonly string[]).includes(text)
}

function isFields (value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The class of a data centre of this name, for an answer. */
export function classOf (dataCenter: string): string {
  return dataCenter === 'Amazon' ? amazonClass : myOwn.className
}
