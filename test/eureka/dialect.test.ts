// Eureka's API as its clients use it: paths, bodies, answers, errors.
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { bearer, tokenOf } from '../support/world.ts'
import { asJson, eurekaWorld, instance } from './eureka-world.ts'

const path = '/apps/ORDERS/host1:orders:8080'

t.test('what registers in JSON or in XML is an instance like every other', async (t) => {
  const { ask, access, registry } = await eurekaWorld(t)
  t.match(await ask('POST', '/apps/ORDERS', { instance: instance({ metadata: { version: 'v1' } }) }), { status: 204, body: '' })
  t.match(access.instance({ namespace: 'default', service: 'orders', id: 'host1:orders:8080' }), {
    address: '10.0.0.7', ports: [{ name: 'http', port: 8080 }], status: 'up', metadata: { version: 'v1' }, lease: { ttlMs: 90_000 }, source: 'eureka'
  })
  const xml = `<?xml version="1.0"?><instance><instanceId>b</instanceId><hostName>host2</hostName><app>orders</app><ipAddr>10.0.0.8</ipAddr><status>UP</status>
    <port enabled="true">8080</port><securePort enabled="false">443</securePort><dataCenterInfo class="com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"><name>MyOwn</name></dataCenterInfo>
    <leaseInfo><renewalIntervalInSecs>10</renewalIntervalInSecs><durationInSecs>30</durationInSecs></leaseInfo><metadata><zone>a</zone></metadata></instance>`
  t.match(await ask('POST', '/v2/apps/orders/', xml), { status: 204, body: '' })
  t.match(access.instance({ namespace: 'default', service: 'orders', id: 'b' }), { address: '10.0.0.8', zone: 'a', lease: { ttlMs: 30_000 }, source: 'eureka' })
  const { revision } = registry.feed
  t.equal((await ask('POST', '/apps/orders', xml)).status, 204)
  t.equal(registry.feed.revision, revision, 'the same again is no change')
})

t.test('every base, doubled slashes and trailing ones lead to the same', async (t) => {
  const { ask, put } = await eurekaWorld(t)
  await put({})
  for (const prefix of ['//eureka', '//eureka/v1', '//eureka/v2', '//namespaces/default/eureka', '//namespaces/default/eureka/v2', '///eureka/']) {
    for (const [path, expected] of [
      ['/apps', 200], ['/apps/', 200], ['//apps//', 200], ['/apps/delta', 200], ['/apps/orders', 200], ['/apps/ORDERS/', 200], ['/apps/ORDERS/host1:orders:8080', 200], ['/apps/orders/host1%3Aorders%3A8080/', 200],
      ['/instances/host1:orders:8080', 200], ['/vips/orders', 200], ['/svips/orders', 200], ['/vips/nobody', 200], ['/status', 200], ['/serverinfo/statusoverrides', 200], ['/lastn', 200], ['', 200], ['/', 200],
      ['/apps/NOBODY', 404], ['/apps/ORDERS/x', 404], ['/apps/MY_APP', 404], ['/instances/x', 404], ['/peerreplication/batch/', 404], ['/nowhere', 404], ['/apps/ORDERS/%ff', 400], ['/v3/apps', 404]
    ] as const) {
      const answer = await ask('GET', prefix + path)
      t.equal(answer.status, expected, prefix + path)
      if (expected !== 200) t.equal(answer.body, '')
    }
  }
  t.match(await ask('GET', '//'), { status: 200, body: /<html/ })
  t.match(await ask('GET', '//v1/instances'), { status: 404, body: '' }, 'nothing of the native API is here')
})

