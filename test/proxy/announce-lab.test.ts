// Load-balancer addresses on a network of real machines (namespaces): one of them has each, it moves in order, and what
// strangers do to it is noticed.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { four, neighbourhood, six, until } from '../support/announce-lab.ts'
import { noLab } from '../support/lab.ts'

/** An address of the pool that a machine without an agent uses. */
const stranger = '10.77.0.241'
const foreign = `
{ apiVersion: v1, kind: Service, metadata: { name: foreign }, spec: { type: LoadBalancer, loadBalancerIP: ${stranger}, selector: { app: web },
  ports: [ { name: tcp, port: 80, targetPort: tcp } ] } }
`

t.test('an address is announced by one machine, and moves in order', { skip: noLab, timeout: 120_000 }, async (t) => {
  const { lab, startAgent, owners, owned, status, rollcall } = await neighbourhood(t)
  const agents = new Map(await Promise.all(['a', 'b'].map(async (machine) => [machine, await startAgent(machine)] as const)))
  for (const address of [four, six]) {
    await until(async () => (await owners(address)).length === 1)
    const [owner = ''] = await owners(address)
    await agents.get(owner)?.line(new RegExp(`announces ${address} on eth0`))
    t.same(await lab.ask('x', address, 80), `${owner} ${address === four ? '10.77.0.100' : 'fd77::100'}`, 'a client reaches it, and is seen as itself')
  }
  const [owner = ''] = await owners(four)
  const other = owner === 'a' ? 'b' : 'a'
  t.ok((await status(owner)).announces.includes(four))
  t.match(await rollcall('get', 'instances', '-n', 'rollcall-system', '-o', 'json'), new RegExp(`"rollcall.dev/announces": *"[^"]*${four}`), 'the registry tells who has it')
  await lab.run(owner, 'ip', 'addr', 'del', `${four}/32`, 'dev', 'eth0')
  await agents.get(owner)?.line(/put addresses back/)
  t.same(await owners(four), [owner], 'what somebody deleted is put back')

  await lab.run('x', 'ip', 'addr', 'add', `${stranger}/32`, 'dev', 'eth0')
  writeFileSync(join(lab.directory, 'foreign.yaml'), foreign)
  await rollcall('apply', '-f', join(lab.directory, 'foreign.yaml'))
  const taken = async (machine: string): Promise<boolean> => (await status(machine)).conditions.some(({ reason, message }) => reason === 'AddressForeign' && message.includes(stranger))
  await until(async () => await taken('a') || await taken('b'))
  t.same(await owners(stranger), ['x'], 'what a stranger uses is not taken')
  t.match(await rollcall('get', 'instances', '-n', 'rollcall-system', '-o', 'json'), new RegExp(`problems": *"[^"]*${stranger} is used on the network by`), 'and the registry tells')

  agents.get(owner)?.process.kill('SIGTERM')
  t.equal((await agents.get(owner)?.ended)?.code, 0)
  await owned(four, other)
  await owned(six, other)
  // Logged when the neighbours have been told, which is after the machine has the address.
  for (const address of [four, six]) await agents.get(other)?.line(new RegExp(`announces ${address} on eth0`))
  t.same([await lab.ask('x', four, 80), await lab.ask('x', six, 80)], [`${other} 10.77.0.100`, `${other} fd77::100`], 'the neighbours heard of it')

  agents.get(other)?.process.kill('SIGTERM')
  await agents.get(other)?.ended
  t.same(await owners(four), [other], 'where no other machine may have it, a restart leaves it where it is')
  await startAgent(other)
  await until(async () => (await status(other)).announces.includes(four))
  t.same(await owners(four), [other])
})
