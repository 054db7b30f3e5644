// An instance registered, and within the 20 ms of a watch of endpoints somebody set an override on an id of the same service that nobody had
// registered: that change is of no endpoint, and the watch forgot the one before it. Its follower never heard of the instance.
import t from 'tap'
import { WatchHub } from '../../server/registry/feed/watch-hub.ts'
import { PlayedFeed } from '../support/played-feed.ts'

const override = (status: string): string => JSON.stringify({ status, author: 'x', reason: 'y' })

t.test('a change of nothing does not hide the one before it', (t) => {
  const played = new PlayedFeed().load()
  const watch = new WatchHub(played.feed, played.clock).subscribeEndpoints({}, undefined, () => undefined)
  t.equal(watch.next()?.type, 'endpoints-snapshot')
  played.register('shop/orders/a', { address: '10.0.0.1' }).keep('override/shop/orders/nobody', override('draining'))
  played.clock.advance(20)
  const told = watch.next()
  t.match(told, { type: 'endpoints', event: 'put', endpoints: { set: { service: 'orders', size: 1 } } })
  t.equal(watch.next(), undefined)
  played.keep('override/shop/orders/nobody', override('down'))
  played.clock.advance(20)
  t.equal(watch.next(), undefined, 'alone it is no news')
  t.end()
})
