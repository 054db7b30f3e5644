// `?hash=`: a service of the agent is asked for again by the hash of its content, and the answer waits until that is another.
import type { Instance } from '../../client-sdk/src/wire.ts'
import { lifeOf } from '../http/server/context.ts'
import { type ConsulContext, allowSilence } from './context.ts'
import type { ReadQuery } from './query.ts'
import type { Asked } from './routes.ts'

/** Gives the content of an instance when it has another hash, or when the wait is over; undefined = it has gone. */
export async function holdHash<Content extends { readonly ContentHash: string }> (
  { directory, parts, clock, random }: ConsulContext, { request }: Asked, query: ReadQuery, instance: Instance, contentOf: (instance: Instance) => Content
): Promise<Content | undefined> {
  const look = (): Content | undefined => {
    const current = directory.instance(instance)
    return current === undefined ? undefined : contentOf(current)
  }
  const first = look()
  if (query.hash === undefined || first?.ContentHash !== query.hash) return first
  if (parts.closing.begun) throw parts.closing.refuse()
  request.waited = true
  allowSilence(request, query.waitMs)
  const life = lifeOf(request, parts)
  const { promise, resolve } = Promise.withResolvers<void>()
  const unfollow = directory.follow(instance.namespace, instance.service, () => { if (look()?.ContentHash !== query.hash) resolve() })
  const cancel = clock.after(query.waitMs * (1 + random() / 16), resolve)
  const aborted = parts.guard.around('consul', () => resolve())
  life.signal.addEventListener('abort', aborted, { once: true })
  try {
    await promise
  } finally {
    unfollow()
    cancel()
    life.signal.removeEventListener('abort', aborted)
    life.release()
  }
  return look()
}
