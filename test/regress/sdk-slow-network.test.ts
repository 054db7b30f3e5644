// Round trips of 360 ms and a TLS handshake, a TTL of 3 s, one broken connection: each heartbeat had a third of the TTL
// including the connect, was given up with its connection, and so did the next one: the lease never came back.
import t from 'tap'
import { setting, typesOf } from '../client-sdk/helpers.ts'

t.test('a heartbeat that needs longer than its turn is not given up, and its answer counts', async (t) => {
  let gaveUp = 0
  let slow = false
  const { registry, clock, another, events } = setting(t)
  const rollcall = another({
    WebSocket: null,
    onEvent: (event) => events.push(event),
    fetch: async (url, init) => {
      if (slow) await new Promise<void>((resolve) => void clock.setTimeout(resolve, 1_440))
      if (init.signal.aborted) gaveUp++
      return registry.fetch(url, init)
    }
  })
  const registration = await rollcall.register({ service: 'orders', id: 'o-1', ttlMs: 3_000 })
  slow = true
  await clock.advance(60_000)
  t.equal(gaveUp, 0)
  t.equal(registration.state, 'registered')
  t.strictSame(typesOf(events), ['registered'])
})
