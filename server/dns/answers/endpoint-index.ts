// Which endpoints are in a zone, and which have a tag: what `pin`, `prefer` and `_tag` choose by. Its keys come from the endpoints
// alone, so that names without an endpoint take no memory and no search.
import type { Endpoint } from '../../../client-sdk/src/wire.ts'

/** What a label of a name can hold; a label of an instance with anything else, as a dot, cannot be asked for. */
const askable = /^[a-z0-9_-]{1,63}$/

const none: readonly Endpoint[] = []

export class EndpointIndex {
  readonly #endpoints: readonly Endpoint[]
  #zones: ReadonlyMap<string, readonly Endpoint[]> | undefined
  #tags: ReadonlyMap<string, readonly Endpoint[]> | undefined

  constructor (endpoints: readonly Endpoint[]) {
    this.#endpoints = endpoints
  }

  /** @param zone in lower case */
  inZone (zone: string): readonly Endpoint[] {
    this.#zones ??= Map.groupBy(this.#endpoints, (endpoint) => endpoint.zone?.toLowerCase() ?? '')
    return zone === '' ? none : this.#zones.get(zone) ?? none
  }

  /** Those that have all of the tags. @param tags in lower case, as `tagsOf` gives them */
  tagged (tags: readonly string[]): readonly Endpoint[] {
    const index = this.#tags ??= indexed(this.#endpoints)
    const [fewest = none, ...others] = tags.map((tag) => index.get(tag) ?? none).sort((a, b) => a.length - b.length)
    return others.reduce((rest, other) => {
      if (rest.length === 0) return rest
      const those = new Set(other)
      return rest.filter((endpoint) => those.has(endpoint))
    }, fewest)
  }
}

/** An exact tag: VALUE._KEY, as it stands in a name. */
export function exactTag (key: string, value: string): string {
  return `${value}._${key}`
}

/**
 * The tags of an endpoint: each key of its labels unless the value is "false", each value, and the pairs of them.
 * @example tagsOf({ canary: 'true', version: 'v2' }) // canary true true._canary version v2 v2._version
 */
export function tagsOf (labels: Endpoint['labels']): Set<string> {
  const tags = new Set<string>()
  for (const [labelKey, labelValue] of Object.entries(labels)) {
    const key = labelKey.toLowerCase()
    const value = labelValue.toLowerCase()
    if (askable.test(key) && value !== 'false') tags.add(key)
    if (askable.test(value)) tags.add(value)
    if (askable.test(`_${key}`) && askable.test(value)) tags.add(exactTag(key, value))
  }
  return tags
}

function indexed (endpoints: readonly Endpoint[]): ReadonlyMap<string, readonly Endpoint[]> {
  const index = new Map<string, Endpoint[]>()
  for (const endpoint of endpoints) {
    for (const tag of tagsOf(endpoint.labels)) {
      const those = index.get(tag)
      if (those === undefined) index.set(tag, [endpoint])
      else those.push(endpoint)
    }
  }
  return index
}
