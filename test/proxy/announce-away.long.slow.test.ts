// The registry is away: who announces an address goes on, and so do the neighbours. Fast take-over, on the way.
import t from 'tap'
import { four, neighbourhood, until } from '../support/announce-lab.ts'
import { noLab } from '../support/lab.ts'

t.test('while the registry is away everybody keeps what he has; fast takes over before the lifetime is over', { skip: noLab, timeout: 200_000 }, async (t) => {
  const { lab, registry, startAgent, owners, owned } = await neighbourhood(t)
  const agents = new Map(await Promise.all(['a', 'b'].map(async (machine) => [machine, await startAgent(machine, '--announce-takeover', 'fast')] as const)))
  await until(async () => (await owners(four)).length === 1)
  const [owner = ''] = await owners(four)
  const other = owner === 'a' ? 'b' : 'a'
  t.equal(await lab.ask('x', four, 80), `${owner} 10.77.0.100`)
  agents.get(owner)?.process.kill('SIGKILL')
  await agents.get(other)?.line(new RegExp(`announces ${four} on eth0`))
  t.equal(await lab.ask('x', four, 80), `${other} 10.77.0.100`, 'the neighbours believe the one who spoke last')
  await owned(four, other)
  const again = await startAgent(owner)
  registry.process.kill('SIGSTOP')
  const lifetime = (): Promise<string> => lab.run(other, 'ip', '-o', 'addr', 'show', 'to', four).then(({ out }) => /valid_lft (\d+)sec/.exec(out)?.[1] ?? 'gone')
  // Its lease is over after 5 s, the address after 6 more: seen going down and up so often, it has been prolonged without the registry.
  let [before, rises] = ['', 0]
  await until(async () => {
    const now = await lifetime()
    if (Number(now) > Number(before)) rises++
    before = now
    return now === 'gone' || rises > 5
  })
  t.same(await owners(four), [other])
  t.equal(await lab.ask('x', four, 80), `${other} 10.77.0.100`)
  registry.process.kill('SIGCONT')
  again.process.kill('SIGTERM')
  await again.ended
})
