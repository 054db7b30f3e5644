// A process whose id was taken over by a newer life was lost for good: after a rollback no process was registered.
import t from 'tap'
import { setting } from '../client-sdk/helpers.ts'

t.test('a rollback works: the old process is registered again when the new one has ended', async (t) => {
  const { registry, clock, rollcall, another } = setting(t)
  const old = await rollcall.register({ service: 'orders', id: 'o-1', port: 1 })
  const newer = await another().register({ service: 'orders', id: 'o-1', port: 2 })
  await clock.advance(10_000)
  await newer.deregister()
  await clock.advance(10_000)
  t.match(registry.instances, [{ generation: old.generation }])
})
