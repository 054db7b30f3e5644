// A store that says how long each of its operations took. Everything else is the store that it wraps.
import type { Store } from '../store/store.ts'

export type StoreOperation = 'open' | 'grant' | 'revise' | 'revoke' | 'renew' | 'lose' | 'expire' | 'sync' | 'commit' | 'backup'

/** Told after each operation: its name, the time it took, and whether it succeeded. */
export type StoreTimer = (operation: StoreOperation, ms: number, succeeded: boolean) => void

/** Wraps a store so that each operation reports its time. `now` gives monotonic milliseconds. */
export function timedStore (store: Store, report: StoreTimer, now: () => number = () => performance.now()): Store {
  const timed = async <Result> (operation: StoreOperation, act: () => Promise<Result>): Promise<Result> => {
    const began = now()
    let succeeded = false
    try {
      const result = await act()
      succeeded = true
      return result
    } finally {
      report(operation, now() - began, succeeded)
    }
  }
  return {
    kind: store.kind,
    location: store.location,
    open: (follower) => timed('open', () => store.open(follower)),
    grant: (grant) => timed('grant', () => store.grant(grant)),
    revise: (revision) => timed('revise', () => store.revise(revision)),
    revoke: (leases, by) => timed('revoke', () => store.revoke(leases, by)),
    renew: (batches) => timed('renew', () => store.renew(batches)),
    lose: (leases, graceMs) => timed('lose', () => store.lose(leases, graceMs)),
    expire: (policy) => timed('expire', () => store.expire(policy)),
    sync: () => timed('sync', () => store.sync()),
    commit: (writes, by) => timed('commit', () => store.commit(writes, by)),
    backup: () => timed('backup', () => store.backup()),
    close: () => store.close()
  }
}
