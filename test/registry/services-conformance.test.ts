// What Kubernetes does with a service from one apply to the next: who has which value, and what is refused because of it.
import t from 'tap'
import type { Service } from '../../server/model/service/types.ts'
import type { Registry } from '../../server/registry/registry.ts'
import { allocation, apply, service, stored, stream } from '../support/declared.ts'
import { type Closable } from '../support/closable.ts'
import { world, tester } from '../support/world.ts'

const a = 'selector: { a: b }'
const http = `${a}, ports: [{ port: 80 }]`

/** Cluster IPs, node ports (health checks included), load-balancer addresses: all values in use. */
const used = (registry: Registry): number[] => {
  const sum = (kind: string): number => registry.services.pools().filter((pool) => pool.kind === kind).reduce((total, pool) => total + pool.used, 0)
  return [sum('cluster-ip'), sum('node-port'), sum('load-balancer')]
}

const dual = (t: Closable): ReturnType<typeof world> => world(t, allocation(['public=192.0.2.10-192.0.2.11', '2001:db8::/127'], '30000-32767', ['10.96.0.0/12', 'fd00::/108']))

t.test('a taken or foreign value is refused by field and rule, and takes nothing', async (t) => {
  const { registry } = await world(t, allocation(['public=192.0.2.10-192.0.2.11']))
  await apply(registry, service('first', `type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 30001, clusterIP: 10.96.0.7, loadBalancerIP: 192.0.2.10, ${a}, ports: [{ port: 80, nodePort: 30002 }]`))
  const before = used(registry)
  t.same(before, [1, 2, 1])
  const table: readonly [spec: string, field: string, rule: RegExp][] = [
    [`type: NodePort, ${a}, ports: [{ port: 80, nodePort: 30001 }]`, 'spec.ports[0].nodePort', /^provided port is already allocated to shop\/first$/],
    [`type: NodePort, ${a}, ports: [{ port: 80, protocol: UDP, nodePort: 30002 }]`, 'spec.ports[0].nodePort', /already allocated to shop\/first/],
    [`type: NodePort, ${a}, ports: [{ port: 80, nodePort: 29999 }]`, 'spec.ports[0].nodePort', /not in the valid range. The range of valid ports is 30000-32767/],
    [`type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 30002, ${http}`, 'spec.healthCheckNodePort', /already allocated to shop\/first/],
    [`type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 80, ${http}`, 'spec.healthCheckNodePort', /not in the valid range/],
    [`clusterIP: 10.96.0.7, ${http}`, 'spec.clusterIPs', /^failed to allocate IP 10.96.0.7: provided IP is already allocated to shop\/first$/],
    [`clusterIP: 192.168.0.7, ${http}`, 'spec.clusterIPs', /not in the valid range. The range of valid IPs is 10.96.0.0\/12/],
    [`clusterIP: 10.96.0.0, ${http}`, 'spec.clusterIPs', /not in the valid range/],
    [`type: LoadBalancer, loadBalancerIP: 192.0.2.10, ${http}`, 'spec.loadBalancerIP', /already allocated to shop\/first/]
  ]
  for (const [spec, field, rule] of table) {
    await t.rejects(apply(registry, service('second', spec)), { code: 'REG_MANIFEST_INVALID', status: 422, errors: [{ field, rule }] }, spec)
    t.same(used(registry), before, spec)
  }
})

t.test('each change of the type takes and gives back what Kubernetes would', async (t) => {
  const types = {
    ClusterIP: [`type: ClusterIP, ${http}`, [1, 0, 0]],
    NodePort: [`type: NodePort, ${http}`, [1, 1, 0]],
    LoadBalancer: [`type: LoadBalancer, ${http}`, [1, 1, 1]],
    Local: [`type: LoadBalancer, externalTrafficPolicy: Local, ${http}`, [1, 2, 1]],
    'no node ports': [`type: LoadBalancer, allocateLoadBalancerNodePorts: false, ${http}`, [1, 0, 1]],
    'another class': [`type: LoadBalancer, loadBalancerClass: example.org/other, ${http}`, [1, 1, 0]],
    ExternalName: ['type: ExternalName, externalName: db.example.org', [0, 0, 0]]
  } as const
  for (const [from, [first, had]] of Object.entries(types)) {
    for (const [to, [second, has]] of Object.entries(types)) {
      const { registry } = await world(t, allocation(['public=192.0.2.10-192.0.2.11']))
      await apply(registry, service('web', first))
      t.same(used(registry), had, from)
      const old = stored(registry, 'web')
      const change = apply(registry, service('web', second))
      if ((from === 'another class') !== (to === 'another class') && old.spec.type === 'LoadBalancer' && second.includes('LoadBalancer')) {
        await t.rejects(change, { errors: [{ field: 'spec.loadBalancerClass', rule: /may not change once set/ }] }, `${from} to ${to}`)
      } else {
        await change
        // A port that was given stays while the type has a use for it: the manifest leaves it out, and it is carried over.
        const keepsPort = to === 'no node ports' && had[1] > 0
        t.same(used(registry), keepsPort ? [has[0], 1, has[2]] : has, `${from} to ${to}`)
        const now = stored(registry, 'web')
        if (old.spec.clusterIP !== undefined && now.spec.clusterIP !== undefined) t.equal(now.spec.clusterIP, old.spec.clusterIP)
        t.equal(now.status?.loadBalancer.ingress?.length ?? 0, has[2])
      }
      await registry.as(tester).delete([{ kind: 'Service', namespace: 'shop', name: 'web' }])
      t.same(used(registry), [0, 0, 0])
      await registry.close()
    }
  }
})

