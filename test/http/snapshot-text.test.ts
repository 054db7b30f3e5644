import t from 'tap'
import type { Instance } from '../../client-sdk/src/wire.ts'
import type { Service } from '../../server/model/service/types.ts'
import { type SnapshotContent, type SnapshotReader, SnapshotTexts } from '../../server/http/watch/snapshot-text.ts'

const items = (count: number, text = 'x'.repeat(50)): readonly Instance[] =>
  Array.from({ length: count }, (_none, index) => ({ id: `i${index}\u00e9`, metadata: { text } }) as unknown as Instance)
const services = (count: number): readonly Service[] => items(count) as unknown as readonly Service[]

function all (reader: SnapshotReader): Buffer[] {
  const pieces = []
  for (let piece = reader.next(); piece !== undefined; piece = reader.next()) pieces.push(piece)
  reader.close()
  return pieces
}

t.test('the pieces together are the snapshot, whatever they are made of', async (t) => {
  for (const limit of [0, 300, 1_000_000]) {
    for (const content of [
      { revision: 1, instances: [] }, { revision: 1, instances: items(1) }, { revision: 1, instances: items(100) },
      { revision: 1, instances: [], services: services(3) },
      { revision: 1, instances: items(7), services: services(50) }, { revision: 1, instances: items(3, 'y'.repeat(5_000)) }
    ] satisfies SnapshotContent[]) {
      const texts = new SnapshotTexts(limit, 400)
      const [first, second] = [texts.read(content), texts.read({ ...content })]
      const pieces = all(first)
      t.strictSame(JSON.parse(`{"instances":[${Buffer.concat(pieces).toString()}`), { instances: content.instances, ...('services' in content ? { services: content.services } : {}) })
      t.strictSame(all(second), pieces)
      t.equal(texts.bytes, 0, 'nothing is kept when nobody reads')
    }
  }
})

t.test('who waits for the same shares the same bytes, also in lists made for each', async (t) => {
  const texts = new SnapshotTexts(1_000_000, 400)
  const instances = items(100)
  const readers = Array.from({ length: 50 }, () => texts.read({ revision: 1, instances: [...instances] }))
  const pieces = readers.map((reader) => [reader.next(), reader.next()])
  for (const [first, second] of pieces) t.ok(first === pieces[0]?.[0] && second === pieces[0]?.[1])
  t.ok(texts.bytes < 1_200, 'and no more is made than was read')
  const other = texts.read({ revision: 2, instances: [...instances] })
  t.not(other.next(), pieces[0]?.[0], 'of another revision it is another one')
  for (const reader of [...readers, other, ...readers]) reader.close()
  t.equal(texts.bytes, 0)
})

t.test('what is kept is bounded, and a reader goes on all the same', async (t) => {
  const texts = new SnapshotTexts(2_000, 400)
  const readers = Array.from({ length: 20 }, (_none, revision) => texts.read({ revision, instances: items(100) }))
  for (let round = 0; round < 5; round++) for (const reader of readers) t.ok((reader.next()?.length ?? 0) > 0)
  t.ok(texts.bytes <= 2_000)
})
