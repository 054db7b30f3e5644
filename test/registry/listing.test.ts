// Pages behind a filter: the same instances whatever way they are found, and in parts of bounded work.
import t from 'tap'
import { parseSelector } from '../../server/model/instance/selector.ts'
import { type InstanceFilter, type Listed, type Position, listInstances, listServices } from '../../server/registry/catalog/listing.ts'
import { slicedPage } from '../../server/http/api/sliced-page.ts'
import { PlayedFeed } from '../support/played-feed.ts'

/** More than an index sorts: versions are in a third each, one in a hundred is a canary, one of all is odd. */
const count = 6_500
const world = new PlayedFeed().load()
for (let index = 0; index < count; index++) {
  const labels = { version: `v${index % 3}`, ...(index % 100 === 0 ? { canary: 'true' } : {}), ...(index === 4_321 ? { odd: 'one' } : {}) }
  world.register(`shop/web-${String(index % 7)}/i-${index}`, { address: '10.0.0.1', ports: [], labels, status: index % 5 === 0 ? 'draining' : 'up' })
}
world.declare('shop/odd', { clusterIP: 'None', selector: { odd: 'one' } })
const { catalog } = world.feed

const filters: readonly InstanceFilter[] = [
  { selector: parseSelector('version=v1') },
  { selector: parseSelector('!canary') },
  { selector: parseSelector('version!=v1') },
  { selector: parseSelector('canary') },
  { selector: parseSelector('odd=one') },
  { selector: parseSelector('version=v1,version!=v1') },
  { selector: parseSelector('version in (v0,v2),!canary'), statuses: new Set(['draining']) },
  { selector: parseSelector('version=v2'), service: 'web-3' },
  { statuses: new Set(['draining']), namespace: 'shop' }
]

function ids (filter: InstanceFilter): string[] {
  const all = listInstances(catalog, {}, undefined, Infinity).items
  return all.filter(({ service, labels, effectiveStatus }) =>
    (filter.service === undefined || filter.service === service) && (filter.statuses === undefined || filter.statuses.has(effectiveStatus)) &&
    (filter.selector?.requirements ?? []).every((requirement) => holds(requirement, labels))).map(({ id }) => id)
}

function holds (requirement: NonNullable<InstanceFilter['selector']>['requirements'][number], labels: Readonly<Record<string, string>>): boolean {
  const value = labels[requirement.key]
  switch (requirement.operator) {
    case 'in': return value !== undefined && requirement.values.has(value)
    case 'notin': return value === undefined || !requirement.values.has(value)
    case 'exists': return value !== undefined
    case 'absent': return value === undefined
    default: throw new Error(`not in this test: ${requirement.operator}`)
  }
}

const placeOf = ({ namespace, service, id }: Position): Position => ({ namespace, service, id })

t.test('pages of any size, in parts of any size, are the whole list in order', async (t) => {
  for (const filter of filters) {
    const wanted = ids(filter)
    const found: string[] = []
    let after: Position | undefined
    do {
      const page: Listed<Position> = await slicedPage((from, limit) => listInstances(catalog, filter, from, limit, 70), after, 900, placeOf)
      found.push(...page.items.map(({ id }) => id))
      t.ok(page.items.length === 900 || page.next === undefined, 'only the last page is short')
      after = page.next
    } while (after !== undefined)
    t.strictSame(found, wanted, JSON.stringify({ selector: filter.selector?.text, service: filter.service }))
  }
})

t.test('a part looks at no more than it may, though nothing fits', (t) => {
  const part = listInstances(catalog, { selector: parseSelector('version=v1,version!=v1') }, undefined, 100, 50)
  t.same([part.items.length, part.next?.service], [0, 'web-0'])
  t.end()
})

t.test('services are those that have such an instance, found by an index or by a walk', (t) => {
  const names = (filter: InstanceFilter): string[] => listServices(catalog, filter, undefined, 100).items.map(({ name }) => name)
  t.strictSame(names({ selector: parseSelector('odd=one') }), ['odd', 'web-2'])
  t.strictSame(names({ selector: parseSelector('!canary') }), ['odd', ...Array.from({ length: 7 }, (_, index) => `web-${index}`)])
  t.strictSame(names({ selector: parseSelector('version=v1,version!=v1') }), [])
  t.end()
})
