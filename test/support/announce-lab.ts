// A lab for announced addresses: a registry, two machines with an agent and an endpoint each, and a client that knows
// nothing of either. The machines don't forward: a client that still sends to the wrong one gets no answer.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Closable } from './closable.ts'
import type { AgentStatus } from '../../server/proxy/agent-status.ts'
import { Lab } from './lab.ts'
import type { Child } from './processes.ts'

export const url = 'http://10.77.0.9:7500'
/** The announced addresses: nobody else's. */
export const four = '10.77.0.240'
export const six = 'fd77::240'

/** Lines of an agent's log that a failed test shows. */
const maxShown = 30

const manifests = `
{ apiVersion: v1, kind: Service, metadata: { name: web }, spec: { type: LoadBalancer, externalTrafficPolicy: Local, loadBalancerIP: ${four},
  selector: { app: web }, ports: [ { name: tcp, port: 80, targetPort: tcp } ] } }
---
{ apiVersion: v1, kind: Service, metadata: { name: web6 }, spec: { type: LoadBalancer, externalTrafficPolicy: Local, loadBalancerIP: '${six}',
  ipFamilies: [ IPv6 ], selector: { app: web6 }, ports: [ { name: tcp, port: 80, targetPort: tcp } ] } }
`

export interface Neighbourhood {
  readonly lab: Lab
  readonly registry: Child
  readonly rollcall: (...args: readonly string[]) => Promise<string>
  readonly startAgent: (machine: string, ...flags: readonly string[]) => Promise<Child>
  /** Which machines have an address on an interface. */
  readonly owners: (address: string) => Promise<string[]>
  /** Resolves when this machine alone has it. */
  readonly owned: (address: string, machine: string) => Promise<void>
  /** The status of a machine's agent. */
  readonly status: (machine: string) => Promise<AgentStatus>
}

/** @param t a test, or what measures */
export async function neighbourhood (t: Closable & { passing (): boolean, comment (text: string): void }): Promise<Neighbourhood> {
  const lab = await Lab.start(t, { r: '10.77.0.9', a: '10.77.0.1', b: '10.77.0.2', x: '10.77.0.100' })
  for (const machine of ['a', 'b']) {
    await lab.run(machine, 'sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv6/conf/all/forwarding')
    await lab.answer(t, machine)
  }
  const registry = lab.start(t, 'r', [
    'server/main.ts', 'serve', '--http', '10.77.0.9:7500', '--dns', 'off', '--insecure', '--data', join(lab.directory, 'data'),
    '--load-balancer-pool', 'lan=10.77.0.240-10.77.0.249,fd77::240-fd77::249', '--service-cidr', '10.96.0.0/12,fd00:96::/112'
  ])
  await registry.line(/"http":/)
  const environment = { ROLLCALL_ADDRESS: url }
  const rollcall = async (...args: readonly string[]): Promise<string> => {
    const child = lab.start(t, 'r', ['server/main.ts', ...args], environment)
    if ((await child.ended).code !== 0) throw new Error(`rollcall ${args.join(' ')}: ${child.errors()}`)
    return child.lines.join('\n')
  }
  writeFileSync(join(lab.directory, 'services.yaml'), manifests)
  await Promise.all(['a', 'b'].flatMap((machine) => ['web', 'web6'].map((service) => rollcall(
    'register', service, '--id', machine, '--node', machine, '--address', service === 'web' ? lab.address(machine) : lab.address6(machine), '--port', 'tcp:8080',
    '--label', `app=${service}`, '--ttl', '1h'
  ))))
  await rollcall('apply', '-f', join(lab.directory, 'services.yaml'))
  const startAgent = async (machine: string, ...flags: readonly string[]): Promise<Child> => {
    const agent = lab.start(t, machine, [
      'server/main.ts', 'proxy', '--node', machine, '--service-cidr', '10.96.0.0/12,fd00:96::/112', '--state', join(lab.directory, `${machine}.state`), ...flags
    ], environment)
    t.teardown(() => { if (!t.passing()) t.comment(`agent of ${machine}:\n${agent.lines.slice(-maxShown).join('\n')}`) })
    await agent.line(/carrying \d+ addresses/)
    return agent
  }
  const owners = async (address: string): Promise<string[]> => {
    const listed = await Promise.all(['a', 'b', 'x'].map((machine) => lab.run(machine, 'ip', '-o', 'addr', 'show', 'to', address)))
    return ['a', 'b', 'x'].filter((_, index) => listed[index]?.out.includes(address) === true)
  }
  return {
    lab, registry, rollcall, startAgent, owners,
    owned: (address, machine) => until(async () => (await owners(address)).join() === machine),
    status: async (machine) => JSON.parse((await lab.run(machine, process.execPath, '--conditions=rollcall-source', 'server/main.ts', 'proxy', 'status')).out) as AgentStatus
  }
}

/** Looks again and again: each look is a program that runs, or an answer of the network. */
export async function until (isMet: () => Promise<boolean>): Promise<void> {
  while (!await isMet()) await new Promise<void>((resolve) => { setImmediate(resolve) })
}
