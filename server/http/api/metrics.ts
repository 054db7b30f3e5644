// `/metrics`, also before the registry has loaded.
import type { FastifyInstance } from 'fastify'
import type { Metrics } from '../../metrics/metrics.ts'
import { errorResponses } from './schemas.ts'

export function registerMetrics (app: FastifyInstance, metrics: Metrics): void {
  app.get('/metrics', {
    schema: {
      tags: ['operations'],
      summary: 'Metrics for Prometheus',
      operationId: 'metrics',
      response: {
        200: { description: 'Text exposition format 0.0.4', content: { 'text/plain': { schema: { type: 'string' }, example: 'rollcall_revision 17\n' } } },
        ...errorResponses()
      }
    }
  }, async (_request, reply) => reply.header('content-type', metrics.contentType).send(await metrics.text()))
}
