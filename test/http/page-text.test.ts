// Pages have a bound in bytes beside the one in items, and nothing is left out by it.
import t from 'tap'
import { pageText } from '../../server/http/api/page-text.ts'
import { maxPageBytes } from '../../server/http/server/limits.ts'
import { build } from '../support/world.ts'

const items = ['aaaa', 'bbbb', 'cccc']
const page = (maxBytes: number, next: string | undefined = undefined): unknown =>
  JSON.parse(pageText({ revision: 'e.1', items, next, cursorOf: (item) => `behind ${item}` }, maxBytes))

t.test('what fits is on the page, and what does not is on the next', async (t) => {
  t.strictSame(page(100), { revision: 'e.1', items })
  t.strictSame(page(100, 'more'), { revision: 'e.1', items, next: 'more' })
  t.strictSame(page(14), { revision: 'e.1', items: ['aaaa', 'bbbb'], next: 'behind bbbb' }, 'each with its quotes and a comma')
  t.strictSame(page(13, 'more'), { revision: 'e.1', items: ['aaaa'], next: 'behind aaaa' })
  t.strictSame(page(0), { revision: 'e.1', items: ['aaaa'], next: 'behind aaaa' }, 'one item whatever its size: a page without any would be the last')
})

t.test('lists of large instances come in small pages, whole', async (t) => {
  const { register, send } = await build(t)
  const count = 300
  const text = 'x'.repeat(16_000)
  for (let index = 0; index < count; index++) await register(`shop/orders/${String(index).padStart(3, '0')}`, { metadata: { text } })
  const ids: string[] = []
  let pages = 0
  for (let cursor = ''; ;) {
    const answer = await send('GET', `/v1/instances?limit=1000${cursor}`)
    t.ok(answer.rawPayload.length < maxPageBytes + 1_000)
    const { items: found, next } = answer.json()
    ids.push(...found.map(({ id }: { readonly id: string }) => id))
    pages++
    if (next === undefined) break
    cursor = `&cursor=${next}`
  }
  t.equal(pages, Math.ceil(count / Math.floor(maxPageBytes / 16_600)))
  t.strictSame(ids, Array.from({ length: count }, (_none, index) => String(index).padStart(3, '0')))
})
