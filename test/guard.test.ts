// The guard, and the lint rule that asks for it.
import { ESLint, Linter } from 'eslint'
import t from 'tap'
import { Guard } from '../server/guard.ts'
import { guardedClock } from '../server/clock.ts'
import { HandClock } from './support/hand-clock.ts'
// @ts-expect-error It is JavaScript, as all that the linter loads.
import guardedCallbacks from '../lint/guarded-callbacks.js'

function watched (): { guard: Guard, counts: string[], told: { error: unknown, place: string, leftOut: number }[], time: { nowMs: number } } {
  const counts: string[] = []
  const told: { error: unknown, place: string, leftOut: number }[] = []
  const time = { nowMs: 0 }
  const guard = new Guard({ now: () => time.nowMs, count: (place) => counts.push(place), log: (error, place, leftOut) => told.push({ error, place, leftOut }) })
  return { guard, counts, told, time }
}

t.test('an error of a callback ends the callback only, and its owner hears of it', async (t) => {
  const { guard, counts, told } = watched()
  const failed: unknown[] = []
  guard.around('timer', () => { throw new Error('at once') }, (error) => failed.push(error))()
  const { promise, resolve } = Promise.withResolvers<unknown>()
  guard.around('socket', async (text: string) => { throw new Error(text) }, resolve)('later')
  t.match(await promise, { message: 'later' })
  guard.around('socket', () => { throw new Error('first') }, () => { throw new Error('second') })()
  t.equal(guard.attempt('feed', () => { throw new Error('in a loop') }), false)
  t.equal(guard.attempt('feed', () => undefined), true)
  t.same(counts, ['timer', 'socket', 'socket', 'socket', 'feed'])
  t.match(failed, [{ message: 'at once' }])
  t.match(told[0], { place: 'timer', leftOut: 0, error: { message: 'at once' } })
})

t.test('the same error is logged once a minute for each line of the program, and always counted', async (t) => {
  const { guard, counts, told, time } = watched()
  const fault = (text: string): void => { throw new Error(text) }
  for (let index = 0; index < 100; index++) guard.attempt('dns', () => fault(`name ${index}`))
  guard.attempt('dns', () => { throw new TypeError('another line') })
  t.same(told.map(({ error }) => (error as Error).message), ['name 0', 'another line'])
  time.nowMs = 60_000
  guard.attempt('dns', () => fault('again'))
  t.match(told.at(-1), { leftOut: 99 })
  t.equal(counts.length, 102)
})

t.test('a clock guards what it calls', async (t) => {
  const { guard, counts } = watched()
  const manual = new HandClock()
  const clock = guardedClock(manual, guard, 'clock')
  let called = 0
  clock.after(10, () => { throw new Error('x') })
  clock.after(20, () => { called++ })
  t.doesNotThrow(() => manual.advance(30))
  t.equal(called, 1)
  t.same(counts, ['clock'])
})

t.test('lint refuses a timer and an event handler without a guard', async (t) => {
  const linter = new Linter()
  const config = { plugins: { rollcall: { rules: { 'guarded-callbacks': guardedCallbacks } } }, rules: { 'rollcall/guarded-callbacks': 'error' } } as const
  const reported = (code: string): number => linter.verify(code, config).length
  for (const bad of [
    'setTimeout(() => work(), 5)', 'setInterval(work, 5)', 'setImmediate(() => { work() })', 'queueMicrotask(work)', 'process.nextTick(() => work())', 'globalThis.setTimeout(work)',
    "socket.on('message', (data) => read(data))", "socket.once('close', end)", "signal.addEventListener('abort', () => stop())", "emitter.prependListener('x', y)",
    "class A { constructor () { this.ended = work } watch (socket) { socket.on('close', this.ended) } }",
    'socket.onmessage = (event) => read(event)', 'const f = () => work(); setTimeout(f, 5)', 'function later (resolve) { setTimeout(resolve, 5) }'
  ]) t.equal(reported(bad), 1, bad)
  for (const good of [
    "setTimeout(guard.around('x', () => work()), 5)", "socket.on('data', this.#guard.around('x', (data) => read(data)))".replace('this.#guard', 'this.guard'),
    "class A { constructor () { this.ended = guard.around('x', work) } watch (socket) { socket.on('close', this.ended) } }",
    "const f = guard.around('x', work); signal.addEventListener('abort', f)", 'new Promise((resolve) => setImmediate(resolve))', "socket.on('error', () => undefined)",
    'list.on = 5', 'clock.after(5, () => work())', 'const { promise, resolve } = Promise.withResolvers(); setTimeout(resolve, 5)'
  ]) t.equal(reported(good), 0, good)
})

t.test('the rule is in force for the server, with its exceptions in one place', async (t) => {
  const eslint = new ESLint({ cwd: new URL('..', import.meta.url).pathname })
  const severity = async (file: string): Promise<unknown> => (await eslint.calculateConfigForFile(file) as { rules: Record<string, unknown[]> }).rules['rollcall/guarded-callbacks']?.[0]
  for (const file of ['server/registry/x.ts', 'server/dns/listen/x.ts', 'server/http/x.ts', 'server/store/redis/x.ts', 'server/serve.ts']) t.equal(await severity(file), 2, file)
  for (const file of ['server/cli/x.ts', 'server/main.ts', 'client-sdk/src/x.ts']) t.equal(await severity(file), undefined, file)
})
