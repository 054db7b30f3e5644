// The table of conflicts in Kubernetes' documentation of server-side apply, row by row, and what managers share and lose.
import t from 'tap'
import { pathText } from '../../../server/model/fields/field-set.ts'
import { kindFields } from '../../../server/model/fields/kind-fields.ts'
import type { ManagedFieldsEntry } from '../../../server/model/fields/managed-fields.ts'
import { afterApply, afterUpdate, type Managed, maxUpdateManagers, readEntries } from '../../../server/model/fields/managers.ts'
import { fromFieldsV1 } from '../../../server/model/fields/field-set.ts'
import type { Members } from '../../../server/model/fields/values.ts'

const type = kindFields.Service
const config = (spec: Members, labels?: Members): Members =>
  ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', ...(labels === undefined ? {} : { labels }) }, spec })

/** An object through a series of writes. */
class Story {
  live: Managed | undefined
  #second = 0

  get now (): string {
    return `2026-01-02T03:04:${String(this.#second++).padStart(2, '0')}Z`
  }

  apply (manager: string, wanted: Members, force = false): string {
    const applied = afterApply(this.live, wanted, type, { manager, apiVersion: 'v1' }, { force, now: this.now })
    if (applied.outcome === 'conflict') return applied.conflicts.map(({ owner, path }) => `${owner.manager}: ${pathText(path)}`).join(', ')
    this.live = applied
    return 'applied'
  }

  update (manager: string, object: Members): void {
    this.live = { object, entries: afterUpdate(this.live, object, type, { manager, apiVersion: 'v1' }, this.now) }
  }

  get spec (): Members {
    return this.live?.object.spec as Members
  }

  /** `manager: path path; ...` */
  get owners (): string {
    return ownersOf(this.live?.entries ?? [])
  }
}

function ownersOf (entries: readonly ManagedFieldsEntry[]): string {
  return entries.map(({ manager, fieldsV1 }) => `${manager}: ${(fromFieldsV1(fieldsV1)?.paths() ?? []).map(pathText).join(' ')}`).sort().join('; ')
}

