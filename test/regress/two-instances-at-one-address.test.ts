// `alpha/host-1` was up and `beta/host-1` down at one address, both selected by one service: its slice had one of them,
// not ready, and its Endpoints object the address twice.
import t from 'tap'
import { build } from '../support/world.ts'

const web = '/v1/namespaces/shop/services/web'

t.test('the registered service is part of who an endpoint is, in slices; the Endpoints object has an address once',
  async (t) => {
    const { send, register } = await build(t)
    await send('PUT', web,
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' },
        spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] } })
    const both = { address: '10.0.0.1', ports: [{ name: 'http', port: 8080 }], labels: { app: 'web' } }
    await register('shop/alpha/host-1', both)
    await register('shop/beta/host-1', { ...both, status: 'down' })
    const slices = (await send('GET', `${web}/endpointslices`)).json().items
    t.equal(slices.length, 1)
    t.match(slices[0].endpoints, [
      { addresses: ['10.0.0.1'], conditions: { ready: true }, targetRef: { name: 'alpha/host-1' } },
      { addresses: ['10.0.0.1'], conditions: { ready: false }, targetRef: { name: 'beta/host-1' } }
    ])
    const { subsets } = (await send('GET', `${web}/endpointsobject`)).json()
    t.same(subsets,
      [{ addresses: [{ ip: '10.0.0.1', targetRef: { kind: 'Pod', namespace: 'shop', name: 'alpha/host-1' } }],
        ports: [{ name: '', port: 8080, protocol: 'TCP' }] }])
  })

t.test('?selector=rollcall.dev/service means the service that was registered, in endpoints too', async (t) => {
  const { send, register } = await build(t)
  await send('PUT', web,
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] } })
  for (const name of ['blue',
    'green']) await register(`shop/${name}/i-1`,
    { address: '10.0.0.1', ports: [{ port: 8080 }], labels: { app: 'web' } })
  const found = async (service: string, selector: string): Promise<string[]> =>
    (await send('GET',
      `/v1/namespaces/shop/services/${service}/endpoints?selector=${encodeURIComponent(selector)}`)).json().endpoints.map(({ service, id }: { service?: string, id: string }) => `${service ?? ''}/${id}`)
  t.same(await found('web', 'rollcall.dev/service=blue'), ['blue/i-1'])
  t.same(await found('web', 'rollcall.dev/service=web'), [])
  t.same(await found('web', 'rollcall.dev/service!=blue'), ['green/i-1'])
  t.same(await found('blue', 'rollcall.dev/service=blue'), ['/i-1'], 'an implicit service too')
  await send('POST', '/v1/apply', [
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'db', namespace: 'shop' }, spec: { ports: [{ port: 1 }] } },
    { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'db', namespace: 'shop' },
      subsets: [{ addresses: [{ ip: '10.0.0.9' }], ports: [{ port: 1 }] }] }
  ].map((each) => JSON.stringify(each)).join('\n'))
  t.same([await found('db', 'rollcall.dev/service=db'), await found('db', '!rollcall.dev/service')],
    [[], ['/10.0.0.9']], 'what was made by hand registered nowhere')
})
