// Bodies that differ in their address only are read once: whatever is in them, what is read is what the plain reader reads.
import fc from 'fast-check'
import t from 'tap'
import { readInstanceBody } from '../../server/model/instance/stored-instance.ts'
import { StoredBodies } from '../../server/model/instance/stored-bodies.ts'
import { SharedParts } from '../../server/registry/catalog/shared-parts.ts'

const bodies = (): StoredBodies => {
  const parts = new SharedParts()
  return new StoredBodies((body) => parts.body(body))
}
const rest = (more: object = {}): string => JSON.stringify({
  ports: [{ name: 'http', port: 80, protocol: 'TCP' }], labels: { app: 'web' }, metadata: {}, weight: 100, priority: 0, status: 'up', ...more
}).slice(1)
const text = (address: string, more?: object): string => `{"address":"${address}",${rest(more)}`

t.test('the copies of a service are read once, and share their parts', async (t) => {
  const reader = bodies()
  const read = Array.from({ length: 100 }, (_, n) => reader.read(text(`10.0.0.${n + 1}`)))
  t.strictSame(read, Array.from({ length: 100 }, (_, n) => readInstanceBody(text(`10.0.0.${n + 1}`))))
  t.equal(reader.size, 1)
  const ports = read.map((each) => ('body' in each ? each.body.ports : undefined))
  t.ok(ports.every((each) => each === ports[0]))
})

t.test('what the plain reader refuses is refused, also behind a text that is known', async (t) => {
  const reader = bodies()
  reader.read(text('10.0.0.1'))
  const wrong = ['10.0.0.256', '', '010.0.0.1', '0.0.0.0', '224.0.0.1', 'fe80::1', '2001:DB8::1', 'host', '10.0.0.1 ', '\\u0031', '10.0.0.1\\', '::ffff:10.0.0.1']
  for (const address of wrong) t.strictSame(reader.read(text(address)), readInstanceBody(text(address)), address)
  // The last of two is the one that counts: the text behind the first says nothing of others then.
  const twice = (first: string): string => `{"address":"${first}","address":"10.0.0.9",${rest()}`
  for (const first of ['10.0.0.9', '10.0.0.8', '10.0.0.7']) t.strictSame(reader.read(twice(first)), readInstanceBody(twice(first)), first)
  for (const other of ['', '{', '[]', '{"address":"10.0.0.1', '{"address":"10.0.0.1"', '{"address":1}', `{"address":"10.0.0.1",${rest({ extra: 1 })}`]) {
    t.strictSame(reader.read(other), readInstanceBody(other), other)
    t.strictSame(reader.read(other), readInstanceBody(other), `${other}, again`)
  }
})

t.test('any sequence of texts is read as the plain reader reads it', async () => {
  const address = fc.constantFrom('10.0.0.1', '10.0.0.2', '2001:db8::1', '10.0.0.300', '2001:DB8::1', '')
  const more = fc.record({
    labels: fc.constantFrom({}, { app: 'web' }, { address: 'x' }), metadata: fc.constantFrom({}, { '"address"': '"' }, { note: '","address":"10.0.0.5' }),
    weight: fc.constantFrom(0, 100, -1), zone: fc.constantFrom('a', 'b', ''), status: fc.constantFrom('up', 'draining', 'asleep')
  }, { requiredKeys: [] })
  fc.assert(fc.property(fc.array(fc.tuple(address, more), { maxLength: 30 }), (texts) => {
    const reader = bodies()
    return texts.every(([each, change]) => JSON.stringify(reader.read(text(each, change))) === JSON.stringify(readInstanceBody(text(each, change))))
  }))
})

t.test('texts that never come again are forgotten', async (t) => {
  const reader = bodies()
  let most = 0
  for (let n = 0; n < 20_000; n++) {
    reader.read(text('10.0.0.1', { metadata: { commit: `${n}`.padEnd(700, 'x') } }))
    most = Math.max(most, reader.size)
  }
  t.ok(most * 700 <= 8 * 1024 ** 2, `${most} texts`)
  reader.read(text('10.0.0.1', { metadata: { note: 'x'.repeat(5_000) } }))
  t.ok(reader.size <= most, 'long ones are not kept')
})
