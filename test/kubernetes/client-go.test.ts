// What client-go sends, as it was recorded: of 1.20 (informer/main.go), of 1.32 and 1.35 (in kubectl), and what programs that are built on it
// ask for. Each request is answered so that the informer behind it goes on.
import t from 'tap'
import { cluster, type Cluster, serviceOf } from './helper.ts'

const protobufFirst = 'application/vnd.kubernetes.protobuf,application/json'
const metadataOnly = 'application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json'
const lease = { ttlMs: 3_600_000 }

async function shop (t: Parameters<typeof cluster>[0]): Promise<Cluster> {
  const made = await cluster(t)
  await made.access.put({ kind: 'Service', namespace: 'shop', name: 'web' }, serviceOf('web', { selector: { app: 'web' } }))
  for (const id of ['a', 'b', 'c']) {
    await made.register(`shop/orders/${id}`, { address: `10.0.0.${id.charCodeAt(0)}`, node: 'n1', ports: [{ name: 'http', port: 80 }], labels: { app: 'web' }, lease })
  }
  return made
}

const pods = '/api/v1/pods'
const watchList = 'allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&timeoutSeconds=427&watch=true'
const initialEnd = { type: 'BOOKMARK', object: { metadata: { resourceVersion: /^[1-9]\d*$/, annotations: { 'k8s.io/initial-events-end': 'true' } } } }

t.test('the reflector until 1.34: a list in pages, then a watch with bookmarks, which resumes', async (t) => {
  const { ask, register, watch } = await shop(t)
  for (const accept of ['application/json', protobufFirst, 'application/vnd.kubernetes.protobuf, */*', 'application/json, */*']) {
    const list = (await ask('GET', `${pods}?limit=500&resourceVersion=0`, undefined, { accept })).json()
    t.match(list, { kind: 'PodList', apiVersion: 'v1', items: { length: 3 }, metadata: { resourceVersion: /^[1-9]\d*$/, continue: undefined } }, accept)
    const events = await watch(`${pods}?allowWatchBookmarks=true&resourceVersion=${list.metadata.resourceVersion}&timeoutSeconds=427&watch=true`, { accept })
    t.equal(events.status, 200)
    await register('shop/orders/a', { address: '10.0.0.1', labels: { accept: String(accept.length) }, lease })
    t.match(await events.next(), { type: 'MODIFIED', object: { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'a' } } }, accept)
    events.close()
  }
  const first = (await ask('GET', `${pods}?limit=2`)).json()
  t.match(first, { items: { length: 2 }, metadata: { remainingItemCount: 1 } })
  const second = (await ask('GET', `${pods}?continue=${first.metadata.continue}&limit=2`)).json()
  t.match(second, { items: [{ metadata: { name: 'c' } }], metadata: { resourceVersion: first.metadata.resourceVersion } })
})

t.test('after an error it lists from where it was, after 410 from nothing, and it compares a list of one revision', async (t) => {
  const { ask } = await shop(t)
  const { metadata: { resourceVersion } } = (await ask('GET', pods)).json()
  for (const query of [`resourceVersion=${resourceVersion}`, `resourceVersion=${resourceVersion}&resourceVersionMatch=NotOlderThan`, 'resourceVersion=', `limit=500&resourceVersion=${resourceVersion}&resourceVersionMatch=Exact`]) {
    t.match((await ask('GET', `${pods}?${query}`)).json(), { kind: 'PodList', metadata: { resourceVersion }, items: { length: 3 } }, query)
  }
})

