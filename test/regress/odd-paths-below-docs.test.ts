// Odd paths below /docs/static were answered 500, with a stack in the log.
import t from 'tap'
import { build } from '../support/world.ts'

t.test('a path that is no file of the documentation is 404', async (t) => {
  const { send, log } = await build(t)
  t.equal((await send('GET', '/docs/static/swagger-ui.css')).statusCode, 200)
  for (const name of ['nothing.js', '%00', 'a%00b.css', '..%2f..%2fpackage.json', '%2e%2e/%2e%2e/package.json', '..%5c..%5cx', 'x'.repeat(300), `${'x/'.repeat(2_000)}y`, '%2f', 'con', '%ff', '%c0%ae', '*', 'a;b', '%e0%a4']) {
    for (const method of ['GET', 'HEAD']) {
      const { statusCode } = await send(method, `/docs/static/${name}`)
      t.ok(statusCode === 404 || (statusCode === 400 && /%(?:ff|c0|e0)/.test(name)), `${method} ${name.slice(0, 40)} gives ${statusCode}`)
    }
  }
  t.strictSame(log, [])
})
