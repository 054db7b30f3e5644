import t from 'tap'
import { beside } from '../server/beside.ts'

t.test('a value is kept beside its key, and is no part of it', async (t) => {
  const texts = beside<{ readonly name: string }, string>()
  const others = beside<object, number>()
  const key = Object.freeze({ name: 'orders' })
  t.equal(texts.has(key), false)
  t.equal(texts.get(key), undefined)
  texts.set(key, 'first')
  texts.set(key, 'second')
  t.equal(texts.has(key), true)
  t.equal(texts.get(key), 'second')
  t.equal(others.get(key), undefined, 'two of them know nothing of each other')
  others.set(key, 1)
  t.equal(texts.get(key), 'second')
  t.equal(texts.get({ ...key }), undefined, 'a copy is another key')
  t.equal(JSON.stringify(key), '{"name":"orders"}')
  t.same(Reflect.ownKeys(key), ['name'])
})

t.test('lists, functions and buffers may be keys', async (t) => {
  const kept = beside<object, string>()
  for (const key of [[1], () => 1, Buffer.from('1'), new Map()]) {
    kept.set(key, 'kept')
    t.equal(kept.get(key), 'kept')
  }
})
