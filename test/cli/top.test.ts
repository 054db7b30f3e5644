// rollcall top, against a real registry.
import t from 'tap'
import { place } from './place.ts'

t.test('loads are shown by instance, and summed by service', async (t) => {
  const { world, rollcall } = await place(t)
  t.same((await rollcall('top', 'services', '-A')).err, ['No instance has said anything of its load.'])
  for (const [index, id] of ['a', 'b', 'c'].entries()) await world.register(`default/orders/${id}`, { address: `10.1.0.${index + 1}`, ports: [{ port: 80 }] })
  const name = { namespace: 'default', service: 'orders' }
  await world.access.heartbeat([
    { ...name, id: 'a', load: { cpu: { value: 0.25, capacity: 1 }, memory: { value: 134_217_728 }, rps: { value: 12 } } },
    { ...name, id: 'b', load: { cpu: { value: 0.5, capacity: 1 }, 'a/queue': { value: 3 } } }
  ])
  const squeezed = (lines: readonly string[]): string[] => lines.map((line) => line.replace(/ {2,}/g, ' ').trim())
  t.same(squeezed((await rollcall('top', 'instances')).out), [
    'INSTANCE CPU MEMORY A/QUEUE RPS SAID', 'orders/a 250m (25%) 128Mi - 12 0s ago', 'orders/b 500m (50%) - 3 - 0s ago'
  ])
  t.same(squeezed((await rollcall('top', 'services', 'orders', '-n', 'default')).out), [
    'SERVICE INSTANCES CPU MEMORY A/QUEUE RPS SAID', 'orders 2 750m (37%) 128Mi 3 12 0s ago'
  ])
  t.match(JSON.parse((await rollcall('top', 'instances', '-o', 'json')).out.join('\n')), [{ id: 'a', load: { rps: { value: 12 } } }, { id: 'b' }])
  t.equal((await rollcall('top', 'machines')).exitCode, 2)
  t.equal((await rollcall('top', 'instances', 'none')).exitCode, 1)
})
