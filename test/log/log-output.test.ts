import t from 'tap'
import { LogOutput, type Lost, type Sink } from '../../server/log/log-output.ts'
import { HandClock } from '../support/hand-clock.ts'

/** What a system would do with the next writes: `take` so many octets, fail with a code, or answer later. */
type Act = { readonly take: number } | { readonly fail: string } | 'later'

function world (acts: Act[], maxQueuedBytes?: number): { output: LogOutput, written: () => string, clock: HandClock, answer: () => void } {
  const clock = new HandClock()
  let text = ''
  let answer = (): void => undefined
  const sink: Sink = (octets, done) => {
    const act = acts.shift() ?? { take: octets.length }
    if (act === 'later') {
      answer = () => {
        text += octets.toString()
        done(null, octets.length)
      }
    } else if ('fail' in act) {
      done(Object.assign(new Error(act.fail), { code: act.fail }), 0)
    } else {
      const taken = Math.min(act.take, octets.length)
      text += octets.subarray(0, taken).toString()
      done(null, taken)
    }
  }
  const notice = ({ lines, reason }: Lost): string => `lost ${lines} ${reason}\n`
  const output = new LogOutput({
    sink, now: () => clock.now(), after: (ms, callback) => clock.after(ms, callback), notice, ...(maxQueuedBytes === undefined ? {} : { maxQueuedBytes })
  })
  return { output, written: () => text, clock, answer: () => answer() }
}

t.test('lines are written in their order, also after a short write', async (t) => {
  const { output, written } = world([{ take: 3 }, { take: 2 }])
  output.write('first\n')
  output.write('second\n')
  t.equal(written(), 'first\nsecond\n')
  t.equal(output.dropped, 0)
})

for (const code of ['ENOSPC', 'EIO', 'EDQUOT', 'EFBIG', 'EPIPE', 'EBADF', 'ESOMETHING']) {
  t.test(`a line that meets ${code} is lost and counted, and one line tells of it afterwards`, async (t) => {
    const { output, written } = world([{ fail: code }, { fail: code }])
    for (const line of ['a\n', 'b\n', 'c\n', 'd\n']) output.write(line)
    t.equal(written(), `c\nlost 2 ${code}\nd\n`)
    t.equal(output.dropped, 2)
  })
}

t.test('a line that was torn by a full disk does not run into the next one', async (t) => {
  const { output, written } = world([{ take: 2 }, { fail: 'ENOSPC' }])
  output.write('abcdef\n')
  output.write('next\n')
  t.equal(written(), 'ab\nnext\nlost 1 ENOSPC\n')
})

t.test('a reader that has stalled is tried again, and what waits for it is bounded', async (t) => {
  const { output, written, clock } = world([{ take: 0 }, { take: 0 }], 20)
  for (let index = 0; index < 10; index++) output.write(`line ${index}\n`)
  t.equal(written(), '')
  t.equal(output.dropped, 7, 'one is on its way, two wait, and the others do not fit')
  clock.advance(50)
  t.equal(written(), '', 'it still does not read')
  clock.advance(50)
  t.equal(written(), 'line 0\nline 1\nline 2\nlost 7 nobody reads\n')
})

t.test('a slow write blocks nothing, and the lines of the meantime are one write', async (t) => {
  const { output, written, answer } = world(['later'])
  output.write('slow\n')
  for (const line of ['a\n', 'b\n']) output.write(line)
  t.equal(written(), '')
  const flushed = output.flush(60_000)
  answer()
  await flushed
  t.equal(written(), 'slow\na\nb\n')
})

t.test('a flush ends when its time is over', async (t) => {
  const { output } = world(['later'])
  output.write('never\n')
  await t.resolves(output.flush(1))
  await t.resolves(world([]).output.flush(60_000), 'and at once where nothing waits')
})
