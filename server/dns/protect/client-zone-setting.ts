// The setting that says in which zone the clients of a network are.
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import { invalid } from '../../errors.ts'
import { isLabelValue, labelValueRule } from '../../model/names.ts'
import { type AddressRange, parseCidr } from '../../model/address/ranges.ts'

/** The networks of a large company fit; each prefix length costs a look for every new client. */
export const maxClientZones = 1_024

export interface ClientZone {
  readonly network: AddressRange & { readonly prefix: number }
  /** In lower case: zones are compared without case, since names of DNS are. */
  readonly zone: string
}

const clientZoneRule = 'must be CIDR=ZONE, like 10.1.0.0/16=east-1: a network, and the zone of the instances that its clients are given first'

/**
 * Reads entries of the form `CIDR=ZONE`.
 * @param field names the setting in the errors
 * @throws RegistryError REG_INVALID with all faults: a bad network or zone, a network that is given twice, too many
 */
export function readClientZones (entries: readonly string[], field = 'client-zone'): ClientZone[] {
  if (entries.length > maxClientZones) throw invalid([{ field, value: entries.length, rule: `must not be given more than ${maxClientZones} times` }])
  const faults: FieldError[] = []
  const zones = new Map<string, ClientZone>()
  for (const entry of entries) {
    const read = readClientZone(entry)
    if ('problem' in read) faults.push({ field, value: entry, rule: read.problem })
    else if (zones.has(read.network.text)) faults.push({ field, value: entry, rule: 'must not name a network for the second time' })
    else zones.set(read.network.text, read)
  }
  if (faults.length > 0) throw invalid(faults)
  return [...zones.values()]
}

function readClientZone (entry: string): ClientZone | { readonly problem: string } {
  const at = entry.indexOf('=')
  if (at < 1 || at === entry.length - 1) return { problem: clientZoneRule }
  const network = parseCidr(entry.slice(0, at))
  if ('problem' in network || network.prefix === undefined) return { problem: 'problem' in network ? `${clientZoneRule}; the network ${network.problem}` : clientZoneRule }
  const zone = entry.slice(at + 1)
  return isLabelValue(zone) ? { network: { ...network, prefix: network.prefix }, zone: zone.toLowerCase() } : { problem: `${clientZoneRule}; the zone ${labelValueRule}` }
}
