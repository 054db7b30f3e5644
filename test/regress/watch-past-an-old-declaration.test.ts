// A node loaded, and its log began after a service was declared: a watch of endpoints that was resumed was not told of an instance that
// the service selects. Such a log is what a new term of Redis, or a trimmed one, leaves.
import t from 'tap'
import { parseCursor } from '../../server/registry/feed/cursor.ts'
import { Feed } from '../../server/registry/feed/feed.ts'
import { WatchHub } from '../../server/registry/feed/watch-hub.ts'
import type { Change } from '../../server/store/store.ts'
import { HandClock } from '../support/hand-clock.ts'
import { PlayedFeed } from '../support/played-feed.ts'

t.test('a resumed watch of endpoints is told of what a service selects that was declared before the log begins', (t) => {
  const { feed: before } = new PlayedFeed().load()
    .declare('shop/web', { clusterIP: 'None', selector: { app: 'x' } })
    .register('shop/alpha/host-1', { address: '10.0.0.1', labels: { app: 'x' } })
  const feed = new Feed({ now: () => 0 })
  const changes = Array.from(before.heldInstances(), (record): Change => ({ type: 'put', revision: record.revision, atMs: 0, by: 'tester', reason: 'registered', record }))
  t.equal(changes.length, 1)
  feed.load({
    epoch: 'test', revision: before.revision, recent: changes, lost: [],
    instances: [...before.heldInstances()], objects: [...before.heldObjects()]
  })
  const watch = new WatchHub(feed, new HandClock()).subscribeEndpoints({}, parseCursor('test.1', 'since'), () => undefined)
  const told = [watch.next(), watch.next()].map((each) => (each?.type === 'endpoints' && each.event === 'put' ? each.endpoints.set.service : each?.type))
  t.strictSame(told.sort(), ['alpha', 'web'])
  t.end()
})
