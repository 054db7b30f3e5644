// Who asked a node for /openapi.json first held its loop for 33 to 100 ms, in which no DNS question was answered.
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { build } from '../support/world.ts'

t.test('the loop goes round while the API is described, once for all who ask', async (t) => {
  const { app, send } = await build(t)
  t.equal(app.openapi(), app.openapi(), 'it is made once')
  let isThere = false
  void app.openapi().then(() => { isThere = true })
  let rounds = 0
  while (!isThere) {
    rounds++
    await setImmediate()
  }
  t.ok(rounds > 100, `${rounds} rounds`)
  const [one, two] = await Promise.all([send('GET', '/openapi.json'), send('GET', '/openapi.json')])
  t.equal(one.statusCode, 200)
  t.equal(one.body, two.body)
})
