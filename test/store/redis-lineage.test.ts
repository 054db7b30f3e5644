// Where the terms of a node and those of a Redis part.
import t from 'tap'
import { partingOf } from '../../server/store/redis/lineage.ts'
import { parseVoid } from '../../server/store/redis/records.ts'

const rows: readonly (readonly [says: string, seen: string, found: string, parting: ReturnType<typeof partingOf>])[] = [
  ['no term yet on either side', '', '', undefined],
  ['the same terms', '5-100,120-300', '5-100,120-300', undefined],
  ['one term more', '5-100', '5-100,120-300', { base: 120, begun: parseVoid('120-300'), isApart: false }],
  ['two terms more, of which the first decides', '', '5-100,120-300', { base: 5, begun: parseVoid('5-100,120-300'), isApart: false }],
  ['a term that Redis never had', '5-100', '', { base: 5, begun: [], isApart: true }],
  ['another term than the one of Redis, which forked earlier', '5-100', '3-90', { base: 3, begun: parseVoid('3-90'), isApart: true }],
  ['another term than the one of Redis, which forked later', '3-90', '5-100', { base: 3, begun: parseVoid('5-100'), isApart: true }],
  ['one that began behind higher numbers, for the node itself', '5-100', '3-90,95-200', { base: 3, begun: parseVoid('3-90,95-200'), isApart: true }],
  ['Redis has forgotten what the node knows', '5-100,120-300', '0-300,310-400', { base: 310, begun: parseVoid('310-400'), isApart: false }],
  ['the node knows less of what was before than Redis', '0-300', '5-100,120-300,310-400', { base: 310, begun: parseVoid('310-400'), isApart: false }]
]

for (const [says, seen, found, parting] of rows) {
  t.test(says, async (t) => t.same(partingOf(parseVoid(seen), parseVoid(found)), parting))
}
