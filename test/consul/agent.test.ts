// The agent: registrations in every form, what checks say, leases and what becomes of them, maintenance.
import t from 'tap'
import { consulWorld, until } from './consul-world.ts'

const ttl = { CheckID: 'service:web-1', TTL: '10s' }

t.test('a registration is read whatever its case and its content type', async (t) => {
  const { put, get, access } = await consulWorld(t)
  for (const [body, headers] of [
    [{ ID: 'web-1', Name: 'web', Port: 80, Address: '10.0.0.5', Tags: ['a'], EnableTagOverride: true }, { 'content-type': 'application/json' }],
    [{ id: 'web-1', name: 'web', port: 80, address: '10.0.0.5', tags: ['a'], enabletagoverride: true }, {}],
    [{ id: 'web-1', name: 'web', port: 80, address: '10.0.0.5', tags: ['a'], enable_tag_override: true }, { 'content-type': 'application/x-www-form-urlencoded' }],
    [{ iD: 'web-1', NAME: 'web', pOrt: 80, addRess: '10.0.0.5', Tags: ['a'], EnableTagOverride: true, Meta: null, Check: null, Checks: [], Proxy: {}, Connect: {} }, { 'content-type': 'text/plain' }]
  ] as const) {
    const answer = await put('/v1/agent/service/register', body, { headers })
    t.strictSame([answer.status, answer.body], [200, ''])
    t.match((await get('/v1/agent/service/web-1')).json, { ID: 'web-1', Service: 'web', Port: 80, Address: '10.0.0.5', Tags: ['a'], EnableTagOverride: true })
  }
  t.match(access.instance({ namespace: 'default', service: 'web', id: 'web-1' }), { address: '10.0.0.5', labels: { a: '' }, status: 'up', source: 'consul' })
  t.strictSame((await get('/v1/agent/checks')).json, {})
})

t.test('a wrong body is refused as Consul does, and nothing of it is stored', async (t) => {
  const { put, get } = await consulWorld(t)
  const service = { Name: 'web' }
  for (const [body, text] of [
    ['', /^Request decode failed: /], ['x', /^Request decode failed: /], ['[]', /^Request decode failed: the body must be an object/], ['null', /^Request decode failed/], ['{"a":', /^Request decode failed/],
    [{}, /^Missing service name$/], [{ Name: '' }, /^Missing service name$/], [{ Name: 5 }, /^Request decode failed: Name must be a string, got number$/],
    [{ ...service, Port: '80' }, /^Request decode failed: Port must be a whole number, got string/], [{ ...service, Port: 70_000 }, /Port must be 0-65535, got 70000/], [{ ...service, Port: 1.5 }, /Port must be a whole number/],
    [{ ...service, Tags: 'a' }, /Tags must be a list of strings/], [{ ...service, Tags: [1] }, /Tags must be a list of strings/], [{ ...service, Meta: { a: 1 } }, /Meta must be an object of strings/],
    ['{"Name":"web","name":"other"}', /^Request decode failed: the body has the same key twice: "Name" and "name"$/],
    ['{"Name":"web","Check":{"TTL":"1s","ttl":"2s"}}', /Check has the same key twice/], ['{"Name":"web","EnableTagOverride":true,"enable_tag_override":false}', /same key twice/],
    [{ ...service, Name: 'a_b' }, /^Invalid service name "a_b": must be an RFC 1123 label/], [{ ...service, Address: '0.0.0.0' }, /^Invalid service address$/], [{ ...service, Address: '::' }, /^Invalid service address$/],
    [{ ...service, Meta: { 'ä': 'x' } }, /^Invalid Service Meta: .*key contains invalid characters/], [{ ...service, Meta: { a: 'x'.repeat(513) } }, /value is too long \(limit: 512 characters\)/],
    ['{"Name":"web","Meta":{"__proto__":"x"}}', /key contains invalid characters/],
    [{ ...service, Meta: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`k${index}`, ''])) }, /metadata cannot contain more than 64 key\/value pairs/],
    [{ ...service, Weights: { Passing: 0, Warning: 1 } }, /^Invalid Weights: Passing must be greater than 0$/], [{ ...service, Weights: { Passing: 1, Warning: -1 } }, /^Invalid Weights: Warning must be greater or equal than 0$/],
    [{ ...service, Check: {}, Checks: [{}] }, /^Invalid check: TTL must be > 0 for TTL checks$/], [{ ...service, Check: { TTL: 'x' } }, /^Request decode failed: TTL must be a duration/],
    [{ ...service, Check: { HTTP: 'http://x' } }, /^Invalid check: Interval must be > 0/], [{ ...service, Check: { TTL: '1s', Interval: '1s' } }, /^Invalid check: Interval and TTL cannot both be specified$/],
    [{ ...service, Check: { TTL: '1s', Status: 'up' } }, /^Status for checks must 'passing', 'warning', 'critical'$/], [{ ...service, Check: { Args: ['sh'], Interval: '1s' } }, /^Scripts are disabled on this agent/],
    [{ ...service, Checks: [{ CheckID: 'a', TTL: '1s' }, { CheckID: 'a', TTL: '1s' }] }, /^Invalid check: the check ID "a" is used twice$/],
    [{ ...service, Kind: 'connect-proxy' }, /Kind connect-proxy is of Consul's mesh/], [{ ...service, Tags: Array.from({ length: 1_000 }, (_, index) => `tag ${'x'.repeat(40)} ${index}`) }, /metadata.*16384 octets/],
    [{ ...service, Partition: 'other' }, /Partition must be "default"/], [{ ...service, ID: 'x'.repeat(300) }, /^Invalid service ID/], ['['.repeat(100_000), /nested deeper than 32/]
  ] as const) {
    const answer = await put('/v1/agent/service/register', body)
    t.equal(answer.status, 400, JSON.stringify(body).slice(0, 80))
    t.match(answer.body, text)
    t.match(answer.headers['content-type'], 'text/plain')
    t.notMatch(answer.body, /REG_|"type"/)
  }
  t.strictSame((await get('/v1/agent/services')).json, {})
  t.equal((await put('/v1/agent/service/register', `{"Name":"web","ID":"${'x'.repeat(600_000)}"}`)).status, 413)
})

