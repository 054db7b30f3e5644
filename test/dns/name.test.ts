// Walking over names in wire form: what is read, where it ends, and what is no name.
import t from 'tap'
import { NameReader, canonicalName, folded, isAtOrBelow, isNameAt, labelStarts, nameEnd, nameText } from '../../server/dns/wire/name.ts'
import { nameBytes } from '../../server/dns/wire/wire.ts'

const name = (text: string): Buffer => nameBytes(text === '' ? [] : text.split('.'))

t.test('a name is read through its pointers, and ends after the first one', (t) => {
  const message = Buffer.concat([Buffer.alloc(12), name('Shop.example'), Buffer.from([3]), Buffer.from('www'), Buffer.from([0xc0, 12])])
  const start = 12 + name('shop.example').length
  const reader = new NameReader()
  t.equal(reader.read(message, start), true)
  t.strictSame([reader.name().toString('latin1'), reader.end], [name('www.Shop.example').toString('latin1'), message.length])
  t.equal(nameEnd(message, start), message.length)
  t.strictSame(canonicalName(message, start), name('www.shop.example'))
  t.end()
})

t.test('what is no name is refused by all who walk', (t) => {
  const label = Buffer.concat([Buffer.from([63]), Buffer.alloc(63, 0x61)])
  const cases: readonly [says: string, message: Buffer, hasEnd: boolean][] = [
    ['it stops in a label', Buffer.from([3, 0x61]), false],
    ['it has no root', Buffer.from([1, 0x61]), false],
    ['a reserved kind of label', Buffer.from([0x40, 0, 0]), false],
    ['half a pointer', Buffer.from([0xc0]), false],
    ['a pointer to itself', Buffer.from([0xc0, 0]), true],
    ['a pointer forward', Buffer.from([0xc0, 2, 0]), true],
    ['256 octets', Buffer.concat([label, label, label, Buffer.from([62]), Buffer.alloc(62, 0x61), Buffer.from([0])]), false]
  ]
  for (const [says, message, hasEnd] of cases) {
    t.equal(new NameReader().read(message, 0), false, says)
    t.equal(canonicalName(message, 0), undefined, says)
    t.equal(nameEnd(message, 0) > 0, hasEnd, says)
  }
  const longest = Buffer.concat([label, label, label, Buffer.from([61]), Buffer.alloc(61, 0x61), Buffer.from([0])])
  t.strictSame([nameEnd(longest, 0), new NameReader().read(longest, 0)], [255, true], '255 octets are a name')
  t.end()
})

t.test('a name is at or below another one at a label only', (t) => {
  const below = (child: string, parent: string): boolean => isAtOrBelow(name(child), name(parent))
  t.strictSame([below('a.b', 'b'), below('b', 'b'), below('a.b', ''), below('', '')], [true, true, true, true])
  t.strictSame([below('ab', 'b'), below('b', 'a.b'), below('', 'b')], [false, false, false])
  const hidden = nameBytes(['x\u0001b']) // its label ends as the name b does
  t.equal(isAtOrBelow(hidden, name('b')), false)
  t.end()
})

t.test('letters are folded, lengths and other octets are not', (t) => {
  t.strictSame(folded(name('AZ[@.Ab')), name('az[@.ab'))
  const message = Buffer.concat([Buffer.alloc(3), name('Shop.Example')])
  t.equal(isNameAt(message, 3, message.length, name('shop.example')), true)
  t.equal(isNameAt(message, 3, message.length, name('shop.exampl')), false)
  t.strictSame([...labelStarts(name('a.bc'))], [0, 2])
  t.strictSame(nameText(name('a.b')), { text: 'a.b.', end: 5 })
  t.equal(nameText(nameBytes(['a.b', '\u0000'])).text, 'a\\.b.\\000.')
  t.equal(nameText(name('')).text, '.')
  t.end()
})
