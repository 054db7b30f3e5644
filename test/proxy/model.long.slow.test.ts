// The kernel against a model: after each of many random steps the kernel's maps are what the front ends say, also when the
// agent is started again; and nft takes ten thousand random states.
import t from 'tap'
import { systemClock } from '../../server/clock.ts'
import { standaloneGuard } from '../../server/guard.ts'
import { readServiceCidrs } from '../../server/model/address/ranges.ts'
import { type FrontEnd, frontEndKey } from '../../server/proxy/front-end.ts'
import { KernelBackEnd } from '../../server/proxy/kernel/kernel-back-end.ts'
import { readMaps } from '../../server/proxy/kernel/kernel-maps.ts'
import { RulesetState } from '../../server/proxy/kernel/ruleset-state.ts'
import { programRunner, type Run } from '../../server/proxy/program.ts'
import { noLab } from '../support/lab.ts'
import { randomFrontEnd, randomOf } from '../support/random-front-ends.ts'

const plain = programRunner(standaloneGuard)
const clusterRanges = readServiceCidrs(['10.96.0.0/12', 'fd00:96::/112'])
const ruleset = { clusterRanges, markBit: 0x8000, hasSctp: false }
const [steps, restartEvery] = [150, 50]
const [states, together] = [10_000, 100]

t.test('the kernel has what the model says, after each step and each start of the agent', { skip: noLab, timeout: 120_000 }, async (t) => {
  const namespace = `rc${process.pid}-model`
  t.equal((await plain('ip', ['netns', 'add', namespace])).code, 0)
  t.teardown(() => plain('ip', ['netns', 'del', namespace]))
  const run: Run = (program, args, options) => plain('ip', ['netns', 'exec', namespace, program, ...args], options)
  await run('ip', ['link', 'set', 'lo', 'up'])
  const begin = async (): Promise<KernelBackEnd> => {
    const backEnd = new KernelBackEnd({ ...ruleset, run, clock: systemClock, sources: {} })
    await backEnd.start(held)
    return backEnd
  }
  const random = randomOf(10)
  const held = new Map<string, FrontEnd>()
  let agent = await begin()
  let restarts = 0
  for (let step = 1; step <= steps; step++) {
    const changes = new Map<string, FrontEnd | undefined>()
    for (let change = 0; change <= random(4); change++) {
      const frontEnd = randomFrontEnd(random)
      const [gone] = [...held.keys()].slice(random(held.size + 1))
      if (gone !== undefined && random(3) === 0) changes.set(gone, undefined)
      else changes.set(frontEndKey(frontEnd), frontEnd)
    }
    for (const [key, frontEnd] of changes) {
      if (frontEnd === undefined) held.delete(key)
      else held.set(key, frontEnd)
    }
    if (step % restartEvery === 0) {
      agent = await begin() // of the last one nothing but the kernel is left
      restarts++
    } else await agent.apply(changes)
    const model = new RulesetState(ruleset)
    model.change(held)
    const listed = new Map<string, Map<string, string>>()
    for (const [name, elements] of readMaps((await run('nft', ['-j', 'list', 'ruleset'])).out) ?? []) {
      if (elements.size > 0 && !name.endsWith('cluster-ranges')) listed.set(name, elements)
    }
    t.strictSame(listed, model.expected(), `step ${step}`)
    if (!t.passing()) break
  }
  t.equal(restarts, steps / restartEvery)
  t.equal(await agent.check(), undefined)
})

t.test(`nft takes ${states} random states`, { skip: noLab, timeout: 120_000 }, async (t) => {
  const random = randomOf(12)
  for (let from = 0; from < states; from += together) {
    // The first as a whole, each other one as what changes from the one before.
    const state = new RulesetState(ruleset)
    const texts = Array.from({ length: together }, (_, index) => {
      const changes = new Map<string, FrontEnd | undefined>()
      for (let count = random(5); count >= 0; count--) {
        const frontEnd = randomFrontEnd(random)
        changes.set(frontEndKey(frontEnd), random(3) === 0 ? undefined : frontEnd)
      }
      const text = state.change(changes)
      return index === 0 ? state.whole(random(2) === 0) : text
    })
    const ran = await plain('unshare', ['-n', 'nft', '-c', '-f', '-'], { input: texts.join('\n'), limitMs: 60_000 })
    if (ran.code === 0) continue
    t.fail(`states ${from}-${from + together}: ${ran.err.slice(0, 1_000)}`)
    return
  }
  t.pass('all')
})
