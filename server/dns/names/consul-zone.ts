// Consul's names, below a domain of their own. Counted from the right, after the datacenter if it is named (`dc1`, or `dc1.dc`):
//
//   1.  DOMAIN, DC.DOMAIN                            nothing of its own but the apex
//   2.  service, node, addr                          nothing of its own, names are below
//   3.  NAME.service                                 A, AAAA, SRV of what is answered of a service
//   4.  TAG.NAME.service                             the same of those that have the tag
//   5.  _NAME._TAG.service, _NAME._tcp.service       the same for SRV (RFC 2782); `_tcp` and `_udp` are no tags
//   6.  NODE.node                                    A, AAAA, TXT of a machine; a node that has no name is called by its address
//   7.  HEX.addr                                     the address itself: the targets of SRV
//
// `NS.ns` may stand before the datacenter: another namespace than the default (NAME.service.NS.ns.DC.dc.DOMAIN).
import { isIP } from 'node:net'
import { addressKey } from '../../model/address/address-key.ts'
import { familyOf, parseAddress } from '../../model/address/address.ts'
import { Zone, type ZoneOptions } from './zone.ts'

export interface ConsulNames {
  /** `consul` */
  readonly domain: string
  readonly datacenter: string
  /** What a name without a namespace means. */
  readonly namespace: string
}

export type ConsulName =
  | { readonly kind: 'consul-branch', readonly zone: ConsulZone }
  | { readonly kind: 'consul-service', readonly zone: ConsulZone, readonly namespace: string, readonly called: string, readonly tag: string | undefined }
  | { readonly kind: 'consul-node', readonly zone: ConsulZone, readonly namespace: string, readonly node: string }
  | { readonly kind: 'consul-address', readonly zone: ConsulZone, readonly address: string }

/** A node may be called by a whole host name. */
export const maxConsulLabels = 16
const noTags: ReadonlySet<string> = new Set(['_tcp', '_udp'])

export class ConsulZone extends Zone {
  readonly names: ConsulNames

  /** @param primary whose name server is its own */
  constructor (names: ConsulNames, options: ZoneOptions, primary: Zone) {
    super(names.domain, options, primary)
    this.names = names
  }

  /** The name of an address, as SRV has it for a target. */
  targetOf (address: string): string[] {
    return [addressKey(address).slice(1), 'addr', this.names.datacenter, ...this.labels]
  }

  /** The name of a node. */
  nodeName (node: string): string[] {
    return [...node.split('.'), 'node', this.names.datacenter, ...this.labels]
  }

  /** @param below labels below the domain, at least one, from the right. undefined = there is no such name */
  read (below: readonly string[]): ConsulName | undefined {
    const branch: ConsulName = { kind: 'consul-branch', zone: this }
    const { datacenter } = this.names
    let labels = below
    let { namespace } = this.names
    if (labels[0] === 'dc' || labels[0] === datacenter) {
      if (labels[0] === 'dc' && labels[1] !== datacenter) return labels[1] === undefined ? branch : undefined
      labels = labels.slice(labels[0] === 'dc' ? 2 : 1)
    }
    if (labels[0] === 'ns') {
      if (labels[1] === undefined) return branch
      namespace = labels[1]
      labels = labels.slice(2)
    }
    const [kind, ...rest] = labels
    if (kind === undefined) return branch
    if (kind === 'service') return rest.length === 0 ? branch : this.#service(namespace, rest)
    if (kind === 'node') return rest.length === 0 ? branch : { kind: 'consul-node', zone: this, namespace, node: rest.toReversed().join('.') }
    if (kind !== 'addr') return undefined
    const [hex, more] = rest
    if (hex === undefined) return branch
    const address = more === undefined ? addressOf(hex) : undefined
    return address === undefined ? undefined : { kind: 'consul-address', zone: this, address }
  }

  /** @param labels below `service`, from the right */
  #service (namespace: string, labels: readonly string[]): ConsulName | undefined {
    const [first = '', second, more] = labels
    if (more !== undefined) return undefined
    const named = { kind: 'consul-service', zone: this, namespace } as const
    if (!first.startsWith('_')) return { ...named, called: first, tag: second }
    if (second === undefined) return { kind: 'consul-branch', zone: this } // `_TAG`: names are below
    if (!second.startsWith('_')) return undefined
    return { ...named, called: second.slice(1), tag: noTags.has(first) ? undefined : first.slice(1) }
  }
}

/** The address of 8 or 32 hexadecimal digits. */
function addressOf (hex: string): string | undefined {
  if (!/^(?:[0-9a-f]{8}|[0-9a-f]{32})$/.test(hex)) return undefined
  const text = hex.length === 8
    ? Buffer.from(hex, 'hex').join('.')
    : (hex.match(/.{4}/g) ?? []).join(':')
  const parsed = parseAddress(text)
  return 'problem' in parsed || isIP(parsed.text) === 0 || (familyOf(parsed.text) === 4) !== (hex.length === 8) ? undefined : parsed.text
}
