// Finds the rule for a host and a path. Kubernetes' rules: an exact host beats a wildcard, which stands for one label, and that beats
// a rule for every host; within the host the longest path wins, Exact before Prefix; among equals the older ingress.
//
//   host -> { exact path -> routes, prefix -> routes }     each list sorted, the first one answers
//
// A change of one ingress costs what it says, and endpoints are not here at all.
import type { Ingress, IngressClass } from '../../../client-sdk/src/ingress-manifests.ts'
import type { IngressNotice } from './ports.ts'
import { IngressClasses } from './ingress-classes.ts'
import { type BackendRef, entryOf, type IngressEntry, isPrefix, type Route } from './rules.ts'

/** Of all ingresses together, on one machine: a newer one that would go beyond is not served, and says so. */
export const maxRoutes = 5_000

interface HostRoutes {
  readonly exact: Map<string, Route[]>
  readonly prefixes: Map<string, Route[]>
  /** How many prefixes are so long: a path of a thousand slashes is looked up no more often than there are lengths. */
  readonly lengths: Map<number, number>
  /** Ingresses with rules for this host, the first one first. */
  readonly owners: IngressEntry[]
}

export interface Found {
  readonly backend: BackendRef
  readonly owner: IngressEntry
  /** Absent: a default backend. */
  readonly route?: Route
}

export class RouteTable {
  readonly #classes = new IngressClasses()
  /** All that are known, served or not. */
  readonly #known = new Map<string, Ingress>()
  readonly #served = new Map<string, IngressEntry>()
  /** Why the others are not, as sentences. */
  readonly #refused = new Map<string, IngressNotice>()
  readonly #exactHosts = new Map<string, HostRoutes>()
  /** By what stands behind `*.`. */
  readonly #wildcards = new Map<string, HostRoutes>()
  #everyHost: HostRoutes | undefined
  /** Ingresses with a default backend: those without rules first, then by age. */
  readonly #defaults: IngressEntry[] = []
  /** Host or `*.` host -> who says which secret it has, the first one first. */
  readonly #tls = new Map<string, IngressEntry[]>()
  #routes = 0

  get routes (): number {
    return this.#routes
  }