t.test('a thousand short tags are kept', async (t) => {
  const { service, get } = await consulWorld(t)
  const tags = Array.from({ length: 1_000 }, (_, index) => `t${index}`)
  await service({ Name: 'web', Tags: tags })
  t.strictSame((await get('/v1/agent/service/web')).json.Tags, tags)
  t.equal((await get('/v1/health/service/web?tag=t999')).json.length, 1)
})

t.test('a TTL check is critical at first, and says what heartbeats say', async (t) => {
  const { service, put, get, access } = await consulWorld(t)
  await service({ ID: 'web-1', Name: 'web', Address: '10.0.0.5', Weights: { Passing: 10, Warning: 2 }, Check: { TTL: '10s', Notes: 'beats' } })
  const check = async (): Promise<any> => (await get('/v1/health/checks/web')).json[0]
  const name = { namespace: 'default', service: 'web', id: 'web-1' }
  t.match(await check(), { CheckID: 'service:web-1', Name: "Service 'web' check", Status: 'critical', Notes: 'beats', Type: 'ttl', ServiceID: 'web-1', ServiceName: 'web', Output: '' })
  t.equal(access.instance(name).status, 'starting')
  for (const [path, body, status, output, own, weight] of [
    ['pass/service:web-1', undefined, 'passing', '', 'up', 1_000], ['warn/service%3Aweb-1?note=disk%20full', undefined, 'warning', 'disk full', 'warning', 200],
    ['fail/service:web-1?note=x', undefined, 'critical', 'x', 'down', 1_000], ['update/service:web-1', { Status: 'passing', Output: 'y' }, 'passing', 'y', 'up', 1_000]
  ] as const) {
    t.strictSame([(await put(`/v1/agent/check/${path}`, body)).status], [200], path)
    t.match(await check(), { Status: status, Output: output })
    t.match(access.instance(name), { status: own, weight })
    t.strictSame((await get('/v1/health/service/web')).json[0].Service.Weights, { Passing: 10, Warning: 2 })
  }
  for (const [method, path, status, text] of [
    ['put', '/v1/agent/check/pass/service:nope', 404, 'Unknown check ID "service:nope". Ensure that the check ID is passed, not the check name.'], ['put', '/v1/agent/check/pass/', 400, 'Missing check ID'],
    ['get', '/v1/agent/check/pass/service:web-1', 405, 'method GET not allowed'], ['get', '/v1/agent/service/deregister/web-1', 405, 'method GET not allowed'],
    ['put', '/v1/agent/service/deregister/nope', 404, 'Unknown service ID "nope". Ensure that the service ID is passed, not the service name.'],
    ['get', '/v1/agent/service/nope', 404, 'Unknown service ID "nope". Ensure that the service ID is passed, not the service name.'], ['put', '/v1/health/service/web', 405, 'method PUT not allowed']
  ] as const) {
    const world = await (method === 'put' ? put(path) : get(path))
    t.strictSame([world.status, world.body], [status, text], path)
  }
  t.equal((await get('/v1/agent/check/pass/service:web-1')).headers.allow, 'OPTIONS,PUT')
  t.match((await put('/v1/agent/check/update/service:web-1', { Status: 'up' })), { status: 400, body: "Invalid check status: 'up'" })
  t.equal(access.instance(name).status, 'up', 'and nothing of that was done')
  t.equal((await put('/v1/agent/service/deregister/web-1')).status, 200)
  t.strictSame((await get('/v1/health/service/web')).json, [])
})

