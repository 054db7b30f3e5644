// What a machine runs for an autoscaler: its file, one run, and when there is one. Programs are real; time is the test's.
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Autoscaler, type Told } from '../../server/autoscaling/exec/autoscaler.ts'
import { CommandRun, type CommandResult } from '../../server/autoscaling/exec/command-run.ts'
import { readCommandsFile, thisMachine, type ScaleCommand } from '../../server/autoscaling/exec/commands-file.ts'
import { metricsText } from '../../server/autoscaling/exec/metrics.ts'
import { RegistryError } from '../../server/errors.ts'
import { standaloneGuard } from '../../server/guard.ts'
import { HandClock } from '../support/hand-clock.ts'

const machine = { programProblem: (program: string) => (program === '/absent' ? 'must be a file that this user may execute' : undefined), isDirectory: (path: string) => path === '/srv' }
const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

function faultsOf (text: string): string[] {
  try {
    readCommandsFile(text, machine)
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    return (error.errors ?? []).map(({ field, value, rule }) => `${field} ${rule}${typeof value === 'string' ? ` (${value})` : ''}`)
  }
  return []
}

t.test('a file says what is run, word for word', async (t) => {
  const file = readCommandsFile(`
interval: 500ms
commands:
- autoscaler: shop/worker
  run: [/bin/copies, 8080, on, "a b", 1.10, $HOME]
  environment: {PORT: 8080, FLAG: yes}
  directory: /srv
  timeLimit: 2m
  repeat: 5s
- {autoscaler: shop/other.v2, run: [copies]}
`, machine)
  t.same(file, {
    intervalMs: 500,
    commands: [
      { namespace: 'shop', name: 'worker', run: ['/bin/copies', '8080', 'on', 'a b', '1.10', '$HOME'], environment: { PORT: '8080', FLAG: 'yes' }, directory: '/srv', timeLimitMs: 120_000, repeatMs: 5_000 },
      { namespace: 'shop', name: 'other.v2', run: ['copies'], environment: {}, directory: undefined, timeLimitMs: 60_000, repeatMs: 30_000 }
    ]
  })
})

