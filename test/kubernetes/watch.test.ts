import t from 'tap'
import { cluster, namespaced, passing, serviceOf, tableAccept } from './helper.ts'

t.test('a watch goes on where a list was made, and tells what comes, changes and goes', async (t) => {
  const { ask, register, access, watch } = await cluster(t)
  await register('shop/orders/a')
  const { metadata: { resourceVersion } } = (await ask('GET', `${namespaced}/pods`)).json()
  const events = await watch(`${namespaced}/pods?watch=true&resourceVersion=${resourceVersion}`)
  t.equal(events.status, 200)
  await register('shop/orders/b')
  t.same(await events.told(1), ['ADDED b'])
  await access.patch({ namespace: 'shop', service: 'orders', id: 'a' }, { labels: { tier: 'x' } })
  t.same(await events.told(1), ['MODIFIED a'])
  await access.deregister({ namespace: 'shop', service: 'orders', id: 'b' })
  const gone = await events.next()
  t.match(gone, { type: 'DELETED', object: { kind: 'Pod', metadata: { name: 'b' } } })
  t.ok(Number(gone?.object.metadata.resourceVersion) > Number(resourceVersion), 'at the revision of its end')
})

t.test('without a revision a watch begins with what there is', async (t) => {
  const { register, watch } = await cluster(t)
  await register('shop/orders/a')
  await register('shop/orders/b')
  for (const query of ['watch=1', 'watch=true&resourceVersion=0', 'watch=true&resourceVersion=']) {
    const events = await watch(`${namespaced}/pods?${query}`)
    t.same(await events.told(2), ['ADDED a', 'ADDED b'], query)
  }
})

t.test('a watch that was cut resumes by the revision of its last event, without a gap', async (t) => {
  const { ask, register, watch } = await cluster(t)
  await register('shop/orders/a')
  let { metadata: { resourceVersion } } = (await ask('GET', '/api/v1/pods')).json()
  const seen: string[] = []
  for (let round = 0; round < 5; round++) {
    const events = await watch(`/api/v1/pods?watch=true&resourceVersion=${resourceVersion}`)
    await register(`shop/orders/r${round}`)
    await register(`shop/payments/s${round}`)
    const event = await events.next()
    seen.push(event?.object.metadata.name)
    resourceVersion = event?.object.metadata.resourceVersion
    events.close()
  }
  const rest = await watch(`/api/v1/pods?watch=true&resourceVersion=${resourceVersion}`)
  for (let count = 0; count < 5; count++) seen.push((await rest.next())?.object.metadata.name)
  t.same([...new Set(seen)].sort(), ['r0', 'r1', 'r2', 'r3', 'r4', 's0', 's1', 's2', 's3', 's4'])
  t.equal(seen.length, 10, 'each once')
})

t.test('several objects that change at one revision are all told to one who was cut between them', async (t) => {
  const { ask, access, register, watch } = await cluster(t)
  for (const name of ['one', 'two']) await access.put({ kind: 'Service', namespace: 'shop', name }, serviceOf(name, { selector: { app: 'orders' } }))
  const { metadata: { resourceVersion } } = (await ask('GET', `${namespaced}/endpoints`)).json()
  await register('shop/orders/a', { address: '10.0.0.1', ports: [{ port: 80 }], labels: { app: 'orders' } })
  const events = await watch(`${namespaced}/endpoints?watch=true&resourceVersion=${resourceVersion}`)
  const first = await events.next()
  const told = [first?.object.metadata.name, ...(await events.told(2)).map((text) => text.split(' ')[1])]
  t.same(told.toSorted(), ['one', 'orders', 'two'])
  const again = await watch(`${namespaced}/endpoints?watch=true&resourceVersion=${first?.object.metadata.resourceVersion}`)
  const resumed = (await again.told(2)).map((text) => text.split(' ')[1])
  t.same([first?.object.metadata.name, ...resumed].sort(), ['one', 'orders', 'two'])
})

t.test('an object that enters or leaves a selector is added or deleted for its watch', async (t) => {
  const { ask, access, register, watch } = await cluster(t)
  await register('shop/orders/a')
  const { metadata: { resourceVersion } } = (await ask('GET', `${namespaced}/pods`)).json()
  const events = await watch(`${namespaced}/pods?watch=true&labelSelector=tier%3Dx&resourceVersion=${resourceVersion}`)
  const name = { namespace: 'shop', service: 'orders', id: 'a' }
  for (const [labels, told] of [[{ tier: 'x' }, 'ADDED a'], [{ more: 'y' }, 'MODIFIED a'], [{ tier: 'z' }, 'DELETED a'], [{ tier: 'x' }, 'ADDED a']] as const) {
    await access.patch(name, { labels })
    t.same(await events.told(1), [told], JSON.stringify(labels))
  }
})

t.test('initial events end with a bookmark that says so, as informers of client-go since 1.35 wait for', async (t) => {
  const { register, watch } = await cluster(t)
  await register('shop/orders/a')
  await register('shop/orders/b')
  const events = await watch(`${namespaced}/pods?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`)
  t.same(await events.told(2), ['ADDED a', 'ADDED b'])
  t.match(await events.next(), { type: 'BOOKMARK', object: { kind: 'Pod', apiVersion: 'v1', metadata: { annotations: { 'k8s.io/initial-events-end': 'true' }, resourceVersion: /^\d+$/ } } })
  await register('shop/orders/c')
  t.same(await events.told(1), ['ADDED c'])
})

