// Declared services: the registry of tests is held to what a real node does, by the same calls of the SDK.
import t, { type Test } from 'tap'
import { Rollcall } from '../../client-sdk/src/index.ts'
import { createTestRegistry } from '../../client-sdk/src/testing.ts'
import { startNode } from '../support/processes.ts'
import { temporaryDirectory } from '../support/closable.ts'
import { all } from './helpers.ts'

type Make = (t: Test) => Promise<Rollcall>

const service = (name: string, spec: object): any => (
  { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' }, spec }
)
const slice = (address: string): any => ({
  apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: {
    name: 'web-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' }
  },
  addressType: 'IPv4', endpoints: [{ addresses: [address] }], ports: [{ name: '', port: 5432, protocol: 'TCP' }]
})
const copy = (id: string, port: number, labels: Record<string, string>): any => (
  { service: 'webui', id, address: `10.1.0.${id.slice(2)}`, ports: { http: port }, labels }
)

/** Asks until a list is as expected: each try lets what was sent arrive. */
async function becomes (rollcall: Rollcall, name: string, expected: readonly string[]): Promise<void> {
  for (;;) {
    const now = (await rollcall.resolveAll(name)).map(({ host }) => host).sort()
    if (JSON.stringify(now) === JSON.stringify(expected)) return
    await rollcall.namespaces().next()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function contract (name: string, make: Make): void {
  t.test(`${name}: applied, unchanged, configured, read, listed and taken back`, async (t) => {
    const rollcall = await make(t)
    const web = service('web', { selector: { app: 'webui' }, ports: [{ port: 80, targetPort: 'http' }] })
    t.match(await rollcall.services.apply(web, { dryRun: true }), { dryRun: true, results: [{ outcome: 'created' }] })
    await rollcall.register(copy('w-1', 8081, { app: 'none' })) // so that there is a namespace
    await t.rejects(rollcall.services.get('web'), { code: 'REG_SERVICE_NOT_FOUND' })
    t.match(
      await rollcall.services.apply([web]),
      {
        dryRun: false, results: [{ kind: 'Service', namespace: 'shop', name: 'web', outcome: 'created', warnings: [] }]
      }
    )
    t.match(await rollcall.services.apply(web), { results: [{ outcome: 'unchanged' }] })
    const got = await rollcall.services.get('web')
    t.match(
      got,
      {
        kind: 'Service',
        spec: {
          type: 'ClusterIP', sessionAffinity: 'None', clusterIP: /^10\./,
          ports: [{ port: 80, protocol: 'TCP', targetPort: 'http' }]
        }
      }
    )
    t.match(
      await rollcall.services.apply(service('web', { ...web.spec, type: 'NodePort' })),
      { results: [{ outcome: 'configured', previous: { spec: { type: 'ClusterIP' } } }] }
    )
    const changed = await rollcall.services.get('web')
    t.equal(changed.spec.clusterIP, got.spec.clusterIP, 'it keeps its address')
    t.ok((changed.spec.ports?.[0]?.nodePort ?? 0) >= 30_000)
    t.strictSame((await all(rollcall.services.list())).map(({ metadata }) => metadata.name), ['web'])
    t.match(await rollcall.service('web'), { implicit: false, instances: { total: 0 }, endpoints: { total: 0 } })
    t.match(
      await rollcall.services.delete('web', { dryRun: true }),
      { dryRun: true, deleted: [{ kind: 'Service', namespace: 'shop', name: 'web' }] }
    )
    t.match(await rollcall.services.delete('web'), { deleted: [{ name: 'web' }] })
    await t.rejects(rollcall.services.delete('web'), { code: 'REG_SERVICE_NOT_FOUND' })
  })

  t.test(`${name}: all or nothing, with every fault named`, async (t) => {
    const rollcall = await make(t)
    const bad = [
      service('good', { ports: [{ port: 80 }] }), service('Bad', { ports: [{ port: 80 }] }),
      service('worse', { type: 'Odd', ports: [{ port: 0 }, { port: 80, protocol: 'ICMP' }] })
    ]
    const error: any = await rollcall.services.apply(bad).catch((thrown: unknown) => thrown)
    t.match(error, { code: 'REG_MANIFEST_INVALID', status: 422 })
    const faults = error.errors.map(
      ({ document, field }: { document: number, field: string }) => `${document} ${field}`
    )
    for (const fault of ['2 metadata.name', '3 spec.type', '3 spec.ports[0].port', '3 spec.ports[1].protocol']) t.ok(faults.includes(fault), `${fault} of ${faults.join(', ')}`)
    t.strictSame(await all(rollcall.services.list({ namespace: '*' })), [])
  })

  t.test(`${name}: endpoints are of the instances that are selected, with the service's ports`, async (t) => {
    const rollcall = await make(t)
    await rollcall.register(copy('w-1', 8081, { app: 'webui' }))
    const two = await rollcall.register(copy('w-2', 8082, { app: 'webui' }))
    await rollcall.register(copy('w-3', 8083, { app: 'other' }))
    await rollcall.services.apply(
      service(
        'web',
        {
          selector: { app: 'webui' },
          ports: [{ name: 'main', port: 80, targetPort: 'http' }, { name: 'fixed', port: 90, targetPort: 9000 }]
        }
      )
    )
    const answer = await rollcall.endpoints('web')
    t.match(answer, { declared: true, failOpen: false })
    t.strictSame(answer.endpoints.map(
      ({ id, service, ports }) => [service, id, ...ports.map(({ name, port }) => `${name}:${port}`)]
    ), [
      ['webui', 'w-1', 'main:8081', 'fixed:9000'], ['webui', 'w-2', 'main:8082', 'fixed:9000']
    ])
    t.equal((await rollcall.resolve('web', { port: 'fixed' })).port, 9000)
    await two.drain(0)
    await becomes(rollcall, 'web', ['10.1.0.1:8081'])
    await two.update({ labels: { app: 'other' } })
    await rollcall.register(copy('w-4', 8084, { app: 'webui' }))
    await becomes(rollcall, 'web', ['10.1.0.1:8081', '10.1.0.4:8084'])
  })

  t.test(`${name}: a list follows a name that is declared, made by hand, and taken back while it is used`, async (t) => {
    const rollcall = await make(t)
    await rollcall.register({ ...copy('w-1', 8081, { app: 'webui' }), service: 'web' })
    await becomes(rollcall, 'web', ['10.1.0.1:8081'])
    await rollcall.services.apply(
      service('web', { selector: { app: 'webui' }, ports: [{ port: 80, targetPort: 9000 }] })
    )
    await becomes(rollcall, 'web', ['10.1.0.1:9000'])
    await rollcall.services.apply(service('web', { ports: [{ port: 5432 }] }))
    await becomes(rollcall, 'web', [])
    await rollcall.services.apply(slice('192.168.1.50'))
    await becomes(rollcall, 'web', ['192.168.1.50:5432'])
    await rollcall.services.apply(slice('192.168.1.51'))
    await becomes(rollcall, 'web', ['192.168.1.51:5432'])
    t.match(await rollcall.services.delete('web'), { deleted: [{ kind: 'Service' }, { kind: 'EndpointSlice' }] })
    await becomes(rollcall, 'web', ['10.1.0.1:8081'])
    await rollcall.register({ ...copy('w-2', 8082, {}), service: 'web' })
    await becomes(rollcall, 'web', ['10.1.0.1:8081', '10.1.0.2:8082'])
  })

  t.test(`${name}: watches tell of a service in both views`, async (t) => {
    const rollcall = await make(t)
    await rollcall.register(copy('w-1', 8081, { app: 'webui' }))
    const [space, endpoints] = [rollcall.watch(), rollcall.watch({ view: 'endpoints', service: 'web' })]
    t.match((await space.next()).value, { type: 'snapshot', instances: [{ id: 'w-1' }] })
    t.match((await endpoints.next()).value, { type: 'endpoints-snapshot', services: [] })
    await rollcall.services.apply(
      service('web', { selector: { app: 'webui' }, ports: [{ port: 80, targetPort: 'http' }] })
    )
    t.match(
      (await space.next()).value,
      { type: 'service', reason: 'declared', removed: false, service: { metadata: { name: 'web' } } }
    )
    t.match(
      (await endpoints.next()).value,
      {
        type: 'endpoints',
        endpoints: { service: 'web', declared: true, endpoints: [{ id: 'w-1', ports: [{ port: 8081 }] }] }
      }
    )
    const one = rollcall.watch({ service: 'web' })
    t.match(
      (await one.next()).value,
      { type: 'snapshot', instances: [{ id: 'w-1' }], services: [{ metadata: { name: 'web' } }] }
    )
    await rollcall.services.delete('web')
    t.match((await space.next()).value, { type: 'service', reason: 'removed', removed: true })
    t.match((await endpoints.next()).value, { type: 'endpoints-gone', service: 'web' })
    t.match(
      [(await one.next()).value, (await one.next()).value], [{ type: 'reset' }, { type: 'snapshot', instances: [] }]
    )
  })
}

const closed = (t: Test, rollcall: Rollcall): Rollcall => {
  t.teardown(() => rollcall.close())
  return rollcall
}

contract(
  'the registry of tests', async (t) => closed(t, new Rollcall({ ...createTestRegistry().options, namespace: 'shop' }))
)
contract('a real node', async (t) => {
  const node = await startNode(t, ['--data', await temporaryDirectory(t)])
  return closed(t, new Rollcall({ address: node.url, namespace: 'shop', signals: false, warn: null }))
})
