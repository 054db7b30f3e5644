// The table of plans: bounded in octets, and a change ends what was made from its service, nothing else.
import t from 'tap'
import { PlanTable, none } from '../../server/dns/answers/plan-table.ts'
import { MessageWriter } from '../../server/dns/wire/message-writer.ts'
import { QueryReader } from '../../server/dns/wire/query-reader.ts'
import { type Records, recordSetOf } from '../../server/dns/wire/record-set.ts'
import { questionPointer, recordBytes } from '../../server/dns/wire/wire.ts'
import { codec, question } from '../support/dns-client.ts'

const address = (last: number): { bytes: Buffer, priority: number, weight: number } =>
  ({ bytes: recordBytes(questionPointer, 1, 5, Buffer.from([10, 0, 0, last])), priority: 0, weight: 1 })
const records = (...lasts: readonly number[]): Records => recordSetOf(lasts.map(address)) as Records
const reader = new QueryReader()
const writer = new MessageWriter(1_232)
const query = (service: string): QueryReader => {
  reader.read(question(`${service}.shop.svc.cluster.local`, 'A'))
  return reader
}
const of = (...services: readonly string[]): { namespace: string, service: string }[] => services.map((service) => ({ namespace: 'shop', service }))
const keep = (table: PlanTable, name: string, made: Records, services = of(name)): void =>
  table.keep(query(name), { records: made, zone: 0, client: 0, services })

function shown (table: PlanTable, name: string, clientZone = 0): readonly unknown[] | undefined {
  const entry = table.find(query(name), clientZone)
  if (entry === none) return undefined
  writer.open(reader, 1_232)
  writer.begin()
  table.write(entry, writer, () => 0)
  return codec.decode(writer.bytes.subarray(0, writer.finish(0, true))).answers.map(({ data }) => data).sort()
}

t.test('a change ends the entries of its service, of one record and of several, and no others', (t) => {
  const table = new PlanTable()
  for (let index = 0; index < 3_000; index++) keep(table, `web-${index}`, index % 3 === 0 ? records(index & 255, 255) : records(index & 255))
  const wanted = (index: number): string[] => [...new Set([`10.0.0.${index & 255}`, ...(index % 3 === 0 ? ['10.0.0.255'] : [])])].sort()
  table.touch('shop', 'web-7')
  table.touch('shop', 'web-9')
  table.touch('home', 'web-8')
  table.touch('shop', 'nobody')
  for (let index = 0; index < 3_000; index++) t.strictSame(new Set(shown(table, `web-${index}`)), index === 7 || index === 9 ? new Set() : new Set(wanted(index)))
  t.equal(shown(table, 'web-1', 1), undefined, 'for clients elsewhere it was not kept')
  keep(table, 'web-9', records(1, 2))
  t.strictSame([shown(table, 'web-9'), shown(table, 'web-7')], [['10.0.0.1', '10.0.0.2'], undefined])
  table.touch('shop')
  t.strictSame([0, 1, 9, 2_999].map((index) => shown(table, `web-${index}`)), [undefined, undefined, undefined, undefined], 'all of the namespace')
  t.end()
})

t.test('what was made from several services ends with each of them', (t) => {
  const table = new PlanTable()
  for (const touched of ['a', 'b', 'c']) {
    keep(table, 'a', records(1, 2), of('a', 'b', 'c'))
    t.strictSame(shown(table, 'a'), ['10.0.0.1', '10.0.0.2'])
    table.touch('shop', touched)
    t.equal(shown(table, 'a'), undefined)
  }
  t.end()
})

t.test('an entry that is made anew takes its place, and names that never come again are forgotten at the limit', (t) => {
  const limit = 64 * 1024
  const table = new PlanTable(limit)
  for (let turn = 0; turn < 20_000; turn++) {
    const name = `web-${turn % 2}`
    table.touch('shop', name)
    keep(table, name, turn % 5 === 0 ? records(1, 2) : records(turn & 255))
  }
  t.equal(table.size, 2)
  for (let index = 0; index < 5_000; index++) {
    keep(table, `fresh-${index}`, records(index & 255))
    if (table.octets > 3 * limit) t.fail(`${table.octets} octets`)
  }
  t.ok(table.size > 100 && table.size < 1_000, `${table.size} entries`)
  keep(table, 'last', records(3))
  t.strictSame(shown(table, 'last'), ['10.0.0.3'])
  t.end()
})
