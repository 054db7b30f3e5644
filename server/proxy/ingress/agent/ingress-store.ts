// What the agent knows of ingresses, by name, and which of it differs from what it knew. It tells workers of services in namespaces that
// have an ingress, and of no others.
import { isDeepStrictEqual } from 'node:util'
import type { Ingress, IngressClass } from '../../../../client-sdk/src/ingress-manifests.ts'
import { ingressController } from '../../../../client-sdk/src/ingress-manifests.ts'
import type { IngressState, ServiceState } from '../ports.ts'
import type { ChangedNames, StateSource, Untold } from '../workers/state-changes.ts'
import type { StateChanges, WorkerCertificates } from '../workers/worker-messages.ts'

const defaultClass = 'ingressclass.kubernetes.io/is-default-class'
const classAnnotation = 'kubernetes.io/ingress.class'

export function nameOf ({ metadata: { namespace, name } }: Ingress): string {
  return `${namespace}/${name}`
}

function serviceName ({ namespace, service }: Pick<ServiceState, 'namespace' | 'service'>): string {
  return `${namespace}/${service}`
}

export interface IngressStoreOptions {
  /** The classes that are served; none: all of our controller. */
  readonly classes: readonly string[]
  readonly certificates: () => WorkerCertificates
}

export class IngressStore implements StateSource {
  readonly #options: IngressStoreOptions
  readonly #ingresses = new Map<string, Ingress>()
  readonly #classes = new Map<string, IngressClass>()
  readonly #services = new Map<string, ServiceState>()
  #namespaces = new Set<string>()

  constructor (options: IngressStoreOptions) {
    this.#options = options
  }

  /** Those that are served here. */
  get ingresses (): readonly Ingress[] {
    return [...this.#ingresses.values()]
  }

  get state (): IngressState {
    const services = [...this.#services].filter(([, { namespace }]) => this.#namespaces.has(namespace))
    return { ingresses: this.ingresses, classes: [...this.#classes.values()], services: new Map(services) }
  }

  /** All that there are. @returns the names of what differs */
  setObjects (ingresses: readonly Ingress[], classes: readonly IngressClass[]): ChangedNames {
    const classNames = replace(this.#classes, new Map(classes.map((each) => [each.metadata.name, each])))
    const names = replace(this.#ingresses, new Map(ingresses.filter((each) => this.#isServed(each)).map((each) => [nameOf(each), each])))
    const before = this.#namespaces
    this.#namespaces = new Set(this.ingresses.map(({ metadata: { namespace } }) => namespace))
    const moved = new Set([...before, ...this.#namespaces].filter((namespace) => !before.has(namespace) || !this.#namespaces.has(namespace)))
    const services = moved.size === 0 ? [] : Array.from(this.#services).filter(([, { namespace }]) => moved.has(namespace)).map(([name]) => name)
    return { ingresses: names, classes: classNames, services }
  }

  /** All services that there are. @returns the names of what differs */
  setServices (services: readonly ServiceState[]): ChangedNames {
    return this.#told(replace(this.#services, new Map(services.map((each) => [serviceName(each), each]))))
  }

  putService (service: ServiceState): ChangedNames {
    this.#services.set(serviceName(service), service)
    return this.#told([serviceName(service)])
  }

  removeService (name: string): ChangedNames {
    this.#services.delete(name)
    return this.#told([name])
  }

  /** Services of namespaces with an ingress: what survives a restart. */
  services (): readonly ServiceState[] {
    return [...this.state.services.values()]
  }

  whole (): StateChanges {
    const { ingresses, classes, services } = this.state
    return {
      isAll: true, ingresses, classes, services: [...services.values()], gone: { ingresses: [], classes: [], services: [] },
      certificates: this.#options.certificates()
    }
  }

  changes (names: Untold): StateChanges {
    const ingresses = split(names.ingresses, (name) => this.#ingresses.get(name))
    const classes = split(names.classes, (name) => this.#classes.get(name))
    const services = split(names.services, (name) => {
      const service = this.#services.get(name)
      return service !== undefined && this.#namespaces.has(service.namespace) ? service : undefined
    })
    return {
      isAll: false, ingresses: ingresses.there, classes: classes.there, services: services.there,
      gone: { ingresses: ingresses.gone, classes: classes.gone, services: services.gone },
      ...(names.certificates ? { certificates: this.#options.certificates() } : {})
    }
  }

  #told (names: readonly string[]): ChangedNames {
    return { services: names.filter((name) => this.#namespaces.has(name.slice(0, name.indexOf('/')))) }
  }

  /** Whether its class is one that this machine serves: that which it names, else the default one. */
  #isServed ({ metadata: { annotations }, spec }: Ingress): boolean {
    const { classes } = this.#options
    if (classes.length === 0) return true // the engine looks for our controller
    const named = spec.ingressClassName ?? annotations?.[classAnnotation]
    if (named !== undefined) return classes.includes(named)
    return classes.some((name) => {
      const found = this.#classes.get(name)
      return found?.spec.controller === ingressController && found.metadata.annotations?.[defaultClass] === 'true'
    })
  }
}

/** By value: a list that is told again changes nothing. */
function replace<Value> (map: Map<string, Value>, next: ReadonlyMap<string, Value>): string[] {
  const changed: string[] = []
  for (const name of map.keys()) {
    if (next.has(name)) continue
    map.delete(name)
    changed.push(name)
  }
  for (const [name, value] of next) {
    if (isDeepStrictEqual(map.get(name), value)) continue
    map.set(name, value)
    changed.push(name)
  }
  return changed
}

function split<Value> (names: Iterable<string>, read: (name: string) => Value | undefined): { readonly there: Value[], readonly gone: string[] } {
  const there: Value[] = []
  const gone: string[] = []
  for (const name of names) {
    const value = read(name)
    if (value === undefined) gone.push(name)
    else there.push(value)
  }
  return { there, gone }
}
