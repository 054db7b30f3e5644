// A service kept addresses and a node port that lie outside the ranges of the node that was asked (it was given them by
// a node with others), and only the answer to a write said so: whoever looked at the service was not told.
import t from 'tap'
import { storedManifest } from '../../server/registry/services/manifests.ts'
import type { Service } from '../../server/model/service/types.ts'
import { place } from '../cli/place.ts'

const service = (name: string, [clusterIP, nodePort, ip]: readonly [string, number, string]): Service => ({
  apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default', uid: `uid-${name}`, generation: 1 },
  spec: {
    type: 'LoadBalancer', selector: { app: 'web' }, clusterIP, clusterIPs: [clusterIP], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack',
    ports: [{ port: 80, targetPort: 80, protocol: 'TCP', nodePort }], sessionAffinity: 'None', internalTrafficPolicy: 'Cluster',
    externalTrafficPolicy: 'Cluster', allocateLoadBalancerNodePorts: true
  },
  status: { loadBalancer: { ingress: [{ ip }] } }
})

t.test('describe, explain and REST name what lies outside this node, and nothing else', async (t) => {
  const { world: { registry, send }, rollcall } = await place(t)
  const given: Record<string, readonly [string, number, string]> = {
    far: ['10.200.0.9', 20_050, '192.0.2.7'], mixed: ['10.96.0.9', 20_051, '192.168.1.241'], near: ['10.96.0.8', 30_050, '192.168.1.242']
  }
  await registry.store.commit(Object.entries(given).map(([name, values]) =>
    ({ type: 'put', key: `service/default/${name}`, body: storedManifest(service(name, values)), endsAtMs: 0, reason: 'declared' } as const)), 'test')
  await send('PUT', '/v1/namespaces/default/services/webui/instances/w-1', { address: '10.0.0.1', ports: [{ port: 80 }], labels: { app: 'web' } })
  const keeps = (what: string): RegExp => new RegExp(`^${what} is in no (?:range|pool) of this node: the service keeps it until it lets it go$`)
  const expected: Record<string, readonly RegExp[] | undefined> = {
    far: [keeps('cluster IP 10\\.200\\.0\\.9'), keeps('node port 20050'), keeps('load-balancer address 192\\.0\\.2\\.7')], mixed: [keeps('node port 20051')], near: undefined
  }
  const explained = (await send('GET', '/v1/namespaces/default/services/webui/instances/w-1/explain')).json<{ service: string, warnings?: string[] }[]>()
  for (const [name, warnings] of Object.entries(expected)) {
    const answer = await send('GET', `/v1/namespaces/default/services/${name}`)
    const { etag } = answer.headers
    const { warnings: said } = answer.json<{ warnings?: string[] }>()
    t.match(said, warnings)
    t.equal(said?.length, warnings?.length)
    t.same(explained.find((each) => each.service === name)?.warnings, said)
    t.equal((await send('GET', `/v1/namespaces/default/services/${name}`, undefined, { 'if-none-match': String(etag) })).statusCode, 304)
    const described = (await rollcall('describe', 'service', name)).out.join('\n')
    for (const text of said ?? []) t.ok(described.includes(text), text)
    t.equal(described.includes('Warnings:'), warnings !== undefined)
  }
  t.match(explained.find((each) => each.service === 'webui'), { warnings: undefined }, 'one that is not declared holds nothing')
  const { out, err, exitCode } = await rollcall('explain', 'webui/w-1')
  t.equal(exitCode, 0)
  t.ok(out.every((line) => !line.includes('Warning')), 'the table is for programs, too')
  t.equal(err.filter((line) => line.startsWith('Warning: service far: ')).length, 3)
  t.same(err.filter((line) => line.includes('mixed')).length, 1)
})
