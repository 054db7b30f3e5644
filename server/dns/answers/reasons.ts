// Why an answer is what it is, in the form of RFC 8914, where more than one step says it.
import { type Explanation, explanation } from '../wire/message-writer.ts'
import { extendedErrors } from '../wire/wire.ts'
import type { Plan } from './plan.ts'

const stale = explanation(extendedErrors.staleAnswer, 'the store is away: last known state')
const staleNxdomain = explanation(extendedErrors.staleNxdomain, 'the store is away: last known state')

export const notReady = explanation(extendedErrors.notReady, 'the registry is loading')
export const foreignName = explanation(extendedErrors.notAuthoritative, 'not in a zone of this registry')
export const notInView = explanation(extendedErrors.prohibited, 'this client may not look up this name (--dns-view; over HTTP: policies)')
export const foreignClient = explanation(extendedErrors.prohibited, 'this client may not ask for names outside the zones')

/** While the store is away. */
export function staleReason (plan: Plan): Explanation {
  return plan === 'no-such-name' ? staleNxdomain : stale
}
