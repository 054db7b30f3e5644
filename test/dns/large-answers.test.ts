// A service of many endpoints is answered from runs of them, a small one from records that are made whole: both say the same.
import fc from 'fast-check'
import t from 'tap'
import type { Endpoint } from '../../client-sdk/src/wire.ts'
import { endpointSet } from '../../server/model/instance/endpoints.ts'
import { maxChunkItems } from '../../server/model/instance/chunked-list.ts'
import { AnswerPart, answerParts } from '../../server/dns/answers/answer-part.ts'
import { DrawnRecords, type Turn } from '../../server/dns/answers/drawn-records.ts'
import { EndpointAnswers } from '../../server/dns/answers/endpoint-answers.ts'
import { LargeAnswers } from '../../server/dns/answers/large-answers.ts'
import type { HostAnswers, NamedPort } from '../../server/dns/answers/service-records.ts'
import type { MessageWriter } from '../../server/dns/wire/message-writer.ts'
import type { Records, RecordSet } from '../../server/dns/wire/record-set.ts'
import { questionPointer, recordTypes } from '../../server/dns/wire/wire.ts'
import type { serve } from '../support/played-feed.ts'
import { zoneNamed } from './transfer-listener.ts'

const { A, AAAA, HTTPS } = recordTypes
const name = { zone: zoneNamed('cluster.local'), namespace: 'shop', service: 'orders' }

interface Written {
  readonly answers: readonly string[]
  readonly additionals: readonly string[]
  readonly isCut: boolean
}

/** What records write into a message that has room for all, in hexadecimal. */
function written (records: Records | undefined, random: number): Written | undefined {
  if (records === undefined) return undefined
  const texts: Record<string, string[]> = { answer: [], additional: [] }
  const writer = {
    isCut: false, isTruncated: false, owner: questionPointer,
    append: (section: string, source: Buffer, start: number, end: number) => texts[section]?.push(source.toString('hex', start, end)) !== undefined,
    appendText: (section: string, text: string) => texts[section]?.push(Buffer.from(text, 'latin1').toString('hex')) !== undefined
  }
  records.write(writer as unknown as MessageWriter, () => random) // of a writer records use no more
  return { answers: texts['answer'] ?? [], additionals: (texts['additional'] ?? []).sort(), isCut: writer.isCut }
}

const ports = fc.uniqueArray(fc.record({ name: fc.constantFrom('http', 'grpc', ''), port: fc.constantFrom(80, 81, 443), protocol: fc.constantFrom('TCP' as const, 'UDP' as const) }), { maxLength: 3, selector: (port) => `${port.name} ${port.protocol}` })
const endpoints = fc.array(fc.record({
  address: fc.oneof(fc.integer({ min: 1, max: 30 }).map((octet) => `10.0.7.${octet}`), fc.integer({ min: 1, max: 9 }).map((group) => `fd00::${group}`)),
  hostname: fc.option(fc.constantFrom('a', 'b', '10-0-7-1'), { nil: undefined }),
  zone: fc.option(fc.constantFrom('East', 'west'), { nil: undefined }),
  labels: fc.record({ canary: fc.constantFrom('true', 'false'), version: fc.constantFrom('v1', 'v2') }, { requiredKeys: [] }),
  weight: fc.constantFrom(0, 1, 2, 5), priority: fc.constantFrom(0, 0, 1), ports
}), { minLength: 1, maxLength: 40 }).map((facts) => facts.map(({ hostname, zone, ...rest }, index): Endpoint => ({
  id: `i${String(index).padStart(3, '0')}`, metadata: {}, status: 'up', suspect: false, conditions: { ready: true, serving: true, terminating: false }, ...rest,
  ...(hostname === undefined ? {} : { hostname }), ...(zone === undefined ? {} : { zone })
})))

/** Of every draw of the first record, how often each comes first. */
function firsts (records: Records | undefined, total: number): Map<string, number> {
  const counts = new Map<string, number>()
  for (let point = 0; point < total; point++) {
    const [first = ''] = written(records, (point + 0.5) / total)?.answers ?? []
    counts.set(first, (counts.get(first) ?? 0) + 1)
  }
  return counts
}

const textOf = ({ port, protocol }: NamedPort): string => `${port} ${protocol}`
const sorted = (map: Iterable<[string, number]>): [string, number][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1))

type Test = Parameters<typeof serve>[0] & {
  equal (found: unknown, wanted: unknown): unknown
  strictSame (found: unknown, wanted: unknown, message: string): unknown
}

