// `kind: {toString: 1}` in a manifest was a 500: it was turned into a text before anybody looked whether it was one.
import t from 'tap'
import { build } from '../support/world.ts'

t.test('a kind that is no text is refused', async (t) => {
  const { send, log } = await build(t)
  for (const kind of [{ toString: 1 }, { constructor: 1 }, ['Service'], 7]) {
    for (const [method, url] of [['POST', '/v1/apply'], ['POST', '/v1/delete'], ['PUT', '/v1/namespaces/shop']] as const) {
      const answer = await send(method, url, { apiVersion: 'v1', kind, metadata: { name: 'shop' } })
      t.match(answer.json(), { status: 400, errors: [{ field: 'kind' }] }, `${method} ${url} ${JSON.stringify(kind)}`)
    }
  }
  t.strictSame(log.filter(({ level }) => level === 'error'), [])
})