t.test('JSON is for who asks for it; everybody else gets XML', async (t) => {
  const { ask, put } = await eurekaWorld(t)
  await put({})
  for (const [headers, media] of [
    [{}, 'application/xml'], [{ accept: '*/*' }, 'application/xml'], [{ accept: 'application/xml' }, 'application/xml'], [{ accept: 'application/json' }, 'application/json'],
    [{ accept: 'application/json, application/*+json' }, 'application/json'], [{ accept: 'application/vnd.netflix.eureka+json;q=1' }, 'application/json'], [{ accept: 'text/html' }, 'application/xml']
  ] as const) t.equal((await ask('GET', '/apps/', undefined, headers)).headers['content-type'], media, JSON.stringify(headers))
  const zipped = await ask('GET', '/apps', undefined, { 'accept-encoding': 'deflate, gzip;q=1.0' })
  t.equal(zipped.headers['content-encoding'], 'gzip')
  t.match(gunzipSync(zipped.bytes).toString(), /^<applications><versions__delta>1<\/versions__delta><apps__hashcode>UP_1_<\/apps__hashcode><application><name>ORDERS<\/name><instance>/)
  for (const refused of ['identity', 'gzip;q=0', 'br', '']) t.notOk((await ask('GET', '/apps', undefined, { 'accept-encoding': refused })).headers['content-encoding'], refused)
  t.equal((await ask('HEAD', '/apps')).body, '')
})

