// Where things are at the registry, and what it means when nothing is there: without the SDK, which is loaded when it is asked.
import { RefusedError } from './errors.ts'

export { instancePath, pathOf as path } from '../../client-sdk/src/paths.ts'
export { agentNamespace, agentService } from '../model/agent-name.ts'

/** What a read gives, or undefined if there is no such thing. */
export async function orNothing<Answer> (read: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await read
  } catch (error) {
    if (error instanceof RefusedError && error.status === 404 && error.code.endsWith('_NOT_FOUND')) return undefined // a page says nothing of it
    throw error
  }
}
