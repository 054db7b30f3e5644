// A store whose writes may replace a record that was set aside. The catalog does not have that record, so a command
// expects that there is none; the store has it, and would answer with a conflict for ever.
import type { Store } from '../store/store.ts'
import type { SetAside } from './catalog/set-aside.ts'

/** Everything but `commit` is the store that it wraps. */
export function replacingStore (store: Store, aside: () => SetAside): Store {
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
    sync: () => store.sync(),
    commit: (writes, by) => {
      const records = aside()
      if (records.size === 0) return store.commit(writes, by)
      return store.commit(writes.map((write) => (write.expected === 0 ? { ...write, expected: records.object(write.key)?.revision ?? 0 } : write)), by)
    },
    backup: () => store.backup(),
    close: () => store.close()
  }
}
