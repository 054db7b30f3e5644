// Traffic in a lab of three machines, two of them with an agent and an endpoint, and a client without: the same table for
// the kernel and for userspace, where they differ on purpose said so.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readState } from '../../server/proxy/state-file.ts'
import { Lab, noLab } from '../support/lab.ts'

const machines = { a: '10.77.0.1', b: '10.77.0.2', x: '10.77.0.100' }

const manifests = `
{ apiVersion: v1, kind: Service, metadata: { name: web }, spec: { type: NodePort, clusterIP: 10.96.0.10, selector: { app: web },
  ports: [ { name: tcp, port: 80, targetPort: tcp, nodePort: 30080 }, { name: udp, protocol: UDP, port: 53, targetPort: udp, nodePort: 30053 } ] } }
---
{ apiVersion: v1, kind: Service, metadata: { name: kept }, spec: { type: NodePort, externalTrafficPolicy: Local, clusterIP: 10.96.0.11, selector: { at: b },
  ports: [ { name: tcp, port: 80, targetPort: tcp, nodePort: 30081 } ] } }
---
{ apiVersion: v1, kind: Service, metadata: { name: none }, spec: { clusterIP: 10.96.0.12, selector: { app: none }, ports: [ { port: 80 } ] } }
---
{ apiVersion: v1, kind: Service, metadata: { name: near }, spec: { clusterIP: 10.96.0.13, internalTrafficPolicy: Local, selector: { app: web },
  ports: [ { name: tcp, port: 80, targetPort: tcp } ] } }
---
{ apiVersion: v1, kind: Service, metadata: { name: sticky }, spec: { clusterIP: 10.96.0.14, sessionAffinity: ClientIP, selector: { app: web },
  ports: [ { name: tcp, port: 80, targetPort: tcp } ] } }
`

/** Sends one message and prints the answer; its socket takes answers of the address that it asked, and of no other. */
const udpClient = `
  const [address, port] = process.argv.slice(1)
  const socket = require('node:dgram').createSocket('udp4')
  socket.connect(Number(port), address, () => socket.send('x'))
  socket.on('message', (message) => { console.log(String(message)); socket.close() })
`
/** Ends its side with its request. */
const halfClosing = `
  const [address, port] = process.argv.slice(1)
  const socket = require('node:net').connect({ host: address, port: Number(port), allowHalfOpen: true }, () => socket.end('x'))
  socket.pipe(process.stdout)
`

async function build (t: Test, mode: 'kernel' | 'userspace') {
  const lab = await Lab.start(t, machines)
  const url = 'http://10.77.0.1:7500'
  const registry = lab.start(t, 'a', ['server/main.ts', 'serve', '--http', '10.77.0.1:7500', '--dns', 'off', '--insecure', '--data', join(lab.directory, 'data')])
  await registry.line(/rollcall.*ready|listening|"http":/)
  for (const machine of ['a', 'b']) await lab.answer(t, machine)
  const environment = { ROLLCALL_ADDRESS: url }
  const rollcall = async (...args: readonly string[]): Promise<void> => {
    const child = lab.start(t, 'a', ['server/main.ts', ...args], environment)
    const { code } = await child.ended
    if (code !== 0) throw new Error(`rollcall ${args.join(' ')}: ${child.errors()}`)
  }
  for (const machine of ['a', 'b']) {
    await rollcall('register', 'web', '--id', machine, '--node', machine, '--address', lab.address(machine), '--port', 'tcp:8080', '--port', 'udp:8053/UDP',
      '--label', 'app=web', '--label', `at=${machine}`, '--ttl', '1h')
  }
  writeFileSync(join(lab.directory, 'services.yaml'), manifests)
  await rollcall('apply', '-f', join(lab.directory, 'services.yaml'))
  const agents = await Promise.all(['a', 'b'].map(async (machine) => {
    const agent = lab.start(t, machine, [
      'server/main.ts', 'proxy', '--node', machine, '--mode', mode, '--state', join(lab.directory, `${machine}.state`)
    ], environment)
    await agent.line(/carrying \d+ addresses/)
    return agent
  }))
  await lab.run('x', 'ip', 'route', 'add', '10.96.0.0/12', 'via', '10.77.0.1')
  /** All answers of so many connections, each once. */
  const asked = async (machine: string, address: string, port: number, count = 12): Promise<string[]> => {
    const answers = new Set<string>()
    for (let time = 0; time < count; time++) answers.add(await lab.ask(machine, address, port))
    return [...answers].sort()
  }
  return { lab, registry, agents, rollcall, asked }
}