function compare (t: Test, large: HostAnswers | undefined, small: HostAnswers | undefined, all: readonly Endpoint[]): void {
  t.equal(large === undefined, small === undefined)
  if (large === undefined || small === undefined) return
  t.equal(large.isEmpty, small.isEmpty)
  t.strictSame([...large.hostnames()].sort(), [...small.hostnames()].sort(), 'hosts')
  t.strictSame([...large.namedPorts()].map(textOf).sort(), [...small.namedPorts()].map(textOf).sort(), 'ports')
  const sets: [Records | undefined, Records | undefined][] = [A, AAAA].map((type) => [large.addresses(type), small.addresses(type)])
  for (const start of [undefined, 12]) sets.push([large.allPorts(name, start), small.allPorts(name, start)])
  for (const port of ['http', 'grpc', 'none']) {
    for (const protocol of ['TCP', 'UDP'] as const) {
      t.equal(large.hasPort(port, protocol), small.hasPort(port, protocol))
      sets.push([large.port(name, port, protocol, 12), small.port(name, port, protocol, 12)])
    }
  }
  for (const hostname of small.hostnames()) {
    for (const type of [A, AAAA] as const) sets.push([large.hostAddresses(hostname, type), small.hostAddresses(hostname, type)])
  }
  for (const [drawn, made] of sets) {
    const [one, other] = [written(drawn, 0), written(made, 0)]
    t.strictSame(one && { ...one, answers: [...one.answers].sort() }, other && { ...other, answers: [...other.answers].sort() }, 'the same records, and the same beside them')
  }
  t.strictSame(written(large.bindings(HTTPS), 0), written(small.bindings(HTTPS), 0), 'bindings')
  const heads = all.filter(({ address }) => address.includes('.'))
  const best = Math.min(...heads.map(({ priority }) => priority))
  const weight = heads.filter(({ priority }) => priority === best).reduce((sum, endpoint) => sum + endpoint.weight, 0)
  if (weight > 0) t.strictSame(sorted(firsts(large.addresses(A), weight)), sorted(firsts(small.addresses(A), weight)), 'each comes first as often as its weight says')
}

t.test('runs of endpoints are answered as one list of them is', async (t) => {
  fc.assert(fc.property(endpoints, fc.integer({ min: 1, max: 9 }), (all, step) => {
    const limits = { ttlSeconds: 5, maxRecords: 100 }
    const parts: AnswerPart[] = []
    for (let at = 0; at < all.length; at += step) parts.push(new AnswerPart(all.slice(at, at + step)))
    const large = new LargeAnswers(parts, limits, { at: 0 })
    const small = new EndpointAnswers(all, limits)
    compare(t, large, small, all)
    for (const zone of ['east', 'west', 'north']) compare(t, large.inZone(zone), small.inZone(zone), all.filter((each) => each.zone?.toLowerCase() === zone))
    for (const tags of [['canary'], ['v1'], ['canary', 'v2._version'], ['none']]) {
      const one = large.tagged(tags)
      t.equal(one === undefined, small.tagged(tags) === undefined)
      t.strictSame([...one?.hostnames() ?? []].sort(), [...small.tagged(tags)?.hostnames() ?? []].sort())
    }
  }), { numRuns: 50, seed: 16 })
})

function many (count: number, addressOf: (index: number) => string): Endpoint[] {
  return Array.from({ length: count }, (_, index): Endpoint => ({
    id: `i${String(index).padStart(5, '0')}`, address: addressOf(index), ports: [{ name: 'http', port: 8000 + index % 7, protocol: 'TCP' }], labels: {}, metadata: {},
    weight: 100, priority: 0, status: 'up', suspect: false, conditions: { ready: true, serving: true, terminating: false }
  }))
}

function setOf (all: readonly Endpoint[], turn: Turn = { at: 0 }): LargeAnswers {
  return new LargeAnswers(answerParts(endpointSet('shop', 'orders', 1, all)), { ttlSeconds: 5, maxRecords: 100 }, turn)
}

t.test('the window moves on until every endpoint was shown, also from one change to the next', async (t) => {
  const all = many(1_000, (index) => `10.1.${index >> 8}.${index & 255}`)
  const turn = { at: 0 }
  const shown = new Set<string>()
  for (let round = 0; round < 12; round++) {
    const answer = written(setOf(all, turn).addresses(A), 0)
    t.equal(new Set(answer?.answers).size, 100)
    t.equal(answer?.isCut, true)
    for (const record of answer?.answers ?? []) shown.add(record)
  }
  t.equal(shown.size, 1_000)
})

t.test('ten thousand endpoints at fifty addresses are fifty records, each once', async (t) => {
  const answer = written(setOf(many(10_000, (index) => `10.1.0.${index % 50}`)).addresses(A), 0.5)
  t.equal(answer?.answers.length, 50)
  t.equal(new Set(answer?.answers).size, 50)
  t.equal(answer?.isCut, false)
})

t.test('a zone shows of a large set the first records, in the order of the endpoints, as of a small one', async (t) => {
  const all = many(600, (index) => `10.1.${index >> 8}.${index & 255}`)
  for (const pick of [(answers: HostAnswers) => answers.addresses(A), (answers: HostAnswers) => answers.allPorts(name, undefined)]) {
    const drawn = pick(setOf(all)) as DrawnRecords
    const made = pick(new EndpointAnswers(all, { ttlSeconds: 5, maxRecords: 100 })) as RecordSet
    t.strictSame(drawn.inOrder().map((record) => record.toString('hex')), [...made.inOrder()].map((record) => record.toString('hex')))
    t.ok(drawn.count > 100)
  }
})

t.test('an answer of a large service makes the records that it shows, and a change makes one run anew', async (t) => {
  const all = many(10_000, (index) => `10.1.${index >> 8}.${index & 255}`)
  const before = answerParts(endpointSet('shop', 'orders', 1, all))
  t.ok(before.every(({ endpoints: { length } }) => length <= maxChunkItems))
  const records = setOf(all).addresses(A)
  t.type(records, DrawnRecords)
  let appended = 0
  const writer = { isCut: false, isTruncated: false, owner: questionPointer, append: () => ++appended < 30 }
  records?.write(writer as unknown as MessageWriter, () => 0)
  t.equal(appended, 30, 'it ends where the message does')
})