  /** Sets everything: what is not given goes, what has not changed stays. */
  set (ingresses: readonly Ingress[], classes: readonly IngressClass[]): void {
    const classNames = new Set(classes.map(({ metadata }) => metadata.name))
    for (const name of this.#classes.names()) if (!classNames.has(name)) this.#classes.remove(name)
    for (const each of classes) this.#classes.put(each)
    const keys = new Set(ingresses.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`))
    for (const key of [...this.#known.keys()]) if (!keys.has(key)) this.#drop(key)
    // The older first: at the limit it is the newer that is left out.
    for (const each of [...ingresses].sort(byAge)) this.put(each)
    this.#classesChanged()
  }

  put (ingress: Ingress): void {
    const key = `${ingress.metadata.namespace}/${ingress.metadata.name}`
    if (this.#known.get(key) === ingress) return
    this.#withdraw(key)
    this.#known.set(key, ingress)
    this.#serve(key, ingress)
    this.#serveWaiting()
  }

  remove (namespace: string, name: string): void {
    this.#drop(`${namespace}/${name}`)
    this.#serveWaiting()
  }

  putClass (given: IngressClass): void {
    this.#classes.put(given)
    this.#classesChanged()
  }

  removeClass (name: string): void {
    this.#classes.remove(name)
    this.#classesChanged()
  }

  /** @param host lower case, without port. @param path as sent */
  find (host: string, path: string): Found | undefined {
    const routes = this.routesOf(host)
    if (routes !== undefined) {
      const route = routes.exact.get(path)?.[0] ?? longestPrefix(routes, path)
      if (route !== undefined) return { backend: route.backend, owner: route.owner, route }
      for (const owner of routes.owners) if (owner.defaultBackend !== undefined) return { backend: owner.defaultBackend, owner }
    }
    const owner = this.#defaults[0]
    return owner?.defaultBackend === undefined ? undefined : { backend: owner.defaultBackend, owner }
  }

  /** The rules that are looked at for a host. */
  routesOf (host: string): HostRoutes | undefined {
    const exact = this.#exactHosts.get(host)
    if (exact !== undefined) return exact
    const dot = host.indexOf('.')
    const wildcard = dot < 1 ? undefined : this.#wildcards.get(host.slice(dot + 1))
    return wildcard ?? this.#everyHost
  }

  /** Which secret has the certificate of a host: exact, then wildcard. */
  secretOf (host: string): string | undefined {
    const exact = this.#tls.get(host)?.[0]?.tls.get(host)
    if (exact !== undefined) return exact
    const dot = host.indexOf('.')
    const wildcard = `*${host.slice(dot)}`
    return dot < 1 ? undefined : this.#tls.get(wildcard)?.[0]?.tls.get(wildcard)
  }

  secrets (): ReadonlySet<string> {
    return new Set([...this.#served.values()].flatMap(({ tls }) => [...tls.values()]))
  }

  served (): Iterable<IngressEntry> {
    return this.#served.values()
  }

  isServed (namespace: string, name: string): boolean {
    return this.#served.has(`${namespace}/${name}`)
  }

  /** What is not served as it says: of classes, limits, and paths that an older ingress has. */
  notices (): IngressNotice[] {
    const notices = [...this.#refused.values()]
    for (const { exact, prefixes } of this.#hosts()) {
      for (const claims of [...exact.values(), ...prefixes.values()]) {
        const [first, ...others] = claims
        if (first === undefined) continue
        for (const other of others) {
          const rule = `${other.host === '' ? '*' : other.host}${other.path} (${other.pathType})`
          notices.push({
            ingress: other.owner.key, reason: 'PathTaken',
            message: `${rule} is answered by ${first.owner === other.owner ? 'an earlier rule of the same ingress' : `${first.owner.key}, which is older`}`
          })
          if (first.owner !== other.owner) notices.push({ ingress: first.owner.key, reason: 'PathTaken', message: `${rule} is claimed by ${other.owner.key}, too, which is newer` })
        }
      }
    }
    return notices
  }

  * #hosts (): Generator<HostRoutes> {
    yield * this.#exactHosts.values()
    yield * this.#wildcards.values()
    if (this.#everyHost !== undefined) yield this.#everyHost
  }

  #drop (key: string): void {
    this.#withdraw(key)
    this.#known.delete(key)
  }

  /** Classes are few and seldom changed: all ingresses are asked anew. */
  #classesChanged (): void {
    for (const [key, ingress] of [...this.#known].sort(([, one], [, other]) => byAge(one, other))) {
      if (this.#served.has(key) && this.#classes.problemOf(ingress) === undefined) continue
      this.#withdraw(key)
      this.#serve(key, ingress)
    }
  }

  /** Those that the limit had left out, when there is room again. */
  #serveWaiting (): void {
    if (this.#routes >= maxRoutes) return
    const waiting = [...this.#refused.values()].filter(({ reason }) => reason === 'TooManyRules').map(({ ingress }) => ingress)
    const known = waiting.flatMap((key) => [this.#known.get(key)].filter((each) => each !== undefined))
    for (const ingress of known.sort(byAge)) this.#serve(`${ingress.metadata.namespace}/${ingress.metadata.name}`, ingress)
  }

  #serve (key: string, ingress: Ingress): void {
    this.#refused.delete(key)
    const problem = this.#classes.problemOf(ingress)
    if (problem !== undefined) {
      this.#refused.set(key, { ingress: key, reason: 'ClassNotServed', message: `it is not served here: ${problem}` })
      return
    }
    const entry = entryOf(ingress)
    if (this.#routes + entry.routes.length > maxRoutes) {
      const message = `its ${entry.routes.length} paths are not served: this machine has ${this.#routes} already, of ${maxRoutes}`
      this.#refused.set(key, { ingress: key, reason: 'TooManyRules', message })
      return
    }
    this.#served.set(key, entry)
    this.#routes += entry.routes.length
    for (const host of entry.hosts) insert(this.#hostFor(host).owners, entry, byPrecedence)
    for (const route of entry.routes) add(this.#hostFor(route.host), route)
    if (entry.defaultBackend !== undefined) insert(this.#defaults, entry, byDefaultPrecedence)
    for (const host of entry.tls.keys()) {
      const claims = this.#tls.get(host) ?? []
      this.#tls.set(host, claims)
      insert(claims, entry, byPrecedence)
    }
  }

  #withdraw (key: string): void {
    this.#refused.delete(key)
    const entry = this.#served.get(key)
    if (entry === undefined) return
    this.#served.delete(key)
    this.#routes -= entry.routes.length
    for (const route of entry.routes) take(this.#hostFor(route.host), route)
    for (const host of entry.hosts) {
      const { owners } = this.#hostFor(host)
      owners.splice(owners.indexOf(entry), 1)
      if (owners.length === 0) this.#forget(host)
    }
    if (entry.defaultBackend !== undefined) this.#defaults.splice(this.#defaults.indexOf(entry), 1)
    for (const host of entry.tls.keys()) {
      const claims = this.#tls.get(host) ?? []
      claims.splice(claims.indexOf(entry), 1)
      if (claims.length === 0) this.#tls.delete(host)
    }
  }

  #hostFor (host: string): HostRoutes {
    if (host === '') return this.#everyHost ??= emptyHost()
    const [map, name] = host.startsWith('*.') ? [this.#wildcards, host.slice(2)] as const : [this.#exactHosts, host] as const
    const known = map.get(name)
    if (known !== undefined) return known
    const made = emptyHost()
    map.set(name, made)
    return made
  }

  #forget (host: string): void {
    if (host === '') this.#everyHost = undefined
    else if (host.startsWith('*.')) this.#wildcards.delete(host.slice(2))
    else this.#exactHosts.delete(host)
  }
}

function emptyHost (): HostRoutes {
  return { exact: new Map(), prefixes: new Map(), lengths: new Map(), owners: [] }
}

/** From long to short, at the borders of elements: `/a/b` for `/a/b`, `/a/b/` and `/a/b/c`, never for `/a/bc`. */
function longestPrefix ({ prefixes, lengths }: HostRoutes, path: string): Route | undefined {
  if (prefixes.size === 0) return undefined
  for (let end = path.length; end >= 0; end = end === 0 ? -1 : path.lastIndexOf('/', end - 1)) {
    const found = lengths.has(end) ? prefixes.get(path.slice(0, end))?.[0] : undefined
    if (found !== undefined) return found
  }
  return undefined
}

function add ({ exact, prefixes, lengths }: HostRoutes, route: Route): void {
  const map = isPrefix(route.pathType) ? prefixes : exact
  const claims = map.get(route.matched)
  if (claims !== undefined) return insert(claims, route, byClaim)
  map.set(route.matched, [route])
  if (map === prefixes) lengths.set(route.matched.length, (lengths.get(route.matched.length) ?? 0) + 1)
}

function take ({ exact, prefixes, lengths }: HostRoutes, route: Route): void {
  const map = isPrefix(route.pathType) ? prefixes : exact
  const claims = map.get(route.matched) ?? []
  claims.splice(claims.indexOf(route), 1)
  if (claims.length > 0) return
  map.delete(route.matched)
  if (map === exact) return
  const left = (lengths.get(route.matched.length) ?? 0) - 1
  if (left > 0) lengths.set(route.matched.length, left)
  else lengths.delete(route.matched.length)
}

function insert<Item> (list: Item[], item: Item, compare: (one: Item, other: Item) => number): void {
  const at = list.findIndex((each) => compare(item, each) < 0)
  list.splice(at === -1 ? list.length : at, 0, item)
}

function compareTexts (one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}

function byPrecedence (one: IngressEntry, other: IngressEntry): number {
  return compareTexts(one.precedence, other.precedence)
}

/** An ingress that is nothing but a default backend is meant for what no other has: it comes before one that has rules besides. */
function byDefaultPrecedence (one: IngressEntry, other: IngressEntry): number {
  return Number(one.hosts.length > 0) - Number(other.hosts.length > 0) || byPrecedence(one, other)
}

function byClaim (one: Route, other: Route): number {
  return byPrecedence(one.owner, other.owner) || one.index - other.index
}

function byAge (one: Ingress, other: Ingress): number {
  const keyOf = ({ metadata: { creationTimestamp, namespace, name } }: Ingress): string => `${creationTimestamp ?? '~'} ${namespace}/${name}`
  return compareTexts(keyOf(one), keyOf(other))
}
