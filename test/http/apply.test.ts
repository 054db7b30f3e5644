import t from 'tap'
import type { FieldError } from '../../client-sdk/src/wire.ts'
import { build } from '../support/world.ts'

const yaml = { 'content-type': 'application/yaml' }

function service (name: string, spec = 'ports: [{port: 80}]'): string {
  return `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {${spec}}\n`
}

const slice = `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: legacy-1, labels: {kubernetes.io/service-name: legacy}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.9]}]
ports: [{name: "", port: 5432}]
`

t.test('a stream of all kinds is applied whole, and each document has its result', async (t) => {
  const { send } = await build(t)
  const stream = ['apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n', service('legacy'), slice].join('---\n')
  const answer = await send('POST', '/v1/apply?namespace=shop', stream, yaml)
  t.equal(answer.statusCode, 200)
  t.match(answer.json(), {
    dryRun: false,
    results: [
      { kind: 'Namespace', namespace: '', name: 'shop', outcome: 'created', document: 1 },
      { kind: 'Service', namespace: 'shop', name: 'legacy', outcome: 'created', document: 2, manifest: { spec: { clusterIP: /./ } } },
      { kind: 'EndpointSlice', namespace: 'shop', name: 'legacy-1', outcome: 'created', document: 3 }
    ]
  })
  t.equal(answer.headers['rollcall-revision'], answer.json().revision)
  t.match((await send('GET', '/v1/namespaces/shop/services/legacy/endpoints')).json(), { declared: true, endpoints: [{ address: '10.0.0.9', ports: [{ port: 5432 }] }] })
  t.match((await send('GET', '/v1/namespaces/shop/services/legacy/endpointslices')).json().items, [{ metadata: { name: 'legacy-1' } }])
  const again = (await send('POST', '/v1/apply?namespace=shop', stream, yaml)).json()
  t.strictSame(again.results.map(({ outcome }: { outcome: string }) => outcome), ['unchanged', 'unchanged', 'unchanged'])
})

t.test('JSON is read as one object, a List, or one object behind the other', async (t) => {
  const { send } = await build(t)
  const object = (name: string): object => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ port: 80 }] } })
  for (const [body, names] of [
    [JSON.stringify(object('a')), ['a']],
    [JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [object('b'), object('c')] }), ['b', 'c']],
    [`${JSON.stringify(object('d'))}\n${JSON.stringify(object('e'))}`, ['d', 'e']]
  ] as const) {
    const answer = await send('POST', '/v1/apply', body)
    t.equal(answer.statusCode, 200, answer.body)
    t.strictSame(answer.json().results.map(({ name, namespace }: { name: string, namespace: string }) => `${namespace}/${name}`), names.map((name) => `default/${name}`))
  }
})

t.test('a dry run of a stream shows each manifest before and after, and changes nothing', async (t) => {
  const { send, registry } = await build(t)
  await send('POST', '/v1/apply', service('a'), yaml)
  const { revision } = registry.feed
  const answer = (await send('POST', '/v1/apply?dryRun=true', `${service('a', 'ports: [{port: 81}]')}---\n${service('b')}`, yaml)).json()
  t.match(answer, {
    dryRun: true,
    results: [{ outcome: 'configured', previous: { spec: { ports: [{ port: 80 }] } }, manifest: { spec: { ports: [{ port: 81 }] } } }, { outcome: 'created' }]
  })
  t.notOk('previous' in answer.results[1])
  t.equal(registry.feed.revision, revision)
})

t.test('a value that another service has is refused with the name of that service', async (t) => {
  const { send } = await build(t)
  const spec = 'type: NodePort, ports: [{port: 80, nodePort: 30200}]'
  await send('POST', '/v1/apply?namespace=shop', service('first', spec), yaml)
  const answer = await send('POST', '/v1/apply?namespace=shop', `${service('free')}---\n${service('second', spec)}`, yaml)
  t.equal(answer.statusCode, 422)
  t.match(answer.json(), {
    code: 'REG_MANIFEST_INVALID',
    errors: [{ field: 'spec.ports[0].nodePort', value: 30_200, rule: /shop\/first/, reason: 'FieldValueInvalid', document: 2, line: 9 }]
  })
  t.equal((await send('GET', '/v1/namespaces/shop/services/free')).statusCode, 404, 'nothing of the stream was applied')
})

