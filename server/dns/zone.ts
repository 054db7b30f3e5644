// A zone that is served: its name, and the records of the zone itself, composed once.
import { invalid } from '../errors.ts'
import { type ComposedRecords, type StaticRecord, composeRecords } from './dns2-codec.ts'
import type { MessageWriter } from './message-writer.ts'
import { headerLength, nameBytes, questionPointer, recordTypes } from './wire.ts'

/** RFC 2308 5: how long "there is none" may be remembered. Short: the name may be registered a moment later. */
export const maxNegativeTtlSeconds = 5
/** What the answer to `dns-version` says: the Kubernetes DNS specification that is followed. */
export const specificationVersion = '1.1.0'

const labelPattern = /^[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?$/
// The longest name, HOSTNAME.SERVICE.NAMESPACE.svc.ZONE, has three labels of 63 and must fit 255 octets with every zone.
const maxZoneOctets = 255 - 3 * 64 - 4
/** A name is compared with each of them. */
export const maxZones = 16

const soaTimers = { refresh: 7_200, retry: 1_800, expiration: 86_400 } // for secondaries; those of CoreDNS
// owner(2) type(2) class(2) ttl(4) rdlength(2) | "ns" "dns" pointer | "hostmaster" pointer | serial(4) refresh retry expire minimum
const soaPointers = [0, 19, 32] as const
const soaSerial = 34
const soaLength = 54

export interface ZoneOptions {
  readonly ttlSeconds: number
  /** Where this server is reached; undefined when it listens on every address. */
  readonly address: { readonly text: string, readonly family: 4 | 6 } | undefined
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
  readonly #soa: Buffer
  readonly #negativeSoa: Buffer

  /**
   * @param name as in the settings: case is folded, a trailing dot is taken off
   * @throws RegistryError REG_INVALID
   */
  constructor (name: string, { ttlSeconds, address }: ZoneOptions) {
    this.name = name.toLowerCase().replace(/\.$/, '')
    this.labels = this.name.split('.')
    const fault = zoneFault(this.labels)
    if (fault !== undefined) throw invalid([{ field: 'zone', value: name, rule: fault }])
    this.wire = nameBytes(this.labels)
    const nameServer = `ns.dns.${this.name}`
    const addressRecord: StaticRecord[] = address === undefined
      ? []
      : [{ name: nameServer, type: address.family === 4 ? 'A' : 'AAAA', ttl: ttlSeconds, address: address.text }]
    const minimum = Math.min(ttlSeconds, maxNegativeTtlSeconds)
    const soa = (ttl: number): Buffer => soaTemplate(composeRecords({ name: this.name, type: 'SOA' }, [{
      name: this.name, type: 'SOA', ttl, primary: nameServer, admin: `hostmaster.${this.name}`, serial: 0, ...soaTimers, minimum
    }]).bytes)
    this.#soa = soa(ttlSeconds)
    this.#negativeSoa = soa(minimum) // RFC 2308 3: the smaller of the SOA's TTL and its minimum
    this.nameServers = composeRecords({ name: this.name, type: 'NS' }, [{ name: this.name, type: 'NS', ttl: ttlSeconds, ns: nameServer }], addressRecord)
    this.nameServerAddress = new Map(addressRecord.map((record) =>
      [recordTypes[record.type], composeRecords({ name: nameServer, type: record.type }, [record])]))
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

  #writeSoa (writer: MessageWriter, section: 'answer' | 'authority', template: Buffer, pointer: number, serial: number): void {
    const at = writer.position
    if (!writer.append(section, template, 0, template.length)) return
    for (const offset of soaPointers) writer.bytes.writeUInt16BE(pointer, at + offset)
    writer.bytes.writeUInt32BE(serial % 2 ** 32, at + soaSerial)
  }
}

/** Writes fixed records; those that don't fit are missing, glue silently. */
export function writeFixed (writer: MessageWriter, records: ComposedRecords): void {
  if (!writer.append('answer', records.bytes, 0, records.glueStart, records.answers)) return
  if (records.glue > 0) writer.append('additional', records.bytes, records.glueStart, records.bytes.length, records.glue)
}

function zoneFault (labels: readonly string[]): string | undefined {
  if (!labels.every((label) => labelPattern.test(label))) return 'must be a DNS name of labels with a-z, 0-9, "-" and "_"'
  const octets = nameBytes(labels).length
  return octets > maxZoneOctets ? `must not be longer than ${maxZoneOctets - 2} characters, so that every name below it fits 255 octets` : undefined
}

/** The template is patched at fixed places, so its shape is checked when it is made, not when it is used. */
function soaTemplate (bytes: Buffer): Buffer {
  const isExpected = bytes.length === soaLength && soaPointers.every((offset) => bytes.readUInt16BE(offset) === (0xc000 | headerLength))
  if (!isExpected) throw new Error(`the codec composed an SOA record of another shape: ${bytes.toString('hex')}`)
  return bytes
}