t.test('each fault of a file is told by field, value and rule', async (t) => {
  const entry = (more: string): string => `commands:\n- {autoscaler: shop/worker, run: [a], ${more}}`
  const rows: readonly (readonly [string, RegExp])[] = [
    ['', /^file must hold a mapping with the list "commands"$/],
    ['[]', /^file must hold a mapping/],
    ['a: b: c', /^file must be valid YAML \(/],
    ['a: *b', /^file must be valid YAML/],
    ['interval: 1s', /^commands must be a list with an entry for each autoscaler$/],
    ['commands: []', /^commands must be a list/],
    ['commands: [1]', /^commands\[0\] must be a mapping with autoscaler and run/],
    ['comands: []', /^comands is not a known field: did you mean commands\?/],
    ['interval: 1\ncommands:\n- {autoscaler: a/b, run: [a]}', /^interval must be a duration with its unit.*\(1\)$/],
    ['interval: 10m\ncommands:\n- {autoscaler: a/b, run: [a]}', /^interval must be from 100ms to 5m \(10m\)$/],
    ['commands:\n- {run: [a]}', /^commands\[0\]\.autoscaler must be NAMESPACE\/NAME of a HorizontalPodAutoscaler, like shop\/worker$/],
    ['commands:\n- {autoscaler: worker, run: [a]}', /must be NAMESPACE\/NAME.*\(worker\)$/],
    ['commands:\n- {autoscaler: a/b/c, run: [a]}', /must be NAMESPACE\/NAME/],
    ['commands:\n- {autoscaler: Shop/b, run: [a]}', /^commands\[0\]\.autoscaler has a namespace that must be/],
    ['commands:\n- {autoscaler: shop/b_c, run: [a]}', /^commands\[0\]\.autoscaler has a name that must be/],
    ['commands:\n- {autoscaler: a/b, run: start it}', /^commands\[0\]\.run must be a list: the program and its arguments/],
    ['commands:\n- {autoscaler: a/b, run: []}', /^commands\[0\]\.run must be a list/],
    ['commands:\n- {autoscaler: a/b, run: [a, [b]]}', /^commands\[0\]\.run\[1\] must be a text/],
    ['commands:\n- {autoscaler: a/b, run: ["a\\0b"]}', /^commands\[0\]\.run\[0\] must be a text of at most 4096 characters, without NUL/],
    ['commands:\n- {autoscaler: a/b, run: [./copies]}', /^commands\[0\]\.run\[0\] must be the absolute path of a program, or its name in PATH \(\.\/copies\)$/],
    ['commands:\n- {autoscaler: a/b, run: [/absent]}', /^commands\[0\]\.run\[0\] must be a file that this user may execute \(\/absent\)$/],
    [`commands:\n- {autoscaler: a/b, run: [${Array.from({ length: 65 }, () => 'a').join()}]}`, /run must not have more than 64 words/],
    [entry('environment: [A]'), /^commands\[0\]\.environment must be a mapping/],
    [entry('environment: {1A: b}'), /^commands\[0\]\.environment has a name that must be/],
    [entry('environment: {"A=B": c}'), /has a name that must be/],
    [entry('environment: {A: [b]}'), /^commands\[0\]\.environment\.A must be a text/],
    [entry('environment: {ROLLCALL_DESIRED: 4}'), /^commands\[0\]\.environment\.ROLLCALL_DESIRED is told by the agent itself$/],
    [entry('directory: srv'), /^commands\[0\]\.directory must be the absolute path of a directory \(srv\)$/],
    [entry('directory: /nowhere'), /directory must be the absolute path of a directory/],
    [entry('timeLimit: 0s'), /^commands\[0\]\.timeLimit must be from 1s to 1h \(0s\)$/],
    [entry('timeLimit: [1s]'), /^commands\[0\]\.timeLimit must be a duration$/],
    [entry('repeat: -1s'), /^commands\[0\]\.repeat must be a duration with its unit/],
    [entry('timelimit: 1s'), /^commands\[0\]\.timelimit is not a known field: did you mean timeLimit\?$/],
    [entry('shell: true'), /^commands\[0\]\.shell is not a known field$/],
    ['commands:\n- {autoscaler: a/b, run: [a]}\n- {autoscaler: a/b, run: [b]}', /^commands\[1\]\.autoscaler must be named once.*\(a\/b\)$/]
  ]
  for (const [text, rule] of rows) t.match(faultsOf(text).join('\n'), rule, text)
  t.equal(faultsOf(`commands:\n${Array.from({ length: 101 }, (_, at) => `- {autoscaler: a/b${at}, run: [a]}`).join('\n')}`)[0], 'commands must not have more than 100 entries')
  t.equal(faultsOf('interval: 1h\ncommands:\n- {autoscaler: a, run: b}').length, 3, 'all faults at once')
})

t.test('a program is a file that may be executed, or is found in PATH', async (t) => {
  const directory = t.testdir({ copies: '', folder: {} })
  const { programProblem, isDirectory } = thisMachine(`relative:${directory}:/usr/bin:/bin`)
  t.match(programProblem('copies'), /must be in a directory of PATH/)
  t.match(programProblem(join(directory, 'copies')), /may execute/)
  chmodSync(join(directory, 'copies'), 0o700)
  t.equal(programProblem('copies'), undefined)
  t.equal(programProblem(join(directory, 'copies')), undefined)
  t.match(programProblem(join(directory, 'folder')), /may execute/)
  t.equal(programProblem('sh'), undefined)
  t.ok(isDirectory(directory))
  t.notOk(isDirectory(join(directory, 'copies')))
})

/** Runs `sh -c SCRIPT` to its end, with time standing still. */
function shell (
  script: string, options: { readonly clock?: HandClock, readonly lines?: string[], readonly environment?: Record<string, string> } = {}
): CommandRun {
  return new CommandRun({
    run: ['/bin/sh', '-c', script], environment: { PATH: process.env.PATH, ...options.environment }, timeLimitMs: 10_000,
    clock: options.clock ?? new HandClock(), guard: standaloneGuard, line: (line) => options.lines?.push(line)
  })
}

t.test('a run tells what it printed and how it ended', async (t) => {
  const lines: string[] = []
  const result = await shell('echo "$GREETING"; echo to-stderr >&2; printf "no end"; exit 3', { lines, environment: { GREETING: 'a  b' } }).ended
  t.same(result, { code: 3, problem: 'exit code 3', leftOut: 0, tookMs: 0 })
  t.same([...lines].sort(), ['a  b', 'no end', 'to-stderr'])
  t.match(await shell('true').ended, { code: 0, problem: undefined })
  t.match(await shell('kill -KILL $$').ended, { code: undefined, problem: 'ended by SIGKILL' })
})

t.test('a program that prints without end is not all told', async (t) => {
  const lines: string[] = []
  const result = await shell('i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); done; head -c 300000 /dev/zero | tr "\\0" x', { lines }).ended
  t.equal(lines.length, 100)
  t.equal(result.leftOut, 401)
  const [cut] = await (async () => {
    const long: string[] = []
    await shell('head -c 300000 /dev/zero | tr "\\0" x', { lines: long }).ended
    return long
  })()
  t.equal(cut?.length, 503)
})

t.test('a program that cannot be started is a failure like any other', async (t) => {
  const { ended } = new CommandRun({ run: ['/nowhere/at/all'], environment: {}, timeLimitMs: 1_000, clock: new HandClock(), guard: standaloneGuard, line: () => {} })
  t.match(await ended, { code: undefined, problem: /ENOENT/ })
})

t.test('past its time limit a program is asked to end, with all that it started in its group', async (t) => {
  const clock = new HandClock()
  const lines: string[] = []
  const asked = shell('trap "echo asked; exit 0" TERM; sleep 1000 & echo started; wait', { clock, lines })
  while (!lines.includes('started')) await turn()
  clock.advance(10_000)
  t.match(await asked.ended, { problem: 'ended after its time limit of 10 s', tookMs: 10_000 })
  t.ok(lines.includes('asked'))
})

t.test('a program that does not end when it is asked is ended', async (t) => {
  const clock = new HandClock()
  const lines: string[] = []
  const deaf = shell('trap "" TERM; echo $$; while :; do sleep 1000; done', { clock, lines })
  while (lines.length === 0) await turn()
  clock.advance(10_000)
  await turn()
  const group = -Number(lines[0])
  t.doesNotThrow(() => process.kill(group, 0), 'it lives')
  clock.advance(5_000)
  t.match(await deaf.ended, { code: undefined, problem: 'ended after its time limit of 10 s' })
  const isGone = (): boolean => {
    try {
      return !process.kill(group, 0)
    } catch {
      return true
    }
  }
  while (!isGone()) await turn() // the kernel takes a moment
})

t.test('a program that leaves its output open to another one ends all the same', async (t) => {
  const clock = new HandClock()
  const lines: string[] = []
  let result: CommandResult | undefined
  const left = shell('sleep 1000 & echo $!', { clock, lines })
  void left.ended.then((given) => { result = given })
  while (result === undefined) {
    await turn()
    if (lines.length > 0) clock.advance(1_000)
  }
  t.match(result, { code: 0 })
  process.kill(Number(lines[0]), 'SIGKILL') // it went on
})

interface Started {
  readonly command: ScaleCommand
  readonly desired: string
  readonly variables: Readonly<Record<string, string | undefined>>
  readonly end: (code: number) => Promise<void>
  stopped: boolean
}

/** An agent with one command, whose programs and registry are the test's. */
function agent (answer: Told) {
  const clock = new HandClock()
  const started: Started[] = []
  const log: string[] = []
  const state = { answer, file: undefined as ReturnType<typeof readCommandsFile> | undefined }
  const file = (run = 'copies'): ReturnType<typeof readCommandsFile> => readCommandsFile(`interval: 1s\ncommands:\n- {autoscaler: shop/worker, run: [${run}], repeat: 10s}`, machine)
  const autoscaler = new Autoscaler({
    file: file(), clock, guard: standaloneGuard, environment: { HOME: '/root' }, ask: async () => state.answer,
    log: { info: (_, message) => log.push(message), warn: (_, message) => log.push(message) },
    readAgain: () => {
      const next = state.file
      state.file = undefined
      return next
    },
    start: (command, variables) => {
      const { promise, resolve } = Promise.withResolvers<CommandResult>()
      const run: Started = {
        command, variables, desired: variables['ROLLCALL_DESIRED'] ?? '', stopped: false,
        end: async (code) => {
          resolve({ code, problem: code === 0 ? undefined : `exit code ${code}`, leftOut: 0, tookMs: 5 })
          await turn()
        }
      }
      started.push(run)
      return { ended: promise, stop: () => { run.stopped = true } }
    }
  })
  const next = async (ms = 1_000): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 1_000) {
      clock.advance(1_000)
      await turn()
    }
  }
  return { autoscaler, clock, started, log, state, file, next }
}

