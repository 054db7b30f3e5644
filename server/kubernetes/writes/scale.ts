// The subresource `scale` of a Deployment, as a request writes it.
import type { Answer, Asked, KubernetesContext } from '../context.ts'
import { scaleOf } from '../objects/deployment.ts'
import { entryOf } from '../read/get.ts'
import { scaled } from '../write/scale.ts'

export async function writeScale (context: KubernetesContext, asked: Asked, verb: 'update' | 'patch'): Promise<Answer> {
  const { body, query, request } = asked
  const entry = await entryOf(context, asked)
  const contentType = request.headers['content-type']
  return { code: 200, body: scaled(scaleOf(entry.object()), { verb, body, query, contentType }) }
}
