import t from 'tap'
import { RegistryError } from '../../server/errors.ts'
import { GroupCommit } from '../../server/store/sqlite/group-commit.ts'
import { storeError } from '../../server/store/sqlite/database.ts'

/** A transaction that notes what is done with it, and fails at commit while `failure` is set. */
function recorder () {
  const log: string[] = []
  const state = { failure: undefined as Error | undefined, syncFailure: undefined as Error | undefined, disk: Promise.resolve() }
  const upkeep: { due: (() => Promise<void>) | undefined } = { due: undefined }
  const transaction = {
    upkeep: () => {
      const { due } = upkeep
      upkeep.due = undefined
      return due
    },
    begin: () => { log.push('begin') },
    commit: () => {
      if (state.failure !== undefined) throw state.failure
      log.push('commit')
      return () => { log.push('publish') }
    },
    sync: async () => {
      log.push('sync')
      await state.disk
      if (state.syncFailure !== undefined) throw state.syncFailure
    },
    rollback: () => { log.push('rollback') },
    errorOf: (error: unknown) => storeError(error, 'file'),
    settled: (committed: number, failure: RegistryError | undefined) => { log.push(`settled ${committed} ${failure?.code ?? 'well'}`) }
  }
  return { log, state, upkeep, commits: new GroupCommit(transaction) }
}

t.test('writes of one turn of the loop share one transaction, in order', async (t) => {
  const { log, commits } = recorder()
  const answers = await Promise.all([1, 2, 3].map((number) => commits.write(() => {
    log.push(`write ${number}`)
    return number
  }).then((answer) => {
    log.push(`answer ${answer}`)
    return answer
  })))
  t.same(answers, [1, 2, 3])
  t.same(log, ['begin', 'write 1', 'write 2', 'write 3', 'commit', 'sync', 'publish', 'settled 3 well', 'answer 1', 'answer 2', 'answer 3'])
})

const turn = (): Promise<void> => new Promise((done) => setImmediate(done))

t.test('writes that come while the disk is busy share one transaction, and the next sync', async (t) => {
  const { log, state, commits } = recorder()
  const { promise, resolve } = Promise.withResolvers<void>()
  state.disk = promise
  const answered: string[] = []
  const write = (name: string): Promise<unknown> => commits.write(() => log.push(name)).then(() => answered.push(name))
  const all = [write('a')]
  await turn()
  const synced = commits.synced().then(() => answered.push('synced'))
  all.push(write('b'))
  await turn()
  all.push(write('c'))
  await turn()
  t.same(answered, [], 'nothing is answered before it is on disk')
  t.same(log, ['begin', 'a', 'commit', 'sync'])
  resolve()
  await Promise.all([...all, synced])
  t.same(log.slice(4), ['publish', 'settled 1 well', 'begin', 'b', 'c', 'commit', 'sync', 'publish', 'settled 2 well'])
  t.same(answered, ['a', 'synced', 'b', 'c'], 'who waits for what was committed waits for no more')
})

t.test('who is answered and writes again in the next turn is in one transaction with those that waited', async (t) => {
  const { log, state, commits } = recorder()
  const { promise, resolve } = Promise.withResolvers<void>()
  state.disk = promise
  const write = (name: string): Promise<unknown> => commits.write(() => log.push(name))
  const again = write('a').then(() => turn()).then(() => write('a again'))
  await turn()
  const waited = write('b')
  resolve()
  await Promise.all([again, waited])
  t.same(log.filter((entry) => entry.length < 8), ['begin', 'a', 'commit', 'sync', 'publish', 'begin', 'b', 'a again', 'commit', 'sync', 'publish'])
})

t.test('a full transaction does not wait for the disk', async (t) => {
  const { log, state, commits } = recorder()
  const { promise, resolve } = Promise.withResolvers<void>()
  state.disk = promise
  const first = commits.write(() => undefined)
  await turn()
  const others = Array.from({ length: 501 }, () => commits.write(() => undefined))
  await turn()
  t.same(log, ['begin', 'commit', 'sync', 'begin', 'commit'], 'what did not fit, or had no time, waits')
  const synced = commits.synced()
  resolve()
  await Promise.all([first, ...others, synced])
  t.same(log.slice(5, 9), ['publish', 'settled 1 well', 'sync', 'publish'])
  t.equal(log.flatMap((entry) => /^settled (\d+) well$/.exec(entry)?.[1] ?? []).reduce((sum, count) => sum + Number(count), 0), 502)
})

t.test('where the disk fails after a commit it is not acknowledged, the follower has what the file has, and nothing is written any more', async (t) => {
  const { log, state, commits } = recorder()
  state.syncFailure = Object.assign(new Error('i/o error'), { code: 'EIO' })
  const { promise, resolve } = Promise.withResolvers<void>()
  state.disk = promise
  const first = commits.write(() => 'kept')
  await turn()
  let committed = 0
  const meanwhile = Array.from({ length: 500 }, () => commits.write(() => ++committed))
  await turn()
  const waiting = commits.write(() => 'waiting')
  t.ok(committed > 0)
  resolve()
  await t.rejects(first, { code: 'REG_OUTCOME_UNKNOWN' })
  for (const [index, write] of meanwhile.entries()) await t.rejects(write, { code: index < committed ? 'REG_OUTCOME_UNKNOWN' : 'REG_STORE_UNAVAILABLE' })
  await t.rejects(waiting, { code: 'REG_STORE_UNAVAILABLE' })
  t.equal(log.filter((entry) => entry === 'publish').length, 2)
  state.syncFailure = undefined
  const entries = log.length
  await t.rejects(commits.write(() => 'again'), { code: 'REG_STORE_UNAVAILABLE', message: /did not take the log.*started anew/ })
  t.equal(log.length, entries, 'a sync that says that all is well is not believed')
  await commits.flush()
})

