// The ruleset against the kernel: random states and changes, each written by nft into a namespace of the test's own, and
// read back.
import t from 'tap'
import { readServiceCidrs } from '../../server/model/address/ranges.ts'
import { type FrontEnd, frontEndKey } from '../../server/proxy/front-end.ts'
import { readMaps } from '../../server/proxy/kernel/kernel-maps.ts'
import { RulesetState } from '../../server/proxy/kernel/ruleset-state.ts'
import { slotsOf } from '../../server/proxy/kernel/slots.ts'
import { standaloneGuard } from '../../server/guard.ts'
import { programRunner } from '../../server/proxy/program.ts'
import { noLab } from '../support/lab.ts'
import { randomFrontEnd, randomOf } from '../support/random-front-ends.ts'

const run = programRunner(standaloneGuard)
const clusterRanges = readServiceCidrs(['10.96.0.0/12', 'fd00:96::/112'])

t.test('weights become slots', async (t) => {
  const counts = (...weights: readonly number[]): number[] => {
    const slots = slotsOf(weights.map((weight, index) => ({ address: `10.0.0.${index}`, port: 1, weight })))
    return weights.map((_, index) => slots.filter(({ address }) => address === `10.0.0.${index}`).length)
  }
  t.same(counts(), [])
  t.same(counts(5, 5, 5), [1, 1, 1])
  t.same(counts(2, 4, 6), [1, 2, 3])
  t.same(counts(63, 1), [63, 1])
  t.same(counts(1_000, 1), [7, 1], 'rounded, and each has a part')
  const [many = 0, few = 0] = counts(100, 37)
  t.equal(many + few, 8)
  t.equal(counts(...Array.from({ length: 4_096 }, () => 7)).reduce((sum, count) => sum + count, 0), 4_096, 'equal weights are exact for any number')
})

t.test('after each change the kernel has what the state says', { skip: noLab, timeout: 120_000 }, async (t) => {
  const namespace = `rc${process.pid}-rules`
  t.equal((await run('ip', ['netns', 'add', namespace])).code, 0)
  t.teardown(() => run('ip', ['netns', 'del', namespace]))
  const nft = (input: string) => run('ip', ['netns', 'exec', namespace, 'nft', '-f', '-'], { input, limitMs: 60_000 })
  const kernel = async (): Promise<Map<string, Map<string, string>>> => {
    const maps = new Map<string, Map<string, string>>()
    for (const ip of ['ip', 'ip6']) {
      for (const table of ['rollcall', 'rollcall-sticky']) {
        const listed = readMaps((await run('ip', ['netns', 'exec', namespace, 'nft', '-j', 'list', 'table', ip, table])).out)
        for (const [name, elements] of listed ?? []) if (elements.size > 0 && !name.endsWith('cluster-ranges')) maps.set(name, elements)
      }
    }
    return maps
  }
  const random = randomOf(7)
  const state = new RulesetState({ clusterRanges, markBit: 0x8000, hasSctp: false })
  const held = new Map<string, FrontEnd>()
  t.equal((await nft(state.whole())).code, 0, 'the empty ruleset')
  for (let step = 1; step <= 60; step++) {
    const changes = new Map<string, FrontEnd | undefined>()
    for (let change = 0; change <= random(6); change++) {
      const frontEnd = randomFrontEnd(random)
      changes.set(frontEndKey(frontEnd), random(4) === 0 ? undefined : frontEnd)
    }
    for (const [key, frontEnd] of changes) {
      if (frontEnd === undefined) held.delete(key)
      else held.set(key, frontEnd)
    }
    const text = step % 20 === 0 ? (state.change(changes), state.whole()) : state.change(changes)
    const ran = text === '' ? { code: 0, err: '' } : await nft(text)
    if (ran.code !== 0) t.fail(`step ${step}: ${ran.err}`)
    const expected = state.expected()
    t.same(await kernel(), expected, `step ${step}`)
    const fresh = new RulesetState({ clusterRanges, markBit: 0x8000, hasSctp: false })
    fresh.change(held)
    t.same(fresh.expected(), expected, 'and it is the same by another way')
  }
})

t.test('10,000 random front ends are one transaction that nft takes', { skip: noLab, timeout: 120_000 }, async (t) => {
  const random = randomOf(11)
  const state = new RulesetState({ clusterRanges, markBit: 0x8000, hasSctp: false })
  const changes = new Map<string, FrontEnd>()
  for (let count = 0; count < 10_000; count++) {
    const frontEnd = { ...randomFrontEnd(random), port: 1 + count }
    changes.set(frontEndKey(frontEnd), frontEnd)
  }
  state.change(changes)
  const ran = await run('unshare', ['-n', 'nft', '-f', '-'], { input: state.whole(), limitMs: 100_000 })
  t.equal(ran.code, 0, ran.err)
})
