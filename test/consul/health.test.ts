// Discovery: who is found, by which words, and what answers look like.
import t from 'tap'
import { consulWorld } from './consul-world.ts'

t.test('health, catalog and the lists have every field that clients read', async (t) => {
  const { service, get } = await consulWorld(t)
  await service({ ID: 'web-1', Name: 'web', Port: 80, Address: '10.0.0.5', Tags: ['a'], Meta: { m: '1' }, Check: { TTL: '10s', Status: 'passing' } })
  const node = { ID: /^[0-9a-f-]{36}$/, Node: '10.0.0.5', Address: '10.0.0.5', Datacenter: 'dc1', TaggedAddresses: { lan: '10.0.0.5', wan: '10.0.0.5', lan_ipv4: '10.0.0.5', wan_ipv4: '10.0.0.5' }, Meta: {} }
  const answer = await get('/v1/health/service/web')
  t.match(answer.json, [{
    Node: { ...node, CreateIndex: answer.index, ModifyIndex: answer.index },
    Service: {
      ID: 'web-1', Service: 'web', Tags: ['a'], Address: '10.0.0.5', TaggedAddresses: { lan_ipv4: { Address: '10.0.0.5', Port: 80 } }, Meta: { m: '1' }, Port: 80,
      Weights: { Passing: 1, Warning: 1 }, EnableTagOverride: false, Proxy: {}, Connect: {}, CreateIndex: answer.index, ModifyIndex: answer.index
    },
    Checks: [
      { Node: '10.0.0.5', CheckID: 'serfHealth', Name: 'Serf Health Status', Status: 'passing', Type: '', ServiceID: '', ServiceTags: [] },
      { Node: '10.0.0.5', CheckID: 'service:web-1', Name: "Service 'web' check", Status: 'passing', Notes: '', Output: '', ServiceID: 'web-1', ServiceName: 'web', ServiceTags: ['a'], Type: 'ttl', Interval: '', Timeout: '', Definition: {} }
    ]
  }])
  t.match(answer.headers, {
    'x-consul-index': /^[1-9]\d*$/, 'x-consul-knownleader': 'true', 'x-consul-lastcontact': '0', 'x-consul-effective-consistency': 'leader', 'x-consul-default-acl-policy': /./,
    'x-consul-query-backend': /./, 'content-type': /^application\/json/
  })
  t.match((await get('/v1/catalog/service/web')).json, [{
    ID: node.ID, Node: '10.0.0.5', Address: '10.0.0.5', Datacenter: 'dc1', TaggedAddresses: node.TaggedAddresses, NodeMeta: {}, ServiceKind: '', ServiceID: 'web-1', ServiceName: 'web', ServiceTags: ['a'],
    ServiceAddress: '10.0.0.5', ServiceTaggedAddresses: {}, ServiceWeights: { Passing: 1, Warning: 1 }, ServiceMeta: { m: '1' }, ServicePort: 80, ServiceSocketPath: '', ServiceEnableTagOverride: false,
    ServiceProxy: {}, ServiceConnect: {}, CreateIndex: Number, ModifyIndex: Number
  }])
  t.strictSame((await get('/v1/catalog/services')).json, { web: ['a'], consul: [] })
  t.match((await get('/v1/catalog/nodes')).json, [{ Node: '10.0.0.5' }, { Node: 'test-node' }])
  t.match((await get('/v1/health/service/consul')).json, [{ Service: { Service: 'consul', Port: 8300 } }])
  t.strictSame((await get('/v1/health/service/unknown')).json, [])
  t.strictSame((await get('/v1/catalog/datacenters')).json, ['dc1'])
  t.match((await get('/v1/agent/self')).json, { Config: { Datacenter: 'dc1', NodeName: 'test-node', NodeID: String, Version: String }, DebugConfig: {}, Coord: {}, Member: { Name: 'test-node', Status: 1 }, Stats: {}, Meta: {} })
  t.equal((await get('/v1/status/leader')).json, '127.0.0.1:8300')
  t.strictSame((await get('/v1/status/peers')).json, ['127.0.0.1:8300'])
  t.match((await get('/v1/agent/members')).json, [{ Name: 'test-node', Tags: { dc: 'dc1' } }])
  t.strictSame((await get('/v1/health/connect/web')).json, [])
  t.match((await get('/v1/health/service/web?pretty')).body, /^\[\n {4}\{\n {8}"Node"/)
  t.match(await get('/v1/health/service/web?stale&cached'), { headers: { 'x-consul-effective-consistency': 'stale', 'x-cache': 'MISS', age: '0' } })
})

t.test('queries choose among instances', async (t) => {
  const { service, put, get } = await consulWorld(t)
  for (const [id, tags, zone] of [['a', ['v1', 'Blue'], 'z1'], ['b', ['v1'], 'z2'], ['c', [], 'z1']] as const) {
    await service({ ID: id, Name: 'web', Address: `10.0.1.${id.charCodeAt(0) - 96}`, Tags: tags, Meta: { id }, Locality: { Region: 'eu', Zone: zone }, Check: { TTL: '10s', Status: 'passing' } })
  }
  await put('/v1/agent/check/fail/service:b')
  for (const [query, expected] of [
    ['', 'a,b,c'], ['?passing', 'a,c'], ['?passing=1', 'a,c'], ['?passing=true', 'a,c'], ['?passing=false', 'a,b,c'], ['?tag=v1', 'a,b'], ['?tag=v1&tag=blue', 'a'], ['?tag=V1', 'a,b'], ['?tag=no', ''],
    ['?near=10.0.1.3', 'c,a,b'], ['?near=10.0.1.2', 'b,a,c'], ['?near=nowhere', 'a,b,c'], ['?near=_agent', 'a,b,c'], ['?node-meta=x:y', ''], ['?filter=Service.ID%20!=%20a', 'b,c'],
    ['?filter=Service.Meta.id%20==%20%22c%22', 'c'], ['?passing&tag=v1', 'a'], ['?dc=dc1', 'a,b,c'], ['?dc=DC1', 'a,b,c'], ['?ns=default', 'a,b,c'], ['?ns=other', '']
  ] as const) {
    t.equal((await get(`/v1/health/service/web${query}`)).json.map((entry: any) => entry.Service.ID).join(), expected, query)
    if (!/passing|Service\./.test(query)) t.equal((await get(`/v1/catalog/service/web${query}`)).json.map((entry: any) => entry.ServiceID).join(), expected, `catalog ${query}`)
  }
  t.equal((await get('/v1/health/service/WEB')).json.length, 3, 'names in any case')
  t.equal((await get('/v1/catalog/service/web?filter=ServiceTags%20contains%20Blue')).json.length, 1)
  t.strictSame(Object.keys((await get('/v1/agent/services?filter=v1%20in%20Tags')).json), ['a', 'b'])
  t.strictSame(Object.keys((await get('/v1/agent/checks?filter=Status%20==%20critical')).json), ['service:b'])
  t.equal((await get('/v1/health/checks/web?filter=Status%20==%20critical')).json.length, 1)
})

t.test('what cannot be asked is refused as Consul does', async (t) => {
  const { get, put, consul } = await consulWorld(t)
  for (const [path, status, text] of [
    ['/v1/health/service/', 400, 'Missing service name'], ['/v1/catalog/service/', 400, 'Missing service name'], ['/v1/health/state/', 400, 'Missing check state'], ['/v1/health/node/', 400, 'Missing node name'],
    ['/v1/health/state/odd', 400, /^Invalid check state/], ['/v1/health/service/web?passing=maybe', 400, 'Invalid value for ?passing'], ['/v1/health/service/web?stale&consistent', 400, 'Cannot specify ?stale with ?consistent, conflicting semantics.'],
    ['/v1/health/service/web?cached&consistent', 400, 'Cannot specify ?cached with ?consistent, conflicting semantics.'],
    ['/v1/health/service/web?dc=dc2', 500, 'No path to datacenter'], ['/v1/catalog/services?dc=%00', 500, 'No path to datacenter'], ['/v1/health/service/web?ns=a_b', 400, /^Invalid namespace "a_b"/],
    ['/v1/health/service/web?filter=(', 400, /^Failed to create boolean expression evaluator: /], ['/v1/health/service/web?filter=Odd==1', 400, /Selector "Odd" is not valid/],
    ['/v1/health/service/%ff', 400, /./], ['/v1/kv/a', 404, 'Invalid URL path: not a recognized HTTP API endpoint'], ['/v1/session/list', 404, 'Invalid URL path: not a recognized HTTP API endpoint'],
    ['/v1/event/list', 404, 'Invalid URL path: not a recognized HTTP API endpoint'], ['/v1/query', 404, /^Invalid URL path/], ['/', 404, /^Invalid URL path/], ['/v1/instances', 404, /^Invalid URL path/], ['/metrics', 404, /^Invalid URL path/],
    [`/v1/health/service/web?filter=${'x'.repeat(9_000)}`, 414, /./], [`/v1/health/service/web?filter=${'x'.repeat(5_000)}`, 400, /must not be longer than 4096 characters, got 5000/],
    [`/v1/health/service/web?${'tag=a&'.repeat(70)}`, 400, /^Too many \?tag/]
  ] as const) {
    const answer = await get(path)
    t.equal(answer.status, status, path.slice(0, 80))
    t.match(answer.body, text, path.slice(0, 80))
    t.match(answer.headers['content-type'], 'text/plain')
    t.notMatch(answer.body, /REG_|problem/)
  }
  t.equal((await consul.inject({ method: 'OPTIONS', url: '/v1/catalog/services', headers: { host: '127.0.0.1' } })).headers.allow, 'OPTIONS,GET')
  t.equal((await put('/v1/kv/a', 'x')).status, 404)
  t.equal((await get('/v1/health/service/web', { host: 'evil.example' })).status, 421)
})

t.test('hand-made and declared services are found too, and suspects are critical unless there is nobody else', async (t) => {
  const { access, register, get, clock } = await consulWorld(t)
  await access.apply([
    { at: 'a', value: { apiVersion: 'v1', kind: 'Service', metadata: { name: 'db', namespace: 'default' }, spec: { clusterIP: 'None', ports: [{ port: 5432 }] } } },
    { at: 'b', value: { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'db', namespace: 'default' }, subsets: [{ addresses: [{ ip: '10.1.1.1' }], ports: [{ port: 5432 }] }] } }
  ] as never).catch(() => undefined)
  await register('default/web/a', { address: '10.0.0.1', ports: [{ port: 80 }], lease: { ttlMs: 2_000 } })
  await register('default/web/b', { address: '10.0.0.2', ports: [{ port: 80 }], lease: { ttlMs: 60_000 }, weight: 50 })
  clock.advance(3_000)
  for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve))
  t.match((await get('/v1/health/service/web')).json, [
    { Service: { ID: 'a', Weights: { Passing: 100 } }, Checks: [{}, { Status: 'critical', Output: /no heartbeat arrived in time/ }] }, { Service: { ID: 'b', Weights: { Passing: 50 } }, Checks: [{}, { Status: 'passing' }] }
  ])
  await access.deregister({ namespace: 'default', service: 'web', id: 'b' })
  t.match((await get('/v1/health/service/web?passing')).json, [{ Service: { ID: 'a' }, Checks: [{}, { Output: /all of them are called as before/ }] }])
})
