// DNS before machines with and without an agent: each is answered an address that it can reach, and reaches it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Lab, noLab } from '../support/lab.ts'
import { lacking } from '../support/programs.ts'

const machines = { a: '10.77.0.1', b: '10.77.0.2', x: '10.77.0.100' }
const url = 'http://10.77.0.1:7500'
const web = 'web.default.svc.cluster.local'

const manifest = `
{ apiVersion: v1, kind: Service, metadata: { name: web }, spec: { type: NodePort, clusterIP: 10.96.0.10, selector: { app: web },
  ports: [ { name: http, port: 80, targetPort: http, nodePort: 30080 } ] } }
`

async function build (t: Test) {
  const lab = await Lab.start(t, machines)
  const registry = lab.start(t, 'a', [
    'server/main.ts', 'serve', '--http', '10.77.0.1:7500', '--dns', '10.77.0.1:7553', '--dns-workers', '1', '--insecure', '--data', join(lab.directory, 'data')
  ])
  await registry.line(/"msg":"ready"/)
  const rollcall = async (...args: readonly string[]): Promise<{ readonly out: string, readonly err: string }> => {
    const child = lab.start(t, 'a', ['server/main.ts', ...args], { ROLLCALL_ADDRESS: url })
    const { code } = await child.ended
    if (code !== 0) throw new Error(`rollcall ${args.join(' ')}: ${child.errors()}`)
    return { out: child.lines.join('\n'), err: child.errors() }
  }
  await lab.answer(t, 'b')
  await rollcall('register', 'web', '--id', 'b', '--node', 'b', '--address', lab.address('b'), '--port', 'http:8080', '--label', 'app=web', '--ttl', '1h')
  const file = join(lab.directory, 'web.yaml')
  writeFileSync(file, manifest)
  const agent = async (machine: string, ...args: readonly string[]) => {
    const child = lab.start(t, machine, ['server/main.ts', 'proxy', '--node', machine, '--state', 'off', '--health', 'off', ...args], { ROLLCALL_ADDRESS: url })
    await child.line(/carrying \d+ addresses/)
    return child
  }
  /** What DNS answers to a machine. */
  const dig = async (machine: string, name = web, type = 'A'): Promise<string> =>
    (await lab.run(machine, 'dig', '@10.77.0.1', '-p', '7553', '+short', '+tries=1', '+time=3', name, type)).out.trim()
  return { lab, rollcall, agent, dig, file }
}

t.test('with agents on some machines: each gets an address that it reaches', { skip: noLab !== false ? noLab : lacking('dig'), timeout: 120_000 }, async (t) => {
  const { lab, rollcall, agent, dig, file } = await build(t)
  const warned = await rollcall('apply', '-f', file)
  t.match(warned.err, /Warning: .*web.*no machine runs rollcall proxy/)
  for (const machine of ['a', 'b', 'x']) {
    t.equal(await dig(machine), '10.77.0.2', `without any agent: the endpoint, for ${machine}`)
    t.match(await lab.ask(machine, '10.77.0.2', 8080), /^b /)
  }
  t.equal(await dig('x', `_http._tcp.${web}`, 'SRV'), `0 100 8080 10-77-0-2.${web}.`)

  await agent('a')
  await until(async () => await dig('a') === '10.96.0.10')
  t.match(await lab.ask('a', '10.96.0.10', 80), /^b /, 'the cluster IP leads to it')
  t.equal(await dig('a', `_http._tcp.${web}`, 'SRV'), `0 100 80 ${web}.`)
  t.equal(await dig('b'), '10.77.0.2', 'a machine without an agent still gets the endpoint')
  t.match((await rollcall('resolve', 'web', '--trace')).out, /reach: --dns-cluster-ip auto: 10\.77\.0\.1 is an address of a, which runs an agent/)
  t.match((await rollcall('explain', 'web/b')).out, 'DNS answers the cluster IP of web here: --dns-cluster-ip auto: 10.77.0.1 is an address of a, which runs an agent')
  const exposed = await rollcall('expose', 'web', '--name', 'front', '--port', '80', '--target-port', 'http')
  t.match(exposed.out, 'service/front created')
  t.equal(exposed.err, '', 'nothing is warned of where an agent is')
  t.match((await rollcall('get', 'proxies')).out, /^a +- +kernel +10\.77\.0\.1,/m)

  const b = await agent('b', '--covers', '10.77.0.96/28')
  await until(async () => await dig('b') === '10.96.0.10')
  t.equal(await dig('x'), '10.96.0.10', 'a client in a network that an agent covers')
  await lab.run('x', 'ip', 'route', 'add', '10.96.0.0/12', 'via', '10.77.0.2')
  t.match(await lab.ask('x', '10.96.0.10', 80), /^b /)

  b.process.kill('SIGTERM')
  t.equal((await b.ended).code, 0)
  t.equal(await dig('b'), '10.77.0.2', 'an agent that ended in order is counted on no more')
  t.equal(await dig('x'), '10.77.0.2')
  const again = await agent('b', '--mode', 'userspace')
  await until(async () => await dig('b') === '10.96.0.10')
  t.match(await lab.ask('b', '10.96.0.10', 80), /^b /, 'userspace with rights')
  again.process.kill('SIGKILL')
  await until(async () => await dig('b') === '10.77.0.2')
  t.pass('one that was killed is counted on until its lease ends')
})

async function until (isMet: () => Promise<boolean>): Promise<void> {
  while (!await isMet()) await new Promise<void>((resolve) => { setImmediate(resolve) })
}
