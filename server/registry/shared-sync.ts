// A store whose `sync` is shared: callers that come while one is under way share the next one, so that a thousand
// callers cost two.
import type { Store } from '../store/store.ts'

/** Wraps a store. Everything but `sync` is the store's own. */
export function sharedSync (store: Store): Store {
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  const begin = (): Promise<void> => {
    const round = store.sync().finally(() => { if (running === round) running = undefined })
    return running = round
  }
  // The one under way may have asked the store before this caller came: only the one after it answers for what was committed by now.
  const sync = (): Promise<void> => {
    if (running === undefined) return begin()
    return next ??= running.catch(() => undefined).then(() => {
      next = undefined
      return begin()
    })
  }
  return {
    kind: store.kind,
    location: store.location,
    open: (follower) => store.open(follower),
    grant: (grant) => store.grant(grant),
    revise: (revision) => store.revise(revision),
    revoke: (leases, by) => store.revoke(leases, by),
    renew: (batches) => store.renew(batches),
    lose: (leases, graceMs) => store.lose(leases, graceMs),
    expire: (policy) => store.expire(policy),
    sync,
    commit: (writes, by) => store.commit(writes, by),
    backup: () => store.backup(),
    close: () => store.close()
  }
}