t.test('no transaction holds more than 500 writes', async (t) => {
  const { log, commits } = recorder()
  await Promise.all(Array.from({ length: 1_200 }, () => commits.write(() => undefined)))
  const settled = log.flatMap((entry) => /^settled (\d+) well$/.exec(entry)?.[1] ?? []).map(Number)
  t.equal(settled.reduce((sum, count) => sum + count, 0), 1_200)
  t.ok(settled.every((count) => count <= 500), String(settled))
})

t.test('a write that fails takes no other one with it', async (t) => {
  const { log, commits } = recorder()
  const outcomes = await Promise.allSettled(Array.from({ length: 100 }, (_, index) => commits.write(() => {
    if (index === 37) throw Object.assign(new Error('full'), { errcode: 13 })
    return index
  })))
  t.match(outcomes[37], { status: 'rejected', reason: { code: 'REG_STORE_FULL' } })
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 99)
  t.ok(log.some((entry) => /^settled \d+ REG_STORE_FULL$/.test(entry)))
})

t.test('a write that is refused on its merits rolls nothing back', async (t) => {
  const { log, commits } = recorder()
  const refused = commits.write(() => { throw new RegistryError('REG_CONFLICT', 'taken') })
  const kept = commits.write(() => 'kept')
  await t.rejects(refused, { code: 'REG_CONFLICT' })
  t.equal(await kept, 'kept')
  t.notOk(log.includes('rollback'))
})

t.test('a file that cannot be written refuses the whole batch at once, and the next write tries again', async (t) => {
  const { log, state, commits } = recorder()
  state.failure = Object.assign(new Error('disk I/O error'), { errcode: 10 })
  const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => commits.write(() => undefined)))
  t.ok(outcomes.every((outcome) => outcome.status === 'rejected' && outcome.reason.code === 'REG_STORE_UNAVAILABLE'))
  t.same(log, ['begin', 'rollback', 'settled 0 REG_STORE_UNAVAILABLE'])
  state.failure = undefined
  t.equal(await commits.write(() => 'again'), 'again')
})

t.test('writes beyond the limit are refused instead of waiting', async (t) => {
  const { commits } = recorder()
  const waiting = Array.from({ length: 50_000 }, () => commits.write(() => undefined))
  await t.rejects(commits.write(() => undefined), { code: 'REG_OVERLOADED' })
  await commits.flush()
  t.equal((await Promise.all(waiting)).length, 50_000)
})

t.test('upkeep of the file begins when all is on disk, and no write meets it', async (t) => {
  const { log, commits, upkeep } = recorder()
  const first = commits.write(() => log.push('first'))
  await first
  const { promise, resolve } = Promise.withResolvers<void>()
  upkeep.due = () => {
    log.push('upkeep begins')
    return promise.then(() => { log.push('upkeep ends') })
  }
  const second = commits.write(() => log.push('second'))
  const third = commits.writeInSlices(function * () {
    log.push('third')
    yield
  })
  while (!log.includes('upkeep begins')) await new Promise((done) => { setImmediate(done) })
  const fourth = commits.write(() => log.push('fourth'))
  resolve()
  await Promise.all([second, third, fourth])
  t.same(log.filter((line) => /first|second|third|fourth|upkeep/.test(line)), ['first', 'upkeep begins', 'upkeep ends', 'second', 'third', 'fourth'])
  t.ok(log.indexOf('sync') < log.indexOf('upkeep begins'))
})

t.test('upkeep that fails ends writing: what the file has is not known', async (t) => {
  const { commits, upkeep } = recorder()
  upkeep.due = () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' }))
  await t.rejects(commits.write(() => 1), { code: 'REG_STORE_UNAVAILABLE' })
  await t.rejects(commits.writeInSlices(function * () { yield }), { code: 'REG_STORE_UNAVAILABLE' })
})

t.test('a long write leaves the loop to others, and is rolled back whole', async (t) => {
  const { log, commits } = recorder()
  let turns = 0
  const long = commits.writeInSlices(function * () {
    const began = turns
    const count = (): void => { if (++turns - began < 3) setImmediate(count) }
    setImmediate(count)
    while (turns - began < 3) yield
    return 'done'
  })
  const short = commits.write(() => log.push('short'))
  t.equal(await long, 'done')
  await short
  t.same(log.slice(0, 3), ['begin', 'commit', 'sync'])
  const broken = commits.writeInSlices(function * () {
    yield
    throw Object.assign(new Error('full'), { errcode: 13 })
  })
  await t.rejects(broken, { code: 'REG_STORE_FULL' })
  t.same(log.slice(-3), ['begin', 'rollback', 'settled 0 REG_STORE_FULL'])
})
