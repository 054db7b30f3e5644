// Who may write through the door of Kubernetes, and what a refusal says of what may not be read.
import t from 'tap'
import { registryActor } from '../../server/registry/core.ts'
import { bearer, tokenOf } from '../support/world.ts'
import { cluster } from './helper.ts'
import { patchTypes } from './node.ts'

const services = '/api/v1/namespaces/shop/services'
const service = (name: string, spec: object = {}): object => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } })

t.test('a write needs the right to declare the service, and no refusal tells what may not be read', async (t) => {
  const world = await cluster(t, { control: { mode: 'on' } })
  const { ask, registry } = world
  const own = registry.as(registryActor)
  for (const name of ['orders', 'payments']) {
    await own.put({ kind: 'Service', namespace: 'shop', name }, service(name), {
      managedFields: [{ manager: 'a', operation: 'Apply', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: { 'f:spec': { 'f:sessionAffinity': {} } } }]
    })
  }
  const writer = bearer(await tokenOf(world, 'writer', [{ verbs: ['read', 'declare'], namespaces: ['shop'], services: ['orders'] }]))
  const reader = bearer(await tokenOf(world, 'reader', [{ verbs: ['read'], namespaces: ['shop'], services: ['orders'] }]))
  const patch = (name: string, body: object, type: string, headers: Record<string, string>, query = ''): ReturnType<typeof ask> =>
    ask('PATCH', `${services}/${name}${query}`, body, { ...headers, 'content-type': type })
  const merge = { metadata: { labels: { a: 'b' } } }
  t.equal((await patch('orders', merge, patchTypes.merge, writer)).statusCode, 200)
  t.match((await patch('orders', merge, patchTypes.merge, reader)).json(), { code: 403, reason: 'Forbidden', message: /^services "orders" is forbidden: User/ })
  t.match((await patch('orders', merge, patchTypes.merge, {})).json(), { code: 401, reason: 'Unauthorized' })
  for (const name of ['payments', 'nobody']) {
    t.match((await patch(name, merge, patchTypes.merge, writer)).json(), { code: 403, reason: 'Forbidden' }, `${name} may not be written, whether or not it is there`)
    t.match((await patch(name, service(name, { sessionAffinity: 'ClientIP' }), patchTypes.apply, writer, '?fieldManager=b')).json(), { code: 403, reason: 'Forbidden' }, `and its managers are not told: ${name}`)
    t.match((await ask('POST', `${services}?dryRun=All`, service(name), writer)).json(), { code: 403, reason: 'Forbidden' })
    t.match((await ask('DELETE', `${services}/${name}`, { preconditions: { uid: 'x' } }, writer)).json(), { code: 403, reason: 'Forbidden' })
  }
  t.match((await patch('orders', service('orders', { sessionAffinity: 'ClientIP' }), patchTypes.apply, writer, '?fieldManager=b')).json(), { code: 409, message: 'Apply failed with 1 conflict: conflict with "a": .spec.sessionAffinity' })
  t.equal(registry.catalog.declared('shop', 'payments')?.manifest.metadata.labels, undefined)
})
