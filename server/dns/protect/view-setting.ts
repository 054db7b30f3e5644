// The setting that says which networks may look up which namespaces.
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import { invalid } from '../../errors.ts'
import { type AddressRange, parseCidr } from '../../model/address/ranges.ts'
import { isLabel, labelRule } from '../../model/names.ts'
import { isNamePattern, namePatternRule } from '../../model/policy/pattern.ts'

/** Each is looked at once for each client that asks. */
export const maxViews = 256
/** Of one view. */
const maxNamespaces = 256

export interface DnsView {
  readonly name: string
  readonly network: AddressRange
  /** Names and patterns. */
  readonly namespaces: readonly string[]
}

const viewRule = 'must be NAME=CIDR:NAMESPACES, like office=10.0.0.0/8:shop+pay or ops=10.9.0.0/16:*'

/**
 * Reads entries of the form `NAME=CIDR:NAMESPACE+NAMESPACE`. A view of several networks is several entries of one name.
 * @throws RegistryError REG_INVALID with all faults
 */
export function readViews (entries: readonly string[], field = 'dns-view'): DnsView[] {
  if (entries.length > maxViews) throw invalid([{ field, value: entries.length, rule: `must not be given more than ${maxViews} times` }])
  const faults: FieldError[] = []
  const views: DnsView[] = []
  for (const entry of entries) {
    const read = readView(entry)
    if ('problem' in read) faults.push({ field, value: entry, rule: read.problem })
    else if (views.some(({ network }) => network.text === read.network.text)) faults.push({ field, value: entry, rule: 'must not name a network for the second time' })
    else views.push(read)
  }
  if (faults.length > 0) throw invalid(faults)
  return views
}

function readView (entry: string): DnsView | { readonly problem: string } {
  const [, name = '', networkText = '', namespaceText = ''] = /^([^=]+)=(.+):([^:]+)$/.exec(entry) ?? []
  if (name === '') return { problem: viewRule }
  if (!isLabel(name)) return { problem: `${viewRule}; the name ${labelRule}` }
  const network = parseCidr(networkText)
  if ('problem' in network) return { problem: `${viewRule}; the network ${network.problem}` }
  const namespaces = namespaceText.split('+')
  if (namespaces.length > maxNamespaces) return { problem: `must not name more than ${maxNamespaces} namespaces` }
  if (!namespaces.every(isNamePattern)) return { problem: `${viewRule}; a namespace ${namePatternRule}` }
  return { name, network, namespaces }
}
