// What one identity may do, from the rules that are about it. Decisions about a service are kept: policies are many, and each is looked at
// once for each service that is asked for.
import { hash } from 'node:crypto'
import { type AddressRange, type Ip, contains, parseCidr, parseIp } from '../model/address/ranges.ts'
import { isPattern, matches } from '../model/policy/pattern.ts'
import { globalVerbs, isReserved, plainRules } from '../model/policy/roles.ts'
import type { PolicyRule, Verb } from '../model/service/types.ts'
import type { Sight } from '../registry/core.ts'

/** Rules, and where they are from. */
export interface Granted {
  /** As a refusal and `can-i` name it: `policy team`, `token 1f0c...`. */
  readonly source: string
  readonly rules: readonly PolicyRule[]
}

interface Grant {
  readonly source: string
  readonly verbs: ReadonlySet<Verb>
  readonly namespaces: readonly string[]
  readonly services: readonly string[]
  readonly addresses: readonly AddressRange[] | undefined
}

/** Decisions of one identity and verb that are kept; beyond it they are made anew. */
const maxKept = 20_000
/** A pattern does not reach reserved names with these. */
const writing: ReadonlySet<Verb> = new Set(['register', 'operate', 'declare'])

export class Rights implements Sight {
  /** Equal rights have the same. */
  readonly name: string
  readonly #grants: readonly Grant[]
  readonly #kept = new Map<Verb, Map<string, Map<string, string | undefined>>>()
  #keptCount = 0
  readonly #spaces = new Map<string, boolean>()
  /** Whether everything may be read. */
  readonly readsAll: boolean

  /** What there is a rule of. */
  readonly sources: readonly string[]

  constructor (granted: readonly Granted[]) {
    this.sources = granted.map(({ source }) => source)
    this.name = hash('sha1', JSON.stringify(granted.map(({ rules }) => rules)), 'base64url')
    this.#grants = granted.flatMap(({ source, rules }) => rules.flatMap(plainRules).map((rule): Grant => ({
      source,
      verbs: new Set(rule.verbs),
      namespaces: rule.namespaces,
      services: rule.services,
      addresses: rule.addresses?.map((text) => parseCidr(text)).filter((network): network is AddressRange => !('problem' in network)) // checked when it was written
    })))
    this.readsAll = this.whole('*')
  }

  /** Whether anything may be read. */
  get seesAnything (): boolean {
    return this.#grants.some(({ verbs }) => verbs.has('read'))
  }

  /** Nothing is permitted. */
  get isEmpty (): boolean {
    return this.#grants.length === 0
  }

  may (verb: Verb, namespace: string, service: string): boolean {
    return this.source(verb, namespace, service) !== undefined
  }

  /** What permits it; undefined = nothing does. */
  source (verb: Verb, namespace: string, service: string): string | undefined {
    let spaces = this.#kept.get(verb)
    if (spaces === undefined) this.#kept.set(verb, spaces = new Map<string, Map<string, string | undefined>>())
    let services = spaces.get(namespace)
    if (services === undefined) spaces.set(namespace, services = new Map<string, string | undefined>())
    const known = services.get(service)
    if (known !== undefined || services.has(service)) return known
    const found = this.#grants.find((grant) => grant.verbs.has(verb) && reaches(grant, verb, namespace, service))?.source
    if (++this.#keptCount > maxKept) this.#forget()
    else services.set(service, found)
    return found
  }

  /** Whether it is permitted for the whole registry. */
  everywhere (verb: Verb): boolean {
    return this.#grants.some(({ verbs, namespaces, services }) => verbs.has(verb) && (globalVerbs.has(verb) || (namespaces.includes('*') && services.includes('*'))))
  }

  /** Whether an address may be registered, or declared, under a name that may be. */
  mayAddress (verb: 'register' | 'declare', namespace: string, service: string, address: string): boolean {
    const ip = parseIp(address)
    return this.#grants.some((grant) => grant.verbs.has(verb) && reaches(grant, verb, namespace, service) && isWithin(grant.addresses, ip))
  }

  /** Whether each of these verbs is permitted for all of a namespace. */
  all (verb: Verb, namespace: string): boolean {
    return this.#grants.some(({ verbs, namespaces, services }) => verbs.has(verb) && services.includes('*') && fits(namespaces, namespace))
  }

  // What is seen --------------------------------------------------------------------------------------------------------

  namespace (name: string): boolean {
    let known = this.#spaces.get(name)
    if (known === undefined) {
      known = this.#grants.some(({ verbs, namespaces }) => verbs.has('read') && fits(namespaces, name))
      if (this.#spaces.size >= maxKept) this.#spaces.clear()
      this.#spaces.set(name, known)
    }
    return known
  }

  whole (namespace: string): boolean {
    return namespace === '*' ? this.#grants.some(({ verbs, namespaces, services }) => verbs.has('read') && namespaces.includes('*') && services.includes('*')) : this.all('read', namespace)
  }

  service (namespace: string, service: string): boolean {
    return this.may('read', namespace, service)
  }

  #forget (): void {
    this.#kept.clear()
    this.#keptCount = 0
  }
}

function reaches ({ verbs, namespaces, services }: Grant, verb: Verb, namespace: string, service: string): boolean {
  // Who administers the registry is one of those whom the reserved names are for.
  if (writing.has(verb) && !verbs.has('admin') && isReserved(namespace, service)) return isNamed(namespaces, namespace) && isNamed(services, service)
  return fits(namespaces, namespace) && fits(services, service)
}

function isNamed (patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => !isPattern(pattern) && pattern === name)
}

function fits (patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => matches(pattern, name))
}

function isWithin (networks: readonly AddressRange[] | undefined, ip: Ip | { readonly problem: string }): boolean {
  return networks === undefined || (!('problem' in ip) && networks.some((network) => contains(network, ip)))
}
