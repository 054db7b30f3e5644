// OpenAPI: version 2 for older clients, in one document; version 3 for newer ones, group by group.
import type { FastifyInstance } from 'fastify'
import { noSuchPath } from '../answers/status.ts'
import { kinds } from '../kinds.ts'
import { OpenApiDocuments } from '../write/openapi/documents.ts'
import { openApiVersion2 } from '../write/openapi/version-2.ts'

/** Not what was asked for: Go's reader of media types refuses the `@` in that. */
const v2Media = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

const newest = kinds.filter(({ olderThan }) => olderThan === undefined)
const documents = new OpenApiDocuments(newest.filter(({ verbs }) => verbs.includes('get')))
const version2 = openApiVersion2(newest, 'v1')

export function registerOpenapi (scope: FastifyInstance): void {
  scope.get('/openapi/v3', (_request, reply) => reply.type('application/json').send(documents.index))
  scope.get<{ Params: { '*': string } }>('/openapi/v3/*', (request, reply) => {
    const document = documents.at(request.params['*'])
    if (document === undefined) throw noSuchPath()
    return reply.type('application/json').send(document)
  })
  scope.get('/openapi/v2', (_request, reply) => reply.type(v2Media).send(version2))
}
