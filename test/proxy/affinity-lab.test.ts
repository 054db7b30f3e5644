// `sessionAffinity: ClientIP` in the kernel, exactly: a client stays with its endpoint while others come and go and while
// the agent is started again, moves when it is gone, and is forgotten after the timeout.
import t from 'tap'
import { systemClock } from '../../server/clock.ts'
import { standaloneGuard } from '../../server/guard.ts'
import { readServiceCidrs } from '../../server/model/address/ranges.ts'
import { type FrontEnd, frontEndKey, type Target } from '../../server/proxy/front-end.ts'
import { KernelBackEnd } from '../../server/proxy/kernel/kernel-back-end.ts'
import { numbersOf } from '../../server/proxy/kernel/sticky.ts'
import { programRunner, type Run } from '../../server/proxy/program.ts'
import { Lab, noLab } from '../support/lab.ts'

const plain = programRunner(standaloneGuard)
const clusterRanges = readServiceCidrs(['10.96.0.0/12', 'fd00:96::/112'])
const machines = { g: '10.77.0.9', a: '10.77.0.1', b: '10.77.0.2', c: '10.77.0.3', x: '10.77.0.100' }
const addresses = { 4: '10.96.0.14', 6: 'fd00:96::14' } as const

t.test('a client stays with its endpoint', { skip: noLab, timeout: 100_000 }, async (t) => {
  const lab = await Lab.start(t, machines)
  for (const machine of ['a', 'b', 'c']) await lab.answer(t, machine)
  await lab.run('x', 'ip', 'route', 'add', '10.96.0.0/12', 'via', machines.g)
  await lab.run('x', 'ip', '-6', 'route', 'add', 'fd00:96::/112', 'via', lab.address6('g'))
  const run: Run = (program, args, options) => plain('ip', ['netns', 'exec', lab.namespace('g'), program, ...args], options)
  const backEnd = (): KernelBackEnd => new KernelBackEnd({
    run, clock: systemClock, clusterRanges, markBit: 0x8000, hasSctp: false, sources: { 4: machines.g, 6: lab.address6('g') }
  })
  const frontEnds = (names: readonly string[], seconds = 100): Map<string, FrontEnd> => new Map(([4, 6] as const).map((family) => {
    const targets = names.map((name): Target => ({ address: family === 4 ? lab.address(name) : lab.address6(name), port: 8080, weight: 1 }))
    const choice = { targets, whenNone: 'refuse', keepSource: false } as const
    const frontEnd: FrontEnd = {
      family, address: addresses[family], port: 80, transport: 'tcp', kind: 'cluster-ip', service: 'shop/web', outside: choice, inside: choice, affinitySeconds: seconds
    }
    return [frontEndKey(frontEnd), frontEnd]
  }))
  const clients = (['x', 'g'] as const).flatMap((machine) => ([4, 6] as const).map((family) => ({ machine, family })))
  /** Where each client goes, ten times. */
  const homes = async (): Promise<string[]> => {
    const found: string[] = []
    for (const { machine, family } of clients) {
      const answers = new Set<string>()
      for (let time = 0; time < 10; time++) answers.add((await lab.ask(machine, addresses[family], 80)).split(' ')[0] ?? '')
      found.push([...answers].sort().join())
    }
    return found
  }
  const agent = backEnd()
  await agent.start(frontEnds(['a', 'b', 'c']))
  const first = await homes()
  t.ok(first.every((home) => /^[abc]$/.test(home)), `each client has one endpoint: ${first.join(' ')}`)
  const home = first[0] ?? ''
  const others = ['a', 'b', 'c'].filter((name) => name !== home)
  await agent.apply(frontEnds([home, others[0] ?? '']))
  t.equal((await homes())[0], home, 'another endpoint goes')
  const moved = await homes()
  await agent.apply(frontEnds(['a', 'b', 'c']))
  t.same(await homes(), moved, 'and comes back')
  const again = backEnd()
  await again.start(frontEnds(['a', 'b', 'c']))
  t.same(await homes(), moved, 'the agent is started again')
  t.equal(await again.check(), undefined, 'what the kernel has learned is no difference')
  await again.apply(frontEnds(others))
  const after = await homes()
  t.ok(after.every((found) => others.includes(found)), `its endpoint is gone, and it has another one at once: ${after.join(' ')}`)
  await again.apply(frontEnds(['a', 'b', 'c'], 50))
  t.same(await homes(), after, 'it does not go back')
  for (const [family, ip] of [[4, 'ip'], [6, 'ip6']] as const) {
    const { out } = await run('nft', ['-j', 'list', 'map', ip, 'rollcall-sticky', 'affinity-tcp'])
    const times = Array.from(out.matchAll(/"expires": (\d+)/g), ([, expires]) => Number(expires))
    t.equal(times.length, 2, 'two clients')
    t.ok(times.every((expires) => expires > 0 && expires <= 50), `IPv${family}: remembered for the timeout that the service has now`)
  }
  await again.clean()
  t.notMatch((await run('nft', ['list', 'tables'])).out, /rollcall/)
})

t.test('endpoints have numbers of their own, in any order', async (t) => {
  const targets = Array.from({ length: 4_096 }, (_, index): Target => ({ address: `10.1.${index >> 8}.${index & 255}`, port: 8080, weight: 1 }))
  const numbers = numbersOf(targets)
  t.equal(new Set(numbers.values()).size, 4_096)
  t.ok([...numbers.values()].every((number) => /^[1-9a-f][0-9a-f]{0,3}:[1-9a-f][0-9a-f]{0,3}$/.test(number) && !number.includes('ffff')), 'none is a word of nft\'s')
  t.same(numbersOf(targets.toReversed()), numbers)
})