t.test('all causes of all documents come at once', async (t) => {
  const { send } = await build(t)
  const stream = `${service('a', 'type: Foo, ports: [{port: 0}]')}---\n${service('b')}---\n${service('c', 'sessionAffinity: Maybe, ports: [{port: 80, protocol: ICMP}]')}`
  const { errors } = (await send('POST', '/v1/apply', stream, yaml)).json()
  const causes = (errors as Required<FieldError>[]).map(({ document, line, field, reason }) => [document, line, field, reason])
  t.strictSame(causes.sort(), [
    [1, 4, 'spec.ports[0].port', 'FieldValueInvalid'], [1, 4, 'spec.type', 'FieldValueNotSupported'],
    [3, 14, 'spec.ports[0].protocol', 'FieldValueNotSupported'], [3, 14, 'spec.sessionAffinity', 'FieldValueNotSupported']
  ])
})

t.test('manifests are deleted by the stream that declared them, or by their names', async (t) => {
  const { send } = await build(t)
  const stream = `${service('legacy')}---\n${slice}`
  await send('POST', '/v1/apply?namespace=shop', stream, yaml)
  const dry = await send('POST', '/v1/delete?namespace=shop&dryRun', stream, yaml)
  t.match(dry.json(), { dryRun: true, deleted: [{ kind: 'Service', name: 'legacy' }, { kind: 'EndpointSlice', name: 'legacy-1' }] })
  t.equal((await send('GET', '/v1/namespaces/shop/services/legacy')).statusCode, 200)
  const answer = await send('POST', '/v1/delete?namespace=shop', stream, yaml)
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['rollcall-revision'], answer.json().revision)
  t.strictSame(answer.json().deleted, [{ kind: 'Service', namespace: 'shop', name: 'legacy' }, { kind: 'EndpointSlice', namespace: 'shop', name: 'legacy-1' }])
  t.equal((await send('POST', '/v1/delete?namespace=shop', stream, yaml)).statusCode, 404)
  t.strictSame((await send('POST', '/v1/delete?namespace=shop&ignoreMissing', stream, yaml)).json().deleted, [])
  await send('POST', '/v1/apply', `${service('a')}---\n${service('b')}`, yaml)
  t.strictSame((await send('POST', '/v1/delete', { names: [{ kind: 'Service', name: 'a' }] })).json().deleted, [{ kind: 'Service', namespace: 'default', name: 'a' }])
  const whole = await send('POST', '/v1/delete', { names: [{ kind: 'Service', name: 'b' }, { kind: 'Service', name: 'gone' }] })
  t.equal(whole.statusCode, 404)
  t.equal((await send('GET', '/v1/namespaces/default/services/b')).statusCode, 200, 'all or nothing')
})

t.test('of a manifest that goes only kind and name count', async (t) => {
  const { send } = await build(t)
  await send('POST', '/v1/apply', service('a'), yaml)
  t.match((await send('POST', '/v1/delete', service('a', 'type: Foo, ports: []'), yaml)).json().deleted, [{ name: 'a' }])
})

t.test('a stream above the limit of other bodies is accepted, one above four megabytes is not', async (t) => {
  const { send } = await build(t)
  const filler = `# ${'x'.repeat(1_000)}\n`
  t.equal((await send('POST', '/v1/apply', `${filler.repeat(900)}---\n${filler.repeat(900)}${service('a')}`, yaml)).statusCode, 200)
})

interface Row {
  readonly says: string
  readonly body?: unknown
  readonly url?: string
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly status?: number
  readonly code?: string
  readonly error?: { readonly field: string, readonly rule: RegExp, readonly document?: number, readonly line?: number, readonly reason?: string }
}

const bomb = ['a: &a [x,x,x,x,x,x,x,x,x,x]', ...Array.from('bcdefghi', (name, index) => `${name}: &${name} [${Array(10).fill(`*${'abcdefgh'[index]}`).join(',')}]`)].join('\n')
const put = { method: 'PUT', url: '/v1/namespaces/default/services/a' }

