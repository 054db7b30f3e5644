// A certificate's record that could not be read any more was listed at /v1/unreadable with the beginning of its content: the key.
import t from 'tap'
import { manifestKey } from '../../server/registry/services/manifests.ts'
import { certificatePrefix } from '../../server/registry/object-keys.ts'
import { build } from '../support/world.ts'

t.test('of a secret that cannot be read no content is shown', async (t) => {
  const { registry, send } = await build(t)
  const key = manifestKey({ kind: 'Secret', namespace: 'shop', name: 'tls' })
  t.equal(key, `${certificatePrefix}shop/tls`)
  await registry.store.commit([{ type: 'put', key, body: '{"data":{"tls.key":"c2VjcmV0"}', endsAtMs: 0, reason: 'declared' }], 'test')
  await registry.store.sync()
  const listed = (await send('GET', '/v1/unreadable')).json().items
  t.match(listed, [{ key, reason: /JSON/ }])
  t.notOk(JSON.stringify(listed).includes('c2VjcmV0'))
})
