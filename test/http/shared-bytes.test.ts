import t from 'tap'
import { SharedBytes } from '../../server/http/server/shared-bytes.ts'
import { Shares } from '../../server/shares.ts'

t.test('bytes that several requests wait for are counted once, until the last has them', async (t) => {
  const shares = new Shares(100)
  const bytes = new SharedBytes(shares)
  const part = Buffer.alloc(60)
  const releases = ['A', 'B', 'A', 'C'].map((client) => bytes.hold(part, client, () => t.fail('there is room')))
  t.equal(shares.used, 60)
  t.equal(shares.usedBy('A'), 60, 'for the one who waited first')
  releases[0]?.()
  releases[0]?.()
  t.equal(shares.usedBy('A'), 60, 'it still waits on another connection')
  releases[2]?.()
  t.strictSame([shares.usedBy('A'), shares.usedBy('B')], [0, 60])
  releases[1]?.()
  releases[3]?.()
  t.equal(shares.used, 0)
})

t.test('when it gives way the connections of the one that it is counted for are cut, and the others go on', async (t) => {
  const shares = new Shares(100)
  const bytes = new SharedBytes(shares)
  const cut: string[] = []
  const [first, second] = [Buffer.alloc(60), Buffer.alloc(40)]
  const releases = [bytes.hold(first, 'A', () => cut.push('a1')), bytes.hold(first, 'A', () => cut.push('a2')), bytes.hold(first, 'B', () => cut.push('b'))]
  bytes.hold(second, 'B', () => cut.push('b2'))
  bytes.hold(Buffer.alloc(10), 'C', () => cut.push('c'))
  t.strictSame(cut.slice(0, 2), ['a1', 'a2'])
  t.notOk(cut.includes('c'))
  t.ok(shares.used <= 100)
  for (const release of releases) release()
  t.ok(shares.used <= 50)
})

t.test('a body that can never fit is cut at once', async (t) => {
  const shares = new Shares(10)
  const cut: string[] = []
  const release = new SharedBytes(shares).hold(Buffer.alloc(11), 'A', () => cut.push('a'))
  t.strictSame(cut, ['a'])
  release()
  t.equal(shares.used, 0)
})
