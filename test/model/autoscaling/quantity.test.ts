import fc from 'fast-check'
import t from 'tap'
import { maxMilli, milliOf, milliText } from '../../../server/model/autoscaling/quantity.ts'

t.test('quantities are read as Kubernetes reads them, in thousandths, rounded up', async (t) => {
  const rows: readonly [string, number | undefined][] = [
    ['1', 1_000], ['500m', 500], ['0.1', 100], ['.5', 500], ['1.', 1_000], ['1.5k', 1_500_000], ['2Ki', 2_048_000], ['1.5Gi', 1_610_612_736_000],
    ['3e2', 300_000], ['3E-3', 3], ['1E', maxMilli], ['100u', 1], ['1n', 1], ['-1', -1_000], ['-1.0005', -1_000], ['1.0005', 1_001], ['0', 0], ['-0', 0],
    ['1e999', maxMilli], ['1e-999', 1], ['', undefined], ['m', undefined], ['1 ', undefined], ['1kk', undefined], ['0x1', undefined], ['1ki', undefined],
    ['NaN', undefined], ['Infinity', undefined], ['9'.repeat(65), undefined]
  ]
  for (const [text, milli] of rows) t.equal(milliOf(text), milli, text)
})

t.test('thousandths are written as Kubernetes writes them', async (t) => {
  const rows: readonly [number, string][] = [[0, '0'], [250, '250m'], [1_000, '1'], [1_500, '1500m'], [1_500_000, '1500'], [2_000_000, '2k'], [3_000_000_000, '3M']]
  for (const [milli, text] of rows) t.equal(milliText(milli), text)
})

t.test('what is written is read again', async (t) => {
  fc.assert(fc.property(fc.integer({ min: 0, max: maxMilli }), (milli) => milliOf(milliText(milli)) === milli))
  t.pass()
})
