// A manifest with the resource version, or the uid, of an object that somebody had deleted created it anew, where the
// docs promise 409.
import t from 'tap'
import { build } from '../support/world.ts'

const path = '/v1/namespaces/shop/services/web'
const manifest =
  (metadata: object = {}, kind = 'Service', more: object = { spec: { ports: [{ port: 80 }] } }): object =>
    ({ apiVersion: 'v1', kind, metadata: { name: 'web', namespace: 'shop', ...metadata }, ...more })

t.test('a change of what is not there any more is a conflict, by PUT and by apply; without both marks it is created',
  async (t) => {
    const { send } = await build(t)
    const { manifest: stored } = (await send('PUT', path, manifest())).json()
    t.equal((await send('DELETE', path)).statusCode, 200)
    const { uid, resourceVersion } = stored.metadata
    for (const metadata of [{ uid, resourceVersion }, { uid }, { resourceVersion }]) {
      for (const answer of [await send('PUT', path, manifest(metadata)),
        await send('PUT', `${path}?dryRun=true`, manifest(metadata)),
        await send('POST', '/v1/apply', manifest(metadata))]) {
        t.equal(answer.statusCode, 409, JSON.stringify(metadata))
        t.match(answer.json(),
          { code: 'REG_CONFLICT', detail: /leave out metadata/,
            errors: Object.keys(metadata).map(() => ({ field: /^metadata\.(uid|resourceVersion)$/ })) })
      }
    }
    t.equal((await send('GET', path)).statusCode, 404)
    const { creationTimestamp, generation } = stored.metadata
    t.equal((await send('PUT', path,
      { ...stored, metadata: { name: 'web', namespace: 'shop', creationTimestamp, generation } })).statusCode, 201,
    'the rest of an exported object is no claim')
  })

t.test('of every kind', async (t) => {
  const { send } = await build(t)
  for (const [kind, more] of [['Endpoints', { subsets: [] }], ['Namespace', {}]] as const) {
    const metadata = kind === 'Namespace' ? { namespace: undefined, uid: 'x' } : { uid: 'x' }
    t.equal((await send('POST', '/v1/apply', manifest(metadata, kind, more))).statusCode, 409, kind)
  }
})