const desired = (count: number, current: number): Told => ({ kind: 'desired', desired: { desired: count, current, decision: `d${count}`, reason: 'cpu above target', target: 'Deployment/worker' } })

t.test('a program runs once at the start, when another number is desired, and never twice at a time', async (t) => {
  const { autoscaler, started, state, next, log } = agent(desired(2, 2))
  autoscaler.start()
  await turn()
  t.equal(started.length, 1, 'at the start, whatever is counted')
  t.same(started[0]?.variables, {
    HOME: '/root', ROLLCALL_DESIRED: '2', ROLLCALL_CURRENT: '2', ROLLCALL_HPA: 'worker', ROLLCALL_NAMESPACE: 'shop', ROLLCALL_TARGET: 'Deployment/worker',
    ROLLCALL_DECISION: 'd2', ROLLCALL_REASON: 'cpu above target'
  })
  await started[0]?.end(0)
  await next(60_000)
  t.equal(started.length, 1, 'nothing is to be done')
  state.answer = desired(4, 2)
  await next()
  t.equal(started[1]?.desired, '4')
  state.answer = desired(6, 3)
  await next()
  state.answer = desired(8, 4)
  await next()
  t.equal(started.length, 2, 'one at a time')
  await started[1]?.end(0)
  t.same(started.map((run) => run.desired), ['2', '4', '8'], 'then the newest, and only that')
  await started[2]?.end(0)
  t.ok(log.includes('4 wanted, 2 counted: the program is run'))
  await autoscaler.stop()
})

