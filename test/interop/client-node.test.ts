// @kubernetes/client-node as it is: typed calls, and informers over cuts, restarts and what they have missed.
import { join } from 'node:path'
import { CoreV1Api, DiscoveryV1Api, KubeConfig, makeInformer, type V1Pod } from '@kubernetes/client-node'
import t from 'tap'
import { freePort } from '../support/free-port.ts'
import { call, instancePath, startNode } from '../support/processes.ts'

function configOf (server: string): KubeConfig {
  const config = new KubeConfig()
  config.loadFromOptions({
    clusters: [{ name: 'r', server, skipTLSVerify: true }], users: [{ name: 'r' }], contexts: [{ name: 'r', cluster: 'r', user: 'r' }], currentContext: 'r'
  })
  return config
}

t.test('typed calls create, read, patch and delete, and errors say what Kubernetes says', async (t) => {
  const node = await startNode(t, ['--data', t.testdir(), '--kubernetes', '127.0.0.1:0'])
  const { kubernetes } = JSON.parse(await node.line(/"msg":"ready"/)) as { kubernetes: string }
  const api = configOf(kubernetes).makeApiClient(CoreV1Api)
  const created = await api.createNamespacedService({
    namespace: 'default', body: { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, nodePort: 30_000 }] } }
  })
  t.match(created.spec, { type: 'NodePort', ports: [{ port: 80, targetPort: 80, nodePort: 30_000, protocol: 'TCP' }] })
  t.match((await api.listNamespacedService({ namespace: 'default' })).items.map(({ metadata }) => metadata?.name), ['kubernetes', 'web'])
  await t.rejects(api.readNamespacedService({ namespace: 'default', name: 'none' }), { code: 404 })
  const replaced = await api.replaceNamespacedService({ namespace: 'default', name: 'web', body: { ...created, spec: { ...created.spec, sessionAffinity: 'ClientIP' } } })
  t.equal(replaced.spec?.sessionAffinity, 'ClientIP')
  await t.rejects(api.replaceNamespacedService({ namespace: 'default', name: 'web', body: created }), { code: 409 }, 'an older version')
  await api.patchNamespacedService({ namespace: 'default', name: 'web', body: [{ op: 'replace', path: '/spec/ports/0/port', value: 81 }] })
  t.equal((await api.readNamespacedService({ namespace: 'default', name: 'web' })).spec?.ports?.[0]?.port, 81)
  const slices = await configOf(kubernetes).makeApiClient(DiscoveryV1Api).listNamespacedEndpointSlice({ namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' })
  t.equal(slices.items.length, 1)
  await api.deleteNamespacedService({ namespace: 'default', name: 'web' })
  await t.rejects(api.readNamespacedService({ namespace: 'default', name: 'web' }), { code: 404 })
})

t.test('the cache of an informer is what the registry has, after a thousand changes and two kills of the node', async (t) => {
  const data = join(t.testdir(), 'data')
  const port = await freePort()
  const start = (): ReturnType<typeof startNode> => startNode(t, ['--data', data, '--kubernetes', `127.0.0.1:${port}`])
  let node = await start()
  let isUp = Promise.withResolvers<void>()
  isUp.resolve()
  const config = configOf(`http://127.0.0.1:${port}`)
  const api = config.makeApiClient(CoreV1Api)
  const informer = makeInformer<V1Pod>(config, '/api/v1/namespaces/shop/pods', () => api.listNamespacedPod({ namespace: 'shop' }))
  const changes = { add: 0, update: 0, delete: 0 }
  let told: (() => void) | undefined
  for (const event of ['add', 'update', 'delete'] as const) {
    informer.on(event, () => {
      changes[event]++
      told?.()
    })
  }
  // As its documentation says: an error ends it, and its user starts it again.
  let isOver = false
  informer.on('error', () => { if (!isOver) void isUp.promise.then(() => informer.start()).catch(() => undefined) })
  t.teardown(() => {
    isOver = true
    return informer.stop()
  })
  await informer.start()

  let seed = 11
  const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below
  for (let round = 0; round < 50; round++) {
    if (round === 15 || round === 35) {
      isUp = Promise.withResolvers<void>()
      await node.end('SIGKILL')
      node = await start()
      isUp.resolve()
    }
    await Promise.all(Array.from({ length: 20 }, () => {
      const path = `${node.url}${instancePath(`i${random(40)}`, 'orders', 'shop')}`
      if (random(4) === 0) return call('DELETE', path)
      return call('PUT', path, { address: '10.0.0.1', labels: { count: String(random(1_000)) }, lease: { ttlMs: 600_000 } })
    }))
  }
  await call('PUT', `${node.url}${instancePath('last', 'orders', 'shop')}`, { address: '10.0.0.1', lease: { ttlMs: 600_000 } })
  const now = async (): Promise<string> => {
    const { body } = await call('GET', `${node.url}/v1/instances?namespace=shop&limit=1000`)
    return JSON.stringify(body.items.map(({ id, labels }: any) => [id, labels.count]).sort())
  }
  const cached = (): string => JSON.stringify(informer.list('shop')?.map(({ metadata }: any) => [metadata.name, metadata.labels.count]).sort())
  const expected = await now()
  while (cached() !== expected) await new Promise<void>((resolve) => { told = resolve })
  t.equal(cached(), expected)
  t.ok(changes.add > 40 && changes.update > 40 && changes.delete > 20, JSON.stringify(changes))
})