t.test('the sequences of real clients', async (t) => {
  const spring = { 'content-type': 'application/json', accept: 'application/json, application/*+json', 'accept-encoding': 'gzip' }
  const netflix = { 'discoveryidentity-name': 'DefaultClient', 'discoveryidentity-version': '1.4', 'discoveryidentity-id': '10.0.0.7', 'x-eureka-accept': 'full', accept: 'application/json' }
  const javascript = { accept: 'application/json', 'accept-encoding': 'gzip' }
  const full = instance({
    lastDirtyTimestamp: '1732700000000', lastUpdatedTimestamp: '1732700000000', overriddenstatus: 'UNKNOWN', countryId: 1, isCoordinatingDiscoveryServer: 'false',
    leaseInfo: { renewalIntervalInSecs: 30, durationInSecs: 90, registrationTimestamp: 0, lastRenewalTimestamp: 0, evictionTimestamp: 0, serviceUpTimestamp: 0 }, metadata: { 'management.port': '8080' },
    homePageUrl: 'http://host1:8080/', statusPageUrl: 'http://host1:8080/actuator/info', healthCheckUrl: 'http://host1:8080/actuator/health', secureVipAddress: 'orders'
  })
  const plain = { app: 'jqservice', hostName: 'localhost', ipAddr: '127.0.0.1', port: { $: 8080, '@enabled': 'true' }, vipAddress: 'jq.test.something.com', statusPageUrl: 'http://localhost:8080/info', dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' }, status: 'UP' }
  const q = '?status=UP&lastDirtyTimestamp=1732700000000'
  for (const [who, steps] of [
    ['Spring with RestTemplate: a type and no body', [
      ['GET', '/apps/', spring, undefined, 200], ['PUT', `${path}${q}`, spring, undefined, 404], ['POST', '/apps/ORDERS', spring, { instance: full }, 204], ['PUT', `${path}${q}`, spring, undefined, 200],
      ['GET', '/apps/delta', spring, undefined, 200], ['PUT', `${path}?status=DOWN&lastDirtyTimestamp=1732700030000`, spring, undefined, 404],
      ['POST', '/apps/ORDERS', spring, { instance: { ...full, status: 'DOWN', lastDirtyTimestamp: '1732700030000' } }, 204], ['PUT', `${path}?status=DOWN&lastDirtyTimestamp=1732700030000`, spring, undefined, 200],
      ['DELETE', path, spring, undefined, 200], ['PUT', `${path}${q}`, spring, undefined, 404], ['DELETE', path, spring, undefined, 404]
    ]],
    ['Netflix\' client: status and metadata', [
      ['POST', '/v2/apps/ORDERS', netflix, { instance: full }, 204], ['GET', '/v2/apps/', netflix, undefined, 200], ['GET', '/v2/apps/?regions=us-east-1,eu', netflix, undefined, 200],
      ['PUT', `/v2${path}/status?value=OUT_OF_SERVICE&lastDirtyTimestamp=1732700000000`, netflix, undefined, 200], ['PUT', `/v2${path}${q}&overriddenstatus=OUT_OF_SERVICE`, netflix, undefined, 200],
      ['DELETE', `/v2${path}/status?value=UP`, netflix, undefined, 200], ['PUT', `/v2${path}/metadata?color=green`, netflix, undefined, 200], ['GET', `/v2${path}`, netflix, undefined, 200],
      ['GET', '/v2/vips/orders', netflix, undefined, 200], ['GET', '/v2/svips/orders', netflix, undefined, 200], ['GET', '/v2/instances/host1:orders:8080', netflix, undefined, 200], ['DELETE', `/v2${path}`, netflix, undefined, 200]
    ]],
    ['eureka-js-client: no id, no lease, no timestamps', [
      ['POST', '/v2/apps/jqservice', javascript, { instance: plain }, 204], ['GET', '/v2/apps/', javascript, undefined, 200], ['PUT', '/v2/apps/jqservice/localhost', javascript, undefined, 200],
      ['GET', '/v2/apps/delta', javascript, undefined, 200], ['DELETE', '/v2/apps/jqservice/localhost', javascript, undefined, 200], ['PUT', '/v2/apps/jqservice/localhost', javascript, undefined, 404]
    ]],
    ['Prometheus: no Accept', [['POST', '/apps/ORDERS', {}, { instance: full }, 204], ['GET', '/apps', {}, undefined, 200]]]
  ] as const) {
    const { ask } = await eurekaWorld(t)
    for (const [method, url, headers, body, status] of steps) {
      const answer = await ask(method, url, body, headers)
      t.equal(answer.status, status, `${who}: ${method} ${url}`)
      if (method !== 'GET') t.equal(answer.body, '', 'without a body')
    }
  }
})

t.test('a status override is an override of ours, and survives a new registration', async (t) => {
  const { ask, get, put, access } = await eurekaWorld(t)
  const name = { namespace: 'default', service: 'orders', id: 'host1:orders:8080' }
  await put({})
  const shown = async (): Promise<string[]> => {
    const { instance } = (await get(path)).json
    return [instance.status, instance.overriddenStatus]
  }
  t.equal((await ask('PUT', `${path}/status?value=OUT_OF_SERVICE`)).status, 200)
  t.match(access.instance(name), { effectiveStatus: 'draining', status: 'up', override: { status: 'draining', author: '10.0.0.1', reason: 'OUT_OF_SERVICE by a client of Eureka' } })
  t.strictSame(await shown(), ['OUT_OF_SERVICE', 'OUT_OF_SERVICE'])
  t.strictSame((await get('/serverinfo/statusoverrides')).json, { 'ORDERS/host1:orders:8080': 'OUT_OF_SERVICE' })
  await put({ metadata: { a: '1' } })
  t.strictSame(await shown(), ['OUT_OF_SERVICE', 'OUT_OF_SERVICE'])
  t.equal((await ask('PUT', `${path}/status?value=DOWN`)).status, 200)
  t.strictSame(await shown(), ['DOWN', 'DOWN'])
  t.equal((await ask('DELETE', `${path}/status`)).status, 200)
  t.equal((await ask('DELETE', `${path}/status`)).status, 200, 'also when there is none')
  t.strictSame(await shown(), ['UP', 'UNKNOWN'])
  await put({ status: 'OUT_OF_SERVICE' })
  t.equal((await ask('PUT', `${path}/status?value=UP`)).status, 200)
  t.strictSame(await shown(), ['UP', 'UNKNOWN'], 'UP takes back also what the instance said')
  t.equal((await ask('DELETE', `${path}/status?value=DOWN`)).status, 200)
  t.strictSame(await shown(), ['DOWN', 'UNKNOWN'])
  await access.override(name, { weight: 5 })
  await ask('PUT', `${path}/status?value=OUT_OF_SERVICE`)
  t.match(access.instance(name).override, { weight: 5, status: 'draining' })
  await ask('DELETE', `${path}/status?value=UP`)
  t.match(access.instance(name).override, { weight: 5 }, 'a weight that an operator set stays')
  t.match((await get(path)).json.instance, { status: 'UP', metadata: { weight: '5' } })
  for (const [method, url, status] of [
    ['PUT', `${path}/status`, 400], ['PUT', `${path}/status?value=`, 400], ['PUT', `${path}/status?value=STARTING`, 400], ['PUT', `${path}/status?value=up`, 400], ['DELETE', `${path}/status?value=x`, 400],
    ['PUT', '/apps/ORDERS/x/status?value=UP', 404], ['DELETE', '/apps/X/x/status', 404], ['PUT', '/apps/A_B/x/status?value=DOWN', 404], ['POST', `${path}/status?value=UP`, 405], ['PATCH', path, 404]
  ] as const) t.match(await ask(method, url), { status, body: '' }, `${method} ${url}`)
})

t.test('metadata are changed one by one, and a weight among them is the weight', async (t) => {
  const { ask, get, put, access } = await eurekaWorld(t)
  await put({ metadata: { a: '1' } })
  t.equal((await ask('PUT', `${path}/metadata?b=x%20y&weight=9`)).status, 200)
  t.match((await get(path)).json.instance.metadata, { a: '1', b: 'x y', weight: '9' })
  t.equal(access.instance({ namespace: 'default', service: 'orders', id: 'host1:orders:8080' }).weight, 9)
  const pairs = Array.from({ length: 65 }, (_, index) => `k${index}=v`).join('&')
  for (const query of ['', '?', '?weight=heavy', '?eureka/port=1', '?zone=b', '?a=1&a=2', `?${pairs}`, `?a=${'x'.repeat(20_000)}`, '?@class=x', '?=x']) {
    const { status, body } = await ask('PUT', `${path}/metadata${query}`)
    t.ok(status === 400 || status === 414, `${query.slice(0, 20)} ${status}`)
    t.equal(body, '')
  }
  t.match((await get(path)).json.instance.metadata, { a: '1', b: 'x y', weight: '9' })
  t.equal((await ask('PUT', '/apps/ORDERS/x/metadata?a=1')).status, 404)
})

t.test('a heartbeat renews, and 404 means register again', async (t) => {
  const { ask, get, put, pass, access } = await eurekaWorld(t)
  const others = Array.from({ length: 6 }, (_, index) => `other-${index}`) // so that one that goes is no mass loss, which would hold back its end
  for (const id of others) await put({ instanceId: id, leaseInfo: { durationInSecs: 600 } })
  await put({ instanceId: 'a', leaseInfo: { durationInSecs: 10 }, lastDirtyTimestamp: '2000' })
  await put({ instanceId: 'b', leaseInfo: { durationInSecs: 10 } })
  for (let count = 0; count < 8; count++) {
    await pass(4_000)
    t.equal((await ask('PUT', '/apps/ORDERS/a?status=UP&lastDirtyTimestamp=2000')).status, 200)
  }
  t.equal((await ask('PUT', '/apps/ORDERS/b?status=UP')).status, 404, 'the lease ran out, and so did the grace')
  t.strictSame((await get('/apps')).json.applications.application[0].instance.map((each: any) => each.instanceId).sort(), ['a', ...others])
  t.equal((await ask('PUT', '/apps/ORDERS/a?lastDirtyTimestamp=1999')).status, 200)
  t.equal((await ask('PUT', '/apps/ORDERS/a?lastDirtyTimestamp=null')).status, 200)
  t.equal((await ask('PUT', '/apps/ORDERS/a?status=OUT_OF_SERVICE&lastDirtyTimestamp=2000')).status, 200)
  t.equal(access.instance({ namespace: 'default', service: 'orders', id: 'a' }).status, 'up', 'with a timestamp it says nothing new')
  t.equal((await ask('PUT', '/apps/ORDERS/a?status=DOWN')).status, 200)
  t.equal(access.instance({ namespace: 'default', service: 'orders', id: 'a' }).status, 'down', 'without one it does')
  for (const query of ['?status=x', '?lastDirtyTimestamp=now', '?lastDirtyTimestamp=-1', '?status=up']) t.match(await ask('PUT', `/apps/ORDERS/a${query}`), { status: 400, body: '' }, query)
  t.equal((await ask('POST', '/apps/ORDERS', { instance: instance({ instanceId: 'a', lastDirtyTimestamp: '1000', ipAddr: '10.9.9.9' }) })).status, 204)
  t.equal(access.instance({ namespace: 'default', service: 'orders', id: 'a' }).address, '10.0.0.7', 'what was said earlier does not win over what was said later')
})

t.test('an id may be any text', async (t) => {
  const { ask, get, put, access } = await eurekaWorld(t)
  for (const id of ['a/b', 'a/b/c', '50%', 'a%2Fb', '주문-1', 'a b?c#d', '...', 'status', 'host:app:8080']) {
    await put({ instanceId: id })
    const encoded = encodeURIComponent(id)
    t.equal((await ask('PUT', `/apps/ORDERS/${encoded}`)).status, 200, id)
    t.equal((await get(`/apps/ORDERS/${encoded}`)).json.instance.instanceId, id)
    t.equal((await get(`/instances/${encoded}`)).json.instance.instanceId, id)
    t.equal((await ask('PUT', `/apps/ORDERS/${encoded}/metadata?a=1`)).status, 200)
    t.equal((await ask('DELETE', `/apps/ORDERS/${encoded}`)).status, 200)
    t.equal((await get(`/apps/ORDERS/${encoded}`)).status, 404)
  }
  await put({ instanceId: 'a/b' })
  t.equal((await ask('PUT', '/apps/ORDERS/a/b')).status, 200, 'as Java\'s clients send it')
  await access.register({ namespace: 'default', service: 'orders', id: 'x%41' }, { address: '10.0.0.9' })
  t.equal((await get('/apps/ORDERS/x%2541')).json.instance.instanceId, 'x%41')
  t.equal((await ask('PUT', '/apps/ORDERS/x%2541')).status, 200)
  t.equal((await ask('DELETE', '/apps/ORDERS/x%2541')).status, 200)
})

t.test('bad bodies get Eureka\'s own error, and nothing of them is stored', async (t) => {
  const { ask, get } = await eurekaWorld(t)
  const body = (fields: object): string => JSON.stringify({ instance: instance(fields) })
  const json = { 'content-type': 'application/json' }
  for (const [app, text, headers, status, why] of [
    ['ORDERS', '', json, 400, /instance is missing/], ['ORDERS', '{', json, 400, /.+/], ['ORDERS', '[]', json, 400, /instance is missing/], ['ORDERS', 'null', json, 400, /instance is missing/],
    ['ORDERS', '{"instance":{},"instance":{}}', json, 400, /.+/], ['ORDERS', `{"instance":${'['.repeat(50_000)}`, json, 400, /.+/], ['ORDERS', '{"instance":{"__proto__":{"hostName":"x"}}}', json, 400, /.+/],
    ['ORDERS', body({ port: { $: 'x' } }), json, 400, /^port must be a whole number 0-65535, got "x"\n$/], ['ORDERS', body({ ipAddr: 'x' }), json, 400, /^ipAddr/], ['MY_APP', body({ app: 'MY_APP' }), json, 400, /^app must be an RFC 1123 label/],
    ['ORDERS', body({ metadata: { a: 'x'.repeat(17_000) } }), json, 400, /^metadata must not hold more than 16384 octets/], ['ORDERS', body({ metadata: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`k${index}`, 'v'])) }), json, 400, /metadata/],
    ['ORDERS', body({ hostName: 'x'.repeat(200_000) }), json, 413, /^$/], ['ORDERS', 'x', { 'content-type': 'image/png' }, 415, /^$/], ['ORDERS', Buffer.from([0xff, 0xfe]), json, 400, /UTF-8/],
    ['ORDERS', '<instance><!DOCTYPE x></instance>', {}, 400, /document type|have a name/], ['ORDERS', '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><instance><hostName>&e;</hostName></instance>', {}, 400, /document type/],
    ['ORDERS', '<instance/>', {}, 400, /instance is missing/], ['ORDERS', '<other/>', {}, 400, /instance is missing/], ['ORDERS', '<instance><hostName>a</hostName><hostName>b</hostName></instance>', {}, 400, /"hostName" twice/]
  ] as const) {
    const answer = await ask('POST', `/apps/${app}`, text, headers)
    t.equal(answer.status, status, String(text).slice(0, 60))
    t.match(answer.body, why)
    t.notMatch(answer.body, /REG_|urn:|"type"|problem/, 'nothing of our own errors')
    t.notMatch(String(answer.headers['content-type']), 'problem')
  }
  t.strictSame((await get('/apps')).json.applications, { versions__delta: '1', apps__hashcode: '', application: [] })
  t.equal((await ask('POST', '/apps/ORDERS', body({ hostName: 'host9' }), { 'content-type': 'application/x-www-form-urlencoded' })).status, 204, 'curl without a type')
})

