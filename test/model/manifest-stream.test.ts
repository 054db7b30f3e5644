import fc from 'fast-check'
import t from 'tap'
import { located, streamInvalid } from '../../server/model/manifest/manifest-faults.ts'
import { manifestLimits } from '../../server/model/manifest/manifest-limits.ts'
import { readManifests } from '../../server/model/manifest/manifest-stream.ts'

const service = `apiVersion: v1
kind: Service
metadata:
  name: web
  labels:
    example.com/tier: front
spec:
  ports:
    - name: http
      port: 80
    - port: 81
`

t.test('a stream is read into its documents, each of which knows its lines', async (t) => {
  const [first, second, third] = readManifests(`# head\n${service}---\n# nothing\n---\n${service}...\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n`)
  t.match([first, second, third], [{ index: 1, line: 2, kind: 'Service' }, { index: 3, line: 16 }, { index: 4, kind: 'Namespace' }])
  t.equal(first?.lineOf('spec.ports[0].port'), 11)
  t.equal(first?.lineOf('spec.ports[1].name'), 12, 'an absent field has the line of what should hold it')
  t.equal(first?.lineOf('metadata.labels["example.com/tier"]'), 7)
  t.equal(first?.lineOf('metadata.labels[example.com/tier]'), 7)
  t.equal(first?.lineOf('spec.Ports'), 9, 'a capital of Kubernetes\' paths is no difference')
  t.equal(second?.lineOf('metadata.name'), 19)
  t.equal(first?.lineOf('nothing.at.all'), 2)
  t.same(readManifests('---\n# empty\n---\n'), [])
  t.equal(readManifests(`\uFEFF${service}`).length, 1)
  t.equal(readManifests(service.replaceAll('\n', '\r\n'))[0]?.lineOf('spec.ports[0].port'), 10)
})

t.test('JSON is read too: one object, several in a row, with tabs', async (t) => {
  const object = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } }
  const text = JSON.stringify(object, null, '\t')
  const documents = readManifests(`${text}\n${text}\n---\n${text}`)
  t.same(documents.map((document) => document.value), [object, object, object])
  t.same(documents.map((document) => document.lineOf('spec.ports[0].port')), [10, 24, 39])
  t.equal(readManifests('{apiVersion: v1, kind: Service}\n---\n{apiVersion: v1, kind: Service}').length, 2, 'the flow form of YAML is no JSON')
  t.throws(() => readManifests('{"apiVersion":"v1","kind":"Service","kind":"Service"}'), { errors: [{ field: 'kind', rule: /twice/ }] })
})

t.test('a List is its items', async (t) => {
  const list = `apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata:\n    name: a\n- apiVersion: v1\n  kind: Namespace\n`
  const documents = readManifests(list)
  t.match(documents, [{ index: 1, item: 0, line: 4, kind: 'Service' }, { index: 1, item: 1, line: 8, kind: 'Namespace' }])
  t.same(documents.map((document) => located(document, [{ field: 'metadata.name', rule: 'x' }])), [
    [{ field: 'items[0].metadata.name', rule: 'x', document: 1, line: 7 }], [{ field: 'items[1].metadata.name', rule: 'x', document: 1, line: 8 }]
  ])
  t.match(readManifests('apiVersion: v1\nkind: ServiceList\nitems:\n- metadata: {name: a}\n'), [{ kind: 'Service', value: { kind: 'Service', metadata: { name: 'a' } } }])
})

t.test('anchors and merges are what they repeat', async (t) => {
  const [document] = readManifests('base: &base {protocol: TCP, port: 80}\napiVersion: v1\nkind: Service\nspec:\n  ports:\n    - <<: *base\n      port: 81\n    - *base\n')
  t.match(document?.value, { spec: { ports: [{ protocol: 'TCP', port: 81 }, { protocol: 'TCP', port: 80 }] } })
  t.equal(document?.lineOf('spec.ports[0].port'), 7)
  t.equal(document?.lineOf('spec.ports[0].protocol'), 1)
})

const bomb = `a: &a [x, x, x, x, x, x, x, x, x]\n${[...'bcdefghi'].map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[index]}`).join(', ')}]`).join('\n')}\n`

