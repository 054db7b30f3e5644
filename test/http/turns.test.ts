import t from 'tap'
import { Account, Turns, type Worker } from '../../server/http/server/turns.ts'
import { maxKnownClients, turnMs } from '../../server/http/server/limits.ts'

interface Loop {
  readonly turns: Turns
  readonly turn: () => void
  readonly work: (worker: Worker, name: string, ms: number, isUrgent?: boolean) => void
  readonly done: string[]
  readonly pass: (ms: number) => void
}

/** A loop whose turns and clock the test moves. */
function loop (): Loop {
  let nowMs = 0
  const due: (() => void)[] = []
  const done: string[] = []
  const turns = new Turns({ now: () => nowMs, defer: (callback) => due.push(callback) })
  return {
    turns,
    done,
    pass: (ms) => { nowMs += ms },
    turn: () => { for (const callback of due.splice(0)) callback() },
    work: (worker, name, ms, isUrgent) => turns.run(worker, () => {
      done.push(name)
      nowMs += ms
    }, isUrgent)
  }
}

const worker = (client: string): Worker => ({ client, account: new Account() })

t.test('work is done at once while the turn has time, and later when it has none', async (t) => {
  const { work, turn, done, turns } = loop()
  const a = worker('A')
  for (const name of ['1', '2', '3']) work(a, name, turnMs / 2)
  t.strictSame(done, ['1', '2'])
  t.equal(turns.waiting, 1)
  turn()
  turn()
  t.strictSame(done, ['1', '2', '3'])
  t.equal(turns.waiting, 0)
})

t.test('urgent work never waits', async (t) => {
  const { work, done } = loop()
  work(worker('A'), 'long', 1_000)
  work(worker('A'), 'waits', 1)
  work(worker('B'), 'heartbeat', 1, true)
  t.strictSame(done, ['long', 'heartbeat'])
})

t.test('next is the client that has worked least, on the connection that has worked least', async (t) => {
  const { work, turn, done } = loop()
  const busy = worker('A')
  work(busy, 'a', 50)
  for (const name of ['a1', 'a2', 'a3']) work(busy, name, 6)
  work(worker('A'), 'a other', 6)
  work(worker('B'), 'b1', 6)
  work(worker('B'), 'b2', 6)
  for (let turns = 0; turns < 8; turns++) turn()
  t.strictSame(done, ['a', 'b1', 'b2', 'a other', 'a1', 'a2', 'a3'])
})

t.test('a turn does no more than its time, and one thing at least', async (t) => {
  const { work, turn, done } = loop()
  work(worker('A'), 'first', turnMs)
  for (let index = 0; index < 10; index++) work(worker('A'), String(index), turnMs * 3)
  turn() // comes round
  for (let turns = 1; turns <= 10; turns++) {
    turn()
    t.equal(done.length, 1 + turns)
  }
})

t.test('the work of a client is forgotten with time', async (t) => {
  const account = new Account()
  account.add(100, 0)
  t.equal(account.at(0), 100)
  t.equal(account.at(1_000), 50)
  account.add(10, 1_000)
  t.equal(account.at(2_000), 30)
  const { work, turn, done, pass } = loop()
  const [a, b] = [worker('A'), worker('B')]
  work(a, 'a', 100)
  turn()
  pass(20_000)
  work(b, 'b', 20)
  work(b, 'b again', 1)
  work(a, 'a again', 1)
  turn()
  turn()
  t.strictSame(done, ['a', 'b', 'a again', 'b again'])
})

t.test('a million clients are not remembered', async (t) => {
  const { work, turn, turns } = loop()
  for (let index = 0; index < maxKnownClients * 3; index++) {
    work(worker(String(index)), 'x', 0)
    turn()
  }
  t.equal(turns.waiting, 0)
})
