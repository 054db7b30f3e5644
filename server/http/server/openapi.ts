// The API described by the schemas that check it: OpenAPI 3.1 at /openapi.json, and a page to read it at /docs.
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { components, errorResponses } from '../api/schemas.ts'

/** Registers the collector: before the routes that it shall collect. */
export async function registerOpenapi (app: FastifyInstance, version: string): Promise<void> {
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
      tags: [
        { name: 'instances', description: 'Running copies of services' },
        { name: 'heartbeats', description: 'Keeping leases' },
        { name: 'services', description: 'Services and who serves them' },
        { name: 'namespaces', description: 'What services are grouped by' },
        { name: 'manifests', description: 'Declaring services, as with Kubernetes' },
        { name: 'overrides', description: "An operator's word on an instance" },
        { name: 'watch', description: 'Changes as they happen' },
        { name: 'operations', description: 'For those who run the registry' }
      ]
    },
    convertConstToEnum: false, // OpenAPI 3.1 has const
    refResolver: { buildLocalReference: (schema) => schema.$id as string },
    transformObject: (document) => ('openapiObject' in document ? polished(document.openapiObject) : document.swaggerObject)
  })
}

/** Registers the page and the document: after the routes. */
export async function registerDocs (app: FastifyInstance): Promise<void> {
  app.get('/openapi.json', {
    schema: {
      tags: ['operations'],
      operationId: 'openapi',
      summary: 'This document',
      response: { 200: { description: 'OpenAPI 3.1', content: { 'application/json': { schema: { type: 'object' }, example: { openapi: '3.1.0' } } } }, ...errorResponses() }
    }
  }, (_request, reply) => reply.send(app.swagger()))
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    // Everything from here: no fonts, no validator from elsewhere. And no upgrade-insecure-requests, the plugin's own
    // default: on plain HTTP it would leave the page without its script.
    staticCSP: {
      'default-src': "'self'",
      'script-src': "'self'",
      'style-src': "'self' 'unsafe-inline'",
      'img-src': "'self' data:",
      'connect-src': "'self'",
      'object-src': "'none'",
      'base-uri': "'none'",
      'frame-ancestors': "'none'"
    },
    uiConfig: { validatorUrl: null, tryItOutEnabled: false, docExpansion: 'list' }
  })
}

interface Operation {
  readonly requestBody?: { required: boolean, readonly content: Readonly<Record<string, { readonly schema?: { readonly $ref?: string } }>> }
}

/** The plugin calls every body required, and does not know our annotations: a rule becomes the description of its schema. */
function polished<Document extends object> (document: Document): Document {
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