const bad: readonly [string, string, number | undefined, string, RegExp][] = [
  ['a tab that indents', 'apiVersion: v1\nkind: Service\nspec:\n\tports: []\n', 4, 'document', /Tabs/],
  ['a key given twice', `${service}kind: Service\n`, 12, 'kind', /given twice/],
  ['an inner key given twice', service.replace('port: 80', 'port: 80\n      port: 81'), 11, 'spec.ports[0].port', /given twice/],
  ['an unknown kind', 'apiVersion: apps/v1\nkind: Deployment\n', 2, 'kind', /must be one of .*Service/],
  ['a kind in the wrong case', 'apiVersion: v1\nkind: service\n', 2, 'kind', /did you mean Service/],
  ['no kind', 'apiVersion: v1\n', 1, 'kind', /required/],
  ['no apiVersion', 'kind: Service\n', 1, 'apiVersion', /"v1" for the kind Service/],
  ['the wrong apiVersion', '\napiVersion: v1\nkind: EndpointSlice\n', 2, 'apiVersion', /"discovery.k8s.io\/v1"/],
  ['a list', '- a\n', 1, 'document', /mapping/],
  ['a text', 'hello\n', 1, 'document', /mapping/],
  ['a List in a List', 'apiVersion: v1\nkind: List\nitems:\n- kind: List\n  apiVersion: v1\n', 4, 'items[0].kind', /inside of a List/],
  ['a List without items', 'apiVersion: v1\nkind: List\n', 1, 'items', /list/],
  ['an item that is a text', 'apiVersion: v1\nkind: List\nitems:\n- x\n', 4, 'items[0]', /mapping/],
  ['a bomb of aliases', bomb, 8, 'h[0]', /expands/],
  ['an alias of its own', 'a: &a [*a]\n', 1, 'a[0]', /own anchor/],
  ['an alias of nothing', 'a: *b\n', 1, 'a', /no anchor/],
  ['a merge of a text', 'a:\n  <<: x\n', 2, 'a["<<"]', /merge mappings/],
  ['a NUL', 'apiVersion: v1\nkind: \0\n', 2, 'body', /NUL/],
  ['an unknown tag', `${service}x: !thing y\n`, 12, 'document', /tag/i],
  ['no number', `${service}x: .nan\n`, 12, 'x', /finite/],
  ['a list as a key', `${service}? [a]\n: b\n`, 12, 'document', /keys/],
  ['deep nesting', `a: ${'['.repeat(60)}${']'.repeat(60)}\n`, 1, 'document', /nest deeper/],
  ['deep blocks', `${'- '.repeat(60)}x\n`, 1, '[0][0]', /nested deeper/],
  ['an open bracket', 'a: [1\n', undefined, 'document', /not valid YAML/],
  ['too large a text', `# ${'x'.repeat(manifestLimits.maxBytes)}`, undefined, 'body', /4194304 octets/],
  ['a megabyte in one document', `${service}x: ${'y'.repeat(manifestLimits.maxDocumentLength)}\n`, 1, 'document', /1048576 characters/],
  ['a megabyte of commas', `[${','.repeat(1_000_000)}]`, 1, 'document', /tokens/],
  ['too many documents', '---\n'.repeat(manifestLimits.maxDocuments + 1), undefined, 'body', /5000 documents/]
]

t.test('a stream that cannot be read is refused with the document, the line and the rule', async (t) => {
  for (const [name, text, line, field, rule] of bad) {
    let error: unknown
    try { readManifests(text) } catch (caught) { error = caught }
    t.match(error, { code: 'REG_INVALID', errors: [{ rule }] }, name)
    const fault = (error as { errors: { field: string, line?: number }[] }).errors[0]
    t.ok(fault?.field.startsWith(field), `${name}: ${fault?.field}`)
    if (line !== undefined) t.equal(fault?.line, line, name)
  }
})

t.test('the faults of all documents come at once, and not without end', async (t) => {
  t.throws(() => readManifests(`${service}---\nkind: X\n---\n${service}---\n- a\n`), {
    message: /document 2, line 13: kind must be .*; document 4, line 27: document must be a mapping/,
    errors: [{ document: 2, line: 13, field: 'kind' }, { document: 4, line: 27 }]
  })
  let error: unknown
  try { readManifests('kind: X\n---\n'.repeat(500)) } catch (caught) { error = caught }
  t.match(error, { errors: { length: 20 }, moreErrors: 81, message: /; and 81 more$/ })
  t.match(streamInvalid([{ field: 'a', rule: 'must be b', value: 'c' }]).message, /^a must be b, got "c"$/)
})

t.test('limits can be set lower, and objects of a List count', async (t) => {
  const list = `apiVersion: v1\nkind: List\nitems:\n${'- {apiVersion: v1, kind: Namespace}\n'.repeat(3)}`
  t.equal(readManifests(list, { limits: { maxDocuments: 3 } }).length, 3)
  t.throws(() => readManifests(list, { limits: { maxDocuments: 2 } }), { code: 'REG_INVALID', errors: [{ rule: /more than 2/ }] })
  t.throws(() => readManifests(service, { limits: { maxTokens: 20 } }), { code: 'REG_INVALID', errors: [{ rule: /20 tokens/ }] })
})

t.test('any text is read or refused, never anything else', async (t) => {
  const fragment = fc.constantFrom('a: ', '- ', '\n', '  ', '{', '}', '[', ']', '&a ', '*a ', '"', "'", '|\n', '? ', ': ', '---\n', '<<: ', '!t ', '%', '#', ',', '\t', 'kind: Service\n', 'apiVersion: v1\n', '\u2028', '\\')
  t.doesNotThrow(() => fc.assert(fc.property(fc.array(fragment, { maxLength: 30 }), (parts) => {
    try {
      for (const document of readManifests(parts.join(''))) document.lineOf('spec.ports[0].port')
    } catch (error) {
      if ((error as { code?: string }).code !== 'REG_INVALID') throw error
    }
  }), { numRuns: 2_000 }))
})
