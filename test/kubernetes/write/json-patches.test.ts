import t from 'tap'
import { mergePatched } from '../../../server/kubernetes/write/json-merge.ts'
import { jsonPatched, maxOperations } from '../../../server/kubernetes/write/json-patch.ts'
import { refused } from './refused.ts'

t.test('a merge patch does what the examples of RFC 7396 say', async (t) => {
  const table: readonly [unknown, unknown, unknown][] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }], [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }], [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }], [{ a: ['b'] }, { a: 'c' }, { a: 'c' }], [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }], [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }], [['a', 'b'], ['c', 'd'], ['c', 'd']],
    [{ a: 'b' }, ['c'], ['c']], [{ a: 'foo' }, null, null], [{ a: 'foo' }, 'bar', 'bar'], [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }], [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    [{}, JSON.parse('{"__proto__":{"a":1}}'), JSON.parse('{"__proto__":{"a":1}}')]
  ]
  for (const [target, patch, expected] of table) t.same(JSON.stringify(mergePatched(target, patch)), JSON.stringify(expected), `${JSON.stringify(target)} + ${JSON.stringify(patch)}`)
})

t.test('a JSON patch does what the examples of RFC 6902 say', async (t) => {
  const table: readonly [unknown, readonly unknown[], unknown][] = [
    [{ foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux' }], { foo: 'bar', baz: 'qux' }],
    [{ foo: ['bar', 'baz'] }, [{ op: 'add', path: '/foo/1', value: 'qux' }], { foo: ['bar', 'qux', 'baz'] }],
    [{ baz: 'qux', foo: 'bar' }, [{ op: 'remove', path: '/baz' }], { foo: 'bar' }],
    [{ foo: ['bar', 'qux', 'baz'] }, [{ op: 'remove', path: '/foo/1' }], { foo: ['bar', 'baz'] }],
    [{ baz: 'qux', foo: 'bar' }, [{ op: 'replace', path: '/baz', value: 'boo' }], { baz: 'boo', foo: 'bar' }],
    [{ foo: { bar: 'baz', waldo: 'fred' }, qux: {} }, [{ op: 'move', from: '/foo/waldo', path: '/qux/thud' }], { foo: { bar: 'baz' }, qux: { thud: 'fred' } }],
    [{ foo: ['all', 'grass', 'cows', 'eat'] }, [{ op: 'move', from: '/foo/1', path: '/foo/3' }], { foo: ['all', 'cows', 'eat', 'grass'] }],
    [{ baz: 'qux', foo: ['a', 2, 'c'] }, [{ op: 'test', path: '/baz', value: 'qux' }, { op: 'test', path: '/foo/1', value: 2 }], { baz: 'qux', foo: ['a', 2, 'c'] }],
    [{ foo: 'bar' }, [{ op: 'add', path: '/child', value: { grandchild: {} } }], { foo: 'bar', child: { grandchild: {} } }],
    [{ foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux', xyz: 123 }], { foo: 'bar', baz: 'qux' }],
    [{ '/': 9, '~1': 10 }, [{ op: 'test', path: '/~01', value: 10 }], { '/': 9, '~1': 10 }],
    [{ foo: ['bar'] }, [{ op: 'add', path: '/foo/-', value: ['abc', 'def'] }], { foo: ['bar', ['abc', 'def']] }],
    [{ a: 1 }, [{ op: 'copy', from: '/a', path: '/b' }], { a: 1, b: 1 }],
    [{ a: 1 }, [{ op: 'test', path: '/b', value: null }], { a: 1 }],
    [{ a: 1 }, [{ op: 'replace', path: '', value: { b: 2 } }], { b: 2 }],
    [{}, [{ op: 'add', path: '/__proto__', value: { x: 1 } }], JSON.parse('{"__proto__":{"x":1}}')]
  ]
  for (const [target, patch, expected] of table) t.same(JSON.stringify(jsonPatched(target, patch)), JSON.stringify(expected), JSON.stringify(patch))
})

t.test('a JSON patch that does not apply is refused whole, in the words of Kubernetes', async (t) => {
  const document = { spec: { type: 'ClusterIP', ports: [{ port: 80 }] } }
  const table: readonly [unknown, string][] = [
    [[{ op: 'test', path: '/spec/type', value: 'X' }], '422 Invalid: testing value /spec/type failed: test failed'],
    [[{ op: 'add', path: '/spec/type', value: 'X' }, { op: 'test', path: '/x', value: 1 }], '422 Invalid: testing value /x failed: test failed'],
    [[{ op: 'test', path: '/a/b', value: 1 }], '422 Invalid: test operation does not apply: is missing path: /a/b: missing value'],
    [[{ op: 'remove', path: '/spec/x' }], "422 Invalid: error in remove for path: '/spec/x': Unable to remove nonexistent key: x: missing value"],
    [[{ op: 'remove', path: '/a/b' }], '422 Invalid: remove operation does not apply: doc is missing path: "/a/b": missing value'],
    [[{ op: 'replace', path: '/spec/x', value: 1 }], '422 Invalid: replace operation does not apply: doc is missing key: /spec/x: missing value'],
    [[{ op: 'add', path: '/a/b', value: 1 }], '422 Invalid: add operation does not apply: doc is missing path: "/a/b": missing value'],
    [[{ op: 'add', path: '/spec/ports/7', value: 1 }], "422 Invalid: error in add for path: '/spec/ports/7': Unable to access invalid index: 7: invalid index referenced"],
    [[{ op: 'copy', from: '/a', path: '/b' }], '422 Invalid: copy operation does not apply: doc is missing from path: /a: missing value'],
    [[{ op: 'move', from: '/spec', path: '/spec/ports' }], '422 Invalid: move operation does not apply: /spec/ports is within /spec'],
    [[{ op: 'dance', path: '/a' }], '422 Invalid: Unexpected kind: dance'],
    [[{ op: 'add', value: 1 }], '422 Invalid: add operation failed to decode path: missing value'],
    [{ op: 'add' }, '400 BadRequest: error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp'],
    [[{ op: 3 }], '400 BadRequest: error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string'],
    [Array.from({ length: maxOperations + 1 }, () => ({})), '413 RequestEntityTooLarge: Request entity is too large: The allowed maximum operations in a JSON patch is 10000, got 10001']
  ]
  for (const [patch, expected] of table) t.equal(refused(() => jsonPatched(document, patch)), expected)
  t.same(document, { spec: { type: 'ClusterIP', ports: [{ port: 80 }] } })
})

t.test('a patch costs no more than it is long', async (t) => {
  const double = Array.from({ length: 40 }, () => ({ op: 'copy', from: '/list', path: '/list/-' }))
  t.match(refused(() => jsonPatched({ list: ['a'] }, double)), /^422 Invalid: Unable to complete the copy, the accumulated size increase of copy is \d+, exceeding the limit 3145728$/)
  const many = [{ op: 'add', path: '/list', value: new Array(1_000_000).fill(0) }, ...Array.from({ length: 9_999 }, () => ({ op: 'add', path: '/list/0', value: 1 }))]
  t.equal(refused(() => jsonPatched({}, many)), '422 Invalid: the patch moves items of lists more than 50000000 times')
  const twice = [{ op: 'add', path: '/a', value: {} }, { op: 'add', path: '/a/b', value: 1 }]
  t.same([jsonPatched({}, twice), jsonPatched({}, twice)], [{ a: { b: 1 } }, { a: { b: 1 } }], 'a patch can be applied again')
  t.same(twice[0]?.value, {})
})
