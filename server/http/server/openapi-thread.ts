// The program of the thread that makes the OpenAPI document: an app with the same routes, which does nothing but describe them.
import { parentPort, workerData } from 'node:worker_threads'
import swagger from '@fastify/swagger'
import Fastify from 'fastify'
import type { Described } from './openapi.ts'

const { version, tags, components, routes } = JSON.parse(String(workerData)) as Described // openapi.ts makes it

const app = Fastify({ logger: false, routerOptions: { maxParamLength: 1_000 } })
app.setValidatorCompiler(() => () => true)
app.setSerializerCompiler(() => () => '')
for (const [name, schema] of components) app.addSchema({ ...schema, $id: name })
await app.register(swagger, {
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Rollcall',
      version,
      description: 'A service registry: register, keep the lease, resolve, watch.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' }
    },
    servers: [{ url: '/' }],
    tags: [...tags]
  },
  convertConstToEnum: false, // OpenAPI 3.1 has const
  refResolver: { buildLocalReference: (schema) => schema.$id as string },
  transformObject: (document) => ('openapiObject' in document ? polished(document.openapiObject) : document.swaggerObject)
})
for (const { method, url, schema } of routes) app.route({ method: [method].flat(), url, schema, handler: async () => undefined })
await app.ready()
parentPort?.postMessage(JSON.stringify(app.swagger()))

interface Operation {
  readonly requestBody?: { required: boolean, readonly content: Readonly<Record<string, { readonly schema?: { readonly $ref?: string } }>> }
}

/** The plugin calls every body required, and does not know our annotations: a rule becomes the description of its schema. */
function polished<Document extends object> (document: Document): Document {
  const optional = new Set(components.flatMap(([name, schema]) => ('optionalBody' in schema ? [`#/components/schemas/${name}`] : [])))
  const { paths = {} } = document as { readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>> } // OpenAPI's own form
  for (const { requestBody } of Object.values(paths).flatMap((path) => Object.values(path))) {
    if (requestBody !== undefined && Object.values(requestBody.content).some(({ schema }) => optional.has(schema?.$ref ?? ''))) requestBody.required = false
  }
  return describeRules(document) as Document // the same form with other annotations
}

function describeRules (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(describeRules)
  if (typeof value !== 'object' || value === null) return value
  const described: Record<string, unknown> = {}
  for (const [key, part] of Object.entries(value)) {
    const isAnnotation = ((key === 'rule' || key === 'keyRule') && typeof part === 'string') || typeof part === 'number' && key === 'maxMs' || key === 'optionalBody'
    if (!isAnnotation) described[key] = key === 'example' || key === 'examples' ? part : describeRules(part)
    else if (typeof part === 'string') described['description'] ??= key === 'keyRule' ? `A key ${part}` : part
  }
  return described
}
