import t from 'tap'
import { KeptTexts } from '../../server/http/server/kept-texts.ts'
import { build } from '../support/world.ts'

t.test('a long text is written once, a short one each time, and the ones used last are kept', async (t) => {
  const texts = new KeptTexts(1_000, 100)
  const made: string[] = []
  const get = (key: string, length: number): Buffer | string => texts.get(key, () => {
    made.push(key)
    return 'x'.repeat(length)
  })
  t.equal(get('a', 400), get('a', 400))
  get('short', 10)
  get('short', 10)
  get('b', 400)
  get('a', 400)
  get('c', 400) // b is the one that was not used for longest
  get('a', 400)
  get('b', 400)
  get('huge', 600)
  get('huge', 600)
  t.strictSame(made, ['a', 'short', 'short', 'b', 'c', 'b', 'huge', 'huge'])
  t.ok(texts.bytes <= 1_000)
})

t.test('a page that was kept is the page of its revision, its query and its form', async (t) => {
  const world = await build(t)
  for (let index = 0; index < 60; index++) await world.register(`shop/orders/o${index}`, { address: '10.0.0.1', metadata: { filler: 'x'.repeat(500) } })
  const list = async (query: string): Promise<any> => (await world.send('GET', `/v1/instances${query}`)).json()
  const first = await list('')
  t.equal(first.items.length, 60)
  t.strictSame(await list(''), first)
  t.equal((await list('?limit=50')).items.length, 50)
  await world.register('shop/orders/another')
  t.equal((await list('')).items.length, 61)
})
