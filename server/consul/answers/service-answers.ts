// The entries of a service, made once per change and shared by all answers.
import { beside } from '../../beside.ts'
import type { Instance } from '../../../client-sdk/src/wire.ts'
import { instanceKey } from '../../model/names.ts'
import type { EndpointSet } from '../../registry/core.ts'
import type { Directory } from '../directory.ts'
import type { Outputs } from '../outputs.ts'
import { type Entry, entryOf, weightScale } from './entry.ts'

type Endpoint = EndpointSet['all'][number]

interface Kept {
  readonly instance: Instance | undefined
  readonly service: string
  readonly scale: number
  readonly failOpen: boolean
  readonly outputs: ReturnType<Outputs['of']>
  readonly entry: Entry
}

export interface ServiceAnswersOptions {
  readonly directory: Directory
  readonly outputs: Outputs
  readonly datacenter: string
  readonly index: (revision: number) => number
}

export class ServiceAnswers {
  readonly #options: ServiceAnswersOptions
  readonly #kept = beside<Endpoint, Kept>()
  readonly #scales = beside<EndpointSet, number>()

  constructor (options: ServiceAnswersOptions) {
    this.#options = options
  }

  /** Everything under a name, ordered by id. */
  entries (set: EndpointSet): Entry[] {
    const scale = this.#scaleOf(set)
    return set.parts.flatMap(({ items }) => items.map((endpoint) => this.#entry(set, endpoint, scale)))
  }

  /** Grows when a check says something else: entries may be others though their service is the same. */
  get version (): number {
    return this.#options.outputs.version
  }

  /** One instance, under the name that it registered. */
  entry (instance: Instance): Entry {
    const set = this.#options.directory.endpoints(instance.namespace, instance.service)
    const scale = set === undefined ? weightScale([instance]) : this.#scaleOf(set)
    return this.#make(instance.service, instance.namespace, instance, instance, scale, set?.failOpen ?? false, instance.revision)
  }

  #entry (set: EndpointSet, endpoint: Endpoint, scale: number): Entry {
    const { directory, outputs } = this.#options
    const instance = directory.instance({ namespace: set.namespace, service: endpoint.service ?? set.service, id: endpoint.id })
    const said = outputs.of(instanceKey(set.namespace, endpoint.service ?? set.service, endpoint.id))
    const known = this.#kept.get(endpoint)
    const isSame = known !== undefined && known.instance === instance && known.service === set.service && known.scale === scale
    if (isSame && known.failOpen === set.failOpen && known.outputs === said) return known.entry
    const entry = this.#make(set.service, set.namespace, endpoint, instance, scale, set.failOpen, set.revision)
    this.#kept.set(endpoint, { instance, service: set.service, scale, failOpen: set.failOpen, outputs: said, entry })
    return entry
  }

  #make (
    service: string, namespace: string, endpoint: Omit<Endpoint, 'conditions' | 'service'>, instance: Instance | undefined,
    scale: number, failOpen: boolean, revision: number
  ): Entry {
    const { datacenter, index, outputs } = this.#options
    const said = outputs.of(instanceKey(namespace, instance?.service ?? service, endpoint.id))
    return entryOf({ service, endpoint, instance, datacenter, scale, failOpen, index, revision, outputOf: (checkId) => said?.get(checkId) })
  }

  #scaleOf (set: EndpointSet): number {
    let scale = this.#scales.get(set)
    if (scale === undefined) {
      scale = weightScale(set.all)
      this.#scales.set(set, scale)
    }
    return scale
  }
}
