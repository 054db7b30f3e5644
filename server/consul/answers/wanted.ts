// Which entries a query wants, and in which order.
import type { ReadQuery } from '../query.ts'
import type { Entry } from './entry.ts'

/** `?passing`, `?tag`, `?node-meta`, and `?filter` on the form that the answer has. */
export function wanted<Form> (entries: readonly Entry[], query: ReadQuery, form: (entry: Entry) => Form): Form[] {
  const { passing, tags, nodeMeta, filter, near } = query
  const fitting = entries.filter(({ status, service, node }) => (
    (!passing || status === 'passing') &&
    (tags.length === 0 || hasAll(service.Tags, tags)) &&
    nodeMeta.every(([key, value]) => Object.hasOwn(node.Meta, key) && node.Meta[key] === value)
  ))
  const ordered = near === undefined ? fitting : sortedNear(fitting, near)
  const forms = ordered.map(form)
  return filter === undefined ? forms : forms.filter((each) => filter.matches(each))
}

/** Whether a query wants more, or less, or in another order, than everything there is. */
export function isPlain ({ passing, tags, nodeMeta, filter, near }: ReadQuery): boolean {
  return !passing && tags.length === 0 && nodeMeta.length === 0 && filter === undefined && near === undefined
}

function hasAll (tags: readonly string[], asked: readonly string[]): boolean {
  const own = new Set(tags.map((tag) => tag.toLowerCase()))
  return asked.every((tag) => own.has(tag))
}

/**
 * Consul measures round trips between its agents; here who is near is said by the registrations: first what is on the node that is named,
 * then what is in its zone, then what is in its region. @param near the name or the address of a node
 */
export function sortedNear (entries: readonly Entry[], near: string): Entry[] {
  const own = entries.find(({ node }) => node.Node === near || node.Address === near)
  const locality = own?.service.Locality
  const distance = ({ node, service: { Locality: there } }: Entry): number => {
    if (node.Node === near || node.Address === near) return 0
    if (locality === undefined || there === undefined) return 3
    if (locality.Zone !== '' && locality.Zone === there.Zone && locality.Region === there.Region) return 1
    return locality.Region !== '' && locality.Region === there.Region ? 2 : 3
  }
  return entries.toSorted((a, b) => distance(a) - distance(b))
}
