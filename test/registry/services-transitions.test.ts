// A service that changes its form: whatever it was and becomes, applying the same again changes nothing.
import t from 'tap'
import { allocation, apply, service, stored } from '../support/declared.ts'
import { tester, world } from '../support/world.ts'

const selector = 'selector: { a: b }'
const port = 'ports: [{ port: 80 }]'
const forms: Readonly<Record<string, string>> = {
  plain: `${selector}, ${port}`,
  'two ports': `${selector}, ports: [{ name: http, port: 80 }, { name: dns, port: 53, protocol: UDP }]`,
  'without a selector': port,
  dual: `ipFamilyPolicy: PreferDualStack, ${selector}, ${port}`,
  single: `ipFamilyPolicy: SingleStack, ${selector}, ${port}`,
  'external addresses': `externalIPs: [192.0.2.200], ${selector}, ${port}`,
  sticky: `sessionAffinity: ClientIP, ${selector}, ${port}`,
  'node port': `type: NodePort, ${selector}, ${port}`,
  'given node port': `type: NodePort, ${selector}, ports: [{ port: 80, nodePort: 30777 }]`,
  'local node port': `type: NodePort, externalTrafficPolicy: Local, ${selector}, ${port}`,
  balancer: `type: LoadBalancer, ${selector}, ${port}`,
  'balancer that asks': `type: LoadBalancer, loadBalancerIP: 192.0.2.10, ${selector}, ${port}`,
  'balancer without node ports': `type: LoadBalancer, allocateLoadBalancerNodePorts: false, ${selector}, ${port}`,
  'local balancer': `type: LoadBalancer, externalTrafficPolicy: Local, ${selector}, ${port}`,
  'balancer of another': `type: LoadBalancer, loadBalancerClass: example.com/other, ${selector}, ${port}`,
  alias: 'type: ExternalName, externalName: db.example.org',
  'alias with a port': `type: ExternalName, externalName: db.example.org, ${port}`
}

for (const [how, pools] of [['with an address to give', ['lan=192.0.2.10-192.0.2.20']], ['with none', []]] as const) {
  t.test(`every form, made of every other one, is unchanged when it is applied again, ${how}`, async (t) => {
    const { registry } = await world(t, allocation([...pools], '30000-32767', ['10.96.0.0/12', 'fd00:10:96::/112']))
    let transitions = 0
    for (const [from, before] of Object.entries(forms)) {
      for (const [to, after] of Object.entries(forms)) {
        await registry.as(tester).delete([{ kind: 'Service', namespace: 'shop', name: 'web' }], { ignoreMissing: true })
        await apply(registry, service('web', before))
        const became = await apply(registry, service('web', after)).catch((error: { code?: string }) => error)
        if ('code' in became) {
          // by a rule of Kubernetes, such as a class that may not change
          t.equal(became.code, 'REG_MANIFEST_INVALID', `${from} cannot become ${to}`)
          continue
        }
        transitions++
        const revision = registry.feed.revision
        const again = await apply(registry, service('web', after))
        if (again[0]?.outcome !== 'unchanged' ||
          registry.feed.revision !== revision) t.fail(`${from} -> ${to}: ${JSON.stringify([again[0]?.previous, again[0]?.manifest])}`)
        const exported = await apply(registry, JSON.stringify(stored(registry, 'web')))
        if (exported[0]?.outcome !== 'unchanged') t.fail(`${from} -> ${to}, as it is read: ${JSON.stringify(exported[0]?.manifest)}`)
      }
    }
    t.ok(transitions > 200, `${transitions} transitions`)
  })
}

t.test('a stored service has a status, as in Kubernetes', async (t) => {
  const { registry } = await world(t)
  await apply(registry, service('web', `${selector}, ${port}`))
  t.same(stored(registry, 'web').status, { loadBalancer: {} })
})