t.test('a namespace is said by path, header or setting', async (t) => {
  const { ask, get, put, access } = await eurekaWorld(t, {}, 'shop')
  await put({})
  t.equal((await ask('POST', '//namespaces/test/eureka/apps/ORDERS', { instance: instance() })).status, 204)
  t.equal((await ask('POST', '/apps/ORDERS', { instance: instance() }, { 'x-rollcall-namespace': 'other' })).status, 204)
  t.strictSame(access.namespaces(undefined, 10).items.map(({ name }) => name), ['other', 'shop', 'test'])
  t.equal((await get('/apps')).json.applications.apps__hashcode, 'UP_1_')
  t.equal((await get('/apps', { 'x-namespace': 'none-such' })).json.applications.apps__hashcode, '')
  t.match(await ask('GET', '/apps', undefined, { 'x-rollcall-namespace': 'No Label' }), { status: 404, body: '' })
  t.match(await ask('GET', '//namespaces/No_Label/eureka/apps'), { status: 404, body: '' })
})

t.test('basic credentials are a token, and who may not is told so without a word', async (t) => {
  const world = await eurekaWorld(t, { control: { mode: 'on' } })
  const { ask } = world
  const token = await tokenOf(world, 'web', [{ verbs: ['read', 'register'], namespaces: ['default'], services: ['orders'] }])
  const operator = await tokenOf(world, 'ops', [{ verbs: ['read', 'register', 'operate'], namespaces: ['default'] }])
  const basic = (text: string): Record<string, string> => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
  const body = { instance: instance() }
  for (const [headers, status] of [
    [{}, 401], [basic('user:wrong'), 401], [basic(':'), 401], [{ authorization: 'Basic !!!' }, 401], [basic('user:rc_häßlich'), 401], [basic(`user:${token}`), 204], [basic(token), 204], [bearer(token), 204]
  ] as const) {
    const answer = await ask('POST', '/apps/ORDERS', body, headers)
    t.equal(answer.status, status, JSON.stringify(headers))
    t.equal(answer.body, '')
    if (status === 401) t.match(answer.headers['www-authenticate'], /^Basic realm=/)
  }
  const mine = basic(`x:${token}`)
  t.equal((await ask('POST', '/apps/PAYMENTS', { instance: instance({ app: 'PAYMENTS' }) }, mine)).status, 403)
  t.equal((await ask('PUT', path, undefined, mine)).status, 200)
  t.equal((await ask('PUT', `${path}/status?value=OUT_OF_SERVICE`, undefined, mine)).status, 403, 'an override needs the right to operate')
  t.equal((await ask('PUT', `${path}/status?value=OUT_OF_SERVICE`, undefined, basic(`x:${operator}`))).status, 200)
  t.equal((await ask('POST', '/apps/PAYMENTS', { instance: instance({ app: 'PAYMENTS' }) }, basic(`x:${operator}`))).status, 204)
  const list = async (headers: Record<string, string>): Promise<any> => (await ask('GET', '/apps', undefined, { ...asJson, ...headers })).json.applications
  t.match(await list(mine), { apps__hashcode: 'OUT_OF_SERVICE_1_', application: [{ name: 'ORDERS' }] }, 'what is not seen is not counted')
  t.equal((await list(basic(`x:${operator}`))).apps__hashcode, 'OUT_OF_SERVICE_1_UP_1_')
  const writer = basic(await tokenOf(world, 'writer', [{ verbs: ['register'], namespaces: ['default'], services: ['stock'] }]))
  for (const [method, url, given] of [
    ['POST', '/apps/STOCK', { instance: instance({ app: 'STOCK', instanceId: 's', lastDirtyTimestamp: '5' }) }], ['PUT', '/apps/STOCK/s?status=UP&lastDirtyTimestamp=5', undefined],
    ['PUT', '/apps/STOCK/s/metadata?a=1', undefined], ['DELETE', '/apps/STOCK/s', undefined]
  ] as const) t.ok((await ask(method, url, given, writer)).status < 300, `who may register need not read: ${method} ${url}`)
  for (const url of ['/apps', '/apps/delta', '/apps/ORDERS', path, '/vips/orders', '/instances/x', '/status', '//']) t.match(await ask('GET', url), { status: 401, body: '' }, url)
  t.equal((await ask('GET', '/apps/PAYMENTS', undefined, mine)).status, 403)
  t.equal((await ask('DELETE', path, undefined, basic(`x:${operator}`))).status, 200)
})

