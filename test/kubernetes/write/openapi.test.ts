import t from 'tap'
import { OpenApiDocuments } from '../../../server/kubernetes/write/openapi/documents.ts'
import { wireFields } from '../../../server/kubernetes/write/protobuf/wire-reader.ts'
import { openApiVersion2 } from '../../../server/kubernetes/write/openapi/version-2.ts'

const served = (group: string, kind: string, resource: string, rest: object = {}) => ({ group, version: 'v1', kind, resource, namespaced: true, verbs: ['get', 'list', 'create', 'update', 'patch', 'delete'], ...rest })
const documents = new OpenApiDocuments([
  served('', 'Service', 'services'), served('', 'Namespace', 'namespaces', { namespaced: false }), served('', 'Pod', 'pods', { verbs: ['get', 'list'], derivedFrom: 'a pod is an instance' }),
  served('discovery.k8s.io', 'EndpointSlice', 'endpointslices'), served('apps', 'Deployment', 'deployments', { verbs: ['get', 'list'] })
])
const read = (path: string): any => JSON.parse(documents.at(path) ?? 'null')

t.test('the index names a document for each version of a group, under an address that changes with it', async (t) => {
  const { paths } = JSON.parse(documents.index)
  t.same(Object.keys(paths), ['api/v1', 'apis/discovery.k8s.io/v1', 'apis/apps/v1'])
  t.match(paths['api/v1'].serverRelativeURL, /^\/openapi\/v3\/api\/v1\?hash=[0-9A-F]{32}$/)
  t.equal(documents.at('api/v2'), undefined)
})

t.test('every reference leads to a schema, every field has a description, and every kind is at its path', async (t) => {
  for (const path of ['api/v1', 'apis/discovery.k8s.io/v1', 'apis/apps/v1']) {
    const document = read(path)
    const text = JSON.stringify(document)
    for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) t.ok(document.components.schemas[name], name)
    for (const [name, schema] of Object.entries<any>(document.components.schemas)) {
      t.ok(schema.description, name)
      for (const [field, own] of Object.entries<any>(schema.properties ?? {})) t.ok(own.description, `${name}.${field}`)
    }
    for (const item of Object.values<any>(document.paths)) for (const operation of Object.values<any>(item)) t.ok(operation['x-kubernetes-group-version-kind'].kind)
  }
})

t.test('a Service has its real fields, keys of lists, and a PATCH that takes fieldValidation', async (t) => {
  const { components: { schemas }, paths } = read('api/v1')
  t.match(schemas['io.k8s.api.core.v1.Service']['x-kubernetes-group-version-kind'], [{ group: '', version: 'v1', kind: 'Service' }])
  t.match(schemas['io.k8s.api.core.v1.ServiceSpec'].properties.ports, {
    type: 'array', 'x-kubernetes-list-map-keys': ['port', 'protocol'], 'x-kubernetes-patch-merge-key': 'port', items: { allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.ServicePort' }] }
  })
  t.same(schemas['io.k8s.api.core.v1.ServicePort'].required, ['port'])
  const { patch } = paths['/api/v1/namespaces/{namespace}/services/{name}']
  t.same(patch.parameters.map(({ name }: { name: string }) => name), ['dryRun', 'fieldManager', 'fieldValidation', 'force'])
  t.ok(paths['/api/v1/namespaces/{name}'].get, 'a kind without namespaces')
  t.match(schemas['io.k8s.api.core.v1.Pod'], { description: 'Not stored here, but made of what is registered: a pod is an instance.', 'x-kubernetes-preserve-unknown-fields': true })
})

/** The fields of a message by their numbers, in order. */
function fieldsOf (bytes: Buffer, number: number): Buffer[] {
  return [...wireFields(bytes)].filter((field) => field.number === number).map(({ value }) => value as Buffer) // none of them is a number
}

function namedIn (bytes: Buffer, number: number): ReadonlyMap<string, Buffer> {
  return new Map(fieldsOf(bytes, number).map((each) => [fieldsOf(each, 1)[0]?.toString() ?? '', fieldsOf(each, 2)[0] ?? Buffer.alloc(0)]))
}

t.test('version 2 has a schema for each kind, references lead to one, and merge keys are told', async (t) => {
  const document = openApiVersion2([
    served('', 'Service', 'services'), served('', 'Pod', 'pods', { verbs: ['get', 'list'], derivedFrom: 'a pod is an instance' }), served('discovery.k8s.io', 'EndpointSlice', 'endpointslices')
  ], 'v1')
  const definitions = namedIn(fieldsOf(document, 9)[0] ?? Buffer.alloc(0), 1)
  for (const [name, schema] of definitions) {
    const references = [...schema.toString('latin1').matchAll(/#\/definitions\/([\w.]+)/g)].map(([, reference = '']) => reference)
    t.same(references.filter((reference) => !definitions.has(reference.replace(/[^\w.].*$/, ''))), [], name)
  }
  const spec = definitions.get('io.k8s.api.core.v1.ServiceSpec') ?? Buffer.alloc(0)
  const ports = namedIn(fieldsOf(spec, 25)[0] ?? Buffer.alloc(0), 1).get('ports') ?? Buffer.alloc(0)
  t.equal(fieldsOf(fieldsOf(ports, 22)[0] ?? Buffer.alloc(0), 1)[0]?.toString(), 'array')
  t.match([...namedIn(ports, 31)].map(([name, value]) => [name, fieldsOf(value, 2)[0]?.toString()]), [
    ['x-kubernetes-list-type', '"map"\n'], ['x-kubernetes-list-map-keys', '["port","protocol"]\n'], ['x-kubernetes-patch-strategy', '"merge"\n'], ['x-kubernetes-patch-merge-key', '"port"\n']
  ])
  const pod = definitions.get('io.k8s.api.core.v1.Pod') ?? Buffer.alloc(0)
  t.same(fieldsOf(pod, 25), [], 'what is derived may have any fields: the registry says why it is not written')
  t.match(fieldsOf(pod, 4)[0]?.toString(), /a pod is an instance/)
})
