// Bodies in pieces: made as they are read, and kept only if they are short.
import { json } from 'node:stream/consumers'
import t from 'tap'
import { jsonList, streamed } from '../../server/http/server/streamed.ts'

function * counted (count: number, made: { count: number }): Generator<number> {
  for (; made.count < count; made.count++) yield made.count
}

t.test('a list is JSON, whatever its items become', async (t) => {
  for (const values of [[], [1], [1, 2, 3]]) t.same(await json(streamed(jsonList(values, (value) => [value]))), values)
  const several = jsonList([0, 1, 2, 3], (value) => Array<string>(value).fill('ü"'))
  t.same(await json(streamed(several)), ['ü"', 'ü"', 'ü"', 'ü"', 'ü"', 'ü"'])
})

t.test('no more is made than is read, and a bit', async (t) => {
  const made = { count: 0 }
  const body = streamed(jsonList(counted(100_000, made), (value) => [{ value, text: 'x'.repeat(100) }]))
  const reader = body[Symbol.asyncIterator]()
  await reader.next()
  t.ok(made.count < 3_000, `made ${made.count}`)
  await reader.return?.()
  t.equal(body.destroyed, true)
  t.ok(made.count < 3_000)
})

t.test('a short body is kept whole, a long one is not', async (t) => {
  const kept: string[] = []
  const keeping = { longest: 200_000, keep: (body: Buffer): void => { kept.push(body.toString()) } }
  const body = (items: number): Promise<unknown> => json(streamed(jsonList(counted(items, { count: 0 }), (value) => [{ value, text: 'x'.repeat(100) }]), keeping))
  const short = await body(1_500)
  t.same(JSON.parse(kept[0] ?? ''), short)
  await body(3_000)
  t.equal(kept.length, 1)
})

t.test('what fails in the middle breaks the body off', async (t) => {
  const failing = function * (): Generator<string> {
    yield '['
    throw new Error('no such luck')
  }
  await t.rejects(json(streamed(failing())), { message: 'no such luck' })
})
