import t from 'tap'
import type { AppliedChange } from '../../server/registry/core.ts'
import type { Made, ShelfEvent } from '../../server/kubernetes/shelf/entry.ts'
import { EventRing } from '../../server/kubernetes/shelf/event-ring.ts'
import { Shelf } from '../../server/kubernetes/shelf/shelf.ts'
import { ageText } from '../../server/kubernetes/table/age.ts'
import { readPath } from '../../server/kubernetes/request/path.ts'

const eventAt = (revision: number): ShelfEvent => ({ revision, type: 'ADDED', entry: {} as ShelfEvent['entry'], previous: undefined, unit: 'n/a' })

t.test('a ring says where one goes on, and when that is forgotten', async (t) => {
  const ring = new EventRing(10)
  ring.restart(5)
  for (const revision of [6, 8, 8, 8, 9]) ring.push(eventAt(revision))
  t.equal(ring.after(4), undefined)
  t.equal(ring.after(5), 0)
  t.equal(ring.after(6), 1)
  t.equal(ring.after(7), 1)
  t.equal(ring.after(8), 2, 'one of the three has been told: the others are told again')
  t.equal(ring.after(9), 5)
  t.equal(ring.after(100), 5)
  t.same(ring.since(8).map(({ revision }) => revision), [9])
  for (let revision = 10; revision < 1_100; revision++) ring.push(eventAt(revision))
  t.ok(ring.size <= 1_010)
  t.ok(ring.isLost(0))
  t.equal(ring.after(9), undefined)
  t.equal(ring.after(1_099), ring.end)
})

/** Objects that a test sets, in units of one letter. */
interface Played {
  readonly shelf: Shelf
  readonly set: (revision: number, unit: string, objects: Readonly<Record<string, string>>) => void
  readonly told: () => string[]
}

function played (): Played {
  const units = new Map<string, Readonly<Record<string, string>>>()
  let now = 0
  const made = (name: string, mark: string): Made => ({
    namespace: 'n', name, uid: mark.split('/')[0] ?? '', mark, isSeen: () => true,
    object: (revision) => ({ apiVersion: 'v1', kind: 'Thing', metadata: { name, resourceVersion: String(revision) } })
  })
  const shelf = new Shelf({
    source: {
      unitsOf: ({ target: { service } }) => [service], all: () => units.keys(),
      make: (unit) => Object.entries(units.get(unit) ?? {}).map(([name, mark]) => made(name, mark))
    },
    revision: () => now, told: () => undefined
  })
  let place = 0
  return {
    shelf,
    set: (revision, unit, objects) => {
      now = revision
      units.set(unit, objects)
      shelf.changed({ revision, target: { namespace: 'n', service: unit, id: '' } } as AppliedChange)
    },
    told: () => {
      const told: string[] = []
      for (let event = shelf.ring.at(place); event !== undefined; event = shelf.ring.at(++place)) told.push(`${event.revision} ${event.type} ${event.entry.name}`)
      return told
    }
  }
}

t.test('a shelf tells each difference once, at the revision of the last change of its unit, in order', async (t) => {
  const { shelf, set, told } = played()
  set(1, 'a', { one: 'u1/1' })
  await shelf.current()
  t.same(told(), [], 'what there was at first is no event')
  set(2, 'a', { one: 'u1/2' })
  set(3, 'b', { two: 'u2/1' })
  set(4, 'a', { one: 'u1/3', more: 'u3/1' })
  t.equal(shelf.revision, 2, 'up to the first change that is not told')
  await shelf.current()
  t.equal(shelf.revision, 4)
  t.same(told(), ['3 ADDED two', '4 MODIFIED one', '4 ADDED more'])
  set(5, 'b', { two: 'u2/1' })
  await shelf.current()
  t.same(told(), [], 'nothing is different')
  set(6, 'a', { more: 'u9/1' })
  set(7, 'b', {})
  await shelf.current()
  t.same(told(), ['6 DELETED one', '6 DELETED more', '6 ADDED more', '7 DELETED two'], 'another uid is another object')
  t.same([...shelf.list(undefined)].map(({ name, revision }) => [name, revision]), [['more', 6]])
  t.equal(shelf.get('n', 'more')?.object().metadata.resourceVersion, '6')
  shelf.reset()
  t.equal(shelf.ring.after(6), undefined)
  await shelf.current()
  t.same([...shelf.list('n')].map(({ name }) => name), ['more'])
})

t.test('ages are written as the API server does', async (t) => {
  const [s, m, h, d] = [1_000, 60_000, 3_600_000, 86_400_000]
  for (const [elapsed, text] of [
    [0, '0s'], [119 * s, '119s'], [2 * m, '2m'], [3 * m + 5 * s, '3m5s'], [10 * m, '10m'], [179 * m, '179m'], [3 * h, '3h'], [3 * h + 20 * m, '3h20m'], [8 * h, '8h'], [47 * h, '47h'],
    [2 * d, '2d'], [2 * d + 4 * h, '2d4h'], [8 * d, '8d'], [700 * d, '700d'], [730 * d, '2y'], [3 * 365 * d + 5 * d, '3y5d'], [9 * 365 * d, '9y'], [-5 * s, '<invalid>']
  ] as const) t.equal(ageText(elapsed), text)
})

t.test('paths name discovery, collections, objects and subresources', async (t) => {
  const at = (group: string, namespace: string | undefined, resource: string, name?: string, subresource = ''): object => ({ type: 'resource', path: { group, version: 'v1', namespace, resource, name, subresource } })
  for (const [path, expected] of [
    ['/api', { type: 'discovery', root: 'api' }], ['/apis/', { type: 'discovery', root: 'apis' }], ['/apis/apps', { type: 'discovery', root: 'apis', group: 'apps' }],
    ['/apis/apps/v1', { type: 'discovery', root: 'apis', group: 'apps', version: 'v1' }], ['/api/v1/services', at('', undefined, 'services')], ['/api/v1/namespaces/shop/services', at('', 'shop', 'services')],
    ['/api/v1/namespaces/shop/services/web/status', at('', 'shop', 'services', 'web', 'status')], ['/api/v1/namespaces/shop', at('', undefined, 'namespaces', 'shop')],
    ['/api/v1/namespaces/shop/status', at('', undefined, 'namespaces', 'shop', 'status')], ['/api/v1/namespaces/shop/status/x', at('', 'shop', 'status', 'x')], ['/apis/apps/v1/namespaces/shop/deployments/a/scale', at('apps', 'shop', 'deployments', 'a', 'scale')],
    ['/api/v1/nodes/a%2Eb', at('', undefined, 'nodes', 'a.b')], ['/api/v1//services', undefined], ['/api/v1/a/b/c/d/e/f/g', undefined], ['/api/v1/nodes/%zz', undefined], ['/other', undefined], ['/', undefined]
  ] as const) t.same(readPath(path), expected, path)
})
