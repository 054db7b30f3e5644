// What an endpoint gets of a request, and a client of an answer.
import t from 'tap'
import { backendOf, bodyOf, endpoint, get, ingress, service, startIngress, statusOf } from '../../support/ingress.ts'
import { parseCidr } from '../../../server/model/address/ranges.ts'

const local = parseCidr('127.0.0.0/8')
if ('problem' in local) throw new Error(local.problem)

t.test('a request goes to the endpoint with who sent it, and the answer comes back', async (t) => {
  const port = await backendOf(t, (request, response) => {
    response.setHeader('X-Backend', 'yes')
    response.setHeader('Keep-Alive', 'timeout=5')
    response.end(JSON.stringify({ url: request.url, headers: request.rawHeaders }))
  })
  const { port: at, records } = await startIngress(t, { ingresses: [ingress('a', { rules: ['shop.example /cart Prefix web'] })], services: [service('web', [endpoint('w1', port)])] })
  const answer = await get(at, 'Shop.Example:8080', '/cart/1?x=%20', {
    'X-Forwarded-For': '6.6.6.6', 'X-Real-IP': '6.6.6.6', X_Forwarded_For: '6.6.6.6', Forwarded: 'for=6.6.6.6', 'X-Request-Id': 'chosen', Proxy: 'evil', 'X-Kept': 'a'
  })
  t.equal(statusOf(answer), 200)
  t.match(answer, /X-Backend: yes/)
  t.notMatch(answer, /timeout=5/)
  const { url, headers } = JSON.parse(bodyOf(answer)) as { url: string, headers: string[] }
  t.equal(url, '/cart/1?x=%20')
  const of = (name: string): string[] => headers.filter((_, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === name)
  t.strictSame(of('host'), ['Shop.Example:8080'])
  t.strictSame(of('x-forwarded-for'), ['127.0.0.1'])
  t.strictSame(of('x-forwarded-proto'), ['http'])
  t.strictSame(of('x-forwarded-port'), [String(at)])
  t.strictSame(of('x-kept'), ['a'])
  t.notMatch(JSON.stringify(headers), /6\.6\.6\.6|evil|chosen/)
  t.match(of('x-request-id')[0], /^[0-9a-f]{32}$/)
  t.match(records[0], { status: 200, ingress: 'default/a', service: 'default/web', path: '/cart/1', host: 'shop.example', retries: 0 })
})