t.test('the reflector from 1.35: one watch that begins with what there is, in each form, also when it comes back', async (t) => {
  const { watch, register } = await shop(t)
  for (const [accept, kind] of [['application/json', 'Pod'], [protobufFirst, 'Pod'], [metadataOnly, 'PartialObjectMetadata']] as const) {
    const events = await watch(`${pods}?${watchList}`, { accept })
    for (const name of ['a', 'b', 'c']) t.match(await events.next(), { type: 'ADDED', object: { kind, metadata: { name } } }, accept)
    const bookmark = await events.next()
    t.match(bookmark, { ...initialEnd, object: { kind, ...initialEnd.object } }, accept)
    await register('shop/orders/b', { address: '10.0.0.1', labels: { accept: String(accept.length) }, lease })
    t.match(await events.next(), { type: 'MODIFIED', object: { kind, metadata: { name: 'b' } } })
    events.close()
    const again = await watch(`${pods}?${watchList}&resourceVersion=${bookmark?.object.metadata.resourceVersion}`, { accept })
    for (let count = 0; count < 3; count++) t.match(await again.next(), { type: 'ADDED' })
    t.match(await again.next(), initialEnd)
    again.close()
  }
  const one = await watch(`${pods}?allowWatchBookmarks=true&fieldSelector=metadata.name%3Da&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&timeoutSeconds=9&watch=true`)
  t.match(await one.next(), { type: 'ADDED', object: { metadata: { name: 'a' } } }, 'kubectl 1.35 wait, rollout status')
  t.match(await one.next(), initialEnd)
  const empty = await watch(`/api/v1/namespaces/none/pods?${watchList}`)
  t.match(await empty.next(), initialEnd, 'of nothing, too, or the informer would wait for ever')
})