for (const mode of ['kernel', 'userspace'] as const) {
  t.test(`${mode}: cluster IPs and node ports carry what their services promise`, { skip: noLab, timeout: 120_000 }, async (t) => {
    const { asked, lab } = await build(t, mode)
    const names = async (machine: string, address: string, port: number): Promise<string[]> => {
      const answers = await asked(machine, address, port)
      return [...new Set(answers.map((answer) => answer.split(' ')[0] ?? ''))]
    }
    t.same(await names('a', '10.96.0.10', 80), ['a', 'b'], 'a program of the machine reaches every endpoint')
    t.same(await names('x', '10.96.0.10', 80), ['a', 'b'], 'another machine by a route, too')
    t.same(await names('x', '10.77.0.2', 30080), ['a', 'b'], 'a node port of any machine')
    t.same(await names('a', '10.77.0.1', 30080), ['a', 'b'], 'and from the machine itself')
    t.same(await asked('a', '10.96.0.12', 80, 1), ['refused'], 'a service without an endpoint')
    t.same(await asked('x', '10.96.0.12', 80, 1), ['refused'])
    t.same(await asked('a', '10.96.0.10', 81, 1), ['refused'], 'a port that the service has not')
    t.same(await asked('x', '10.96.0.99', 80, 1), ['refused'], 'an address that no service has')
    t.same(await names('a', '10.96.0.13', 80), ['a'], 'internalTrafficPolicy: Local')
    t.same(await names('b', '10.96.0.13', 80), ['b'])
    t.same((await names('x', '10.96.0.14', 80)).length, 1, 'sessionAffinity: ClientIP')
    t.same(await asked('x', '10.77.0.2', 30081, 3), [mode === 'kernel' ? 'b 10.77.0.100' : 'b 10.77.0.2'], 'externalTrafficPolicy: Local; the kernel keeps the source')
    t.same(await asked('x', '10.77.0.1', 30081, 1), [mode === 'kernel' ? 'silence' : 'refused'], 'a machine without an endpoint of it')
    const udp = await lab.run('x', process.execPath, '-e', udpClient, '10.96.0.10', '53')
    t.match(udp.out.trim(), /^[ab] 10\.77\.0\.\d+$/, 'UDP, and the answer comes from the address that was asked')
    t.equal((await lab.run('x', process.execPath, '-e', halfClosing, '10.96.0.10', '80')).out.split(' ')[0]?.length, 1, 'a client that has ended its side gets its answer')

    // What machine a counts, of clients of the network and of its own programs, of endpoints here and there, with affinity and without.
    const before = await countsOf(lab, 'a')
    for (const [machine, address, port, times] of [['x', '10.96.0.10', 80, 6], ['a', '10.96.0.10', 80, 6], ['a', '10.96.0.14', 80, 3]] as const) {
      for (let time = 0; time < times; time++) await lab.ask(machine, address, port)
    }
    for (let time = 0; time < 4; time++) await lab.ask('a', '10.96.0.12', 80)
    const after = await countsOf(lab, 'a')
    const grown = (name: string): number => (after.get(name) ?? NaN) - (before.get(name) ?? NaN)
    t.equal(grown('rollcall_proxy_connections_total'), 15)
    // Without an endpoint nobody listens in userspace: the kernel refuses, and the agent hears nothing of it.
    t.equal(grown('rollcall_proxy_refused_total'), mode === 'kernel' ? 4 : 0)
    const bytes = (direction: string): number => grown(`rollcall_proxy_bytes_total{direction="${direction}"}`)
    // curl asks with some 70 octets, and the answer is one line; packets of the kernel have headers. None is counted twice.
    const [least, most] = mode === 'kernel' ? [15 * 200, 15 * 900] : [15 * 4, 15 * 200]
    for (const direction of ['in', 'out']) t.ok(bytes(direction) > least && bytes(direction) < most, `${direction}: ${bytes(direction)} octets of ${least}-${most}`)
  })

  t.test(`${mode}: what changes is carried at once, and the end of the registry changes nothing`, { skip: noLab, timeout: 120_000 }, async (t) => {
    const { asked, registry, rollcall, lab, agents } = await build(t, mode)
    await rollcall('deregister', 'web/a')
    await agents[0]?.line(/carrying/)
    await until(async () => (await asked('a', '10.96.0.10', 80)).every((answer) => answer.startsWith('b ')))
    // The state file follows within a second: who is killed before carries the state before.
    for (const machine of ['a', 'b']) await until(async () => kept(lab, machine) === 1)
    registry.process.kill('SIGKILL')
    await registry.ended
    t.ok((await asked('x', '10.96.0.10', 80)).every((answer) => answer.startsWith('b ')), 'the registry is away')
    if (mode === 'kernel') {
      for (const agent of agents) agent.process.kill('SIGKILL')
      await Promise.all(agents.map(({ ended }) => ended))
      // What an agent has running beside it ends with it: only the endpoint is left.
      await until(async () => (await lab.run('x', 'ip', 'netns', 'pids', lab.namespace('b'))).out.trim().split('\n').length === 1)
      t.ok((await asked('x', '10.96.0.10', 80)).every((answer) => answer.startsWith('b ')), 'the agents are away as well')
    } else {
      agents[0]?.process.kill('SIGTERM')
      t.equal((await agents[0]?.ended)?.code, 0)
    }
    const again = lab.start(t, 'a', ['server/main.ts', 'proxy', '--node', 'a', '--mode', mode, '--state', join(lab.directory, 'a.state')], { ROLLCALL_ADDRESS: 'http://10.77.0.1:7500' })
    await again.line(/carrying \d+ addresses/)
    t.ok((await asked('a', '10.96.0.10', 80)).every((answer) => answer.startsWith('b ')), 'an agent that starts without a registry carries what it knew')
    const carried = (await countsOf(lab, 'a')).get('rollcall_proxy_connections_total') ?? NaN
    await lab.run('a', 'nft', 'flush', 'ruleset')
    if (mode === 'kernel') {
      await again.line(/repaired what somebody else had changed/)
      t.ok((await asked('a', '10.96.0.10', 80)).every((answer) => answer.startsWith('b ')), 'somebody flushed the rules')
      t.ok(((await countsOf(lab, 'a')).get('rollcall_proxy_connections_total') ?? NaN) > carried, 'and what was counted before still counts')
    }
    again.process.kill('SIGTERM')
    t.equal((await again.ended).code, 0)
    t.match((await lab.run('a', process.execPath, '--conditions=rollcall-source', 'server/main.ts', 'proxy', 'clean')).out, 'removed')
    t.same(await lab.run('a', 'nft', 'list', 'tables').then(({ out }) => out.includes('rollcall')), false, 'clean leaves nothing')
  })
}

/** What the agent of a machine has counted. */
async function countsOf (lab: Lab, machine: string): Promise<Map<string, number>> {
  const { out } = await lab.run(machine, 'curl', '-s', 'http://127.0.0.1:10256/metrics')
  return new Map(out.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]))
}

/** How many endpoints of `web` an agent has kept. */
function kept (lab: Lab, machine: string): number | undefined {
  return readState(join(lab.directory, `${machine}.state`))?.services.find(({ service }) => service === 'web')?.endpoints.length
}

async function until (isMet: () => Promise<boolean>): Promise<void> {
  while (!await isMet()) await new Promise<void>((resolve) => { setImmediate(resolve) })
}
