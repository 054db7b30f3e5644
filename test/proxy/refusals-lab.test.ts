// An agent among others of its kind, without rights, after damage, and beside a program that has its port.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Lab, noLab } from '../support/lab.ts'
import { type Child, runChild } from '../support/processes.ts'
import { lacking } from '../support/programs.ts'

const url = 'http://10.77.0.1:7500'
const withoutRights = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--bounding-set=-all']

async function build (t: Test) {
  const lab = await Lab.start(t, { a: '10.77.0.1', b: '10.77.0.2' })
  const registry = lab.start(t, 'a', ['server/main.ts', 'serve', '--http', '10.77.0.1:7500', '--dns', '10.77.0.1:7553', '--insecure', '--data', join(lab.directory, 'data')])
  await registry.line(/"msg":"ready"/)
  await lab.answer(t, 'a')
  const rollcall = async (...args: readonly string[]): Promise<Child> => {
    const child = lab.start(t, 'a', ['server/main.ts', ...args], { ROLLCALL_ADDRESS: url })
    if ((await child.ended).code !== 0) throw new Error(`rollcall ${args.join(' ')}: ${child.errors()}`)
    return child
  }
  await rollcall('register', 'web', '--id', 'a', '--node', 'a', '--address', '10.77.0.1', '--port', 'http:8080', '--ttl', '1h')
  const file = join(lab.directory, 'web.yaml')
  writeFileSync(file, JSON.stringify({
    apiVersion: 'v1', kind: 'Service', metadata: { name: 'front' },
    spec: { type: 'NodePort', clusterIP: '10.96.0.10', selector: { 'rollcall.dev/service': 'web' }, ports: [{ port: 80, targetPort: 'http', nodePort: 30080 }] }
  }))
  await rollcall('apply', '-f', file)
  return { lab, rollcall }
}

const program = (lab: Lab, ...args: readonly string[]) =>
  lab.run('a', process.execPath, '--conditions=rollcall-source', 'server/main.ts', ...args)

t.test('a second agent of a machine ends with a sentence, and the first goes on', { skip: noLab, timeout: 120_000 }, async (t) => {
  const { lab } = await build(t)
  const state = join(lab.directory, 'state')
  writeFileSync(state, 'rollcall-proxy 1\n0000\n{"revision":"e.1","services":[]}\n')
  const args = ['server/main.ts', 'proxy', '--node', 'a', '--health', 'off', '--state', state]
  const listener = lab.start(t, 'a', ['-e', 'require("node:net").createServer().listen(30080, "10.77.0.1", () => console.log("listening"))'])
  await listener.line(/listening/)
  const first = lab.start(t, 'a', args, { ROLLCALL_ADDRESS: url })
  await first.line(/the kept state is not used: .* is damaged/)
  await first.line(/carrying 2 addresses/)
  const second = lab.start(t, 'a', args, { ROLLCALL_ADDRESS: url })
  t.equal((await second.ended).code, 1)
  t.match(second.errors(), /another agent runs on this machine \(process \d+\)/)
  t.match(await lab.ask('a', '10.96.0.10', 80), /^a /, 'after a damaged state file it carries what the registry told')
  const { conditions } = JSON.parse((await program(lab, 'proxy', 'status')).out)
  t.match(conditions, [{ service: 'default/front', reason: 'NodePortTaken', message: /a program of this machine listens on port 30080/ }])
  t.match(await program(lab, 'proxy', 'clean'), { code: 1, err: /an agent runs on this machine/ })
})

t.test('without rights: the kernel is refused with a reason, userspace carries node ports, and DNS answers endpoints', {
  skip: noLab !== false ? noLab : lacking('setpriv', 'dig'), timeout: 120_000
}, async (t) => {
  const { lab, rollcall } = await build(t)
  const args = ['server/main.ts', 'proxy', '--node', 'a', '--health', 'off']
  const start = (state: string, ...more: readonly string[]): Child => {
    const child = runChild([...args, '--state', state, ...more], { ROLLCALL_ADDRESS: url }, undefined, ['ip', 'netns', 'exec', lab.namespace('a'), ...withoutRights])
    t.teardown(async () => {
      child.process.kill('SIGKILL')
      await child.ended
    })
    return child
  }
  const refused = start('off', '--mode', 'kernel')
  t.equal((await refused.ended).code, 1)
  t.match(refused.errors(), /the kernel cannot carry the traffic of this machine: no right to change nftables \(CAP_NET_ADMIN\)/)
  const unkept = start(join(lab.directory, 'root-alone', 'state'))
  await unkept.line(/the state cannot be kept \(EACCES/)
  unkept.process.kill('SIGTERM')
  t.equal((await unkept.ended).code, 0)
  t.equal(unkept.lines.filter((line) => line.includes('cannot be kept')).length, 1, 'it is said once, though it is tried again at the end')
  t.match(await program(lab, 'proxy', 'check'), { code: 0, out: /ok +kernel/ })
  const agent = start('off')
  await agent.line(/this process carries the traffic of this machine; not the kernel: no right to change nftables/)
  await agent.line(/carrying \d+ addresses/)
  t.match(await lab.ask('b', '10.77.0.1', 30080), /^a /, 'the node port')
  await until(async () => (await rollcall('get', 'proxies', '-o', 'wide')).lines.length > 1)
  t.match((await rollcall('get', 'proxies', '-o', 'wide')).lines[1], /^a +- +userspace .* no /)
  const dig = await lab.run('a', 'dig', '@10.77.0.1', '-p', '7553', '+short', 'front.default.svc.cluster.local')
  t.equal(dig.out.trim(), '10.77.0.1', 'the endpoint, on the machine of the agent too')
  const warned = await rollcall('expose', 'web', '--name', 'other', '--port', '80', '--target-port', 'http')
  t.match(warned.errors(), /Warning: no live agent carries cluster IP 10\.[\d.]+ of other \(userspace without rights carries node ports only\)/)
  t.match(JSON.parse((await program(lab, 'proxy', 'status')).out).conditions, [{ reason: 'AddressRefused', message: /cluster IPs of 10\.96\.0\.0\/12 are not carried: no right/ }])
})

t.test('a registry that answers nonsense leaves the agent with what it knew', { skip: noLab, timeout: 120_000 }, async (t) => {
  const { lab } = await build(t)
  const directory = join(lab.directory, 'kept')
  mkdirSync(directory)
  const args = (address: string) => ['server/main.ts', 'proxy', '--node', 'a', '--health', 'off', '--state', join(directory, 'state'), '--address', address]
  const good = lab.start(t, 'a', args(url))
  await good.line(/carrying 2 addresses/)
  good.process.kill('SIGTERM')
  t.equal((await good.ended).code, 0)
  const nonsense = lab.start(t, 'a', ['-e', 'require("node:http").createServer((_, response) => response.end("}{")).listen(7600, "10.77.0.1", () => console.log("listening"))'])
  await nonsense.line(/listening/)
  const misled = lab.start(t, 'a', args('http://10.77.0.1:7600'))
  await misled.line(/carrying 2 addresses/)
  t.match(await lab.ask('b', '10.77.0.1', 30080), /^a /)
  t.equal(misled.process.exitCode, null, 'it waits for a registry')
})

async function until (isMet: () => Promise<boolean>): Promise<void> {
  while (!await isMet()) await new Promise<void>((resolve) => { setImmediate(resolve) })
}
