// The guard of a thread: it sends the errors that it catches to the parent, whose guard counts and logs it.
import type { Clock } from '../clock.ts'
import { Guard } from '../guard.ts'
import type { ThreadMessage } from './thread-messages.ts'

/** Counts are sent once in this time: an error at each question must not become as many messages. */
export const countMs = 1_000

export function threadGuard (tell: (message: ThreadMessage) => void, clock: Clock): Guard {
  const counts = new Map<string, number>()
  return new Guard({
    count: (place, errors) => {
      if (counts.size === 0) {
        clock.after(countMs, () => {
          tell({ type: 'unexpected-count', counts: [...counts] })
          counts.clear()
        })
      }
      counts.set(place, (counts.get(place) ?? 0) + errors)
    },
    log: (error, place, leftOut) => {
      const { name, message, stack = '' } = error instanceof Error ? error : new Error(String(error))
      tell({ type: 'unexpected', place, name, message, stack, leftOut })
    }
  })
}

/** Passes the errors of a thread to the guard of the parent. */
export function toldOf (guard: Guard, message: Extract<ThreadMessage, { readonly type: 'unexpected' | 'unexpected-count' }>): void {
  if (message.type === 'unexpected-count') for (const [place, errors] of message.counts) guard.counted(place, errors)
  else guard.told(message.place, Object.assign(new Error(message.message), { name: message.name, stack: message.stack }), message.leftOut)
}
