import t from 'tap'
import { kindFields } from '../../../server/model/fields/kind-fields.ts'
import { readObject } from '../../../server/kubernetes/write/bodies.ts'
import { readJson } from '../../../server/kubernetes/write/strict-json.ts'
import { refused } from './refused.ts'

const type = kindFields.Service
const faults = (text: string): readonly string[] => readJson(text, type, (why) => new Error(why)).faults
const service = (spec: unknown, rest: object = {}): string => JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec, ...rest })
const read = (text: string, media = 'application/json'): string => refused(() => readObject(Buffer.from(text), media, type, 'v1'))

t.test('what is there twice, or not known, is said with its path, in the order of the text', async (t) => {
  const table: readonly [string, readonly string[]][] = [
    [service({ ports: [{ port: 80 }] }), []],
    ['{"metadata":{"name":"a","name":"b"},"spec":{"foo":1,"type":"A","type":"B"}}', ['duplicate field "metadata.name"', 'unknown field "spec.foo"', 'duplicate field "spec.type"']],
    ['{"spec":{"ports":[{"port":80},{"port":81,"prot":"TCP","port":82}]}}', ['unknown field "spec.ports[1].prot"', 'duplicate field "spec.ports[1].port"']],
    ['{"metadata":{"labels":{"a":"1","b":"2","a":"3"}}}', ['duplicate field "metadata.labels.a"']],
    ['{"speck":{"a":{"b":1,"b":2}}}', ['unknown field "speck"']],
    ['{"spec":{"selector":{"any":"thing"},"ports":[[{"x":1}]]}}', []],
    ['{"metadata":{"managedFields":[{"fieldsV1":{"f:x":{}},"who":1}]}}', ['unknown field "metadata.managedFields[0].who"']],
    ['{"a\\"b":1,"a\\"b":2}', ['unknown field "a\\"b"', 'duplicate field "a\\"b"']],
    ['{ "spec" : { "type" :\n "x\\\\" , "type" : "y" } }', ['duplicate field "spec.type"']]
  ]
  for (const [text, expected] of table) t.same(faults(text), expected, text)
  t.equal(faults(`{${Array.from({ length: 1_000 }, (_, at) => `"u${at}":1`).join(',')}}`).length, 100, 'a thousand are said as a hundred')
})

t.test('a body of the wrong shape is refused in the words of Kubernetes', async (t) => {
  const cannot = '400 BadRequest: Service in version "v1" cannot be handled as a Service: '
  const table: readonly [string, string][] = [
    [service({ ports: [{ port: '80' }] }), `${cannot}json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32`],
    [service({ ports: [{ port: 3e9 }] }), `${cannot}json: cannot unmarshal number 3000000000 into Go struct field ServicePort.spec.ports.port of type int32`],
    [service({ ports: {} }), `${cannot}json: cannot unmarshal object into Go struct field ServiceSpec.spec.ports of type []v1.ServicePort`],
    [service({ selector: { a: 3 } }), `${cannot}json: cannot unmarshal number into Go struct field ServiceSpec.spec.selector of type string`],
    [service({ selector: 'a' }), `${cannot}json: cannot unmarshal string into Go struct field ServiceSpec.spec.selector of type map[string]string`],
    [service({ ports: [{ targetPort: true }] }), `${cannot}json: cannot unmarshal bool into Go value of type int32`],
    [service({ type: ['NodePort'] }), `${cannot}json: cannot unmarshal array into Go struct field ServiceSpec.spec.type of type v1.ServiceType`],
    [service('x'), `${cannot}json: cannot unmarshal string into Go struct field Service.spec of type v1.ServiceSpec`],
    [service({}, { kind: 'Pod' }), '400 BadRequest: Pod in version "v1" cannot be handled as a Service: no kind "Pod" is registered for version "v1" at this path'],
    [service({}, { apiVersion: 'apps/v1' }), '400 BadRequest: the API version in the data (apps/v1) does not match the expected API version (v1)'],
    ['', '400 BadRequest: the object provided is unrecognized (must be of type Service): couldn\'t get version/kind; json parse error: unexpected end of JSON input (<empty>)'],
    [`${'['.repeat(200)}${']'.repeat(200)}`, `400 BadRequest: the object provided is unrecognized (must be of type Service): couldn't get version/kind; json parse error: exceeded max depth (${'5b'.repeat(30)})`]
  ]
  for (const [text, expected] of table) t.equal(read(text), expected)
  t.match(read('{"a":x}'), /^400 BadRequest: the object provided is unrecognized \(must be of type Service\): couldn't get version\/kind; json parse error: invalid character 'x'/)
  t.match(read('{}', 'text/plain'), /^415 UnsupportedMediaType: the body of the request was in an unknown format - accepted media types include: application\/json, application\/yaml/)
  t.equal(refused(() => readObject(Buffer.from([0x7b, 0xff, 0x7d]), 'application/json', type, 'v1')), '400 BadRequest: the body is not valid UTF-8')
})

t.test('a body of YAML is the same as one of JSON', async (t) => {
  const yaml = 'apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  ports:\n  - port: 80\n    foo: 1\n'
  t.same(readObject(Buffer.from(yaml), 'application/yaml', type, 'v1'), readObject(Buffer.from(service({ ports: [{ port: 80, foo: 1 }] })), 'application/json', type, 'v1'))
  t.match(read('apiVersion: v1\nkind: Service\nspec: {a: [', 'application/yaml'), /^400 BadRequest: error decoding patch: yaml: /)
})

t.test('reading costs what the body is long', async (t) => {
  for (const text of [`{"a":"${'\\\\'.repeat(1_000_000)}"}`, `[${'{},'.repeat(70_000)}1]`, `{${Array.from({ length: 70_000 }, (_, at) => `"k${at}":${at}`).join(',')}}`]) {
    t.ok(readJson(text, undefined, (why) => new Error(why)).faults.length === 0)
  }
  for (const text of [`[${'0,'.repeat(1_000_000)}1]`, `{${Array.from({ length: 100_000 }, (_, at) => `"k${at}":${at}`).join(',')}}`]) {
    t.match(refused(() => readJson(text, undefined, (why) => new Error(why))), /^413 RequestEntityTooLarge: .*a body has at most 150000 values, keys and brackets$/)
  }
})
