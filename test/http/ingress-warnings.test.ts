// What is said of an ingress that is legal and will hardly do what was meant: at apply, and of two that ask for the same by both.
import t from 'tap'
import { selfSigned } from '../support/certificate.ts'
import { build, type HttpWorld } from '../support/world.ts'

const ingress = (name: string, more: object, host = 'shop.example', port: object = { number: 80 }): object => ({
  apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name, namespace: 'shop' },
  spec: { rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port } } }] } }], ...more }
})
const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'shop' }, spec: { ports: [{ name: 'http', port: 80 }] } }

async function applied ({ send }: HttpWorld, ...manifests: readonly object[]): Promise<readonly string[]> {
  const answer = await send('POST', '/v1/apply', manifests.map((manifest) => JSON.stringify(manifest)).join('\n'), { 'content-type': 'application/json' })
  return answer.json().results.at(-1).warnings
}

t.test('a backend that is not there is said, and one that comes along with it is not', async (t) => {
  const world = await build(t)
  t.match(await applied(world, ingress('one', {})), [/^spec\.rules\[0\]\.http\.paths\[0\]\.backend: there is no service "web" in namespace "shop" \(yet\)/])
  t.same(await applied(world, service, ingress('one', {})), [])
  t.same(await applied(world, ingress('one', {}, 'shop.example', { name: 'http' })), [])
  t.match(await applied(world, ingress('one', {}, 'shop.example', { number: 81 })), [/service "web" has no port 81: it has 80 \(http\)/])
  await world.register('shop/implicit/a')
  t.same(await applied(world, ingress('two', { rules: [], defaultBackend: { service: { name: 'implicit', port: { number: 1 } } } })), [], 'instances say their ports themselves')
})

t.test('a certificate that is not there, not for the hosts, or not good any more', async (t) => {
  const world = await build(t)
  const now = world.clock.now()
  const secret = (name: string, untilMs: number, fromMs = now - 1_000): object => {
    const { cert, key } = selfSigned({ names: ['*.shop.example'], fromMs, untilMs })
    return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'shop' }, type: 'kubernetes.io/tls', stringData: { 'tls.crt': cert, 'tls.key': key } }
  }
  const with_ = (secretName: string, host: string): object => ingress('one', { tls: [{ hosts: [host], secretName }] }, host)
  await applied(world, service)
  t.match(await applied(world, with_('none', 'a.shop.example')), [/there is no secret "none"/])
  t.same(await applied(world, secret('good', now + 86_400_000), with_('good', 'a.shop.example')), [])
  t.match(await applied(world, with_('good', 'shop.example')), [/the certificate of "good" is for \*\.shop\.example and not for shop\.example/])
  t.match(await applied(world, secret('old', now - 500, now - 86_400_000)), [/^data\[tls\.crt\]: the certificate expired at /])
  t.match(await applied(world, with_('old', 'a.shop.example')), [/the certificate of "old" expired at /])
  t.match(await applied(world, secret('young', now + 86_400_000, now + 3_600_000)), [/is not good before /])
})

t.test('of two ingresses that ask for one path the older one has it, and both say so', async (t) => {
  const world = await build(t)
  await applied(world, service, ingress('b-older', {}))
  world.clock.advance(1_000)
  t.match(await applied(world, ingress('a-younger', {})), ['Prefix / of shop.example is served by ingress shop/b-older, which is older: this one does not get it'])
  world.clock.advance(1_000)
  t.match(await applied(world, ingress('c-youngest', {})), ['Prefix / of shop.example is served by ingress shop/b-older, which is older: this one does not get it'], 'the winner alone is named')
  t.match(await applied(world, ingress('b-older', {})), [
    'Prefix / of shop.example is asked for by ingress shop/a-younger, too, which is younger and does not get it',
    'Prefix / of shop.example is asked for by ingress shop/c-youngest, too, which is younger and does not get it'
  ])
  t.same(await applied(world, ingress('d', {}, 'other.example')), [])
  t.same(await applied(world, { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name: 'nginx' }, spec: { controller: 'k8s.io/nginx' } },
    ingress('theirs', { ingressClassName: 'nginx' })), [], 'one of another class asks somebody else')
  t.match(await applied(world, ingress('nobodys', { ingressClassName: 'none' })), [/there is no ingress class "none" \(yet\)/])
  t.match(await applied(world, ingress('classless', {}, 'third.example')), [/it names no class/], 'since a class of another controller was declared')
})