t.test('a program runs again, with longer pauses, while another number is counted', async (t) => {
  const { autoscaler, started, state, next } = agent(desired(4, 2))
  autoscaler.start()
  await turn()
  await started[0]?.end(1)
  for (const pauseMs of [10_000, 20_000, 40_000]) {
    const before = started.length
    await next(pauseMs - 1_000)
    t.equal(started.length, before)
    await next(2_000) // an answer, then the pause
    t.equal(started.length, before + 1)
    await started.at(-1)?.end(0)
  }
  state.answer = desired(4, 4)
  const count = started.length
  await next(700_000)
  t.equal(started.length, count, 'the number is there')
  state.answer = desired(4, 3)
  await next(12_000)
  t.equal(started.length, count + 1, 'a copy was lost: the pauses begin anew')
  await started.at(-1)?.end(0)
  t.match(autoscaler.status[0], { desired: 4, current: 3, runs: count + 1, failures: 1, fault: undefined })
  await autoscaler.stop()
})

t.test('without news of the registry nothing is begun, and what runs goes on', async (t) => {
  const { autoscaler, started, state, next, log } = agent({ kind: 'away', why: 'connect ECONNREFUSED' })
  autoscaler.start()
  await next(30_000)
  t.equal(started.length, 0)
  t.same(log, ['nothing is done for it: connect ECONNREFUSED'], 'said once')
  state.answer = desired(3, 1)
  await next()
  t.equal(started.length, 1)
  state.answer = { kind: 'none', why: 'there is no such autoscaler' }
  await next()
  t.notOk(started[0]?.stopped)
  await started[0]?.end(0)
  await next(60_000)
  t.equal(started.length, 1)
  t.equal(autoscaler.status[0]?.desired, undefined)
  state.answer = desired(3, 3)
  await next()
  t.equal(started.length, 1, 'the same number as before: nothing to do')
  await autoscaler.stop()
})

t.test('a file that changes is followed: the old program ends before the new one begins', async (t) => {
  const { autoscaler, started, state, next, file } = agent(desired(3, 1))
  autoscaler.start()
  await turn()
  state.file = file('others')
  await next(3_000)
  t.ok(started[0]?.stopped)
  t.equal(started.length, 1)
  await started[0]?.end(0)
  await next(2_000)
  t.equal(started[1]?.command.run[0], 'others')
  state.file = file('others')
  await next(2_000)
  t.notOk(started[1]?.stopped, 'the same file again ends nothing')
  const stopped = autoscaler.stop()
  await turn()
  t.ok(started[1]?.stopped, 'the end of the agent ends what runs')
  await started[1]?.end(0)
  await stopped
})

t.test('metrics are there for each autoscaler', async (t) => {
  const { autoscaler, started } = agent(desired(3, 1))
  t.notMatch(metricsText(autoscaler.status, true), /desired_replicas\{/)
  autoscaler.start()
  await turn()
  await started[0]?.end(2)
  const text = metricsText(autoscaler.status, false)
  for (const line of [
    'rollcall_autoscaler_file_good 0', 'rollcall_autoscaler_desired_replicas{namespace="shop",autoscaler="worker"} 3',
    'rollcall_autoscaler_current_replicas{namespace="shop",autoscaler="worker"} 1', 'rollcall_autoscaler_runs_total{namespace="shop",autoscaler="worker"} 1',
    'rollcall_autoscaler_failures_total{namespace="shop",autoscaler="worker"} 1', 'rollcall_autoscaler_failing{namespace="shop",autoscaler="worker"} 1',
    'rollcall_autoscaler_last_run_seconds{namespace="shop",autoscaler="worker"} 0.005', '# TYPE rollcall_autoscaler_runs_total counter'
  ]) t.ok(text.split('\n').includes(line), line)
  await autoscaler.stop()
})
