// What we write as YAML is read back the same by readers of YAML 1.1 and of 1.2, and holds nothing that drives a
// terminal.
import { parse } from 'yaml'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { yamlText } from '../server/yaml-text.ts'

// The schema of 1.1 with its booleans, underscored and sexagesimal numbers, dates, and merge keys.
function readsBack (t: Test, value: unknown): void {
  const what = encodeURI(JSON.stringify(value)).replaceAll('#', '%23') // a number sign would be a directive of TAP
  const text = yamlText(value)
  t.notMatch(text, /[^\n\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u, what)
  for (const version of ['1.1', '1.2'] as const) t.same(parse(text, { version, merge: true, maxAliasCount: 0 }), value,
    `${what} in ${version}`)
}

const texts = ['e0', 'E5', 'e+1',
  'yes', 'no', 'on', 'off', 'y', 'N', 'True', 'NULL', '~', '', ' ', '1_000', '12:30:45', '1:00', '190:20:30.15', '0o7',
  '007', '0x1F', '0b11', '1e3', '1E+3', '.5', '+1', '-0', '1.10',
  '.inf', '-.INF', '.nan', 'NaN', '2001-01-01', '2026-11-20T12:00:00Z', '2001-1-1 0:00:00', '=', '<<', '---', '...',
  '- a', '? a', ': a', 'a: b', 'a:', 'a #b', '#a', '&a', '*a', '!a', '|', '>', '%a',
  '@a', '`a', '"a"', "'a'", '{a}', '[a]', 'a, b', ',', 'a\tb', '\ta', ' a', 'a ', 'a\n', 'a\nb', 'a\nb\n', 'a\n\nb',
  'a \nb', ' a\nb', 'a\nb\n\n', '\na', '#!/bin/sh\necho\n', 'a\n---\nb\n', '\u001b[2J',
  'a\u202eb', '\u200b', '\u0085', '\u2028', '\u{e0041}', '\u007f', '\ufeffx', '10.0.0.1', '10.0.0.0/24', '::1',
  'fe80::1', '1::', '12345678-1234-1234-1234-123456789012', '1e345678-1234-1234-1234-123456789012',
  'app.kubernetes.io/name', 'http', 'Grüße', '日本', '_http._tcp', '/path/to', 'https://a.example/x', 'a.b:80',
  '127.0.0.1:7500', '20s', '1d', '500ms', './data', '.', '..', 'redis://:***@127.0.0.1', 'a::b', 'a:', 'a::',
  'x=1,y=2', '12e3s'
]

t.test('every text stays the text that it is, as a value, in a list, as a key, and deep inside', async (t) => {
  for (const text of texts) {
    readsBack(t, text)
    readsBack(t, { key: text, list: [text, [text], { inner: text }],
      [text === '<<' ? 'merge' : text]: { deep: { er: text } } })
  }
  t.equal(parse(yamlText({ '<<': 'x' }), { version: '1.2' })['<<'], 'x')
})

t.test('numbers, booleans, null and what is empty stay what they are', async (t) => {
  for (const value of [0, -1, 1.5, 2 ** 53, 2 ** 64, 1e21, 1e-7, 5.192296858534828e+33, true, false, null, [], {}, [[]],
    [{}], { a: [], b: {} }, [null, [1, [2]], { a: [{ b: 1 }] }]]) readsBack(t, value)
  t.equal(yamlText({ a: undefined, b: 1 }), 'b: 1\n')
})

t.test('what a person reads is plain where no reader can take it for another thing', async (t) => {
  t.equal(yamlText({ apiVersion: 'v1', labels: { 'app.kubernetes.io/name': 'web' }, clusterIP: '10.96.0.7',
    ports: [{ port: 80, name: 'http' }], script: 'a\nb\n' }), [
    'apiVersion: v1', 'labels:', '  app.kubernetes.io/name: web', 'clusterIP: 10.96.0.7', 'ports:', '  - port: 80',
    '    name: http', 'script: |', '  a', '  b', ''
  ].join('\n'))
})

t.test('any value reads back the same', async () => {
  const text = fc.oneof(fc.constantFrom(...texts), fc.string({ unit: 'binary' }), fc.string())
  const leaf = fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null))
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(text.filter((key) => key !== '<<' && key !== '__proto__'), tie('tree'), { maxKeys: 4 }))
  }))
  fc.assert(fc.property(tree, (value) => {
    for (const version of ['1.1', '1.2'] as const) {
      if (JSON.stringify(parse(yamlText(value), { version, merge: true })) !== JSON.stringify(value)) return false
    }
    return true
  }), { numRuns: 500 })
})

t.test('a value that nests deeper than anything of ours is refused, not a stack that ends', async (t) => {
  let value: unknown = 1
  for (let depth = 0; depth < 5_000; depth++) value = [value]
  t.throws(() => yamlText(value), RangeError)
})
