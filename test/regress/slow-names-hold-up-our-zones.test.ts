// 3,200 slow forwarded names a second of one client: each opened a socket as soon as it was read, a turn of the DNS thread took up to half a
// second of them, and the kernel dropped the questions about our own zones meanwhile: silence for five seconds.
import t from 'tap'
import { standaloneGuard } from '../../server/guard.ts'
import { StartQueue } from '../../server/dns/forward/start-queue.ts'

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

interface Started {
  readonly owner: string
  readonly start: () => void
}

/** Each start takes so long, and is told. */
function queueOf (startMs: number): { queue: StartQueue<Started>, started: string[], add: (owner: string, name: string) => Started } {
  let nowMs = 0
  const started: string[] = []
  const queue = new StartQueue<Started>(standaloneGuard, () => nowMs)
  const add = (owner: string, name: string): Started => {
    const item = { owner, start: () => {
      nowMs += startMs
      started.push(name)
    } }
    queue.add(item)
    return item
  }
  return { queue, started, add }
}

t.test('a turn of the loop starts a millisecond of questions, whatever arrives', async (t) => {
  const { queue, started, add } = queueOf(0.25)
  for (let i = 0; i < 100; i++) add('flood', `n${i}`)
  t.same(started, ['n0', 'n1', 'n2', 'n3'])
  for (let turn = 2; queue.size > 0; turn++) {
    await nextTurn()
    t.equal(started.length, Math.min(100, 4 * turn))
  }
  t.same(started, Array.from({ length: 100 }, (_none, i) => `n${i}`), 'in their order, none twice')
})

t.test('a start that takes longer than a turn has one to itself, and another client waits for one of each', async (t) => {
  const { queue, started, add } = queueOf(5)
  for (let i = 0; i < 50; i++) add('flood', `n${i}`)
  add('other', 'mine')
  await nextTurn()
  await nextTurn()
  t.same(started, ['n0', 'n1', 'mine'])
  while (queue.size > 0) await nextTurn()
  t.equal(started.length, 51)
})

t.test('a question that is given up is not asked', async (t) => {
  const { queue, started, add } = queueOf(1)
  add('a', 'first')
  const second = add('a', 'second')
  add('a', 'third')
  t.equal(queue.remove(second, 'a'), true)
  t.equal(queue.remove(second, 'a'), false, 'it is gone')
  while (queue.size > 0) await nextTurn()
  t.same(started, ['first', 'third'])
})

t.test('one start that throws stops no other', async (t) => {
  const { queue, started, add } = queueOf(1)
  add('a', 'first')
  queue.add({ owner: 'b', start: () => { throw new Error('planted') } })
  add('c', 'third')
  while (queue.size > 0) await nextTurn()
  t.same(started, ['first', 'third'])
})
