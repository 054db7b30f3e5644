// The zones that are served: those of the settings, and the reverse zones of networks.
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import { invalid } from '../../errors.ts'
import { parseAddress } from '../../model/address/address.ts'
import type { AddressRange } from '../../model/address/ranges.ts'
import { type ConsulNames, ConsulZone } from './consul-zone.ts'
import { reverseZones } from './reverse-zone.ts'
import { Zone, maxZones } from './zone.ts'

export interface ZonesOptions {
  /** Default `cluster.local`. */
  readonly zones?: readonly string[]
  /** Networks whose addresses are answered with names of the first zone; as CIDR, or as they were read. Default: none. */
  readonly reverse?: readonly (string | AddressRange)[]
  /** Default 5. */
  readonly ttlSeconds?: number
  /** Consul's names, in a domain of their own. Default: none. */
  readonly consul?: ConsulNames | undefined
}

export const defaultTtlSeconds = 5
/** What stands below every zone: a zone below one of these would hide names of the one around it. */
const ownLabels: ReadonlySet<string | undefined> = new Set(['svc', 'pod', 'dns', 'dns-version', '_udp'])

/**
 * The longest first, so that a zone below another one wins. Reverse zones last: most questions are for names.
 * @param hosts the addresses that are listened on
 * @throws RegistryError REG_INVALID
 */
export function zonesOf ({ zones: names = ['cluster.local'], reverse = [], ttlSeconds = defaultTtlSeconds, consul }: ZonesOptions, hosts: readonly string[]): Zone[] {
  if (names.length === 0 || names.length > maxZones) throw invalid([{ field: 'zones', value: names, rule: `must name 1-${maxZones} zones` }])
  // Listening everywhere: which address a client can reach is not ours to say.
  const addresses = hosts.map(parseAddress).flatMap((address) => ('problem' in address ? [] : [address]))
  const zones = names.map((name) => new Zone(name, { ttlSeconds, addresses }))
  const faults = zoneFaults([...zones.map(({ name }) => name), ...consul === undefined ? [] : [consul.domain]], 'zones')
  if (faults.length > 0) throw invalid(faults)
  const [first] = zones
  const ofConsul = first === undefined || consul === undefined ? [] : [new ConsulZone(consul, { ttlSeconds, addresses }, first)]
  const ofNetworks = first === undefined ? [] : reverseZones(reverse, first, { ttlSeconds, addresses }, ofConsul[0])
  return [...[...zones, ...ofConsul].sort((a, b) => b.labels.length - a.labels.length), ...ofNetworks]
}

/** What is wrong between zones. @param names in lower case, without a dot at the end */
export function zoneFaults (names: readonly string[], field = 'zone'): FieldError[] {
  return names.flatMap((name, index) => {
    const labels = name.split('.')
    const parent = names.find((other) => name.endsWith(`.${other}`) && ownLabels.has(labels.at(-1 - other.split('.').length)))
    const rule = names.indexOf(name) !== index
      ? 'must be given once'
      : isReverseName(labels)
        ? 'must not be a reverse zone: those are made of networks (service-cidr, instance-cidr)'
        : parent !== undefined ? `must not be among the names of ${parent}, which it would hide` : undefined
    return rule === undefined ? [] : [{ field, value: name, rule }]
  })
}

/** Whether a zone is, is in, or has in it the reverse names. */
function isReverseName (labels: readonly string[]): boolean {
  const [last, parent] = [labels.at(-1), labels.at(-2)]
  return last === 'arpa' && (parent === undefined || parent === 'in-addr' || parent === 'ip6')
}
