// Steps that a registry of few names may go through, in any order: for property tests.
import fc from 'fast-check'
import { fallbackAnnotation, httpsAnnotation, ttlAnnotation } from '../../server/model/service/dns-annotations.ts'
import { pointerAnnotation, pointerPolicies } from '../../server/model/service/pointer-policy.ts'
import type { PlayedFeed } from '../support/played-feed.ts'

export const namespaces = ['shop', 'lab'] as const
export const services = ['web', 'db'] as const
const ids = ['a', 'b', 'c'] as const
const addresses = ['10.0.0.1', '10.0.0.2', 'fd00::', 'fd00::2'] as const
export const hostnames = ['web-0', 'pod'] as const
const ports = [{ name: 'http', port: 80 }, { name: 'dns', port: 53, protocol: 'UDP' }, { port: 9 }] as const
const targets = ['pay.example', 'web.shop.svc.cluster.local', 'cluster.local', `${'x'.repeat(64)}.example`] as const
const path = fc.record({ namespace: fc.constantFrom(...namespaces), service: fc.constantFrom(...services) }).map(({ namespace, service }) => `${namespace}/${service}`)

/** What a service says about its answers. How many records are shown is left out: of more than those a question gets some, in turn. */
const annotations = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  fc.constantFrom('0', '7s', '1h').map((ttl) => ({ [ttlAnnotation]: ttl })),
  fc.constantFrom('true', 'false').map((https) => ({ [httpsAnnotation]: https })),
  fc.constantFrom('db', 'lab/web', 'nobody, web', 'lab/db, shop/web').map((names) => ({ [fallbackAnnotation]: names, [ttlAnnotation]: '9' })),
  fc.constantFrom(...pointerPolicies).map((policy) => ({ [pointerAnnotation]: policy }))
)

export const step = fc.oneof(
  fc.record({
    does: fc.constant('register' as const), path, id: fc.constantFrom(...ids), address: fc.constantFrom(...addresses),
    hostname: fc.option(fc.constantFrom(...hostnames), { nil: undefined }), ports: fc.subarray([...ports]), status: fc.constantFrom('up', 'down'), weight: fc.nat(3),
    leaseMs: fc.constantFrom(3_900, 60_000)
  }),
  fc.record({ does: fc.constantFrom('deregister', 'suspect'), path, id: fc.constantFrom(...ids) }),
  fc.record({ does: fc.constantFrom('declare', 'headless'), path, families: fc.subarray(['10.96.0.9', 'fd00:96::9'], { minLength: 1 }), ports: fc.subarray([0, 1]), annotations }),
  fc.record({ does: fc.constant('alias' as const), path, target: fc.constantFrom(...targets), annotations }),
  fc.record({ does: fc.constant('namespace' as const), path, annotations }),
  fc.record({ does: fc.constant('withdraw' as const), path })
)
export type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** Does the steps that make sense where they stand. */
export function play (world: PlayedFeed, steps: readonly Step[]): PlayedFeed {
  for (const each of steps) {
    const [namespace = '', service = ''] = each.path.split('/')
    switch (each.does) {
      case 'register': {
        const { id, address, hostname, ports, status, weight, leaseMs } = each
        world.register(`${each.path}/${id}`, { address, ...(hostname === undefined ? {} : { hostname }), ports: [...ports], status, weight, labels: { app: id }, lease: { ttlMs: leaseMs } })
        break
      }
      case 'deregister':
      case 'suspect':
        if (world.feed.catalog.entry(namespace, service, each.id) !== undefined) world[each.does as 'deregister'](`${each.path}/${each.id}`)
        break
      case 'declare':
      case 'headless': {
        const clusterIPs = each.does === 'headless' ? ['None'] : each.families
        const own = [{ name: 'http', protocol: 'TCP', port: 8080, targetPort: 'http' }, { name: 'dns', protocol: 'UDP', port: 5353, targetPort: 'dns' }] as const
        world.declare(each.path, { clusterIP: clusterIPs[0] ?? '', clusterIPs, selector: { app: 'a' }, ports: each.ports.flatMap((index) => own[index] ?? []) }, [], each.annotations)
        break
      }
      case 'alias':
        world.declare(each.path, { type: 'ExternalName', externalName: each.target }, [], each.annotations)
        break
      case 'namespace':
        world.declareNamespace(namespace, each.annotations)
        break
      case 'withdraw':
        if (world.feed.catalog.declared(namespace, service) !== undefined) world.withdraw(each.path)
    }
  }
  return world
}
