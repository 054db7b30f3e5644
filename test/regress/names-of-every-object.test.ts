// What every object of JavaScript has was taken for something that was said: `?__proto__=1` passed as a parameter, an
// annotation `constructor` was warned of as deprecated.
import t from 'tap'
import { build } from '../support/world.ts'

t.test('no parameter is known because every object has it', async (t) => {
  const { send } = await build(t)
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    for (const url of ['/v1/instances', '/v1/overview', '/livez', '/metrics']) {
      t.match((await send('GET', `${url}?${name}=1`)).json(), { status: 400, errors: [{ field: name, rule: 'is not a known parameter' }] }, `${url} ${name}`)
    }
  }
})

t.test('no annotation is deprecated and no label is there because every object has it', async (t) => {
  const { send, register } = await build(t)
  await register('shop/orders/orders-1')
  const manifest = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', annotations: { constructor: 'x', toString: 'y' } }, spec: { selector: { constructor: 'x' }, ports: [{ port: 80 }] } }
  t.match((await send('PUT', '/v1/namespaces/shop/services/web', manifest)).json(), { outcome: 'created', warnings: [] })
  t.same((await send('GET', '/v1/namespaces/shop/services/web/endpoints')).json().endpoints, [])
  t.same((await send('GET', '/v1/instances?selector=constructor')).json().items, [])
})
