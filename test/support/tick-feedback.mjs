// What V8 remembers of the objects that `process.nextTick` makes, after full collections at idle moments. Run by test/bin/keep-tick.test.ts:
//
//   node --allow-natives-syntax --fuzzing --expose-gc tick-feedback.mjs [URL of a module to load first]
import { setImmediate as nextTurn } from 'node:timers/promises'
import { runInThisContext } from 'node:vm'

const [, , first] = process.argv
if (first !== undefined) await import(first)

for (let idle = 0; idle < 5; idle++) {
  for (let ticks = 0; ticks < 50; ticks++) {
    process.nextTick(() => {})
    process.nextTick(() => {}, 1)
  }
  await nextTurn()
  globalThis.gc()
}
process.nextTick(() => {})
const shapes = runInThisContext('%GetFeedback(process.nextTick)').flatMap((slot) => (slot?.[0] === 'DefineKeyedOwnPropertyInLiteral' ? [slot[1].split('\n')[0]] : []))
console.log(JSON.stringify(shapes))
