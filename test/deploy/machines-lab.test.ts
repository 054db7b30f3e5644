// The two "machines" of the compose file, as it has them: its commands and variables, in namespaces instead of containers.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { Lab, noLab } from '../support/lab.ts'
import { type Child, repository } from '../support/processes.ts'

interface Service {
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly network_mode?: string
  readonly healthcheck: { readonly test?: readonly string[] }
  readonly cap_add?: readonly string[]
  readonly cap_drop?: readonly string[]
  readonly user?: string
  readonly profiles?: readonly string[]
}

const { services } = parse(readFileSync(join(repository, 'docker-compose.yml'), 'utf8'), { merge: true }) as { readonly services: Readonly<Record<string, Service>> }
const service = (name: string): Service => {
  const found = services[name]
  if (found === undefined) throw new Error(`docker-compose.yml has no service ${name}`)
  return found
}
const machines = ['machine-a', 'machine-b'] as const

t.test('the machines have the one right that they need, nothing else has any, and none of it begins unasked', (t) => {
  for (const [name, { cap_add: added, user, profiles }] of Object.entries(services)) {
    const isMachine = machines.some((machine) => machine === name)
    t.same(added, isMachine ? ['NET_ADMIN'] : undefined, name)
    if (user === 'root') t.ok(isMachine, name)
    if (isMachine || service(name).network_mode !== undefined) t.same(profiles, ['traffic'], name)
  }
  t.end()
})

t.test('a program on one machine calls the cluster IP, and the copies on both answer', { skip: noLab, timeout: 120_000 }, async (t) => {
  const lab = await Lab.start(t, { registry: '10.77.0.9', 'machine-a': '10.77.0.1', 'machine-b': '10.77.0.2' })
  const registry = lab.start(t, 'registry', ['server/main.ts', 'serve', '--http', '10.77.0.9:7500', '--dns', '10.77.0.9:7553', '--insecure', '--data', join(lab.directory, 'data')])
  await registry.line(/"msg":"ready"/)
  const begin = (name: string, more: Readonly<Record<string, string>> = {}): Child => {
    const { command: [program, ...args], environment, network_mode: mode } = service(name)
    t.equal(program, 'node', name)
    const here = args.filter((word) => word !== '--conditions=rollcall-source')
      .map((word) => (word === '/tmp/proxy-state' ? join(lab.directory, name) : word.replace('/app/', '')))
    const machine = mode?.replace('service:', '') ?? (machines.some((each) => each === name) ? name : 'registry')
    return lab.start(t, machine, here, { ...environment, ...('ROLLCALL_ADDRESS' in environment ? { ROLLCALL_ADDRESS: 'http://10.77.0.9:7500' } : {}), ...more })
  }
  await Promise.all(machines.map(async (name) => {
    await begin(name).line(/carrying \d+ addresses/)
    const [, , flag = '', script = ''] = service(name).healthcheck.test ?? []
    await until(async () => (await lab.run(name, process.execPath, flag, script)).code === 0)
  }))
  await Promise.all(['orders-on-a', 'orders-on-b'].map((name) => begin(name).line(/listens on port 8080/)))
  const declared = begin('declare')
  t.equal((await declared.ended).code, 0, declared.errors())
  t.equal(declared.errors(), '', 'nothing is warned of')
  const caller = begin('caller', { INTERVAL_MS: '20' })
  const ids = new Set<string>()
  await until(async () => {
    for (const line of caller.lines) {
      const [, id] = /"id":"([^"]+)"/.exec(line) ?? []
      if (id !== undefined) ids.add(id)
    }
    return ids.size === 2
  })
  t.pass('both copies answered')
  const answered = await lab.run('machine-a', 'dig', '@10.77.0.9', '-p', '7553', '+short', 'orders-front.traffic.svc.cluster.local')
  t.equal(answered.out.trim(), '10.100.100.20')
  t.match((await lab.run('registry', 'curl', '-s', '-m', '3', 'http://10.77.0.1:30220/')).out, '"service":"orders"', 'a node port of a machine, from another one')
})

async function until (isMet: () => Promise<boolean>): Promise<void> {
  while (!await isMet()) await new Promise<void>((resolve) => { setImmediate(resolve) })
}
