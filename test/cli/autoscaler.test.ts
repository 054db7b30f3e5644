// `rollcall autoscaler` as a process, before a registry that the test plays: what it runs, and what a wrong file says.
import { createServer } from 'node:http'
import { once } from 'node:events'
import { chmodSync, renameSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { runChild } from '../support/processes.ts'
import { createShell } from './helper.ts'

t.test('what is desired is run, until a signal ends it', async (t) => {
  let answer: { status: number, body: unknown } = { status: 200, body: { desired: 2, current: 0, decision: 'd1', reason: 'cpu', target: 'Deployment/worker' } }
  const asked = new Set<string>()
  const registry = createServer((request, response) => {
    asked.add(`${request.method} ${request.url} ${request.headers.authorization}`)
    response.writeHead(answer.status, { 'content-type': answer.status === 200 ? 'application/json' : 'application/problem+json' }).end(JSON.stringify(answer.body))
  })
  registry.listen(0, '127.0.0.1')
  await once(registry, 'listening')
  t.teardown(() => {
    registry.closeAllConnections()
    registry.close()
  })
  const url = `http://127.0.0.1:${(registry.address() as AddressInfo).port}`
  const file = join(t.testdir({}), 'autoscaler.yaml')
  const write = (words: string): void => {
    writeFileSync(`${file}.new`, `interval: 100ms\ncommands:\n- autoscaler: shop/worker\n  run: [/bin/sh, -c, 'echo ${words}']\n`)
    renameSync(`${file}.new`, file)
  }
  write('first $ROLLCALL_DESIRED of $ROLLCALL_NAMESPACE/$ROLLCALL_HPA at $ROLLCALL_ADDRESS, token=$ROLLCALL_TOKEN')
  const agent = runChild(
    ['server/main.ts', 'autoscaler', '--config', file, '--address', url, '--health', '127.0.0.1:0'], { ROLLCALL_TOKEN: 'sesame', ROLLCALL_DESIRED: '99' })
  await agent.line(new RegExp(`first 2 of shop/worker at ${url}, token="`))
  await agent.line(/the program ended well/)
  answer = { status: 200, body: { desired: 3, current: 2 } }
  await agent.line(/first 3 of shop\/worker/)
  answer = { status: 404, body: { type: 'about:blank', title: 'Not found', status: 404, code: 'REG_AUTOSCALER_NOT_FOUND', detail: 'there is no such autoscaler' } }
  await agent.line(/nothing is done for it: there is no such autoscaler/)
  answer = { status: 200, body: { desired: 'many', current: 2 } }
  await agent.line(/what answered is no registry, or one that this program does not understand/)
  answer = { status: 200, body: { desired: 4, current: 4 } }
  write('second $ROLLCALL_DESIRED')
  await agent.line(/second 4/)
  writeFileSync(file, 'commands: []')
  await agent.line(/must be a list with an entry for each autoscaler/)
  const { health } = JSON.parse(agent.lines.find((line) => line.includes('following autoscalers')) ?? '') as { health: AddressInfo }
  const read = async (path: string): Promise<string> => await (await fetch(`http://127.0.0.1:${health.port}${path}`)).text()
  t.match(await read('/metrics'), /rollcall_autoscaler_file_good 0\n[^]*rollcall_autoscaler_desired_replicas\{namespace="shop",autoscaler="worker"\} 4\n/)
  t.match(JSON.parse(await read('/healthz')), { fault: /commands must be a list/, commands: [{ namespace: 'shop', name: 'worker', desired: 4, current: 4 }] })
  t.same([...asked], ['GET /v1/namespaces/shop/horizontalpodautoscalers/worker/desired Bearer sesame'])
  agent.process.kill('SIGTERM')
  t.same(await agent.ended, { code: 0, signal: null })
})

t.test('a wrong file, or none, is told before anything is run', async (t) => {
  const { rollcall } = createShell()
  const directory = t.testdir({
    good: 'commands:\n- {autoscaler: shop/worker, run: [sh, a b]}', bad: 'commands:\n- {autoscaler: worker, run: [nowhere-at-all], shell: yes}', open: 'commands: []'
  })
  const check = (name: string, ...more: string[]) => rollcall('autoscaler', '--config', join(directory, name), ...more)
  t.match(await check('bad'), {
    exitCode: 2, err: [/commands\[0\]\.shell is not a known field.*commands\[0\]\.autoscaler must be NAMESPACE\/NAME.*commands\[0\]\.run\[0\] must be in a directory of PATH/s]
  })
  t.match(await check('none'), { exitCode: 2, err: [/config must name a file that can be read \(ENOENT\)/] })
  chmodSync(join(directory, 'open'), 0o666)
  t.match(await check('open'), { exitCode: 2, err: [/must not be writable by every user: chmod o-w/] })
  t.match(await rollcall('autoscaler'), { exitCode: 2, err: [/--config is missing/] })
  t.match(await rollcall('autoscaler', '--config', join(directory, 'bad'), '--health', 'x'), { exitCode: 2, err: [/--health must be HOST:PORT/] })
  t.match(await createShell({ env: { PATH: process.env.PATH ?? '' } }).rollcall('autoscaler', '--config', join(directory, 'good'), '--check'), { exitCode: 0, out: ['shop/worker: ["sh","a b"]'] })
})
