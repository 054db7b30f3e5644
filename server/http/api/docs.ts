// The API described: OpenAPI 3.1 at /openapi.json, and a page to read it at /docs.
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { RegistryError } from '../../errors.ts'
import { errorResponses } from './schemas.ts'

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
  await app.register(async (scope) => {
    // Below its files the library fails on names that no file can have (NUL, too long): there is nothing, and that is no failure.
    scope.setErrorHandler((error, request) => {
      throw error instanceof RegistryError || !request.url.startsWith('/docs/static/') ? error : new RegistryError('REG_ROUTE_NOT_FOUND', 'there is no such file')
    })
    await scope.register(swaggerUi, {
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
  })
}
