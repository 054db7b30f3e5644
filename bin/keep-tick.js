// Keeps `process.nextTick` quick. The first thing that a process and each thread loads.
//
// Node makes each tick's object by a literal with computed keys, and V8 remembers the shape of such an object only as long as one is alive.
// A full collection at an idle moment, when none is, makes it forget; it then makes another shape, the place in the code knows several from
// then on, and each nextTick costs three times as much for as long as the process lives: some 5 us of the 25 us of a request.
// One object of each form (without arguments, and with) kept alive keeps the shape.
import { createHook } from 'node:async_hooks'

/** Alive for ever: that is what they are for. */
export const kept = []

const hook = createHook({
  init (id, type, trigger, resource) {
    if (type === 'TickObject') kept.push(resource)
  }
})
hook.enable()
process.nextTick(function () {})
process.nextTick(function () {}, 1)
hook.disable()
