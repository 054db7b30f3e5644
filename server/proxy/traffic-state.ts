// All that this machine carries: the front ends of all services, which of several services has an address, and what
// changed since it was last asked. A change of a service costs what that service has.
import type { ServiceEndpoints } from '../../client-sdk/src/wire.ts'
import type { EndpointCounts } from './agent-status.ts'
import type { FrontEndChanges } from './back-end.ts'
import { carriedOf } from './desired-state.ts'
import { type Carried, type Condition, type FrontEnd, frontEndKey, type HealthCheck } from './front-end.ts'
import type { Machine } from './machine.ts'

/** What a machine carries at most: the kernel's maps hold more, and load in a second or two. */
export const maxFrontEnds = 10_000
export const maxMachineEndpoints = 50_000
/** Services without room that one change tries again: a change must not cost what all of them do. */
const triedAtOnce = 16

interface Held {
  readonly service: ServiceEndpoints
  readonly carried: Carried
}

export class TrafficState {
  #machine: Machine
  readonly #services = new Map<string, Held>()
  /** Front ends by key; of several services with one, the first has it. */
  readonly #claims = new Map<string, FrontEnd[]>()
  readonly #changed = new Set<string>()
  /** Services that there was no room for: they are tried again when there is. */
  readonly #waiting = new Set<string>()
  #endpoints = 0

  constructor (machine: Machine) {
    this.#machine = machine
  }

  /** All services, as they were taken: for the file that survives a restart. */
  services (): ServiceEndpoints[] {
    return Array.from(this.#services.values(), ({ service }) => service)
  }

  /** Endpoints of all services by their state. */
  endpointCounts (): EndpointCounts {
    let [ready, draining, suspect, away] = [0, 0, 0, 0]
    for (const { service: { endpoints } } of this.#services.values()) {
      for (const { conditions, suspect: isSuspect } of endpoints) {
        if (conditions.ready) ready++
        else if (isSuspect) suspect++
        else if (conditions.serving) draining++
        else away++
      }
    }
    return { ready, draining, suspect, away }
  }

  get frontEnds (): number {
    return this.#claims.size
  }

  /** What is in force at each address now. */
  * all (): Generator<FrontEnd> {
    for (const [first] of this.#claims.values()) if (first !== undefined) yield first
  }

  healthChecks (): HealthCheck[] {
    return Array.from(this.#services.values()).flatMap(({ carried: { healthCheck } }) => (healthCheck === undefined ? [] : [healthCheck]))
  }

  conditions (): Condition[] {
    const conditions: Condition[] = []
    for (const { carried } of this.#services.values()) conditions.push(...carried.conditions)
    for (const [first, ...others] of this.#claims.values()) {
      for (const { service, address, port, transport } of others) {
        conditions.push({ service, reason: 'AddressTaken', message: `${address} port ${port} (${transport}) is carried for ${first?.service ?? 'another service'}` })
      }
    }
    return conditions
  }

  put (service: ServiceEndpoints): void {
    this.#put(service)
    this.#tryWaiting()
  }

  /** @param name `namespace/service` */
  remove (name: string): void {
    this.#remove(name)
    this.#tryWaiting()
  }

  #put (service: ServiceEndpoints): void {
    const name = nameOf(service)
    this.#remove(name)
    const carried = this.#carried(service)
    this.#services.set(name, { service, carried })
    this.#endpoints += endpointsOf({ service, carried })
    for (const frontEnd of carried.frontEnds) {
      const key = frontEndKey(frontEnd)
      const claims = this.#claims.get(key) ?? []
      claims.push(frontEnd)
      // The older service has it, as Kubernetes' rule is for two that ask for one address; the same on all machines.
      claims.sort((a, b) => this.#createdAt(a.service).localeCompare(this.#createdAt(b.service)) || a.service.localeCompare(b.service))
      this.#claims.set(key, claims)
      this.#changed.add(key)
    }
  }

  #tryWaiting (): void {
    if (this.#waiting.size === 0 || this.#claims.size >= maxFrontEnds || this.#endpoints >= maxMachineEndpoints) return
    for (const name of [...this.#waiting].slice(0, triedAtOnce)) {
      const held = this.#services.get(name)
      if (held !== undefined) this.#put(held.service)
    }
  }

  #remove (name: string): void {
    const held = this.#services.get(name)
    if (held === undefined) return
    for (const frontEnd of held.carried.frontEnds) {
      const key = frontEndKey(frontEnd)
      const claims = (this.#claims.get(key) ?? []).filter((claim) => claim !== frontEnd)
      if (claims.length === 0) this.#claims.delete(key)
      else this.#claims.set(key, claims)
      this.#changed.add(key)
    }
    this.#services.delete(name)
    this.#waiting.delete(name)
    this.#endpoints -= endpointsOf(held)
  }

  /** All services there are: those that are not among them go. */
  replace (services: readonly ServiceEndpoints[]): void {
    const names = new Set(services.map(nameOf))
    for (const name of [...this.#services.keys()]) if (!names.has(name)) this.#remove(name)
    for (const service of services) this.#put(service)
    this.#tryWaiting()
  }

  /** The machine's addresses have changed. */
  move (machine: Machine): void {
    this.#machine = machine
    for (const service of this.services()) this.#put(service)
  }

  /** What has changed since the last call. */
  takeChanges (): FrontEndChanges {
    const changes = new Map(Array.from(this.#changed, (key) => [key, this.#claims.get(key)?.[0]] as const))
    this.#changed.clear()
    return changes
  }

  #carried (service: ServiceEndpoints): Carried {
    const name = nameOf(service)
    const carried = read(service, this.#machine)
    const tooLarge = (message: string): Carried => {
      this.#waiting.add(name)
      return { frontEnds: [], conditions: [...carried.conditions, { service: name, reason: 'TooLarge', message }] }
    }
    if (this.#claims.size + carried.frontEnds.length > maxFrontEnds) return tooLarge(`this machine carries ${this.#claims.size} addresses and ports already, of ${maxFrontEnds}`)
    if (carried.frontEnds.length > 0 && this.#endpoints + service.endpoints.length > maxMachineEndpoints) {
      return tooLarge(`this machine carries ${this.#endpoints} endpoints already, of ${maxMachineEndpoints}`)
    }
    return carried
  }

  #createdAt (name: string): string {
    return this.#services.get(name)?.service.manifest?.metadata.creationTimestamp ?? ''
  }
}

/** Of what is carried: what is not takes no room. */
function endpointsOf ({ service, carried }: Held): number {
  return carried.frontEnds.length === 0 ? 0 : service.endpoints.length
}

/** One service that cannot be read must not take the others along. */
function read (service: ServiceEndpoints, machine: Machine): Carried {
  try {
    return carriedOf(service, machine)
  } catch (error) {
    const message = `what the registry says of it cannot be read: ${error instanceof Error ? error.message : String(error)}`
    return { frontEnds: [], conditions: [{ service: nameOf(service), reason: 'Unreadable', message }] }
  }
}

function nameOf ({ namespace, service }: Pick<ServiceEndpoints, 'namespace' | 'service'>): string {
  return `${namespace}/${service}`
}