t.test('several checks come to one status, and each is heard alone', async (t) => {
  const { service, put, get } = await consulWorld(t)
  await service({ ID: 'web-1', Name: 'web', Checks: [{ TTL: '10s' }, { Name: 'disk', TTL: '20s', Status: 'passing' }, { HTTP: 'http://x/health', Interval: '10s', Timeout: '1s' }] })
  const checks = async (): Promise<any> => (await get('/v1/agent/checks')).json
  t.match(await checks(), {
    'service:web-1:1': { Status: 'critical' }, 'service:web-1:2': { Status: 'passing', Name: 'disk' },
    'service:web-1:3': { Status: 'passing', Type: 'http', Interval: '10s', Timeout: '1s', Output: /nobody runs this http check: its status follows heartbeats/, Definition: { HTTP: 'http://x/health' } }
  })
  const passing = async (): Promise<number> => (await get('/v1/health/service/web?passing')).json.length
  t.equal(await passing(), 0)
  await put('/v1/agent/check/pass/service:web-1:1')
  t.equal(await passing(), 1)
  await put('/v1/agent/check/fail/service:web-1:3')
  t.equal(await passing(), 0, 'what nobody runs is what its owner says')
  await put('/v1/agent/check/pass/service:web-1:3')
  // Registered anew they are as they were, unless they say a status; those of before stay, unless they are replaced.
  await service({ ID: 'web-1', Name: 'web', Check: { CheckID: 'service:web-1:1', TTL: '10s' } })
  t.strictSame(Object.entries(await checks()).map(([id, check]: [string, any]) => [id, check.Status]), [['service:web-1:1', 'passing'], ['service:web-1:2', 'passing'], ['service:web-1:3', 'passing']])
  await put('/v1/agent/service/register?replace-existing-checks', { ID: 'web-1', Name: 'web', Check: { CheckID: 'service:web-1:1', TTL: '10s' } })
  t.strictSame(Object.keys(await checks()), ['service:web-1:1'])
  t.equal((await put('/v1/agent/check/register', { Name: 'memory', ServiceID: 'web-1', TTL: '10s' })).status, 200)
  t.match(await checks(), { memory: { Status: 'critical', Name: 'memory', ServiceID: 'web-1' } })
  t.equal(await passing(), 0)
  t.equal((await put('/v1/agent/check/deregister/memory')).status, 200)
  t.equal(await passing(), 1)
  t.match(await put('/v1/agent/check/register', { Name: 'node', TTL: '10s' }), { status: 400, body: /^Missing service ID/ })
  t.match(await put('/v1/agent/check/register', { Name: 'x', ServiceID: 'nope', TTL: '10s' }), { status: 404 })
  t.match(await put('/v1/agent/check/register', { ServiceID: 'web-1', TTL: '10s' }), { status: 400, body: 'Missing check name' })
})

t.test('checks of one service that are heard at the same time are all heard', async (t) => {
  const { service, put, get } = await consulWorld(t)
  const ids = Array.from({ length: 20 }, (_, index) => `c${index}`)
  await service({ Name: 'web', Checks: ids.map((id) => ({ CheckID: id, TTL: '10s' })) })
  await Promise.all(ids.map((id) => put(`/v1/agent/check/pass/${id}`)))
  t.equal((await get('/v1/health/service/web?passing')).json.length, 1)
})

