// One registration changed two services (the one of its name, and a declared one that selects it); a watch of endpoints
// told both with one revision, and the SDK took the second for a repetition: the declared service stayed at what it
// was.
import t from 'tap'
import { Rollcall } from '../../client-sdk/src/index.ts'
import { build } from '../support/world.ts'

const declared =
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' },
    spec: { clusterIP: 'None', selector: { app: 'web' }, ports: [{ port: 80 }] } }

t.test('each service that a change touched has a frame, and the cursor before the last of them resumes with all of them',
  async (t) => {
    const world = await build(t)
    await world.send('PUT', '/v1/namespaces/shop/services/web', declared)
    const { url } = await world.listen()
    const client = new Rollcall({ address: url, signals: false })
    t.teardown(() => client.close())
    const cursors = new Map<string, string>()
    for (const since of [undefined, 'resumed']) {
      const watch =
        client.watch({ view: 'endpoints', namespace: 'shop',
          since: since === undefined ? undefined : [...cursors.values()][0] })
      if (since === undefined) {
        t.equal((await watch.next()).value.type, 'endpoints-snapshot')
        await world.register('shop/front/a', { address: '10.0.0.1', labels: { app: 'web' } })
      }
      const told = new Set<string>()
      while (told.size < 2) {
        const { value } = await watch.next()
        if (value.type !== 'endpoints') continue
        told.add(value.endpoints.service)
        cursors.set(value.endpoints.service, value.revision)
        t.equal(value.endpoints.endpoints.length, 1)
      }
      t.same([...told].sort(), ['front', 'web'], since ?? 'live')
      await watch.return()
    }
    t.equal(new Set(cursors.values()).size, 2, 'only the last has the revision of the change')
  })
