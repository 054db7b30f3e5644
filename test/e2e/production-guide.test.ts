// The guide to production, as it stands: all of its commands in one shell, on one machine of its own that has the four addresses.
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Lab, noLab } from '../support/lab.ts'
import { lacking } from '../support/programs.ts'
import { repository } from '../support/processes.ts'
import { noRedis } from '../support/redis-server.ts'

const page = readFileSync(join(repository, 'docs/guides/production.md'), 'utf8')
const blocks = Array.from(page.matchAll(/^```sh\n(.*?)\n```$/gms), ([, block = '']) => block)

t.test('the commands of the guide to production do what it says', { skip: noLab || noRedis || lacking('openssl', 'dig', 'curl'), timeout: 180_000 }, async (t) => {
  t.ok(blocks.length >= 7, `${blocks.length} blocks`)
  const lab = await Lab.start(t, { a: '10.77.0.1' })
  for (const last of [4, 5, 6, 7]) await lab.run('a', 'ip', 'address', 'add', `10.0.0.${last}/32`, 'dev', 'lo')
  const programs = join(lab.directory, 'bin')
  mkdirSync(programs)
  writeFileSync(join(programs, 'rollcall'), `#!/bin/sh\nexec ${process.execPath} --conditions=rollcall-source ${join(repository, 'server/main.ts')} "$@"\n`, { mode: 0o755 })
  // What the guide leaves running ends with the shell.
  const script = ['set -euo pipefail', `PATH=${programs}:$PATH HOME=${lab.directory}`, `cd ${lab.directory}`, "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT", ...blocks].join('\n')
  const { promise: ended, resolve } = Promise.withResolvers<{ code: number | null, out: string, err: string }>()
  const shell = execFile('ip', ['netns', 'exec', lab.namespace('a'), 'bash', '-c', script], (_error, out, err) => resolve({ code: shell.exitCode, out, err }))
  const { code, out, err } = await ended
  t.equal(code, 0, `${out}\n${err}`)
  t.match(out, /logged in as token:admin/)
  t.match(out, /no: token:shop-orders may not: none of policy shop says so\nas it should be/)
  t.match(out, /orders-1 .*draining \(override\)/)
  t.match(out, /^10\.0\.0\.21$/m, 'DNS of a node that nobody wrote through')
  const audit = ['audit1.log', 'audit2.log', 'audit3.log'].map((name) => readFileSync(join(lab.directory, name), 'utf8')).join('')
  t.match(audit, /"who":"token:shop-orders".*"what":"register","on":"shop\/orders\/orders-1","outcome":"ok"/)
  const secrets = ['admin.token', 'shop-orders.token'].map((name) => readFileSync(join(lab.directory, name), 'utf8').trim())
  const logs = ['node1.log', 'node2.log', 'node3.log', 'redis.log'].map((name) => readFileSync(join(lab.directory, name), 'utf8')).join('')
  for (const secret of secrets) t.notMatch(audit + logs + err, secret, 'no secret is in a log')
  for (const name of ['tokens.yaml', '.config/rollcall/contexts.json', 'ca-key.pem', 'audit1.log']) t.equal(statSync(join(lab.directory, name)).mode & 0o777, 0o600, name)
})
