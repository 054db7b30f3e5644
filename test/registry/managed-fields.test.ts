// Who manages which fields of a manifest is kept with it, on SQLite and through a restart; answers that are none of
// Kubernetes' do not have it.
import t from 'tap'
import { managedFieldsOf } from '../../server/model/fields/managed-fields.ts'
import { Registry } from '../../server/registry/registry.ts'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'
import { allocation, apply, service, stored } from '../support/declared.ts'
import { tester } from '../support/world.ts'

const name = { kind: 'Service', namespace: 'shop', name: 'web' } as const
const managedFields = [{
  manager: 'kubectl', operation: 'Update', apiVersion: 'v1', time: '2026-01-02T03:04:05Z', fieldsType: 'FieldsV1',
  fieldsV1: { 'f:spec': { 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {} } }, 'f:type': {} } }
}] as const
const body = { apiVersion: 'v1', kind: 'Service', spec: { type: 'NodePort', ports: [{ port: 80 }] } }

interface Closable { teardown (callback: () => unknown): void }

async function opened (t: Closable, directory: string): Promise<Registry> {
  const registry = new Registry({ store: createSqliteStore({ directory, now: () => Date.now() }), ...allocation() })
  await registry.open()
  t.teardown(() => registry.close())
  return registry
}

t.test('what was put with a manifest is there after a restart, and in no JSON', async (t) => {
  const directory = t.testdir()
  const first = await opened(t, directory)
  const { results } = await first.as(tester).put(name, body, { managedFields })
  t.same(managedFieldsOf(results[0]?.manifest ?? stored(first, 'web')), managedFields)
  t.same((await first.as(tester).put(name, body, { managedFields })).results[0]?.outcome, 'unchanged')
  await first.close()
  const second = await opened(t, directory)
  t.same(managedFieldsOf(stored(second, 'web')), managedFields)
  t.notMatch(JSON.stringify(stored(second, 'web')), /managedFields/)
})

t.test('another writer manages what it changes, and nothing is noted where nothing was', async (t) => {
  const registry = await opened(t, t.testdir())
  await registry.as(tester).put(name, body, { managedFields })
  await apply(registry, service('web', 'type: ClusterIP, ports: [{ port: 80 }, { port: 443, name: tls }]'.replace('{ port: 80 }', '{ port: 80, name: http }')))
  const owners = Object.fromEntries(managedFieldsOf(stored(registry, 'web')).map(({ manager, fieldsV1 }) => [manager, JSON.stringify(fieldsV1)]))
  t.same(Object.keys(owners).sort(), ['kubectl', 'rollcall'])
  t.notMatch(owners.kubectl, /f:type/)
  t.match(owners.rollcall, /"f:type":\{\}/)
  t.match(owners.rollcall, /443/)
  const before = managedFieldsOf(stored(registry, 'web'))
  await apply(registry, service('web', 'type: ClusterIP, ports: [{ port: 80, name: http }, { port: 443, name: tls }]'))
  t.same(managedFieldsOf(stored(registry, 'web')), before, 'the same again changes nothing')
  await apply(registry, service('plain', 'ports: [{ port: 80 }]'))
  t.same(managedFieldsOf(stored(registry, 'plain')), [])
})

t.test('a change of managers alone is a change with a revision, and no new generation', async (t) => {
  const registry = await opened(t, t.testdir())
  await registry.as(tester).put(name, body, { managedFields })
  const before = stored(registry, 'web').metadata
  const [first] = managedFields
  const { results } = await registry.as(tester).put(name, body, { managedFields: [{ ...first, manager: 'other' }] })
  t.equal(results[0]?.outcome, 'configured')
  const after = stored(registry, 'web').metadata
  t.ok(Number(after.resourceVersion) > Number(before.resourceVersion))
  t.equal(after.generation, before.generation)
})

t.test('what is to be new must not be there, and what is deleted must be what was meant', async (t) => {
  const registry = await opened(t, t.testdir())
  const as = registry.as(tester)
  await as.put(name, body, { isNew: true })
  await t.rejects(as.put(name, body, { isNew: true }), { code: 'REG_CONFLICT', message: 'Service "shop/web" already exists' })
  const { uid, resourceVersion } = stored(registry, 'web').metadata
  await t.rejects(as.delete([name], { expected: { uid: 'another' } }), { code: 'REG_CONFLICT', message: `Service "shop/web": its uid is ${uid}, not another` })
  await t.rejects(as.delete([name], { expected: { uid, resourceVersion: '999' } }), { code: 'REG_CONFLICT', errors: [{ field: 'metadata.resourceVersion', value: '999', rule: `must be ${resourceVersion}` }] })
  t.equal((await as.delete([name], { expected: { uid, resourceVersion } })).deleted.length, 1)
})
