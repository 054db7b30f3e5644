// What a client may look up: by the network that it asks from, since DNS has no tokens, or, over HTTP, by what access control lets it read.
// Other names are refused, whether or not there is anything under them; so are lists of all namespaces, and the names of addresses, for whoever
// may not see everything.
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { contains, parseIp } from '../../model/address/ranges.ts'
import { matches } from '../../model/policy/pattern.ts'
import type { Sight } from '../../registry/core.ts'
import type { RecordName } from '../names/record-name.ts'
import type { DnsView } from './view-setting.ts'

/** Clients that are remembered; at one more the list begins anew, so that invented senders take no memory. */
const maxKnownClients = 4_096
/** Names that say nothing of what is registered. */
const ownNames: ReadonlySet<RecordName['kind']> = new Set(['outside', 'unknown', 'cut', 'apex', 'version', 'name-servers', 'name-server', 'services', 'pods', 'consul-branch', 'consul-address'])

/** What one client may look up, where that is not everything. */
export interface View {
  permits (name: RecordName): boolean
}

/** Some namespaces. */
class NamespacesView implements View {
  readonly #namespaces: readonly string[]

  constructor (namespaces: readonly string[]) {
    this.#namespaces = namespaces
  }

  permits (name: RecordName): boolean {
    if (ownNames.has(name.kind)) return true
    const namespace = 'namespace' in name ? name.namespace : undefined
    return namespace !== undefined && this.#namespaces.some((pattern) => matches(pattern, namespace))
  }
}

/** What an identity may read. */
export class SightView implements View {
  readonly #sight: Sight

  constructor (sight: Sight) {
    this.#sight = sight
  }

  permits (name: RecordName): boolean {
    if (ownNames.has(name.kind)) return true
    const sight = this.#sight
    switch (name.kind) {
      case 'service': case 'endpoint': case 'protocol': case 'port': case 'selection': case 'selection-branch':
        return sight.service(name.namespace, name.service)
      case 'consul-service': return sight.service(name.namespace, name.called)
      case 'namespace': case 'pod-namespace': return sight.namespace(name.namespace)
      // Lists of a namespace, and what may be of any service of it.
      default: return 'namespace' in name && name.namespace !== undefined && sight.whole(name.namespace)
    }
  }
}

const nothing = new NamespacesView([])

export class Views {
  readonly #views: readonly DnsView[]
  readonly #known = new Map<string, View | undefined>()

  constructor (views: readonly DnsView[]) {
    this.#views = [...views].sort((a, b) => Number(a.network.size - b.network.size < 0n ? -1 : 1)) // the smallest network counts
  }

  /** undefined = everything. Loopback sees everything, unless a view names it. @param address as a socket gives it */
  of (address: string): View | undefined {
    if (this.#known.has(address)) return this.#known.get(address)
    const view = this.#find(address)
    if (this.#known.size >= maxKnownClients) this.#known.clear()
    this.#known.set(address, view)
    return view
  }

  #find (text: string): View | undefined {
    const plain = text.split('%', 1)[0] ?? ''
    if (isIP(plain) === 0) return nothing
    const parsed = ipaddr.process(plain)
    const ip = parseIp(parsed.toString())
    const found = 'problem' in ip ? undefined : this.#views.find(({ network }) => contains(network, ip))
    if (found === undefined) return parsed.range() === 'loopback' ? undefined : nothing
    return found.namespaces.includes('*') ? undefined : new NamespacesView(found.namespaces)
  }
}
