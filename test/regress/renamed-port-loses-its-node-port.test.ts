// The only port of a NodePort service was renamed, and its node port became another one, though the docs say that an
// update keeps what it leaves out: everybody outside had the old number.
import t from 'tap'
import { allocation, apply, service, stored } from '../support/declared.ts'
import { world } from '../support/world.ts'

const numbers =
  (registry: Parameters<typeof stored>[0]): unknown[] =>
    (stored(registry, 'web').spec.ports ?? []).map(({ name, nodePort }) => [name, nodePort])

t.test('a port under a new name keeps the node port of the one that had its number and protocol and is gone',
  async (t) => {
    const { registry } = await world(t, allocation())
    const as = (ports: string): ReturnType<typeof apply> =>
      apply(registry, service('web', `type: NodePort, selector: { a: b }, ports: [${ports}]`))
    await as('{ port: 80, nodePort: 30123 }')
    await as('{ name: http, port: 80 }')
    t.same(numbers(registry), [['http', 30123]])
    await as('{ name: web, port: 80 }, { name: udp, port: 80, protocol: UDP, nodePort: 30200 }')
    t.same(numbers(registry), [['web', 30123], ['udp', 30200]])
    await as('{ name: a, port: 80, protocol: UDP }, { name: b, port: 80 }')
    t.same(numbers(registry), [['a', 30200], ['b', 30123]], 'by number and protocol, not by place')
  })

t.test('a name that stays keeps its number, and one that came takes none from it', async (t) => {
  const { registry } = await world(t, allocation())
  const as = (ports: string): ReturnType<typeof apply> =>
    apply(registry, service('web', `type: NodePort, selector: { a: b }, ports: [${ports}]`))
  await as('{ name: http, port: 80, nodePort: 30123 }')
  await as('{ name: other, port: 80 }, { name: http, port: 81 }')
  const [other, http] = numbers(registry) as [string, number][]
  t.equal(http?.[1], 30123)
  t.not(other?.[1], 30123)
})
