// OpenAPI. Version 2 is the empty document: it is a legal one, and lets `create` and `apply` of every kubectl pass; what is wrong with an object
// is said by the registry. Version 3 is asked for by newer clients, group by group.
import type { FastifyInstance } from 'fastify'

/** Not what was asked for: Go's reader of media types refuses the `@` in that. */
const v2Media = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

export function registerOpenapi (scope: FastifyInstance): void {
  scope.get('/openapi/v2', (_request, reply) => reply.type(v2Media).send(Buffer.alloc(0)))
}