t.test('a second family comes by its policy and goes with SingleStack, and with it what was taken', async (t) => {
  const { registry } = await dual(t)
  const web = (spec: string): Promise<unknown> => apply(registry, service('web', `${spec}, ${http}`))
  const families = (): Service['spec']['ipFamilies'] => stored(registry, 'web').spec.ipFamilies
  await web('type: LoadBalancer')
  t.same([families(), used(registry)], [['IPv4'], [1, 1, 1]])
  const first = stored(registry, 'web').spec.clusterIP
  await web('type: LoadBalancer, ipFamilyPolicy: PreferDualStack')
  t.same([families(), used(registry)], [['IPv4', 'IPv6'], [2, 1, 2]])
  t.equal(stored(registry, 'web').spec.clusterIPs?.[0], first)
  await web('type: LoadBalancer')
  t.same(used(registry), [2, 1, 2], 'left out, the policy stays')
  await t.rejects(web(`type: LoadBalancer, clusterIP: ${first}, clusterIPs: [${first}], ipFamilies: [IPv4], ipFamilyPolicy: SingleStack, sessionAffinity: Sometimes`), { errors: [{ field: 'spec.sessionAffinity' }] })
  t.same(used(registry), [2, 1, 2])
  await web('type: LoadBalancer, ipFamilyPolicy: SingleStack')
  t.same([families(), used(registry)], [['IPv4'], [1, 1, 1]])
  await t.rejects(web('type: LoadBalancer, ipFamilies: [IPv6]'), { errors: [{ field: 'spec.clusterIPs[0]' }, { field: 'spec.ipFamilies[0]', rule: /may not change once set/ }] })
})

t.test('ports of one number and several protocols share a node port, as they are written and as they are chosen', async (t) => {
  const { registry } = await world(t)
  const ports = (name: string): (number | undefined)[] => stored(registry, name).spec.ports?.map(({ nodePort }) => nodePort) ?? []
  const dns = (rest: string): string => `type: NodePort, ${a}, ports: [{ name: udp, port: 53, protocol: UDP${rest} }, { name: tcp, port: 53 }, { name: web, port: 80 }]`
  await apply(registry, stream(service('said', dns(', nodePort: 30053')), service('chosen', dns(''))))
  const [udp, tcp, web] = ports('said')
  t.same([udp, tcp], [30_053, 30_053])
  t.not(web, 30_053)
  t.equal(ports('chosen')[0], ports('chosen')[1])
  t.equal(used(registry)[1], 4)
  const before = ports('chosen')
  await apply(registry, service('chosen', `type: NodePort, ${a}, ports: [{ name: web, port: 8080 }, { name: tcp, port: 53 }]`))
  t.same(ports('chosen'), [before[2], before[1]], 'carried over by the name of the port')
})

t.test('session affinity has its timeout, keeps it, and loses it with the affinity', async (t) => {
  const { registry } = await world(t)
  const config = (): unknown => stored(registry, 'web').spec.sessionAffinityConfig
  await apply(registry, service('web', `sessionAffinity: ClientIP, ${http}`))
  t.same(config(), { clientIP: { timeoutSeconds: 10_800 } })
  await apply(registry, service('web', `sessionAffinity: ClientIP, sessionAffinityConfig: { clientIP: { timeoutSeconds: 86400 } }, ${http}`))
  t.same(config(), { clientIP: { timeoutSeconds: 86_400 } })
  await apply(registry, service('web', http))
  t.equal(config(), undefined)
})
