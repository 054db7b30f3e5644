// EndpointSlices and Endpoints that were applied by hand for a service that never existed, or that is gone, were stored and
// shown nowhere. An operator sees all of them, with why nobody uses them: by REST, by the command line, and in numbers.
import t from 'tap'
import { place } from '../cli/place.ts'

const squeezed = (lines: readonly string[]): string[] => lines.map((line) => line.replace(/ +/g, ' ').trim())
const slice = (name: string, service: string, more: object = {}): object => ({
  apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.7'] }], ports: [{ port: 80 }],
  metadata: { name, namespace: 'shop', labels: { 'kubernetes.io/service-name': service, ...more } }
})
const service = (name: string, spec: object): object =>
  ({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' }, spec: { ports: [{ port: 80 }], ...spec } })
const endpoints = (name: string): object =>
  ({ apiVersion: 'v1', kind: 'Endpoints', metadata: { name, namespace: 'shop' }, subsets: [{ addresses: [{ ip: '10.0.0.8' }], ports: [{ port: 80 }] }] })

t.test('what nobody uses is listed with the reason, page by page, and counted', async (t) => {
  const { world: { app, send }, rollcall, piped } = await place(t)
  const mirror = { 'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io' }
  const stream = [
    service('good', {}), service('chosen', { selector: { app: 'x' } }), service('mail', { type: 'ExternalName', externalName: 'a.example', ports: undefined }),
    slice('ghost-1', 'ghost'), endpoints('ghost'), slice('good-1', 'good'), endpoints('good'), slice('good-echo', 'good', mirror),
    slice('chosen-1', 'chosen'), slice('mail-1', 'mail')
  ]
  const applied = await piped(stream.map((each) => JSON.stringify(each)).join('\n---\n'), 'apply', '-f', '-')
  t.equal(applied.exitCode, 0, applied.err.join('\n'))
  t.match(applied.err.join('\n'), /mail-1: service "mail" is an ExternalName: these endpoints are not used/)
  const uses = [
    ['EndpointSlice', 'chosen-1', 'chosen', 'selector'], ['Endpoints', 'ghost', 'ghost', 'undeclared'], ['EndpointSlice', 'ghost-1', 'ghost', 'undeclared'],
    ['Endpoints', 'good', 'good', 'used'], ['EndpointSlice', 'good-1', 'good', 'used'], ['EndpointSlice', 'good-echo', 'good', 'mirror'],
    ['EndpointSlice', 'mail-1', 'mail', 'externalName']
  ]
  const found: string[][] = []
  let cursor = ''
  do {
    const answer = await send('GET', `/v1/handmade?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`)
    const page = answer.json<{ items: { kind: string, name: string, service: string, use: string, manifest: { kind: string } }[], next?: string }>()
    found.push(...page.items.map(({ kind, name, service, use }) => [kind, name, service, use]))
    t.ok(page.items.every(({ kind, manifest }) => kind === manifest.kind))
    cursor = page.next ?? ''
  } while (cursor !== '')
  t.same(found, uses)
  t.same((await send('GET', '/v1/handmade?service=ghost')).json().items.length, 2)
  t.same((await send('GET', '/v1/handmade?namespace=other')).json().items, [])
  t.equal((await send('GET', '/v1/handmade?cursor=x')).statusCode, 400)
  t.match((await send('GET', '/v1/overview')).json().handMade, { total: 7, undeclared: 2 })
  const metrics = (await app.inject('/metrics')).body
  t.match(metrics, /^rollcall_hand_made_endpoints 7$/m)
  t.match(metrics, /^rollcall_undeclared_hand_made_endpoints 2$/m)
  t.match((await rollcall('status')).out.join('\n'), /2 hand-made EndpointSlices and Endpoints are of services that are not declared \(rollcall get handmade\)/)

  const rows = squeezed((await rollcall('get', 'endpointslices', '-n', 'shop')).out)
  for (const row of [/^ghost-1 IPv4 80 10\.0\.0\.7 \S+ ghost \(not declared\)$/, /^chosen-1 .* chosen \(not used: it has a selector\)$/, /^good-1 IPv4 80 \S+ \S+ good$/]) {
    t.equal(rows.filter((line) => row.test(line)).length, 1, `${String(row)} of ${rows.join('\n')}`)
  }
  t.equal(rows.filter((line) => line.startsWith('mail-1 ')).length, 1, 'no slice stands there twice')
  t.match(squeezed((await rollcall('get', 'eps', 'ghost', '-n', 'shop')).out)[1], /^ghost-1 .* ghost \(not declared\)$/)
  t.equal((await rollcall('get', 'eps', 'nobody', '-n', 'shop')).exitCode, 1)
  t.match(squeezed((await rollcall('get', 'handmade', '-A')).out), ['NAMESPACE KIND NAME SERVICE ENDPOINTS AGE', /^shop EndpointSlice chosen-1 chosen \(not used: it has a selector\) 10\.0\.0\.7 /])
  t.match(squeezed((await rollcall('get', 'handmade', 'ghost', '-n', 'shop')).out)[1], /^Endpoints ghost ghost \(not declared\) 10\.0\.0\.8 /)
  const listed = JSON.parse((await rollcall('get', 'eps', 'ghost', '-n', 'shop', '-o', 'json')).out.join('\n')) as { items: object[] }
  t.match(listed.items, [{ kind: 'EndpointSlice', metadata: { name: 'ghost-1' } }])
  t.notMatch(listed.items[0], { use: String }, 'it can be applied as it is')
})

t.test('a service that is declared later takes them, one that goes takes them along', async (t) => {
  const { world: { send }, piped, rollcall } = await place(t)
  await piped(JSON.stringify(slice('late-1', 'late')), 'apply', '-f', '-')
  t.match((await send('GET', '/v1/handmade')).json().items, [{ use: 'undeclared' }])
  await piped(JSON.stringify(service('late', {})), 'apply', '-f', '-')
  t.match((await send('GET', '/v1/handmade')).json().items, [{ use: 'used' }])
  t.same((await send('GET', '/v1/overview')).json().handMade, { total: 1, undeclared: 0 })
  await rollcall('delete', 'service', 'late', '-n', 'shop')
  t.same((await send('GET', '/v1/handmade')).json().items, [])
})
