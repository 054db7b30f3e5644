// The routes described by the schemas that check them, of each dialect that wants it: OpenAPI 3.1. Where it is served: api/docs.ts.
import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import type { TSchema } from 'typebox'
import type { Dialect } from './dialect.ts'

/** Registers the collector: before the routes that it shall collect. */
export async function registerOpenapi (app: FastifyInstance, version: string, dialects: readonly Dialect[]): Promise<void> {
  const parts = dialects.flatMap(({ inOpenApi }) => (inOpenApi === false ? [] : [inOpenApi]))
  const components = new Map(parts.flatMap((part) => [...part.components]))
  for (const [name, schema] of components) app.addSchema({ ...(JSON.parse(JSON.stringify(schema)) as object), $id: name })
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
      tags: parts.flatMap(({ tags }) => tags)
    },
    convertConstToEnum: false, // OpenAPI 3.1 has const
    refResolver: { buildLocalReference: (schema) => schema.$id as string },
    transformObject: (document) => ('openapiObject' in document ? polished(document.openapiObject, components) : document.swaggerObject)
  })
}

interface Operation {
  readonly requestBody?: { required: boolean, readonly content: Readonly<Record<string, { readonly schema?: { readonly $ref?: string } }>> }
}

/** The plugin calls every body required, and does not know our annotations: a rule becomes the description of its schema. */
function polished<Document extends object> (document: Document, components: ReadonlyMap<string, TSchema>): Document {
  const optional = new Set(Array.from(components).flatMap(([name, schema]) => ('optionalBody' in schema ? [`#/components/schemas/${name}`] : [])))
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
