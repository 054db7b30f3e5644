// Forty long manifests of one client made another's apply wait 11 s.
import t from 'tap'
import { build } from '../support/world.ts'

t.test('a short manifest does not wait for the long ones', async (t) => {
  const { send } = await build(t)
  const service = (name: string): string => `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: shop}\nspec: {ports: [{name: http, port: 80}]}\n`
  const long = Array.from({ length: 900 }, (_none, index) => service(`s${index}`)).join('---\n')
  const done: string[] = []
  const apply = async (name: string, body: string): Promise<void> => {
    const { statusCode } = await send('POST', '/v1/apply?dryRun', body, { 'content-type': 'application/yaml' })
    t.equal(statusCode, 200)
    done.push(name)
  }
  const longs = Array.from({ length: 10 }, () => apply('long', long))
  await apply('short', service('web').repeat(1))
  await apply('middle', Array.from({ length: 200 }, (_none, index) => service(`m${index}`)).join('---\n'))
  t.ok(done.filter((name) => name === 'long').length < 3, done.join(' '))
  await Promise.all(longs)
})