t.test('bookmarks tell the revision to one who asked for them, while nothing of its own changes', async (t) => {
  const { ask, register, registry, watch, clock } = await cluster(t)
  await register('shop/orders/a')
  const { metadata: { resourceVersion } } = (await ask('GET', `${namespaced}/pods`)).json()
  const events = await watch(`/api/v1/namespaces/other/pods?watch=true&allowWatchBookmarks=true&resourceVersion=${resourceVersion}`)
  await register('shop/orders/b')
  const bookmark = await passing(clock, 1_000, events.next())
  t.match(bookmark, { type: 'BOOKMARK', object: { kind: 'Pod', metadata: { resourceVersion: String(registry.feed.revision) } } })
})

t.test('a watch ends when its time is up, with a last bookmark', async (t) => {
  const { ask, register, watch, clock } = await cluster(t)
  await register('shop/orders/a')
  const { metadata: { resourceVersion } } = (await ask('GET', `${namespaced}/pods`)).json()
  const events = await watch(`/api/v1/namespaces/other/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=7&resourceVersion=${resourceVersion}`)
  await register('shop/orders/b')
  await ask('GET', `${namespaced}/pods`) // it has been told to all by then
  clock.advance(8_000)
  t.match(await events.next(), { type: 'BOOKMARK' })
  t.equal(await events.next(), undefined)
})

t.test('a revision of another history is answered with 410 in the stream', async (t) => {
  const { ask, register, registry, watch, clock } = await cluster(t)
  await register('shop/orders/a')
  await ask('GET', `${namespaced}/pods`)
  await register('shop/orders/b')
  const revision = registry.feed.revision + 1_000_000
  const events = await passing(clock, 3_000, watch(`${namespaced}/pods?watch=true&resourceVersion=${revision}`))
  t.equal(events.status, 200)
  t.match(await events.next(), { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: /^too old resource version/ } })
  t.equal(await events.next(), undefined)
})

t.test('a table comes event by event, with the columns in the first one', async (t) => {
  const { register, watch } = await cluster(t)
  await register('shop/orders/a')
  const events = await watch(`${namespaced}/pods?watch=true`, tableAccept)
  const first = await events.next()
  t.match(first, { type: 'ADDED', object: { kind: 'Table', rows: [{ cells: ['a', '1/1', 'Running'], object: { kind: 'PartialObjectMetadata', metadata: { name: 'a' } } }] } })
  t.equal(first?.object.columnDefinitions.length, 9)
  await register('shop/orders/b')
  t.match(await events.next(), { type: 'ADDED', object: { kind: 'Table', columnDefinitions: null, rows: [{ cells: ['b'] }] } })
})

t.test('an implicit service that is declared is another object, and becomes the implicit one again', async (t) => {
  const { ask, access, register, watch } = await cluster(t)
  await register('shop/orders/a')
  const list = (await ask('GET', `${namespaced}/services`)).json()
  const events = await watch(`${namespaced}/services?watch=true&resourceVersion=${list.metadata.resourceVersion}`)
  await access.put({ kind: 'Service', namespace: 'shop', name: 'orders' }, serviceOf('orders'))
  t.same(await events.told(2), ['DELETED orders', 'ADDED orders'])
  await access.put({ kind: 'Service', namespace: 'shop', name: 'orders' }, serviceOf('orders', { ports: [{ port: 81 }] }))
  t.same(await events.told(1), ['MODIFIED orders'])
  await access.delete([{ kind: 'Service', namespace: 'shop', name: 'orders' }])
  t.same(await events.told(2), ['DELETED orders', 'ADDED orders'])
  await access.deregister({ namespace: 'shop', service: 'orders', id: 'a' })
  t.same(await events.told(1), ['DELETED orders'])
})

t.test('a thousand changes, cut again and again, leave a client with what the registry has', async (t) => {
  const { ask, register, access, watch } = await cluster(t)
  await register('shop/orders/first')
  const list = (await ask('GET', '/api/v1/pods')).json()
  const known = new Map<string, string>(list.items.map(({ metadata }: any) => [metadata.name, JSON.stringify(metadata.labels)]))
  let revision = list.metadata.resourceVersion
  let seed = 7
  const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below
  for (let round = 0; round < 20; round++) {
    const events = await watch(`/api/v1/pods?watch=true&resourceVersion=${revision}`)
    for (let count = 0; count < 50; count++) {
      const name = { namespace: 'shop', service: 'orders', id: `i${random(30)}` }
      if (random(3) === 0) await access.deregister(name).catch(() => undefined)
      else await access.register(name, { address: '10.0.0.1', labels: { count: String(random(1_000)) } })
    }
    const mark = `mark-${round}`
    await register(`shop/orders/${mark}`)
    for (let takes = random(200); takes > 0 || round === 19; takes--) {
      const event = await events.next()
      if (event === undefined) break
      const { name, labels, resourceVersion } = event.object.metadata
      if (event.type === 'DELETED') known.delete(name)
      else known.set(name, JSON.stringify(labels))
      revision = resourceVersion
      if (name === mark) break
    }
    events.close()
  }
  const now = (await ask('GET', '/api/v1/pods')).json().items.map(({ metadata }: any) => [metadata.name, JSON.stringify(metadata.labels)])
  t.same([...known].sort(), now.sort())
})
