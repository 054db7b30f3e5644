// The agent beside a registry (`rollcall serve --proxy`): it begins, ends and is started again with it.
import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { standaloneGuard } from '../../server/guard.ts'
import { readServiceCidrs } from '../../server/model/address/ranges.ts'
import { AgentProcess, agentArgs } from '../../server/proxy/agent-process.ts'
import { HandClock } from '../support/hand-clock.ts'
import { Lab, noLab } from '../support/lab.ts'

class PlayedChild extends EventEmitter {
  readonly signals: string[] = []
  readonly pid = 1

  kill (signal: string): boolean {
    this.signals.push(signal)
    return true
  }
}

function begin () {
  const clock = new HandClock()
  const children: PlayedChild[] = []
  const warnings: string[] = []
  const agent = new AgentProcess({
    args: [], clock, guard: standaloneGuard, log: { warn: (_, message) => warnings.push(message) },
    start: () => {
      const child = new PlayedChild()
      children.push(child)
      return child as unknown as ChildProcess // as much of it as is used
    }
  })
  return { agent, clock, children, warnings }
}

t.test('an agent that ends is started again, later each time, and soon after it had lived', async (t) => {
  const { agent, clock, children, warnings } = begin()
  for (const [index, wait] of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000].entries()) {
    children[index]?.emit('exit', 1, null)
    clock.advance(wait - 1)
    t.equal(children.length, index + 1, `not before ${wait} ms`)
    clock.advance(1)
    t.equal(children.length, index + 2)
  }
  t.match(warnings[0], 'the agent of this machine (--proxy) ended (exit code 1): it is started again in 1 s')
  clock.advance(60_000)
  children.at(-1)?.emit('exit', null, 'SIGKILL')
  t.match(warnings.at(-1), 'ended (SIGKILL): it is started again in 1 s')
  await agent.stop()
  clock.advance(60_000)
  t.equal(children.length, 8, 'after the end of the registry it is not started any more')
})

t.test('one that cannot be started is tried again, and counted once', async (t) => {
  const { agent, clock, children, warnings } = begin()
  children[0]?.emit('error', new Error('spawn EAGAIN'))
  children[0]?.emit('exit', null, 'SIGTERM')
  t.match(warnings, [/ended \(spawn EAGAIN\)/])
  t.equal(warnings.length, 1)
  clock.advance(1_000)
  t.equal(children.length, 2)
  const ended = agent.stop()
  t.strictSame(children[1]?.signals, ['SIGTERM'])
  clock.advance(2_000)
  t.strictSame(children[1]?.signals, ['SIGTERM', 'SIGKILL'], 'in the end by force')
  children[1]?.emit('exit', null, 'SIGKILL')
  await ended
  await agent.stop()
})

t.test('it is told where its registry is, and the ranges that both must agree on', (t) => {
  const settings = {
    registry: { allocation: { serviceCidrs: readServiceCidrs(['10.200.0.0/16', 'fd00:96::/112']) } }, store: { kind: 'sqlite', directory: 'data' }, log: { level: 'trace' }
  } as const
  t.strictSame(agentArgs('http://0.0.0.0:7500', settings, 'main.ts'), [
    'main.ts', 'proxy', '--address', 'http://127.0.0.1:7500', '--service-cidr', '10.200.0.0/16,fd00:96::/112', '--state', 'data/proxy-state', '--log-level', 'info'
  ])
  t.match(agentArgs('http://[::]:7501', { ...settings, store: { kind: 'redis' }, log: { level: 'debug' } }, 'main.ts').join(' '), '--address http://[::1]:7501 --service-cidr 10.200.0.0/16,fd00:96::/112 --state off --log-level debug')
  t.match(agentArgs('http://10.0.0.5:7500', settings, 'main.ts'), ['main.ts', 'proxy', '--address', 'http://10.0.0.5:7500'])
  t.end()
})

async function oneMachine (t: Test) {
  const lab = await Lab.start(t, { a: '10.77.0.1' })
  const registry = lab.start(t, 'a', ['server/main.ts', 'serve', '--http', '10.77.0.1:7500', '--dns', 'off', '--insecure', '--proxy', '--data', join(lab.directory, 'data')])
  await registry.line(/"msg":"ready"/)
  await registry.line(/carrying \d+ addresses/)
  const status = async (): Promise<{ readonly pid: number } | undefined> => {
    const { code, out } = await lab.run('a', process.execPath, '--conditions=rollcall-source', 'server/main.ts', 'proxy', 'status')
    return code === 0 ? JSON.parse(out) : undefined
  }
  return { lab, registry, status }
}

t.test('`serve --proxy` carries what is declared, on one machine, by one command', { skip: noLab, timeout: 120_000 }, async (t) => {
  const { lab, registry, status } = await oneMachine(t)
  await lab.answer(t, 'a')
  const rollcall = async (...args: readonly string[]): Promise<void> => {
    const child = lab.start(t, 'a', ['server/main.ts', ...args], { ROLLCALL_ADDRESS: 'http://10.77.0.1:7500' })
    t.equal((await child.ended).code, 0, args.join(' '))
  }
  await rollcall('register', 'web', '--id', 'a', '--address', '10.77.0.1', '--port', 'http:8080', '--ttl', '1h')
  await rollcall('expose', 'web', '--port', '80', '--target-port', 'http', '--type', 'NodePort')
  const { out } = await lab.run('a', 'curl', '-s', 'http://10.77.0.1:7500/v1/namespaces/default/services/web')
  const { clusterIP, ports: [{ nodePort }] } = JSON.parse(out).manifest.spec
  const reached = async (address: string, port: number): Promise<boolean> => (await lab.ask('a', address, port)).startsWith('a ')
  await until(async () => await reached(clusterIP, 80))
  t.ok(await reached('10.77.0.1', nodePort))
  const first = await status()
  process.kill(first?.pid ?? 0, 'SIGKILL')
  await registry.line(/the agent of this machine \(--proxy\) ended \(SIGKILL\)/)
  await registry.lineCount(/carrying \d+ addresses/, 2)
  t.not((await status())?.pid, first?.pid)
  t.ok(await reached(clusterIP, 80))
  registry.process.kill('SIGTERM')
  t.equal((await registry.ended).code, 0)
  t.equal(await status(), undefined, 'it has ended with the registry')
  t.ok(await reached(clusterIP, 80), 'and the kernel goes on')
})

t.test('a registry that is killed takes its agent along', { skip: noLab, timeout: 120_000 }, async (t) => {
  const { registry, status } = await oneMachine(t)
  const { pid } = await status() ?? { pid: 0 }
  const groupOf = (of: number | undefined): string | undefined => readFileSync(`/proc/${of}/stat`, 'utf8').split(') ')[1]?.split(' ')[2]
  t.equal(groupOf(pid), groupOf(registry.process.pid), 'both are of one process group')
  registry.process.kill('SIGKILL')
  await until(async () => await status() === undefined)
  t.pass('nobody listens for a machine whose registry is gone')
})

async function until (isMet: () => Promise<boolean>): Promise<void> {
  while (!await isMet()) await new Promise<void>((resolve) => { setImmediate(resolve) })
}
