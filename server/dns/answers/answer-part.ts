// A run of the answered endpoints of a service, with what answers need to know of it: each is made when it is asked for, and kept for as
// long as the run is part of the service. So a change of one endpoint costs what its run does, and the records of an answer are made
// when it is written, no more of them than it shows.
import { beside } from '../../beside.ts'
import type { Endpoint, Port } from '../../../client-sdk/src/wire.ts'
import { familyOf } from '../../model/address/address.ts'
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import { hostnameOf, isAnswerable } from './endpoint-host.ts'
import { tagsOf } from './endpoint-index.ts'
import { maxHints } from './service-binding.ts'

/** What one record would be made of: an endpoint as an address, or as one of its ports. */
export interface Unit {
  /** Units of one key are one record. */
  readonly key: string
  readonly endpoint: Endpoint
  /** 0 = the record has none. */
  readonly port: number
}

/** The units of a run for one kind of question. */
export interface Units {
  /** The first of each key, in the order of the endpoints. */
  readonly distinct: readonly Unit[]
  /** All that are of the best priority among them: those that may come first. */
  readonly heads: readonly Unit[]
  readonly priority: number
  /** Sum of the weights of the heads. */
  readonly weight: number
}

export type Takes = (port: Port) => boolean

/** Combinations of tags whose choice of a run is kept. */
const maxKeptTags = 64

export class AnswerPart {
  /** Those that DNS can carry. */
  readonly endpoints: readonly Endpoint[]
  /** How many it cannot carry. */
  readonly leftOut: number
  readonly #units = new Map<string, Units>()
  #hosts: ReadonlyMap<string, readonly Endpoint[]> | undefined
  #ports: ReadonlySet<string> | undefined
  #offers: readonly Endpoint[] | undefined
  #zones: ReadonlyMap<string, AnswerPart> | undefined
  #byTags: Map<string, AnswerPart> | undefined
  #tags: readonly ReadonlySet<string>[] | undefined

  constructor (endpoints: readonly Endpoint[]) {
    this.endpoints = endpoints.every(isAnswerable) ? endpoints : endpoints.filter(isAnswerable)
    this.leftOut = endpoints.length - this.endpoints.length
  }

  addresses (family: 4 | 6): Units {
    return this.#unitsOf(`${family}`, () => this.endpoints.flatMap((endpoint) =>
      (familyOf(endpoint.address) === family ? [{ key: endpoint.address, endpoint, port: 0 }] : [])))
  }

  /** A number that an endpoint has for TCP and for UDP is one record. @param name of what is taken: with the same name the same */
  services (name: string, takes: Takes): Units {
    return this.#unitsOf(name, () => this.endpoints.flatMap((endpoint) => {
      const hostname = hostnameOf(endpoint)
      return numbersOf(endpoint, takes).map((port) => ({ key: `${hostname} ${port}`, endpoint, port }))
    }))
  }

  /** By the name below the service. */
  get hosts (): ReadonlyMap<string, readonly Endpoint[]> {
    return this.#hosts ??= Map.groupBy(this.endpoints, hostnameOf)
  }

  /** Below which `_protocol` there is something, and which `port protocol` there are. */
  get ports (): ReadonlySet<string> {
    if (this.#ports !== undefined) return this.#ports
    const names = new Set<string>()
    for (const { ports } of this.endpoints) {
      for (const { name, protocol } of ports) if (name !== '') names.add(protocol).add(`${name} ${protocol}`)
    }
    return this.#ports = names
  }

  /** Those that can make a difference to HTTPS and SVCB, the preferred first: of a port the first with each name, and as many as give hints. */
  get offers (): readonly Endpoint[] {
    if (this.#offers !== undefined) return this.#offers
    const known = new Set<string>()
    const hinted = new Map<string, Set<string>>()
    return this.#offers = this.endpoints.toSorted(byPreference).filter(({ address, ports }) => {
      let counts = false
      for (const port of ports) {
        const meaning = `${port.port} ${port.name} ${port.protocol} ${port.appProtocol ?? ''}`
        const place = `${port.port} ${familyOf(address)}`
        const addresses = hinted.get(place) ?? new Set()
        counts ||= !known.has(meaning) || (addresses.size < maxHints && !addresses.has(address))
        known.add(meaning)
        hinted.set(place, addresses.add(address))
      }
      return counts
    })
  }

  /** @param zone in lower case */
  inZone (zone: string): AnswerPart | undefined {
    if (zone === '') return undefined
    this.#zones ??= new Map(Array.from(
      Map.groupBy(this.endpoints, (endpoint) => endpoint.zone?.toLowerCase() ?? ''), ([name, endpoints]) => [name, new AnswerPart(endpoints)]
    ))
    return this.#zones.get(zone)
  }

  /** Those that have all of the tags. @param tags sorted, in lower case */
  tagged (tags: readonly string[]): AnswerPart {
    const key = tags.join(' ')
    this.#byTags ??= new Map<string, AnswerPart>()
    let part = this.#byTags.get(key)
    if (part !== undefined) return part
    const tagsOfEach = this.#tags ??= this.endpoints.map(({ labels }) => tagsOf(labels))
    part = new AnswerPart(this.endpoints.filter((_endpoint, index) => tags.every((tag) => tagsOfEach[index]?.has(tag) === true)))
    if (this.#byTags.size >= maxKeptTags) this.#byTags.clear()
    this.#byTags.set(key, part)
    return part
  }

  #unitsOf (name: string, make: () => readonly Unit[]): Units {
    let units = this.#units.get(name)
    if (units === undefined) this.#units.set(name, units = counted(make()))
    return units
  }
}

const ofRuns = beside<readonly Endpoint[], AnswerPart>()

/** The same part for the same run. */
function answerPart (run: readonly Endpoint[]): AnswerPart {
  let part = ofRuns.get(run)
  if (part === undefined) ofRuns.set(run, part = new AnswerPart(run))
  return part
}

const ofSets = beside<EndpointSet, readonly AnswerPart[]>()

/** The answered endpoints of a service that DNS can carry, in runs. */
export function answerParts (set: EndpointSet): readonly AnswerPart[] {
  let parts = ofSets.get(set)
  if (parts === undefined) ofSets.set(set, parts = set.answeredParts.map(answerPart))
  return parts
}

/** The same in one list. Of a large service it is copied. */
export function answerable (set: EndpointSet): readonly Endpoint[] {
  const [only, ...others] = answerParts(set)
  return only === undefined ? [] : others.length === 0 ? only.endpoints : [only, ...others].flatMap(({ endpoints }) => endpoints)
}

export function hasAnswerable (set: EndpointSet): boolean {
  return answerParts(set).some(({ endpoints }) => endpoints.length > 0)
}

export function byPreference (a: Endpoint, b: Endpoint): number {
  return a.priority - b.priority || b.weight - a.weight
}

/** The numbers of its ports that are taken, each once. */
export function numbersOf ({ ports }: Endpoint, takes: Takes): readonly number[] {
  const numbers = ports.filter(takes).map(({ port }) => port)
  return numbers.length < 2 ? numbers : [...new Set(numbers)]
}

function counted (units: readonly Unit[]): Units {
  const keys = new Set<string>()
  const distinct = units.filter(({ key }) => !keys.has(key) && keys.add(key))
  const priority = units.reduce((best, { endpoint }) => Math.min(best, endpoint.priority), Infinity)
  const heads = units.filter(({ endpoint }) => endpoint.priority === priority)
  return { distinct, heads, priority, weight: heads.reduce((sum, { endpoint }) => sum + endpoint.weight, 0) }
}
