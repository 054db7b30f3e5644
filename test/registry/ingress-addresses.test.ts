// Where ingresses are reached, as the registry writes it into their status; and what agents are told, when it changes.
import t from 'tap'
import type { Ingress } from '../../client-sdk/src/ingress-manifests.ts'
import type { Registry } from '../../server/registry/registry.ts'
import { allocation, apply, stream } from '../support/declared.ts'
import { build, tester, world } from '../support/world.ts'

const yaml = (name: string, more = ''): string => `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: ${name}, namespace: shop }
spec: { ${more} defaultBackend: { service: { name: web, port: { number: 80 } } } }
`
const classes = `
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: { name: inner }
spec: { controller: rollcall.dev/ingress }
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: { name: foreign }
spec: { controller: example.com/other }
`
const addresses = (registry: Registry, name: string): readonly (string | undefined)[] => {
  const found = registry.as(tester).manifest({ kind: 'Ingress', namespace: 'shop', name }) as Ingress
  return (found.status?.loadBalancer.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname)
}
function agent (id: string, ips: string, more: Readonly<Record<string, string>> = {}) {
  return {
    name: { namespace: 'rollcall-system', service: 'ingress', id },
    body: { address: ips.split(',')[0] ?? '', metadata: { 'rollcall.dev/ingress-addresses': ips, ...more }, lease: { ttlMs: 3_600_000 } }
  }
}
async function register (registry: Registry, { name, body }: ReturnType<typeof agent>): Promise<void> {
  await registry.as(tester).register(name, body)
}
/** Resolves when the registry has written a status by itself. */
function written (registry: Registry, name: string): Promise<void> {
  return new Promise((resolve) => {
    const stop = registry.feed.listen({ changed: ({ kind, target, by }) => {
      if (kind !== 'ingress' || target.id !== name || by !== 'registry') return
      stop()
      resolve()
    } })
  })
}

t.test('an ingress has the addresses of the agents that serve its class, and loses them a while after they have gone', async (t) => {
  const { registry, clock } = await world(t)
  await apply(registry, stream(yaml('own', 'ingressClassName: rollcall,'), yaml('inner', 'ingressClassName: inner,'), yaml('foreign', 'ingressClassName: foreign,'), classes))
  const first = Promise.all([written(registry, 'own'), written(registry, 'inner')])
  await register(registry, agent('b', '10.0.0.2,10.0.0.1'))
  await register(registry, agent('a', '10.0.0.9', { 'rollcall.dev/ingress-classes': 'inner' }))
  clock.advance(1_000)
  await first
  t.strictSame(addresses(registry, 'inner'), ['10.0.0.1', '10.0.0.2', '10.0.0.9'])
  t.strictSame(addresses(registry, 'foreign'), [], 'somebody else serves that')
  const { revision } = registry.feed
  await apply(registry, yaml('inner', 'ingressClassName: inner,'))
  t.equal(registry.feed.revision, revision, 'what is applied again does not touch the status')

  await registry.as(tester).deregister({ namespace: 'rollcall-system', service: 'ingress', id: 'a' })
  clock.advance(1_000)
  t.strictSame(addresses(registry, 'inner').length, 3, 'it may be back in a moment')
  const gone = written(registry, 'inner')
  clock.advance(10_000)
  await gone
  t.strictSame(addresses(registry, 'inner'), ['10.0.0.1', '10.0.0.2'])
})

t.test('where a service stands before the agents its address is theirs', async (t) => {
  const { registry, clock } = await world(t, allocation(['public=192.0.2.1-192.0.2.1']))
  await apply(registry, yaml('own'))
  await register(registry, agent('a', '10.0.0.1', { 'rollcall.dev/ingress-service': 'edge/front' }))
  clock.advance(1_000)
  t.strictSame(addresses(registry, 'own'), [])
  const done = written(registry, 'own')
  await apply(registry, `
apiVersion: v1
kind: Service
metadata: { name: front, namespace: edge }
spec: { type: LoadBalancer, selector: { a: b }, ports: [{ port: 80 }] }
`)
  clock.advance(1_000)
  await done
  t.strictSame(addresses(registry, 'own'), ['192.0.2.1'])
})

t.test('agents are told of ingresses at once, and again when one of them, a class or a certificate changes', async (t) => {
  const { send, registry } = await build(t)
  await apply(registry, yaml('own'))
  const ask = async (query = '') => (await send('GET', `/v1/ingress/objects${query}`)).json()
  const first = await ask()
  t.match(first, { ingresses: [{ metadata: { name: 'own' } }], classes: [], certificates: [] })
  t.equal((await send('GET', `/v1/ingress/objects?after=${first.revision}&wait=1ms`)).statusCode, 200)
  for (const [change, expected] of [
    [() => apply(registry, yaml('two')), { ingresses: [{}, { metadata: { name: 'two' } }] }],
    [() => apply(registry, classes), { classes: [{ metadata: { name: 'foreign' } }, {}] }],
    [() => registry.as(tester).delete([{ kind: 'Ingress', namespace: 'shop', name: 'own' }]), { ingresses: [{ metadata: { name: 'two' } }] }]
  ] as const) {
    const { revision } = await ask()
    const waiting = ask(`?after=${revision}&wait=30s`)
    await registry.as(tester).register({ namespace: 'shop', service: 'web', id: 'x' }, { address: '10.0.0.1' })
    await change()
    t.match(await waiting, expected)
  }
  t.equal((await send('GET', '/v1/ingress/objects?after=nonsense')).statusCode, 400)
})
