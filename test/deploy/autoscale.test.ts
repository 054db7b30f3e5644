// The example that scales: its script starts and stops copies, its units are such, its picture is drawn from its log.
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { lacking, output } from '../support/programs.ts'
import { repository } from '../support/processes.ts'

const example = join(repository, 'deploy/examples/autoscale')

interface Ran { readonly out: string[], readonly err: string, readonly code: number }

/** Runs copies.sh to its end. */
async function copies (how: string, environment: Readonly<Record<string, string>>): Promise<Ran> {
  const child = spawn('sh', [join(example, 'copies.sh'), how], { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close') as Promise<[number]>])
  return { out: out.trim().split('\n').filter((line) => line !== ''), err, code }
}

t.test('as many processes run as are desired, and the ones with the highest numbers go', { skip: lacking('flock', 'setsid') }, async (t) => {
  const directory = t.testdir({
    // Like a worker, it ends a while after it was asked to.
    node: '#!/bin/sh\ntrap \'echo "copy $WORKER drains"; exit 0\' TERM\necho "copy $WORKER of $ROLLCALL_NAMESPACE"\nsleep 1000 & wait\n',
    state: {}
  })
  const state = join(directory, 'state')
  chmodSync(join(directory, 'node'), 0o755)
  const scale = (count: number): ReturnType<typeof copies> =>
    copies('processes', { ROLLCALL_DESIRED: String(count), ROLLCALL_NAMESPACE: 'shop', WORKER_STATE: state, NODE: join(directory, 'node') })
  const ever = new Set<number>()
  const pids = (): Record<string, number> => {
    const files = readdirSync(state).filter((name) => name.endsWith('.pid'))
    const now = Object.fromEntries(files.map((name) => [name.slice(0, -4), Number(readFileSync(join(state, name), 'utf8'))]))
    for (const pid of Object.values(now)) ever.add(pid)
    return now
  }
  t.teardown(() => {
    for (const pid of ever) {
      try {
        process.kill(-pid, 'SIGKILL')
      } catch {
        // it has ended
      }
    }
  })

  t.match(await scale(3), { code: 0, out: ['started copy 1', 'started copy 2', 'started copy 3'] })
  const first = pids()
  t.same(Object.keys(first), ['1', '2', '3'])
  t.match(await scale(3), { code: 0, out: [] }, 'nothing is to be done')
  t.same(pids(), first)
  t.match(await scale(1), { code: 0, out: ['stopped copy 2', 'stopped copy 3'] })
  t.same(pids(), { 1: first['1'] })
  t.match(readFileSync(join(state, '3.log'), 'utf8'), /copy 3 of shop\ncopy 3 drains\n/)
  process.kill(-(first['1'] ?? 0), 'SIGKILL')
  const cmdline = `/proc/${first['1']}/cmdline` // empty of one that has ended and was not waited for
  while (existsSync(cmdline) && readFileSync(cmdline, 'utf8') !== '') await new Promise((resolve) => { setImmediate(resolve) })
  t.match(await scale(2), { code: 0, out: ['started copy 1', 'started copy 2'] }, 'one that was lost is started again')
  t.same(Object.keys(pids()), ['1', '2'])
  t.match(await scale(0), { code: 0, out: ['stopped copy 1', 'stopped copy 2'] })
  t.same(pids(), {})
})

t.test('units of systemd are started and stopped likewise', async (t) => {
  const directory = t.testdir({
    systemctl: '#!/bin/sh\nif [ "$1" = list-units ]; then printf "worker@1.service loaded active running Worker 1\\nworker@7.service loaded active running Worker 7\\n"; else echo "$@"; fi\n'
  })
  chmodSync(join(directory, 'systemctl'), 0o755)
  const { out, code } = await copies('systemd', { ROLLCALL_DESIRED: '2', PATH: `${directory}:${process.env.PATH}` })
  t.equal(code, 0)
  t.same(out, ['start worker@1.service', 'start worker@2.service', 'stop worker@7.service'])
})

t.test('what is no number stops nothing', async (t) => {
  for (const desired of ['', '-1', '1.5', 'all']) t.not((await copies('processes', { ROLLCALL_DESIRED: desired })).code, 0, desired)
  t.match(await copies('containers', { ROLLCALL_DESIRED: '1' }), { code: 2, err: /usage/ })
})

t.test('systemd reads the units', { skip: lacking('systemd-analyze') }, async (t) => {
  for (const unit of ['worker@.service', 'rollcall-autoscaler.service']) {
    const { stderr } = await output('systemd-analyze', 'verify', '--man=no', join(example, unit)).catch((error: { stderr: string }) => error)
    const complaints = stderr.split('\n').filter((line) => line.includes('autoscal') || line.includes('worker@'))
    t.same(complaints.filter((line) => !/(?:\/usr\/bin|\/opt\/rollcall\/node_modules\/.bin)\/node is not executable/.test(line)), [], unit)
  }
})

async function picture (log: string): Promise<string> {
  const child = spawn(process.execPath, [join(example, 'picture.ts')], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(log)
  return await text(child.stdout)
}

t.test('the picture of the guide is drawn from the log of a run', async (t) => {
  const log = readFileSync(join(example, 'log.csv'), 'utf8')
  t.equal(readFileSync(join(repository, 'docs/guides/autoscaling.svg'), 'utf8'), await picture(log), 'node deploy/examples/autoscale/picture.ts <log.csv')
})
