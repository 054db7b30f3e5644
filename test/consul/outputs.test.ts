// What checks said last: kept for those who ask, and bounded.
import t from 'tap'
import { Outputs, maxOutput } from '../../server/consul/outputs.ts'

t.test('an output is cut, replaced, and forgotten when it is empty', async (t) => {
  const outputs = new Outputs()
  outputs.set('ns/web/a', 'c', 'x'.repeat(10_000))
  t.equal(outputs.of('ns/web/a')?.get('c')?.length, maxOutput)
  const [said, version] = [outputs.of('ns/web/a'), outputs.version]
  outputs.set('ns/web/a', 'c', 'x'.repeat(maxOutput))
  t.equal(outputs.of('ns/web/a'), said, 'the same text is no change')
  t.equal(outputs.version, version)
  outputs.set('ns/web/a', 'd', 'y')
  t.strictSame([...outputs.of('ns/web/a')?.keys() ?? []], ['c', 'd'])
  outputs.set('ns/web/a', 'c', '')
  outputs.set('ns/web/a', 'd', '')
  t.equal(outputs.of('ns/web/a'), undefined)
})

t.test('the texts of all together are bounded: those who spoke least lately go', async (t) => {
  const outputs = new Outputs()
  for (let index = 0; index < 6_000; index++) outputs.set(`ns/web/${index}`, 'c', `${index}`.padEnd(maxOutput))
  t.equal(outputs.of('ns/web/0'), undefined)
  t.ok(outputs.of('ns/web/5999'))
  let kept = 0
  for (let index = 0; index < 6_000; index++) kept += outputs.of(`ns/web/${index}`) === undefined ? 0 : maxOutput
  t.ok(kept <= 16 * 1024 ** 2 && kept > 15 * 1024 ** 2, `${kept}`)
})