t.test('who applies owns what the configuration names', async (t) => {
  const story = new Story()
  t.equal(story.apply('a', config({ type: 'ClusterIP', ports: [{ port: 80, protocol: 'TCP' }], selector: { app: 'x' } }, { team: 'one' })), 'applied')
  t.equal(story.owners, 'a: .metadata.labels.team .spec.ports[port=80,protocol="TCP"] .spec.ports[port=80,protocol="TCP"].port .spec.ports[port=80,protocol="TCP"].protocol .spec.selector .spec.type')
  t.same(story.live?.entries[0]?.fieldsV1, {
    'f:metadata': { 'f:labels': { 'f:team': {} } },
    'f:spec': { 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:protocol': {} } }, 'f:selector': {}, 'f:type': {} }
  })
  t.match(story.live?.entries, [{ manager: 'a', operation: 'Apply', apiVersion: 'v1', fieldsType: 'FieldsV1', time: '2026-01-02T03:04:00Z' }])
})

t.test('a value of another manager is a conflict', async (t) => {
  const begun = (): Story => {
    const story = new Story()
    story.apply('a', config({ type: 'NodePort', sessionAffinity: 'None' }))
    return story
  }
  await t.test('and stays as it is', async (t) => {
    const story = begun()
    t.equal(story.apply('b', config({ type: 'ClusterIP' })), 'a: .spec.type')
    t.equal(story.spec.type, 'NodePort')
    t.equal(story.owners, 'a: .spec.sessionAffinity .spec.type')
  })
  await t.test('overwritten by force, it has a new sole manager', async (t) => {
    const story = begun()
    t.equal(story.apply('b', config({ type: 'ClusterIP' }), true), 'applied')
    t.equal(story.spec.type, 'ClusterIP')
    t.equal(story.owners, 'a: .spec.sessionAffinity; b: .spec.type')
    t.equal(story.apply('a', config({ type: 'NodePort', sessionAffinity: 'None' })), 'b: .spec.type', 'and the old one has the conflict')
  })
  await t.test('given up, it is left to its manager', async (t) => {
    const story = begun()
    t.equal(story.apply('b', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' } }), 'applied')
    t.equal(story.owners, 'a: .spec.sessionAffinity .spec.type')
  })
  await t.test('set to the same value, it is shared', async (t) => {
    const story = begun()
    t.equal(story.apply('b', config({ type: 'NodePort' })), 'applied')
    t.equal(story.owners, 'a: .spec.sessionAffinity .spec.type; b: .spec.type')
    t.equal(story.apply('b', config({ type: 'ClusterIP' })), 'a: .spec.type', 'neither of two may change it alone')
    t.equal(story.apply('a', config({ sessionAffinity: 'None' })), 'applied')
    t.equal(story.spec.type, 'NodePort', 'while one of them names it, it stays')
    t.equal(story.owners, 'a: .spec.sessionAffinity; b: .spec.type')
    t.equal(story.apply('b', config({ type: 'ClusterIP' })), 'applied', 'the last one may change it')
  })
})

t.test('what is named no more, and by nobody else, goes', async (t) => {
  const story = new Story()
  story.apply('a', config({ ports: [{ port: 80 }, { port: 443, name: 'tls' }], selector: { app: 'x' } }, { team: 'one', tier: 'web' }))
  story.update('server', { ...story.live?.object, spec: { ...story.spec, clusterIP: '10.96.0.9' } })
  t.equal(story.apply('a', config({ ports: [{ port: 80, name: 'http' }] }, { tier: 'web' })), 'applied')
  t.same(story.live?.object, { ...config({ ports: [{ port: 80, name: 'http' }], clusterIP: '10.96.0.9' }, { tier: 'web' }) })
  t.equal(story.owners, 'a: .metadata.labels.tier .spec.ports[port=80,protocol="TCP"] .spec.ports[port=80,protocol="TCP"].name .spec.ports[port=80,protocol="TCP"].port; server: .spec.clusterIP')
})

t.test('an item of a list that another manager put a field into stays with that field', async (t) => {
  const story = new Story()
  story.apply('a', config({ ports: [{ port: 80, name: 'http' }] }))
  story.apply('b', config({ ports: [{ port: 80, nodePort: 30080 }, { port: 9 }] }))
  t.same(story.spec.ports, [{ port: 80, name: 'http', nodePort: 30080 }, { port: 9 }])
  t.equal(story.apply('a', config({ ports: [] })), 'applied')
  t.same(story.spec.ports, [{ port: 80, nodePort: 30080 }, { port: 9 }])
})

t.test('an update takes what it changes from everybody, without conflict', async (t) => {
  const story = new Story()
  story.apply('a', config({ type: 'NodePort', selector: { app: 'x' } }))
  story.update('kubectl-edit', config({ type: 'ClusterIP', selector: { app: 'x' } }))
  t.equal(story.owners, 'a: .spec.selector; kubectl-edit: .spec.type')
  t.equal(story.apply('a', config({ type: 'NodePort', selector: { app: 'x' } })), 'kubectl-edit: .spec.type')
  story.update('kubectl-edit', config({ selector: { app: 'x' } }))
  t.equal(story.owners, 'a: .spec.selector', 'what is gone is nobody\'s')
})

t.test('the time of an entry is that of its last change', async (t) => {
  const story = new Story()
  const wanted = config({ type: 'NodePort' })
  story.apply('a', wanted)
  const before = story.live?.entries
  story.apply('a', wanted)
  t.same(story.live?.entries, before, 'the same again changes nothing')
  story.apply('a', config({ type: 'NodePort', sessionAffinity: 'None' }))
  t.match(story.live?.entries, [{ time: '2026-01-02T03:04:02Z' }])
})

t.test('what was there before the first apply has a manager of its own', async (t) => {
  const story = new Story()
  story.live = { object: config({ type: 'NodePort' }), entries: [] }
  t.equal(story.apply('a', config({ type: 'ClusterIP' })), 'before-first-apply: .spec.type')
  t.equal(story.apply('a', config({ sessionAffinity: 'None' })), 'applied')
  t.equal(story.owners, 'a: .spec.sessionAffinity; before-first-apply: .spec.type')
})

t.test('the status and what every object has belong to nobody', async (t) => {
  const story = new Story()
  story.update('x', { ...config({}), metadata: { name: 'web', uid: 'u', resourceVersion: '1', generation: 1, creationTimestamp: 'now', annotations: { a: 'b' } }, status: { loadBalancer: {} } })
  t.equal(story.owners, 'x: .metadata.annotations .metadata.annotations.a')
})

t.test('the oldest of too many updates are one', async (t) => {
  const story = new Story()
  for (let n = 0; n < maxUpdateManagers + 3; n++) story.update(`m${n}`, config({ type: 'NodePort' }, Object.fromEntries(Array.from({ length: n + 1 }, (_, at) => [`l${at}`, 'x']))))
  t.equal(story.live?.entries.length, maxUpdateManagers)
  t.match(ownersOf(story.live?.entries ?? []), /^ancient-changes: \.metadata\.labels \.metadata\.labels\.l0 \.metadata\.labels\.l1 \.metadata\.labels\.l2 \.metadata\.labels\.l3 \.spec\.type; m10: /)
})

t.test('an applied configuration with an item twice, or without its key, is refused', async (t) => {
  const story = new Story()
  story.apply('a', config({ ports: [{ port: 80 }] }))
  t.throws(() => story.apply('a', config({ ports: [{ port: 80 }, { port: 80, protocol: 'TCP' }] })), { message: 'duplicate entries for key [port=80,protocol="TCP"]' })
  t.throws(() => story.apply('a', config({ ports: ['80'] })), { message: 'associative list with keys may not have non-map elements' })
})

t.test('entries that a client wrote are read, or are none', async (t) => {
  const entry = { manager: 'a', operation: 'Apply', apiVersion: 'v1', time: '2026-01-02T03:04:05Z', fieldsType: 'FieldsV1', fieldsV1: { 'f:spec': { 'f:type': {} } } }
  t.same(readEntries([entry]), [entry])
  for (const wrong of [{ operation: 'Delete' }, { fieldsType: 'FieldsV2' }, { apiVersion: '' }, { fieldsV1: { 'q:x': {} } }, { fieldsV1: 3 }, { manager: 7 }]) t.equal(readEntries([{ ...entry, ...wrong }]), undefined, JSON.stringify(wrong))
  let deep: object = {}
  for (let n = 0; n < 1_000; n++) deep = { 'f:x': deep }
  t.equal(readEntries([{ ...entry, fieldsV1: deep }]), undefined, 'a set that recurses')
})
