import t from 'tap'
import { type Share, Shares, clientKey } from '../server/shares.ts'

/** Runs steps like `a1 take A 3` or `a1 idle`, `a1 resize 5`, `a1 release`; gives the names of the shares that gave up, in order. */
function play (limit: number, steps: readonly string[]): { readonly gone: string[], readonly refused: string[], readonly shares: Shares } {
  const shares = new Shares(limit)
  const known = new Map<string, Share>()
  const gone: string[] = []
  const refused: string[] = []
  for (const step of steps) {
    const [name = '', verb = '', first = '', second = ''] = step.split(' ')
    if (verb === 'take') {
      const share = shares.take(first, Number(second), () => gone.push(name))
      if (share === undefined) refused.push(name)
      else known.set(name, share)
    } else if (verb === 'resize') {
      if (known.get(name)?.resize(Number(first)) !== true) refused.push(name)
    } else if (verb === 'release') known.get(name)?.release()
    else known.get(name)?.setIdle(verb === 'idle')
  }
  return { gone, refused, shares }
}

t.test('who gives up what', async (t) => {
  for (const [title, limit, steps, gone, refused = []] of [
    ['nobody, below the limit', 3, ['a1 take A 1', 'a2 take A 1', 'b1 take B 1'], []],
    ['the oldest of the one who has most', 3, ['b1 take B 1', 'a1 take A 1', 'a2 take A 1', 'c1 take C 1'], ['a1']],
    ['an idle one before an older one', 3, ['a1 take A 1', 'a2 take A 1', 'a3 take A 1', 'a2 idle', 'b1 take B 1'], ['a2']],
    ['the one that has been idle for longest', 3, ['a1 take A 1', 'a2 take A 1', 'a3 take A 1', 'a3 idle', 'a1 idle', 'b1 take B 1'], ['a3']],
    ['one that works again is not idle', 2, ['a1 take A 1', 'a2 take A 1', 'a1 idle', 'a1 busy', 'a2 idle', 'b1 take B 1'], ['a2']],
    ['who has most gives up its own when it asks for more', 2, ['a1 take A 1', 'a2 take A 1', 'a3 take A 1'], ['a1']],
    ['of equals another one than who asks', 2, ['a1 take A 1', 'b1 take B 1', 'c1 take C 1'], ['a1']],
    ['the largest of a client', 10, ['a1 take A 2', 'a2 take A 6', 'a3 take A 2', 'b1 take B 1'], ['a2']],
    ['as many as it needs', 10, ['a1 take A 3', 'a2 take A 3', 'a3 take A 4', 'b1 take B 5'], ['a3', 'a1']],
    ['who would have most itself is refused', 10, ['a1 take A 5', 'b1 take B 1', 'b2 take B 8'], [], ['b2']],
    ['nobody for what never fits', 10, ['b1 take B 1', 'a1 take A 11'], [], ['a1']],
    ['a share that grows until it is the largest of the heaviest goes itself', 10, ['a1 take A 1', 'a2 take A 1', 'b1 take B 1', 'a1 resize 20'], [], ['a1']],
    ['the one that grows on, not the small one beside it', 10, ['a1 take A 1', 'a2 take A 8', 'b1 take B 1', 'a2 resize 9'], [], ['a2']],
    ['who has gone cannot come back', 1, ['a1 take A 1', 'b1 take B 1', 'a1 resize 1'], ['a1'], ['a1']],
    ['nobody after one gave it back', 2, ['a1 take A 1', 'a2 take A 1', 'a1 release', 'a1 release', 'b1 take B 1'], []],
    ['nobody when one shrinks', 10, ['a1 take A 9', 'a1 resize 1', 'b1 take B 9'], []]
  ] as const) {
    const played = play(limit, steps)
    t.strictSame(played.gone, gone, title)
    t.strictSame(played.refused, refused, `${title}: refused`)
    t.ok(played.shares.used <= limit, title)
  }
})

t.test('a newcomer is served however many shares the others have', async (t) => {
  const shares = new Shares(1_000)
  for (let count = 0; count < 5_000; count++) shares.take(`10.0.0.${count % 3}`, 1, () => undefined)
  for (let count = 0; count < 250; count++) t.ok(shares.take('10.9.9.9', 1, () => t.fail('it never has most')))
  t.equal(shares.used, 1_000)
  t.equal(shares.usedBy('10.9.9.9'), 250, 'until it has as much as they')
})

t.test('an address counts for what one machine may use', async (t) => {
  for (const [address, key] of [
    ['192.0.2.1', '192.0.2.1'], ['::ffff:192.0.2.1', '192.0.2.1'], ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'], ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'], ['::1', '0:0:0:0::/64'], ['unknown', 'unknown'], ['not:an:address', 'not:an:address'], [undefined, '']
  ] as const) t.equal(clientKey(address), key)
})