t.test('a service whose TTL ran out is critical and stays, until it is heard of again or its time is over', async (t) => {
  const { service, put, get, pass, access } = await consulWorld(t)
  await service({ ID: 'a', Name: 'web', Address: '10.0.0.5', Check: { TTL: '10s', DeregisterCriticalServiceAfter: '2m' } })
  await service({ ID: 'b', Name: 'other', Address: '10.0.0.6', Check: { TTL: '10s' } })
  for (const id of ['a', 'b']) await put(`/v1/agent/check/pass/service:${id}?note=fine`)
  await pass(9_000)
  t.equal((await get('/v1/health/service/web?passing')).json.length, 1)
  await pass(3_000)
  await until(async () => (await get('/v1/health/service/web?passing')).json.length === 0, 'it is critical')
  await until(async () => (await get('/v1/health/service/other?passing')).json.length === 0, 'the other too')
  t.match((await get('/v1/health/checks/web')).json, [{ Status: 'critical', Output: 'TTL expired (last output before timeout follows): fine' }])
  t.equal(access.endpoints('default', 'web').answered.length, 0, 'it is in no answer')
  await pass(60_000)
  t.equal((await get('/v1/health/service/web')).json.length, 1, 'it is still there')
  t.equal((await put('/v1/agent/check/pass/service:a')).status, 200)
  t.match((await get('/v1/health/service/web?passing')).json, [{ Service: { ID: 'a' } }], 'and comes back as it was')
  t.equal(access.instance({ namespace: 'default', service: 'web', id: 'a' }).lease.ttlMs, 10_000)
  await pass(12_000)
  await until(async () => (await get('/v1/health/service/web?passing')).json.length === 0, 'it is critical again')
  await pass(140_000)
  t.strictSame((await get('/v1/health/service/web')).json, [], 'then its time is over')
  t.match(await put('/v1/agent/check/pass/service:a'), { status: 404 }, 'and it has to register again')
  await pass(30 * 3_600_000, 600_000)
  t.match((await get('/v1/health/service/other')).json, [{ Service: { ID: 'b' } }], 'without such a time it stays')
})

t.test('one of several TTL checks that is silent is critical, though others beat', async (t) => {
  const { service, put, get, pass } = await consulWorld(t)
  await service({ Name: 'web', Checks: [{ CheckID: 'a', TTL: '10s', Status: 'passing' }, { CheckID: 'b', TTL: '30s', Status: 'passing' }] })
  const statuses = async (): Promise<string> => (await get('/v1/health/checks/web')).json.map(({ Status }: any) => Status).join()
  for (let round = 0; round < 5; round++) {
    await put('/v1/agent/check/pass/a')
    await pass(5_000)
  }
  t.equal(await statuses(), 'passing,passing', 'it has its time')
  for (let round = 0; round < 3; round++) {
    await pass(5_000)
    await put('/v1/agent/check/pass/a')
  }
  t.equal(await statuses(), 'passing,critical')
  t.match((await get('/v1/health/checks/web')).json[1], { Output: /^TTL expired/ })
  t.equal((await put('/v1/agent/check/pass/b')).status, 200)
  t.equal(await statuses(), 'passing,passing')
})

t.test('a service that its owner calls critical goes when its time is over, however often he says so', async (t) => {
  const { service, put, get, pass } = await consulWorld(t)
  await service({ ID: 'a', Name: 'web', Check: { TTL: '10s', Status: 'passing', DeregisterCriticalServiceAfter: '1m' } })
  for (let round = 0; round < 16; round++) {
    await put('/v1/agent/check/fail/service:a')
    await pass(5_000)
  }
  t.strictSame((await get('/v1/health/service/web')).json, [])
})

t.test('a service without a TTL stays for days', async (t) => {
  const { service, get, pass } = await consulWorld(t)
  await service({ ID: 'a', Name: 'web' })
  await service({ ID: 'b', Name: 'web', Check: { HTTP: 'http://x', Interval: '10s' } })
  await pass(50 * 3_600_000, 600_000)
  t.equal((await get('/v1/health/service/web?passing')).json.length, 2)
})

