// What the registry answers to `GET .../horizontalpodautoscalers/NAME/desired`.
import type { Told } from './autoscaler.ts'

/** No count of instances is larger; what claims to be is no answer of a registry. */
const maxCount = 1_000_000

/** Reads a body. An answer that is none of a registry is no reason to start or stop anything. */
export function readDesired (body: unknown): Told {
  const answer = (typeof body === 'object' && body !== null ? body : {}) as Readonly<Record<string, unknown>>
  const { desired, current, decision, reason, target } = answer
  if (!isCount(desired) || !isCount(current)) {
    return { kind: 'away', why: 'what answered is no registry, or one that this program does not understand' }
  }
  return {
    kind: 'desired',
    desired: { desired, current, decision: textOf(decision), reason: textOf(reason), target: textOf(target) }
  }
}

function isCount (value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= maxCount
}

/** For a variable of a program: no control character is in it. */
function textOf (value: unknown): string {
  return typeof value === 'string' ? value.replaceAll(/\p{Cc}/gu, ' ').slice(0, 1_000) : ''
}