t.test('while nothing is loaded, or the store is away, clients are told to try another server', async (t) => {
  const { ask } = await eurekaWorld(t, { open: false })
  for (const [method, url] of [['GET', '/apps'], ['GET', '/apps/delta'], ['PUT', path], ['POST', '/apps/ORDERS']] as const) t.match(await ask(method, url, method === 'POST' ? { instance: instance() } : undefined), { status: 503, body: '' }, `${method} ${url}`)
})

t.test('the page and the status say what Eureka\'s say, and nothing in it is markup of a stranger\'s', async (t) => {
  const { ask, get, put, pass } = await eurekaWorld(t)
  await put({ instanceId: '<script>alert(1)</script>' })
  for (let count = 0; count < 3; count++) await ask('PUT', '/apps/ORDERS/%3Cscript%3Ealert(1)%3C%2Fscript%3E')
  await pass(60_000, 10_000)
  const page = await ask('GET', '//')
  t.match(page.headers['content-security-policy'], "default-src 'none'")
  t.match(page.body, /Instances currently registered with Eureka.*<th scope="row">ORDERS<\/th>.*UP<\/span> \(1\): &lt;script&gt;/s)
  t.notMatch(page.body, '<script>')
  t.match(page.body, /Renewals here \(last minute\)<\/th><td>3</)
  t.match(page.body, /Renewals expected a minute<\/th><td>2</)
  t.notMatch(page.body, 'EMERGENCY')
  t.match((await get('/status')).json.statusInfo, { generalStats: { environment: 'default' }, applicationStats: { instances: '1', 'is-self-preservation-on': 'false', 'renewals-last-minute': '3' } })
  t.match((await ask('GET', '/v2/status')).body, /^<com\.netflix\.eureka\.util\.StatusInfo><generalStats>/)
})

t.test('who registers by itself takes over what was imported for it: the import cannot end it any more', async (t) => {
  const { ask, put, access, beat } = await eurekaWorld(t)
  const name = { namespace: 'default', service: 'orders', id: 'host1:orders:8080' }
  await access.register(name, { address: '10.0.0.7', generation: 'imported' })
  t.equal((await ask('PUT', path)).status, 200)
  await put({})
  t.match(access.instance(name), { generation: 'eureka', source: 'eureka' })
  t.equal((await beat([{ ...name, generation: 'imported' }])).superseded.length, 1)
  await t.rejects(access.deregister(name, 'imported'), { code: 'REG_GENERATION_SUPERSEDED' })
  await put({ metadata: { a: '1' } })
  t.equal((await ask('PUT', path)).status, 200)
})