t.test('maintenance is an override that survives a registration', async (t) => {
  const { service, put, get, access } = await consulWorld(t)
  const body = { ID: 'web-1', Name: 'web', Address: '10.0.0.5', Checks: [{ ...ttl, Status: 'passing' }] }
  await service(body)
  await service({ ID: 'web-2', Name: 'web', Address: '10.0.0.6' }, '10.0.0.2')
  t.match(await put('/v1/agent/service/maintenance/web-1'), { status: 400, body: 'Missing value for enable' })
  t.match(await put('/v1/agent/service/maintenance/web-1?enable=maybe'), { status: 400, body: 'Invalid value for enable: "maybe"' })
  t.match(await put('/v1/agent/service/maintenance/nope?enable=true'), { status: 404 })
  t.match(await put(`/v1/agent/service/maintenance/web-1?enable=true&reason=${'x'.repeat(300)}`), { status: 400, body: /^Invalid reason/ })
  t.equal((await put('/v1/agent/service/maintenance/web-1?enable=true&reason=disk')).status, 200)
  const critical = async (): Promise<any> => (await get('/v1/health/state/critical')).json
  t.match(await critical(), [{ CheckID: '_service_maintenance:web-1', Name: 'Service Maintenance Mode', Notes: 'disk' }])
  t.strictSame(access.endpoints('default', 'web').answered.map(({ id }) => id), ['web-2'], 'nobody is sent there')
  await service(body)
  await put('/v1/agent/check/pass/service:web-1')
  t.equal((await critical()).length, 1)
  t.equal((await put('/v1/agent/service/maintenance/web-1?enable=false')).status, 200)
  t.equal((await put('/v1/agent/service/maintenance/web-1?enable=false')).status, 200, 'twice is fine')
  t.strictSame(await critical(), [])
  t.equal((await put('/v1/agent/maintenance?enable=true')).status, 200)
  t.match(await critical(), [{ ServiceID: 'web-1', Notes: /no reason was provided/ }], 'all of this agent')
  t.equal((await critical()).length, 1)
  t.equal((await put('/v1/agent/maintenance?enable=false', undefined, { from: '10.0.0.2' })).status, 200)
  t.equal((await critical()).length, 1, 'not those of another')
})

t.test('ids are unique for each machine that asks', async (t) => {
  const { service, put, get } = await consulWorld(t)
  for (const from of ['10.0.0.1', '10.0.0.2']) await service({ Name: 'web', Port: 80, Check: { TTL: '10s' } }, from)
  const nodes = async (query = ''): Promise<string[]> => (await get(`/v1/health/service/web${query}`)).json.map((entry: any) => `${entry.Service.ID} ${entry.Node.Address}`)
  t.strictSame(await nodes(), ['web 10.0.0.1', 'web 10.0.0.2'])
  await put('/v1/agent/check/pass/service:web', undefined, { from: '10.0.0.2' })
  t.strictSame(await nodes('?passing'), ['web 10.0.0.2'])
  await service({ Name: 'web', Port: 81, Check: { TTL: '10s' } }, '10.0.0.2')
  t.strictSame(await nodes(), ['web 10.0.0.1', 'web 10.0.0.2'], 'registered again it is the same')
  t.match(await put('/v1/agent/service/deregister/web', undefined, { from: '10.0.0.3' }), { status: 404 }, 'which of them a third one means nobody knows')
  await put('/v1/agent/service/deregister/web', undefined, { from: '10.0.0.1' })
  t.strictSame(await nodes(), ['web 10.0.0.2'])
  t.match(await put('/v1/agent/service/deregister/web', undefined, { from: '10.0.0.3' }), { status: 200 }, 'now there is one')
})

t.test('what an import keeps becomes its owner\'s when he registers it', async (t) => {
  const { service, access, pass } = await consulWorld(t)
  const record = JSON.stringify({ agent: '10.0.0.1', checks: [{ id: 'c', name: 'c', kind: 'external', status: 'passing' }], imported: true })
  for (const id of ['a', 'b']) {
    await access.register({ namespace: 'default', service: 'web', id }, { address: '10.0.0.1', generation: 'imported', metadata: { 'rollcall.dev/consul': record }, lease: { ttlMs: 60_000 } })
  }
  await service({ ID: 'a', Name: 'web', Address: '10.0.0.1', Check: { TTL: '1h', Status: 'passing' } })
  t.not(access.instance({ namespace: 'default', service: 'web', id: 'a' }).generation, 'imported')
  await pass(120_000, 1_000)
  t.strictSame(access.members('default', 'web').map(({ id }) => id), ['a'], 'what nobody imports any more goes')
})

t.test('an id that is registered under another name moves there', async (t) => {
  const { service, get } = await consulWorld(t)
  await service({ ID: 'x', Name: 'one' })
  await service({ ID: 'x', Name: 'two' })
  t.strictSame((await get('/v1/catalog/services')).json, { two: [], consul: [] })
})

