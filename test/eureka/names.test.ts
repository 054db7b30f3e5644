import fc from 'fast-check'
import t from 'tap'
import { appOf, idOf, instanceIdOf, serviceOf } from '../../server/eureka/form/names.ts'
import { isId } from '../../server/model/names.ts'

t.test('an application is a service in upper case', async (t) => {
  for (const [app, service] of [
    ['ORDERS', 'orders'], ['orders', 'orders'], ['Order-Service2', 'order-service2'], ['MY_SERVICE', undefined], ['a.b', undefined], ['', undefined],
    ['-A', undefined], ['주문', undefined], ['A/B', undefined], ['x'.repeat(64), undefined], ['x'.repeat(63), 'x'.repeat(63)]
  ] as const) t.equal(serviceOf(app), service, app)
  t.equal(appOf('order-service2'), 'ORDER-SERVICE2')
})

t.test('an id that does not fit here is escaped, and is shown again as it came', async (t) => {
  for (const [instanceId, id] of [
    ['host:orders:8080', 'host:orders:8080'], ['a/b', 'a%2Fb'], ['50%', '50%'], ['a%2Fb', 'a%252Fb'], ['100%25', '100%2525'], ['주문', '%EC%A3%BC%EB%AC%B8'], ['a b', 'a%20b'],
    ['.', '%2E'], ['..', '%2E%2E'], ['...', '...'], ['a?b#c', 'a?b#c'], ['', undefined], ['x'.repeat(254), undefined], ['/'.repeat(100), undefined], ['\ud800', undefined]
  ] as const) {
    t.equal(idOf(instanceId), id, instanceId)
    if (id !== undefined) t.equal(instanceIdOf(id), instanceId)
  }
  for (const id of ['%ff', '%41', '%', '%2f']) t.equal(instanceIdOf(id), id, `${id} is of no id of Eureka's, and shown as it is`)
})

t.test('whatever the id, it leads there and back, and no two become one', async () => {
  fc.assert(fc.property(fc.string({ maxLength: 60, unit: 'grapheme' }), (instanceId) => {
    const id = idOf(instanceId)
    return id === undefined || (isId(id) && instanceIdOf(id) === instanceId)
  }))
  fc.assert(fc.property(fc.stringMatching(/^[%2EF/a]{1,12}$/), (instanceId) => {
    const id = idOf(instanceId)
    return id !== undefined && instanceIdOf(id) === instanceId
  }))
})
