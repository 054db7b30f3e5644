// The registry's revision of a service fell back over a restart: an SDK that was cut off meanwhile dropped the answer
// as old news, and kept a deregistered endpoint for good.
import t from 'tap'
import { setting } from '../client-sdk/helpers.ts'

t.test('an answer of an older revision replaces the list, and `regressed` says so', async (t) => {
  const answers = [['o-1', 'o-2'], ['o-2']]
  const { registry, clock, another, events } = setting(t)
  const [one, two] = ['o-1', 'o-2'].map((id) => registry.register('shop', 'orders', id, { ports: [{ port: 80 }] }))
  let asked = 0
  const rollcall = another({
    WebSocket: null,
    onEvent: (event) => events.push(event),
    fetch: async () => {
      const ids = answers[Math.min(asked, 1)] ?? []
      const revision = asked++ === 0 ? 'e1.9' : 'e1.5'
      const endpoints = [one, two].filter((each) => each !== undefined && ids.includes(each.id)).map(
        (each) => ({ ...each, status: 'up' })
      )
      return {
        status: 200, headers: new Headers(),
        text: async () => JSON.stringify({ namespace: 'shop', service: 'orders', revision, failOpen: false, endpoints })
      }
    }
  })
  t.equal((await rollcall.resolveAll('orders')).length, 2)
  await clock.advance(5_000)
  t.strictSame((await rollcall.resolveAll('orders')).map(({ id }) => id), ['o-2'])
  t.match(events, [{ type: 'regressed', from: 'e1.9', to: 'e1.5' }])
})
