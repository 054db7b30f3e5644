// The API described: OpenAPI 3.1 at /openapi.json, and a page to read it at /docs.
import type { StaticDocumentSpec } from '@fastify/swagger'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { RegistryError } from '../../errors.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { errorResponses } from './schemas.ts'

/** Below its files the library fails on names that no file can have (NUL, too long): there is nothing, and that is no failure. */
const filesUrl = '/docs/static/'
/** What of a request the page depends on. */
const passedOn = ['accept', 'if-modified-since', 'if-none-match', 'range'] as const
/** Headers of one connection, and what Fastify says itself of the answer that it sends. */
const notPassedBack = new Set(['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding'])

/** Registers the page and the document: after the routes. */
export async function registerDocs (app: FastifyInstance, context: HttpContext): Promise<void> {
  app.get('/openapi.json', {
    schema: {
      tags: ['operations'],
      operationId: 'openapi',
      summary: 'This document',
      response: { 200: { description: 'OpenAPI 3.1', content: { 'application/json': { schema: { type: 'object' }, example: { openapi: '3.1.0' } } } }, ...errorResponses() }
    }
  }, async (request, reply) => {
    accessOf(context, request).permit('docs')
    return reply.header('content-type', 'application/json; charset=utf-8').send(await app.openapi())
  })
  // Most nodes are never asked for the page: its library is loaded by the first request, into an app of its own, since routes can't be
  // added to one that listens.
  let pages: Promise<FastifyInstance> | undefined
  const loaded = (): Promise<FastifyInstance> => pages ??= app.openapi().then(loadPages).catch((error: unknown) => {
    pages = undefined
    throw error
  })
  app.addHook('onClose', async () => { await (await pages)?.close() })
  for (const url of ['/docs', '/docs/*']) {
    app.get(url, { schema: { hide: true } }, async (request, reply) => {
      accessOf(context, request).permit('docs')
      const { statusCode, headers, rawPayload } = await (await loaded()).inject({ method: 'GET', url: request.url, headers: asked(request) })
      if (statusCode === 404 || (statusCode >= 400 && request.url.startsWith(filesUrl))) throw new RegistryError('REG_ROUTE_NOT_FOUND', 'there is no such file')
      if (statusCode >= 500) throw new Error(`the page at ${request.url} failed with ${statusCode}`)
      for (const [name, value] of Object.entries(headers)) if (value !== undefined && !notPassedBack.has(name)) reply.header(name, value)
      return reply.code(statusCode).send(rawPayload)
    })
  }
}

function asked ({ headers }: FastifyRequest): Record<string, string> {
  return Object.fromEntries(passedOn.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])))
}

/** An app that answers /docs and what is below it. @param made what the page shows */
async function loadPages (made: string): Promise<FastifyInstance> {
  const [{ default: Fastify }, { default: swagger }, { default: swaggerUi }] =
    await Promise.all([import('fastify'), import('@fastify/swagger'), import('@fastify/swagger-ui')])
  const pages = Fastify({ logger: false })
  const document = JSON.parse(made) as StaticDocumentSpec['document'] // the plugin's own answer
  await pages.register(swagger, { mode: 'static', specification: { document } })
  await pages.register(swaggerUi, {
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
  await pages.ready()
  return pages
}
