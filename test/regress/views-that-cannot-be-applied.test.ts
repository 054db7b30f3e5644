// What was read could not be applied: the manifest view of an implicit service was 422 (families that the registry has
// not), or its service lost its ports; an IPv6-only one had an empty Endpoints object; the view of an undeclared
// namespace was 404; the mirrored slice of an Endpoints object, applied, made a list with two items of one name.
import t from 'tap'
import { build } from '../support/world.ts'

const shop = '/v1/namespaces/shop'
const web = `${shop}/services/web`
const yaml = { accept: 'application/yaml' }

t.test('the manifest view of an implicit service can be applied, and then means the same: families, ports, unnamed ones too', async (t) => {
  const { send, register } = await build(t)
  await register('shop/web/a',
    { address: '10.0.0.1', ports: [{ name: 'http', port: 8080 }, { port: 53, protocol: 'UDP' }] })
  await register('shop/web/b', { address: 'fd00::1', ports: [{ name: 'http', port: 9090 }] })
  await register('shop/web/c', { address: '10.0.0.3' })
  const endpoints =
    async (): Promise<object[]> =>
      (await send('GET', `${web}/endpoints`)).json().endpoints.map(({ id, address,
        ports }: { id: string, address: string, ports: object }) => ({ id, address, ports }))
  const before = await endpoints()
  const view = (await send('GET', `${web}?view=manifest`)).json()
  const applied =
    await send('POST', '/v1/apply', (await send('GET', web, undefined, yaml)).body,
      { 'content-type': 'application/yaml' })
  t.match(applied.json(), { results: [{ outcome: 'created', warnings: [] }] })
  t.same(await endpoints(), before)
  t.match((await send('GET', `${web}?view=manifest`)).json().spec, view.spec)
})

t.test('an IPv6-only implicit service has an Endpoints object', async (t) => {
  const { send, register } = await build(t)
  await register('shop/web/b', { address: 'fd00::1', ports: [{ port: 9090 }] })
  t.match((await send('GET', `${web}/endpointsobject`)).json(), { subsets: [{ addresses: [{ ip: 'fd00::1' }] }] })
})

t.test('the manifest view of an undeclared namespace is what it would be, and can be applied', async (t) => {
  const { send, register } = await build(t)
  t.equal((await send('GET', `${shop}?view=manifest`)).statusCode, 404, 'where nothing is')
  await register('shop/web/b')
  const view = await send('GET', `${shop}?view=manifest`)
  t.equal(view.statusCode, 200)
  t.match((await send('POST', '/v1/apply', view.body)).json(),
    { results: [{ kind: 'Namespace', name: 'shop', outcome: 'created' }] })
})

t.test('the slices of an Endpoints object, read and applied, stay one list of names, and mean the object',
  async (t) => {
    const { send } = await build(t)
    const made = (ip: string): object =>
      ({ apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'web', namespace: 'shop' },
        subsets: [{ addresses: [{ ip }], ports: [{ port: 80 }] }] })
    await send('PUT', web,
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } })
    await send('POST', '/v1/apply', made('10.0.0.9'))
    const list = async (): Promise<any> => (await send('GET', `${web}/endpointslices`)).json()
    const before = await list()
    const answer = (await send('POST', '/v1/apply', before)).json()
    t.match(answer.results, [{ outcome: 'created', warnings: [/mirrors the Endpoints object/] }])
    const after = await list()
    t.same(after.items, before.items)
    t.match((await send('POST', '/v1/apply', after)).json().results, [{ outcome: 'unchanged' }])
    await send('POST', '/v1/apply', made('10.0.0.10'))
    t.match((await send('GET', `${web}/endpoints`)).json().endpoints.map(({ address }: { address: string }) => address),
      ['10.0.0.10'], 'the echo holds no old address')
  })
