// What the guide to autoscaling shows, done: its commands in their order, its files, its webhook with the receiver of the example.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { readCommandsFile } from '../../server/autoscaling/exec/commands-file.ts'
import { messageOf } from '../../server/autoscaling/webhook/message.ts'
import { signedHeaders } from '../../server/autoscaling/webhook/signature.ts'
import { loadConfig } from '../../server/config/config.ts'
import { guideBlock } from '../interop/guide.ts'
import { build } from '../support/world.ts'
import { type Child, repository, run, runChild } from '../support/processes.ts'
import { lacking } from '../support/programs.ts'

const example = 'deploy/examples/autoscale'

/** A Node program of the example, ended with the test. */
function start (t: Test, args: readonly string[], environment: Readonly<Record<string, string>>): Child {
  const child = runChild(args, environment)
  t.teardown(async () => {
    child.process.kill('SIGTERM')
    await child.ended
  })
  return child
}

t.test('the commands of the guide do what it shows', { skip: lacking('bash', 'curl', 'flock', 'setsid'), timeout: 60_000 }, async (t) => {
  const directory = t.testdir({ data: {}, state: {} })
  const registry = run(t, 'test/support/quick-autoscaling.ts', ['serve', '--http', '127.0.0.1:0', '--dns', 'off', '--data', join(directory, 'data')])
  const { http } = JSON.parse(await registry.line(/"msg":"ready"/)) as { http: string }
  const environment = { ROLLCALL_ADDRESS: http, WORKER_STATE: join(directory, 'state'), NODE: process.execPath, PHASES: '1,0,0,0', PEAK: '9', CPU: '2', DRAIN_MS: '0' }
  writeFileSync(join(directory, 'npx'), `#!/bin/sh\nshift\nexec ${process.execPath} --conditions=rollcall-source server/main.ts "$@"\n`, { mode: 0o755 })
  const shell = (command: string): Promise<string> => new Promise((resolve) => {
    const env = { ...process.env, ...environment, PATH: `${directory}:${process.env.PATH}` }
    execFile('bash', ['-c', `exec 2>&1; ${command}`], { cwd: repository, env }, (_error, out) => resolve(out))
  })
  t.teardown(() => shell(`ROLLCALL_DESIRED=0 sh ${example}/copies.sh processes`))
  const block = await guideBlock('autoscaling', '$ npx rollcall apply')
  const steps = block.split('$ ').slice(1).map((step) => step.trimEnd().split('\n'))
  t.equal(steps.length, 6)
  const background: Child[] = []
  for (const [command = '', ...shown] of steps) {
    if (command.endsWith(' &')) {
      const words = command.slice(0, -2).split(' ')
      background.push(start(t, words[1] === 'node' ? words.slice(3) : ['server/main.ts', ...words.slice(2)], environment))
      continue
    }
    let out = await shell(command.replace('http://127.0.0.1:7500', http))
    while (out.includes('REG_NOT_DECIDED')) out = await shell(command.replace('http://127.0.0.1:7500', http))
    const [beginning = '', end] = shown.join('\n').split('...')
    t.ok(end === undefined ? out.trim() === beginning : out.startsWith(beginning) && out.trim().endsWith(end), `${command}: ${out}`)
  }
  const [agent, load] = background
  await agent?.line(/wanted, 1 counted: the program is run/)
  await agent?.line(/the program ended well/)
  await load?.ended
  const rows = load?.lines.slice(1).map((line) => line.split(',').map(Number)) ?? []
  t.equal(load?.lines[0], 'seconds,jobs,failed,desired,current')
  t.equal(rows.length, 1)
  t.ok(rows.every(([, jobs = 0, failed]) => jobs > 0 && failed === 0), JSON.stringify(rows))
  t.match(await shell(`ROLLCALL_DESIRED=0 sh ${example}/copies.sh processes`), /stopped copy 1\n/)
})

