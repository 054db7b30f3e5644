// OpenAPI. Version 2 says nothing of fields, so that no client checks them: what is wrong with an object is said by the registry. Version 3 is
// asked for by newer clients, group by group.
import type { FastifyInstance } from 'fastify'
import { noSuchPath } from '../answers/status.ts'
import { kinds } from '../kinds.ts'
import { OpenApiDocuments } from '../write/openapi/documents.ts'
import { openApiVersion2 } from '../write/openapi/version-2.ts'

/** Not what was asked for: Go's reader of media types refuses the `@` in that. */
const v2Media = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

const documents = new OpenApiDocuments(kinds.filter(({ verbs }) => verbs.includes('get')))
const version2 = openApiVersion2(kinds, 'v1')

export function registerOpenapi (scope: FastifyInstance): void {
  scope.get('/openapi/v3', (_request, reply) => reply.type('application/json').send(documents.index))
  scope.get<{ Params: { '*': string } }>('/openapi/v3/*', (request, reply) => {
    const document = documents.at(request.params['*'])
    if (document === undefined) throw noSuchPath()
    return reply.type('application/json').send(document)
  })
  scope.get('/openapi/v2', (_request, reply) => reply.type(v2Media).send(version2))
}
