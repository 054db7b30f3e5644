// `/metrics`, also before the registry has loaded.
import type { FastifyInstance } from 'fastify'
import type { Metrics } from '../../metrics/metrics.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { errorResponses } from './schemas.ts'

export function registerMetrics (app: FastifyInstance, context: HttpContext, metrics: Metrics): void {
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
  }, async (request, reply) => {
    accessOf(context, request).permit('metrics')
    return reply.header('content-type', metrics.contentType).send(await metrics.text())
  })
}