t.test('the files of the guide are such', async (t) => {
  const world = await build(t)
  const manifest = await guideBlock('autoscaling', 'kind: HorizontalPodAutoscaler')
  const answer = await world.app.inject({ method: 'POST', url: '/v1/apply', headers: { 'content-type': 'application/yaml' }, body: manifest })
  t.equal(answer.statusCode, 200, answer.body)
  const machine = { programProblem: () => undefined, isDirectory: () => true }
  t.equal(readCommandsFile(await guideBlock('autoscaling', 'interval: 2s'), machine).commands.length, 1)
  t.equal(readCommandsFile(readFileSync(join(repository, example, 'autoscaler.yaml'), 'utf8'), machine).commands[0]?.name, 'worker')
  const { kind, spec: { triggers: [trigger] } } = parse(await guideBlock('autoscaling', 'keda.sh')) as { kind: string, spec: { triggers: [{ type: string, metadata: { url: string } }] } }
  t.match([kind, trigger.type], ['ScaledObject', 'metrics-api'])
  const { paths } = (await world.app.inject('/openapi.json')).json()
  const path = new URL(trigger.metadata.url).pathname.replace('/shop/', '/{namespace}/').replace('/worker/', '/{name}/')
  t.match(trigger, { metadata: { valueLocation: 'desired', targetValue: '1' } })
  t.ok('desired' in paths[path].get.responses[200].content['application/json'].schema.properties, path)
})

t.test('the receiver of the guide verifies what a node with these settings posts', { skip: lacking('openssl', 'sh') }, async (t) => {
  const commands = await guideBlock('autoscaling', 'whsec_$(openssl')
  const [make = '', serve = ''] = commands.split('\n')
  const { values } = loadConfig({ argv: serve.split(' ').slice(2), env: {}, readFile: () => '', hostname: 'here' })
  t.same(values.webhooks, [{ name: 'default', url: 'http://127.0.0.1:8090/scale', secretFile: 'webhook.secret' }])
  const directory = t.testdir({})
  const made = execFile('sh', ['-c', make], { cwd: directory })
  await once(made, 'close')
  const secret = readFileSync(join(directory, 'webhook.secret'), 'utf8').trim()
  const receiver = start(t, (await guideBlock('autoscaling', 'SECRET=$(cat webhook.secret)')).trim().split(' ').slice(3), { SECRET: secret, PORT: '0' })
  const { port } = JSON.parse((await receiver.line(/listening on/)).slice('listening on '.length)) as { port: number }
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  const message = (sequence: number, to: number): string => messageOf({
    namespace: 'shop', name: 'worker', decisionId: `d${sequence}`, sequence, atMs: 0, from: 2, to, reason: 'cpu above target', target: { kind: 'Deployment', name: 'worker' }, metrics: []
  })
  const post = async (body: string, headers: object): Promise<number> =>
    (await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body, headers: { ...headers } })).status
  const signed = (body: string, nowMs = Date.now()): object => signedHeaders([key], 'd', nowMs, body)
  t.equal(await post(message(7, 4), signed(message(7, 4))), 204)
  await receiver.line(/^shop\/worker: from 2 to 4 \(cpu above target\)$/)
  t.equal(await post(message(6, 3), signed(message(6, 3))), 204, 'an older one is taken, and left alone')
  t.equal(await post(message(8, 5), signed(message(8, 6))), 401, 'another body')
  t.equal(await post(message(8, 5), signed(message(8, 5), Date.now() - 301_000)), 401, 'too old')
  t.equal(await post(message(8, 5), { ...signed(message(8, 5)), 'webhook-timestamp': 'x' }), 401)
  t.equal(await post(message(8, 5), {}), 401)
  t.equal(await post(message(8, 6), signed(message(8, 6))), 204)
  await receiver.line(/to 6/)
  t.equal(receiver.lines.length, 3)
  const shown = JSON.parse(await guideBlock('autoscaling', '"sequence": 7')) as object
  t.same(Object.keys(shown).sort(), Object.keys(JSON.parse(message(1, 1)) as object).sort(), 'the body that is shown')
})
