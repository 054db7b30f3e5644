// Symptom: a watch of tables that came back from before a restart (`kubectl get services -w`) ended without a word,
// and the registry counted an unexpected error: of a service that went meanwhile only the name is known, and the
// columns looked for its type and its ports.
import t from 'tap'
import { cluster, serve } from '../kubernetes/helper.ts'

const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }
const kinds = [
  '/api/v1/services', '/api/v1/endpoints', '/api/v1/pods', '/api/v1/nodes', '/api/v1/namespaces', '/apis/apps/v1/deployments',
  '/apis/coordination.k8s.io/v1/leases', '/apis/discovery.k8s.io/v1/endpointslices'
]

t.test('what went before a node knew is told as a row with its name', async (t) => {
  const first = await cluster(t)
  await first.register('old/gone/last', { address: '10.0.0.9', node: 'far', lease: { ttlMs: 3_600_000 } })
  const revisions = new Map<string, string>()
  for (const path of kinds) revisions.set(path, (await first.ask('GET', path)).json().metadata.resourceVersion)
  await first.access.deregister({ namespace: 'old', service: 'gone', id: 'last' })
  const second = await serve(t, first)
  for (const path of kinds) {
    const events = await second.watch(`${path}?watch=true&timeoutSeconds=1&resourceVersion=${revisions.get(path)}`, table)
    second.clock.advance(2_000)
    const told = []
    for (let event = await events.next(); event !== undefined; event = await events.next()) told.push(event)
    const rows = told.filter(({ type }) => type === 'DELETED').flatMap(({ object: { rows } }) => rows)
    const errors = told.filter(({ type }) => type === 'ERROR')
    t.ok(rows.length > 0 || errors.length > 0, path)
    for (const { cells } of rows) {
      t.equal(typeof cells[0], 'string', path)
      t.notOk(cells.includes(null), path)
    }
  }
  t.same(second.log.filter(({ level }) => level === 'error'), [])
})