const rows: readonly Row[] = [
  { says: 'a YAML bomb', body: `apiVersion: v1\nkind: Service\n${bomb}\n`, error: { field: '', rule: /expands its aliases/, document: 1 } },
  { says: 'an alias inside of its own anchor', body: 'apiVersion: v1\nkind: Service\nspec: &a {b: *a}\n', error: { field: 'spec.b', rule: /inside of its own anchor/, document: 1, line: 3 } },
  { says: 'a tab as indentation', body: `${service('ok')}---\napiVersion: v1\nkind: Service\nmetadata:\n\tname: a\n`, error: { field: 'document', rule: /not valid YAML: .*[Tt]ab/, document: 2, line: 9 } },
  { says: 'a duplicate key', body: 'apiVersion: v1\nkind: Service\nmetadata: {name: a}\nmetadata: {name: b}\n', error: { field: 'metadata', rule: /given twice/, document: 1, line: 4 } },
  { says: 'a duplicate key in JSON', body: '{"apiVersion":"v1","kind":"Service","kind":"Service"}', headers: {}, error: { field: 'kind', rule: /given twice/ } },
  { says: 'an unknown kind', body: 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n', error: { field: 'kind', rule: /must be one of/, document: 1, line: 2 } },
  { says: 'a kind in lower case', body: 'apiVersion: v1\nkind: service\nmetadata: {name: a}\n', error: { field: 'kind', rule: /did you mean Service/, document: 1, line: 2 } },
  { says: 'no kind', body: 'apiVersion: v1\nmetadata: {name: a}\n', error: { field: 'kind', rule: /required/, document: 1 } },
  { says: 'a wrong apiVersion', body: service('a').replace('v1', 'v1beta1'), error: { field: 'apiVersion', rule: /must be "v1"/, document: 1, line: 1 } },
  { says: 'the apiVersion of another kind', body: slice.replace('discovery.k8s.io/v1', 'v1'), error: { field: 'apiVersion', rule: /discovery\.k8s\.io\/v1/, document: 1, line: 1 } },
  { says: 'no name', body: 'apiVersion: v1\nkind: Service\nspec: {ports: [{port: 80}]}\n', status: 422, code: 'REG_MANIFEST_INVALID', error: { field: 'metadata.name', rule: /./, document: 1, reason: 'FieldValueRequired' } },
  { says: 'an unknown field', body: service('a', 'ports: [{port: 80}], selektor: {a: b}'), error: { field: 'spec.selektor', rule: /not a known field/, document: 1, line: 4 } },
  { says: 'a wrong type', body: service('a', 'ports: [{port: "80"}]'), error: { field: 'spec.ports[0].port', rule: /whole number/, document: 1, line: 4 } },
  { says: 'a rule that is broken in the second document', body: `${service('ok')}---\n${service('a', 'ports: [{port: 70000}]')}`, status: 422, code: 'REG_MANIFEST_INVALID', error: { field: 'spec.ports[0].port', rule: /65535/, document: 2, line: 9, reason: 'FieldValueInvalid' } },
  { says: 'a namespace that is no label', url: '/v1/apply?namespace=Shop', body: service('a'), error: { field: 'namespace', rule: /RFC 1123/ } },
  { says: 'broken YAML', body: 'apiVersion: [v1\nkind: Service\n', error: { field: 'document', rule: /not valid YAML/, document: 1 } },
  { says: 'a text', body: 'hello', error: { field: 'document', rule: /mapping/, document: 1, line: 1 } },
  { says: 'nesting without end', body: `apiVersion: v1\nkind: Service\nspec: ${'['.repeat(5_000)}`, error: { field: 'document', rule: /deeper than/, document: 1 } },
  { says: 'a NUL character', body: 'apiVersion: v1\nkind: "Ser\0vice"\n', error: { field: 'body', rule: /NUL/, line: 2 } },
  { says: 'too many documents', body: 'a: 1\n---\n'.repeat(5_100), error: { field: 'kind', rule: /required/ } },
  { says: 'a manifest of more than a megabyte', body: service('a', `ports: [{port: 80}], externalName: "${'x'.repeat(1_100_000)}"`), error: { field: 'document', rule: /longer than 1048576/, document: 1 } },
  { says: 'a stream of more than four megabytes', body: `# ${'x'.repeat(4 * 1024 * 1024)}\n${service('a')}`, status: 413, code: 'REG_BODY_TOO_LARGE' },
  { says: 'no body', body: undefined, headers: {}, error: { field: 'body', rule: /required/ } },
  { says: 'only comments', body: '# nothing\n---\n# nothing\n', error: { field: 'body', rule: /holds none/ } },
  { says: 'a wrong content type', body: service('a'), headers: { 'content-type': 'text/plain' }, status: 415, code: 'REG_MEDIA_TYPE' },
  { says: 'a merge patch', body: '{}', headers: { 'content-type': 'application/merge-patch+json' }, status: 415, code: 'REG_MEDIA_TYPE' },
  { says: 'an encoded body', body: service('a'), headers: { ...yaml, 'content-encoding': 'gzip' }, status: 415, code: 'REG_MEDIA_TYPE' },
  { says: 'a dry run that is neither true nor false', url: '/v1/apply?dryRun=maybe', body: service('a'), error: { field: 'dryRun', rule: /true or false/ } },
  { says: 'YAML where instances are registered', method: 'PUT', url: '/v1/namespaces/default/services/a/instances/1', body: 'address: 10.0.0.1', status: 415, code: 'REG_MEDIA_TYPE' },
  { says: 'another name than the path', ...put, body: service('b'), error: { field: 'metadata.name', rule: /must be a, as in the path/, document: 1, line: 3 } },
  { says: 'another namespace than the path', ...put, body: service('a, namespace: shop'), error: { field: 'metadata.namespace', rule: /must be default/, document: 1, line: 3 } },
  { says: 'another kind than the path', ...put, body: slice, error: { field: 'kind', rule: /must be "Service"/, document: 1, line: 2 } },
  { says: 'two manifests at the path of one', ...put, body: `${service('a')}---\n${service('b')}`, error: { field: 'body', rule: /one manifest/ } },
  { says: 'broken JSON at the path of one', ...put, body: '{"apiVersion": }', headers: {}, code: 'REG_BODY_SYNTAX', error: { field: 'body', rule: /at character 16/ } },
  { says: 'a megabyte at the path of one', ...put, body: service('a', `externalName: "${'x'.repeat(1_100_000)}"`), status: 413, code: 'REG_BODY_TOO_LARGE' },
  { says: 'rules broken at the path of one', ...put, body: service('a', 'type: ExternalName'), status: 422, code: 'REG_MANIFEST_INVALID', error: { field: 'spec.externalName', rule: /./, document: 1, line: 4 } },
  { says: 'an empty body for a service', ...put, body: undefined, headers: {}, error: { field: 'body', rule: /required/ } },
  { says: 'a deletion without a name', url: '/v1/delete', body: 'apiVersion: v1\nkind: Service\n', error: { field: 'metadata.name', rule: /required/, document: 1 } },
  { says: 'a deletion of an unknown kind by name', url: '/v1/delete', body: { names: [{ kind: 'Pod', name: 'a' }] }, headers: {}, error: { field: 'names[0].kind', rule: /must be one of/ } },
  { says: 'a deletion of nothing', url: '/v1/delete', body: { names: [] }, headers: {}, error: { field: 'names', rule: /1-5000/ } },
  { says: 'a deletion with an unknown field', url: '/v1/delete', body: { names: [{ kind: 'Service', name: 'a' }], force: true }, headers: {}, error: { field: 'force', rule: /not a known field/ } },
  { says: 'a deletion of what is not there', url: '/v1/delete', body: { names: [{ kind: 'EndpointSlice', name: 'a' }] }, headers: {}, status: 404, code: 'REG_MANIFEST_NOT_FOUND' },
  { says: 'a view that is none', method: 'GET', url: '/v1/namespaces/default/services/kept?view=yaml', body: undefined, headers: {}, error: { field: 'view', rule: /"summary", "manifest"/ } }
]

t.test('a bad manifest is answered with all that is needed to mend it, and changes nothing', async (t) => {
  const { send, registry, log } = await build(t)
  await send('POST', '/v1/apply', service('kept'), yaml)
  const { revision } = registry.feed
  for (const { says, body, method = 'POST', url = '/v1/apply', headers = yaml, status = 400, code = 'REG_INVALID', error } of rows) {
    await t.test(says, async (t) => {
      const answer = await send(method, url, body, headers)
      t.equal(answer.statusCode, status, answer.body.slice(0, 500))
      const problem = answer.json()
      t.match(problem, { code, status })
      t.ok(answer.body.length < 64 * 1024, 'the answer is no echo')
      if (error !== undefined) {
        const { field, ...rest } = error
        const found = problem.errors.find((fault: { field: string }) => field === '' || fault.field === field)
        t.ok(found, `names ${field}, got ${JSON.stringify(problem.errors).slice(0, 500)}`)
        t.match(found, rest)
      }
      t.equal(registry.feed.revision, revision, 'nothing changed')
    })
  }
  t.match((await send('GET', '/v1/services')).json().items, [{ name: 'kept' }])
  t.strictSame(log.filter(({ level }) => level === 'error'), [], 'nothing was unexpected')
})

t.test('before the first load, and while the store is away, a stream is refused and can be sent again', async (t) => {
  const { send, registry } = await build(t, { open: false })
  for (const [method, url] of [['POST', '/v1/apply'], ['POST', '/v1/delete'], ['PUT', '/v1/namespaces/default/services/a']] as const) {
    const answer = await send(method, url, service('a'), yaml)
    t.equal(answer.statusCode, 503)
    t.equal(answer.json().code, 'REG_NOT_LOADED')
  }
  for (const url of ['/v1/pools', '/v1/namespaces/default', '/v1/namespaces/default/services/a/endpointslices']) t.equal((await send('GET', url)).json().code, 'REG_NOT_LOADED', url)
  await registry.open()
  t.equal((await send('POST', '/v1/apply', service('a'), yaml)).statusCode, 200)
})

t.test('while a long stream is read others are answered, and long ones come in their order', async (t) => {
  const { send } = await build(t)
  const order: string[] = []
  const many = (prefix: string, count: number): string => Array.from({ length: count }, (_, index) => service(`${prefix}${index}`)).join('---\n')
  const note = async (name: string, answer: ReturnType<typeof send>): Promise<void> => {
    const { statusCode } = await answer
    order.push(`${name} ${statusCode}`)
  }
  const hostile = `a:\n${'- *b\n'.repeat(30_000)}`
  await Promise.all([
    note('long', send('POST', '/v1/apply', many('a', 1_500), yaml)),
    note('hostile', send('POST', '/v1/apply', hostile, yaml)),
    note('longer', send('POST', '/v1/apply', many('b', 1_000), yaml)),
    note('short', send('POST', '/v1/apply', many('c', 1), yaml)),
    note('read', send('GET', '/v1/services'))
  ])
  t.match(order.slice(0, 2).sort(), ['read 200', 'short 200'])
  t.same(order.filter((name) => name.startsWith('hostile')), ['hostile 400'])
  t.ok(order.indexOf('long 200') < order.indexOf('longer 200'), order.join(', '))
})

t.test('the answer to a long stream says the same as that to a short one, in pieces', async (t) => {
  const { send } = await build(t)
  const stream = (count: number): string => Array.from({ length: count }, (_, index) => service(`a${index}`)).join('---\n')
  t.equal((await send('POST', '/v1/apply', stream(150), yaml)).statusCode, 200)
  const [long, short] = [await send('POST', '/v1/apply?dryRun=true', stream(150), yaml), await send('POST', '/v1/apply?dryRun=true', stream(100), yaml)]
  t.equal(long.headers['content-type'], short.headers['content-type'])
  t.equal(long.headers['rollcall-revision'], short.headers['rollcall-revision'])
  t.equal(short.headers['content-length'], String(short.rawPayload.length), 'in one piece')
  t.equal(long.headers['content-length'], undefined, 'in pieces')
  const { results, ...head } = long.json()
  const { results: few, ...headOfFew } = short.json()
  t.same(head, headOfFew)
  t.same(results.slice(0, 100), few)
  t.equal(results.length, 150)
  t.same(Object.keys(long.json()), Object.keys(short.json()))
})
