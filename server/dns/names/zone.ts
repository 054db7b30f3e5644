// A zone that is served: its name, and the records of the zone itself, composed once.
import { invalid } from '../../errors.ts'
import { type ComposedRecords, type StaticRecord, composeRecords } from '../wire/dns2-codec.ts'
import type { MessageWriter } from '../wire/message-writer.ts'
import { labelBytes, nameBytes, questionPointer, recordBytes, recordTypes } from '../wire/wire.ts'

/** RFC 2308 5: how long "no such name" may be cached. Short: the name may be registered a moment later. */
export const maxNegativeTtlSeconds = 5
/** What the answer to `dns-version` says: the Kubernetes DNS specification that is followed. */
export const specificationVersion = '1.1.0'

const labelPattern = /^[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?$/
// The longest name, HOSTNAME.SERVICE.NAMESPACE.svc.ZONE, has three labels of 63 and must fit 255 octets with every zone.
const maxZoneBytes = 255 - 3 * 64 - 4
/** A name is compared with each of them. */
export const maxZones = 16

const soaTimers = { refresh: 7_200, retry: 1_800, expiration: 86_400 } // for secondaries; those of CoreDNS
const soaSerialFromEnd = 20 // serial refresh retry expire minimum, each 4

export interface ZoneOptions {
  readonly ttlSeconds: number
  /** Where this server is reached; none when it listens on every address. */
  readonly addresses: readonly { readonly text: string, readonly family: 4 | 6 }[]
}

export class Zone {
  readonly name: string
  readonly labels: readonly string[]
  /** In lower case, with the root label. */
  readonly wire: Buffer
  readonly nameServers: ComposedRecords
  /** Address records of ns.dns.ZONE by type. */
  readonly nameServerAddress: ReadonlyMap<number, ComposedRecords>
  readonly version: ComposedRecords
  readonly #soa: SoaTemplate
  readonly #negativeSoa: SoaTemplate

  /**
   * @param name as in the settings: case is folded, a trailing dot is cut off
   * @param primary of a reverse zone: whose name server is its own
   * @throws RegistryError REG_INVALID
   */
  constructor (name: string, { ttlSeconds, addresses }: ZoneOptions, primary?: Zone) {
    this.name = name.toLowerCase().replace(/\.$/, '')
    this.labels = this.name.split('.')
    const fault = primary === undefined ? zoneFault(this.labels) : undefined
    if (fault !== undefined) throw invalid([{ field: 'zone', value: name, rule: fault }])
    this.wire = nameBytes(this.labels)
    const nameServer = `ns.dns.${primary?.name ?? this.name}`
    const addressRecords = addresses.map(({ text, family }): StaticRecord =>
      ({ name: nameServer, type: family === 4 ? 'A' : 'AAAA', ttl: ttlSeconds, address: text }))
    const minimum = Math.min(ttlSeconds, maxNegativeTtlSeconds)
    const soa = (ttl: number): SoaTemplate => soaTemplate(ttl, minimum, primary)
    this.#soa = soa(ttlSeconds)
    this.#negativeSoa = soa(minimum) // RFC 2308 3: the smaller of the SOA's TTL and its minimum
    this.nameServers = composeRecords({ name: this.name, type: 'NS' }, [{ name: this.name, type: 'NS', ttl: ttlSeconds, ns: nameServer }], addressRecords)
    const byType = Map.groupBy(primary === undefined ? addressRecords : [], ({ type }) => type)
    this.nameServerAddress = new Map(Array.from(byType, ([type, records]) => [recordTypes[type], composeRecords({ name: nameServer, type }, records)]))
    const versionName = `dns-version.${this.name}`
    this.version = composeRecords({ name: versionName, type: 'TXT' }, [{ name: versionName, type: 'TXT', ttl: ttlSeconds, data: [specificationVersion] }])
  }

  /** Answers the apex' SOA. @param serial grows with each change of the registry, modulo 2^32 (RFC 1982) */
  writeSoa (writer: MessageWriter, serial: number): void {
    this.#writeSoa(writer, 'answer', this.#soa, questionPointer, serial)
  }

  /** Says from where on there is nothing. @param nameEnd the offset after the name in the message that there is nothing of */
  writeNegativeSoa (writer: MessageWriter, nameEnd: number, serial: number): void {
    const zoneStart = nameEnd - this.wire.length // the zone's name ends that name
    this.#writeSoa(writer, 'authority', this.#negativeSoa, 0xc000 | zoneStart, serial)
  }

  #writeSoa (writer: MessageWriter, section: 'answer' | 'authority', { bytes, pointers }: SoaTemplate, pointer: number, serial: number): void {
    const at = writer.position
    if (!writer.append(section, bytes, 0, bytes.length)) return
    for (const offset of pointers) writer.bytes.writeUInt16BE(pointer, at + offset)
    writer.bytes.writeUInt32BE(serial % 2 ** 32, at + bytes.length - soaSerialFromEnd)
  }
}

/** Writes fixed records; those that don't fit are missing, glue silently. */
export function writeFixed (writer: MessageWriter, records: ComposedRecords): void {
  if (!writer.append('answer', records.bytes, 0, records.glueStart, records.answers)) return
  if (records.glue > 0) writer.append('additional', records.bytes, records.glueStart, records.bytes.length, records.glue)
}

function zoneFault (labels: readonly string[]): string | undefined {
  if (!labels.every((label) => labelPattern.test(label))) return 'must be a DNS name of labels with a-z, 0-9, "-" and "_"'
  const bytes = nameBytes(labels).length
  return bytes > maxZoneBytes ? `must not be longer than ${maxZoneBytes - 2} characters, so that every name below it fits 255 octets` : undefined
}

/** An SOA record, complete but for its serial and the pointers to the zone's name. */
interface SoaTemplate {
  readonly bytes: Buffer
  /** Where they are. */
  readonly pointers: readonly number[]
}

/**
 *   SOA = pointer-to-zone type IN ttl rdlength "ns" "dns" zone "hostmaster" zone serial(4) refresh(4) retry(4) expire(4) minimum(4)
 * The zone is a pointer too, or the whole name of the primary zone.
 */
function soaTemplate (ttlSeconds: number, minimum: number, primary: Zone | undefined): SoaTemplate {
  const zone = primary?.wire ?? Buffer.alloc(2)
  const nameServer = Buffer.concat([labelBytes(['ns', 'dns']), zone])
  const names = Buffer.concat([nameServer, labelBytes(['hostmaster']), zone])
  const numbers = Buffer.alloc(soaSerialFromEnd)
  for (const [index, value] of [0, soaTimers.refresh, soaTimers.retry, soaTimers.expiration, minimum].entries()) numbers.writeUInt32BE(value, 4 * index)
  const bytes = recordBytes(questionPointer, recordTypes.SOA, ttlSeconds, Buffer.concat([names, numbers]))
  const start = bytes.length - numbers.length - names.length
  return { bytes, pointers: primary === undefined ? [0, start + nameServer.length - 2, start + names.length - 2] : [0] }
}