t.test('discovery is asked for in three ways, and each tells of the same kinds', async (t) => {
  const { ask } = await cluster(t)
  const aggregated = (version: string): string => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`
  const kindsOf = async (accept: string): Promise<string[]> => {
    const kinds: string[] = []
    for (const path of ['/api', '/apis']) {
      const answer = await ask('GET', path, undefined, { accept })
      t.equal(answer.headers['content-type'], accept.split(',')[0], path)
      for (const { metadata, versions } of answer.json().items) {
        for (const { version, resources } of versions) for (const { resource } of resources) kinds.push(`${metadata.name ?? ''}/${version}/${resource}`)
      }
    }
    return kinds.sort()
  }
  const newest = await kindsOf(`${aggregated('v2')},${aggregated('v2beta1')},application/json`)
  t.same(await kindsOf(`${aggregated('v2beta1')},application/json`), newest)
  const classic: string[] = []
  const { groups } = (await ask('GET', '/apis', undefined, { accept: 'application/json, */*' })).json()
  const versions = groups.flatMap((group: any) => group.versions.map(({ groupVersion }: any) => groupVersion))
  for (const path of ['/api/v1', ...versions.map((version: string) => `/apis/${version}`)]) {
    const { groupVersion, resources } = (await ask('GET', path, undefined, { accept: 'application/json, */*' })).json()
    for (const { name } of resources) if (!name.includes('/')) classic.push(`${groupVersion === 'v1' ? '/v1' : groupVersion}/${name}`)
  }
  t.same(classic.sort(), newest)
})

/** What programs watch; each is asked for as their informers do. */
const programs: readonly (readonly [program: string, paths: readonly string[]])[] = [
  ['Prometheus, role service', ['/api/v1/namespaces/shop/services']],
  ['Prometheus, role pod', ['/api/v1/namespaces/shop/pods', '/api/v1/nodes', '/api/v1/namespaces']],
  ['Prometheus, role endpoints', ['/api/v1/namespaces/shop/endpoints', '/api/v1/namespaces/shop/services', '/api/v1/namespaces/shop/pods']],
  ['Prometheus, role endpointslice', ['/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices', '/api/v1/services', '/api/v1/pods']],
  ['Prometheus, role node', ['/api/v1/nodes']],
  ['Prometheus, role ingress', ['/apis/networking.k8s.io/v1/namespaces/shop/ingresses']],
  ['Traefik, kubernetesIngress', ['/apis/networking.k8s.io/v1/ingresses', '/apis/networking.k8s.io/v1/ingressclasses', '/api/v1/services', '/apis/discovery.k8s.io/v1/endpointslices', '/api/v1/nodes']],
  ['CoreDNS', ['/api/v1/services', '/apis/discovery.k8s.io/v1/endpointslices', '/api/v1/namespaces', '/api/v1/pods']],
  ['external-dns, source service', ['/api/v1/services', '/apis/discovery.k8s.io/v1/endpointslices', '/api/v1/pods', '/api/v1/nodes']]
]

t.test('informers of Prometheus, CoreDNS and external-dns find what they watch, by either way', async (t) => {
  const { access, ask, watch } = await shop(t)
  await access.put({ kind: 'IngressClass', namespace: '', name: 'plain' }, {
    apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name: 'plain' }, spec: { controller: 'rollcall.dev/ingress' }
  })
  const backend = { service: { name: 'web', port: { number: 80 } } }
  await access.put({ kind: 'Ingress', namespace: 'shop', name: 'web' }, {
    apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'web' }, spec: { ingressClassName: 'plain', defaultBackend: backend }
  })
  for (const [program, paths] of programs) {
    for (const path of paths) {
      const { items } = (await ask('GET', `${path}?limit=500&resourceVersion=0`, undefined, { accept: protobufFirst })).json()
      t.ok(items.length > 0, `${program}: ${path}`)
      const events = await watch(`${path}?${watchList}`, { accept: protobufFirst })
      for (const { metadata: { name } } of items) t.match(await events.next(), { type: 'ADDED', object: { metadata: { name } } })
      t.match(await events.next(), initialEnd, `${program}: ${path} by one watch`)
      events.close()
    }
  }
})

t.test('what Prometheus makes its labels of is there', async (t) => {
  const { ask } = await shop(t)
  const [pod] = (await ask('GET', '/api/v1/namespaces/shop/pods')).json().items
  t.match(pod, { spec: { nodeName: 'n1', containers: [{ name: 'orders', ports: [{ name: 'http', containerPort: 80, protocol: 'TCP' }] }] }, status: { phase: 'Running', podIP: '10.0.0.97' } })
  t.match(pod.status.conditions, [{ type: 'Initialized' }, { type: 'Ready', status: 'True' }, { type: 'ContainersReady' }, { type: 'PodScheduled' }])
  const slices = (await ask('GET', '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dweb')).json()
  t.match(slices.items, [{ addressType: 'IPv4', endpoints: [{ targetRef: { kind: 'Pod', namespace: 'shop', name: 'a' }, nodeName: 'n1', conditions: { ready: true } }, {}, {}], ports: [{ port: 80, protocol: 'TCP' }] }])
  const [endpoints] = (await ask('GET', '/api/v1/namespaces/shop/endpoints?fieldSelector=metadata.name%3Dweb')).json().items
  t.match(endpoints.subsets, [{ addresses: [{ ip: '10.0.0.97', nodeName: 'n1', targetRef: { kind: 'Pod', name: 'a' } }, {}, {}] }])
  const [node] = (await ask('GET', '/api/v1/nodes')).json().items
  t.match(node.status.addresses, [{ type: 'InternalIP' }, {}, {}, { type: 'Hostname', address: 'n1' }])
})

t.test('an EndpointSlice can be read in the version before, which kubectl 1.20 asks for, and not written', async (t) => {
  const { ask } = await shop(t)
  const older = '/apis/discovery.k8s.io/v1beta1/namespaces/shop/endpointslices'
  const list = (await ask('GET', `${older}?labelSelector=kubernetes.io%2Fservice-name%3Dweb`)).json()
  t.match(list, { kind: 'EndpointSliceList', apiVersion: 'discovery.k8s.io/v1beta1', items: [{ apiVersion: 'discovery.k8s.io/v1beta1' }] })
  t.match((await ask('GET', `${older}/${list.items[0].metadata.name}`)).json(), {
    apiVersion: 'discovery.k8s.io/v1beta1', endpoints: [{ nodeName: 'n1', topology: { 'kubernetes.io/hostname': 'n1' } }, {}, {}]
  })
  t.match((await ask('DELETE', `${older}/${list.items[0].metadata.name}`)).json(), { code: 405, reason: 'MethodNotAllowed' })
})
