// The machine that has an address is lost: its agent is killed or frozen, its cable is out, or it alone does not reach the
// registry. Each time the other one gets it, the neighbours hear of it, and nobody has it twice in the end.
import t from 'tap'
import { four, neighbourhood, until } from '../support/announce-lab.ts'
import { noLab } from '../support/lab.ts'

t.test('an address leaves a machine that is lost', { skip: noLab, timeout: 200_000 }, async (t) => {
  const { lab, startAgent, owners, owned } = await neighbourhood(t)
  const agents = new Map(await Promise.all(['a', 'b'].map(async (machine) => [machine, await startAgent(machine)] as const)))
  await until(async () => (await owners(four)).length === 1)
  let [owner = ''] = await owners(four)
  const another = (): string => (owner === 'a' ? 'b' : 'a')
  /** The other one has it, and the client's packets go there. */
  const moves = async (text: string): Promise<void> => {
    const to = another()
    await owned(four, to)
    await until(async () => await lab.ask('x', four, 80) === `${to} 10.77.0.100`) // it has it before it says so
    t.same(await owners(four), [to], text)
    owner = to
  }

  const killed = owner
  agents.get(killed)?.process.kill('SIGKILL')
  await moves('killed')
  agents.set(killed, await startAgent(killed))
  t.same(await owners(four), [owner], 'who comes back does not get it at once')

  const frozen = owner
  agents.get(frozen)?.process.kill('SIGSTOP')
  await moves('frozen')
  agents.get(frozen)?.process.kill('SIGCONT')
  await agents.get(frozen)?.line(/stood still for longer/)
  t.same(await owners(four), [owner], 'what thaws does not take it back')

  const unplugged = owner
  await lab.plug(unplugged, false)
  await until(async () => (await owners(four)).includes(another()))
  await until(async () => await lab.ask('x', four, 80) === `${another()} 10.77.0.100`)
  await lab.plug(unplugged, true)
  await moves('plugged in again, it has it no more')

  const partitioned = owner
  const registry = `${lab.address('r')}/32`
  await lab.run(partitioned, 'ip', 'route', 'add', 'blackhole', registry)
  await moves('cut off from the registry, and nothing else')
  await lab.run(partitioned, 'ip', 'route', 'del', 'blackhole', registry)
})
