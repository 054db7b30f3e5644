import t from 'tap'
import { OwnService, removeLeft } from '../../server/kubernetes/own-service.ts'
import { registryActor } from '../../server/registry/core.ts'
import { type World, world } from '../support/world.ts'
import { cluster } from './helper.ts'

function own ({ registry, clock, warnings }: Pick<World, 'registry' | 'clock' | 'warnings'>, node: string, clusterIp: string | undefined = '10.96.0.1'): OwnService {
  return new OwnService({
    core: registry.as(registryActor), clock, node, address: '127.0.0.1', port: 7443, url: 'https://registry.example:7443', clusterIp, warn: (message) => warnings.push(message)
  })
}

t.test('the service is there while a node answers, and the last one takes it back', async (t) => {
  const made = await world(t)
  const { registry } = made
  const access = registry.as(registryActor)
  const [one, two] = [own(made, 'node-1'), own(made, 'node-2')]
  await one.start()
  await two.start()
  t.match(access.serviceManifest('default', 'kubernetes').spec, { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443, targetPort: 'https' }] })
  t.match(access.endpoints('default', 'kubernetes').answered.map(({ id, address, ports }) => [id, address, ports[0]?.port]), [['node-1', '127.0.0.1', 7443], ['node-2', '127.0.0.1', 7443]])
  await one.close()
  t.equal(access.endpoints('default', 'kubernetes').answered.length, 1)
  await two.close()
  await two.close()
  t.throws(() => access.service('default', 'kubernetes'), { code: 'REG_NAMESPACE_NOT_FOUND' })
  t.same(made.warnings, [])
})

t.test('it is declared again when somebody deletes it, and has another address where the first one is taken', async (t) => {
  const made = await world(t)
  const access = made.registry.as(registryActor)
  await access.put({ kind: 'Service', namespace: 'shop', name: 'first' }, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'first' }, spec: { clusterIP: '10.96.0.1', ports: [{ port: 80 }] } })
  const service = own(made, 'node-1')
  await service.start()
  t.match(access.serviceManifest('default', 'kubernetes').spec.clusterIP, /^10\./)
  await access.delete([{ kind: 'Service', namespace: 'default', name: 'kubernetes' }])
  made.clock.hasten(10_000)
  while (access.service('default', 'kubernetes').manifest === undefined) await new Promise(setImmediate)
  await service.close()
})

t.test('what a killed node left goes at the next start; what somebody else declared stays', async (t) => {
  const made = await world(t)
  const access = made.registry.as(registryActor)
  const service = own(made, 'node-1')
  await service.start()
  await removeLeft(access)
  t.ok(access.service('default', 'kubernetes').manifest, 'a node answers')
  await access.deregister({ namespace: 'default', service: 'kubernetes', id: 'node-1' })
  await removeLeft(access)
  t.throws(() => access.service('default', 'kubernetes'), { code: 'REG_NAMESPACE_NOT_FOUND' })
  await access.put({ kind: 'Service', namespace: 'default', name: 'kubernetes' }, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'kubernetes' }, spec: { ports: [{ port: 80 }] } })
  await removeLeft(access)
  t.ok(access.service('default', 'kubernetes').manifest)
})

t.test('nodes that answer are endpoints, and neither pods nor a workload', async (t) => {
  const made = await cluster(t)
  const service = own(made, 'node-1')
  await service.start()
  const items = async (path: string): Promise<any[]> => (await made.ask('GET', path)).json().items
  t.match((await items('/api/v1/namespaces/default/endpoints'))[0].subsets, [{ addresses: [{ ip: '127.0.0.1' }], ports: [{ name: 'https', port: 7443 }] }])
  t.notOk('targetRef' in (await items('/api/v1/namespaces/default/endpoints'))[0].subsets[0].addresses[0])
  for (const path of ['/api/v1/pods', '/apis/apps/v1/deployments', '/api/v1/nodes', '/apis/coordination.k8s.io/v1/leases']) t.same(await items(path), [], path)
  await service.close()
})