t.test('what was registered in another way is heard of and ended by its id', async (t) => {
  const { register, put, get, access } = await consulWorld(t)
  await register('default/web/a')
  t.match((await get('/v1/agent/services')).json, { a: { Service: 'web', Port: 8080 } })
  t.equal((await put('/v1/agent/check/warn/service:a')).status, 200)
  t.equal(access.instance({ namespace: 'default', service: 'web', id: 'a' }).status, 'warning')
  t.equal((await put('/v1/agent/service/maintenance/a?enable=true')).status, 200)
  t.equal((await put('/v1/agent/service/deregister/a')).status, 200)
})

t.test('the catalog takes services of machines without an agent', async (t) => {
  const { put, get, pass, access } = await consulWorld(t)
  const body = { Node: 'db-host', Address: '10.0.0.9', Service: { ID: 'pg', Service: 'postgres', Port: 5432, Tags: ['primary'] }, Check: { Name: 'up', Status: 'passing', ServiceID: 'pg' } }
  t.match(await put('/v1/catalog/register', body), { status: 200, body: 'true' })
  t.match((await get('/v1/catalog/service/postgres')).json, [{ Node: 'db-host', Address: '10.0.0.9', ServiceID: 'pg', ServicePort: 5432, ServiceTags: ['primary'] }])
  t.match((await get('/v1/catalog/node/db-host')).json, { Node: { Node: 'db-host' }, Services: { pg: { Service: 'postgres' } } })
  t.match((await get('/v1/catalog/node-services/db-host')).json, { Services: [{ ID: 'pg' }] })
  t.match((await get('/v1/health/node/db-host')).json, [{ CheckID: 'serfHealth' }, { Name: 'up', Status: 'passing' }])
  t.equal((await get('/v1/catalog/node/nope')).body, 'null')
  await pass(26 * 3_600_000, 600_000)
  t.equal(access.endpoints('default', 'postgres').answered.length, 1)
  await put('/v1/catalog/register', { ...body, Check: { ...body.Check, Status: 'critical' } })
  t.strictSame((await get('/v1/health/service/postgres?passing')).json, [])
  for (const [bad, text] of [
    [{}, /Must provide node and address/], [{ Node: 'a', Address: '10.0.0.1' }, /^Missing Service/], [{ ...body, Address: 'x' }, /Invalid node address/], [{ ...body, Node: 'A_B' }, /Invalid node name/],
    [{ ...body, Service: { ID: 'x' } }, /Missing service name/]
  ] as const) t.match(await put('/v1/catalog/register', bad), { status: 400, body: text })
  t.match(await put('/v1/catalog/register', { ...body, Datacenter: 'dc9' }), { status: 500, body: 'No path to datacenter' })
  t.match(await put('/v1/catalog/deregister', {}), { status: 400 })
  t.match(await put('/v1/catalog/deregister', { Node: 'db-host', ServiceID: 'pg' }), { status: 200, body: 'true' })
  t.strictSame((await get('/v1/catalog/service/postgres')).json, [])
})

t.test('tags that others may change stay changed, the others are their owner\'s', async (t) => {
  const { service, put, get } = await consulWorld(t)
  for (const [override, expected] of [[true, ['changed']], [false, ['mine']]] as const) {
    const body = { ID: 'a', Name: 'web', Address: '10.0.0.1', Tags: ['mine'], EnableTagOverride: override, Check: { TTL: '10s' } }
    await service(body)
    await put('/v1/catalog/register', { Node: '10.0.0.1', Address: '10.0.0.1', Service: { ID: 'a', Service: 'web', Tags: ['changed'], Address: '10.0.0.1' } })
    t.strictSame((await get('/v1/agent/service/a')).json.Tags, expected, `override ${override}`)
    await put('/v1/agent/service/deregister/a')
  }
})

t.test('health of one service is told by the code', async (t) => {
  const { service, put, get } = await consulWorld(t)
  await service({ ID: 'a', Name: 'web', Check: { TTL: '10s' } })
  for (const [word, code, status] of [['pass', 200, 'passing'], ['warn', 429, 'warning'], ['fail', 503, 'critical']] as const) {
    await put(`/v1/agent/check/${word}/service:a`)
    t.match(await get('/v1/agent/health/service/id/a?format=text'), { status: code, body: status })
    t.match(await get('/v1/agent/health/service/name/web'), { status: code })
    t.match((await get('/v1/agent/health/service/id/a')).json, { AggregatedStatus: status, Service: { ID: 'a' }, Checks: [{ Status: status }] })
  }
  t.match(await get('/v1/agent/health/service/id/b'), { status: 404, body: 'ServiceId b not found' })
  t.match(await get('/v1/agent/health/service/name/b'), { status: 404, body: 'ServiceName b not found' })
})
