// The launcher and the process around the commands, as real processes. What `serve` does when it runs is tested end to end.
import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Linter } from 'eslint'
import t from 'tap'

const home = fileURLToPath(new URL('../../', import.meta.url))
const launcher = join(home, 'bin/rollcall.js')

interface Surroundings {
  /** Flags of Node itself. */
  readonly before?: readonly string[]
  readonly env?: Record<string, string>
}

function launch (file: string, args: readonly string[], { before = [], env = {} }: Surroundings = {}): SpawnSyncReturns<string> {
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(ROLLCALL_|NODE_OPTIONS|TAP)/.test(name)))
  return spawnSync(process.execPath, [...before, file, ...args], { encoding: 'utf8', cwd: '/', env: { ...environment, ...env } })
}

/** Flags that make a Node believe that it is an old one. */
function asNode (version: string): string[] {
  const script = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`
  return ['--import', `data:text/javascript,${encodeURIComponent(script)}`]
}

t.test('the launcher runs a command from anywhere', async (t) => {
  const { status, stdout, stderr } = launch(launcher, ['version'])
  t.equal(stderr, '')
  t.match(stdout, /^rollcall \d+\.\d+\.\d+ \(Node \d+/)
  t.equal(status, 0)
})

t.test('the launcher runs through a link, as npm link makes it', async (t) => {
  const link = join(t.testdir(), 'rollcall')
  symlinkSync(launcher, link)
  t.equal(launch(link, ['version']).status, 0)
})

t.test('the launcher runs below node_modules, where Node strips no types by itself', async (t) => {
  const installed = join(t.testdir(), 'node_modules', 'rollcall')
  for (const part of ['bin', 'server', 'client-sdk/src', 'package.json']) cpSync(join(home, part), join(installed, part), { recursive: true })
  symlinkSync(join(home, 'node_modules'), join(installed, 'node_modules'))
  const { status, stdout, stderr } = launch(join(installed, 'bin/rollcall.js'), ['version'])
  t.equal(stderr, '')
  t.match(stdout, /^rollcall /)
  t.equal(status, 0)
})

t.test('the exit code of a command is that of the process', async (t) => {
  t.equal(launch(launcher, ['gte']).status, 2)
  t.equal(launch(launcher, ['get', 'services', '--address', 'http://127.0.0.1:1']).status, 3)
})

t.test('too old a Node is told in one sentence what to do', async (t) => {
  const alone = join(t.testdir(), 'rollcall')
  mkdirSync(join(alone, 'bin'), { recursive: true })
  cpSync(launcher, join(alone, 'bin/rollcall.js'))
  writeFileSync(join(alone, 'package.json'), '{"type":"module"}')
  const { status, stdout, stderr } = launch(join(alone, 'bin/rollcall.js'), ['serve'], { before: asNode('20.11.0') })
  t.equal(status, 1)
  t.equal(stdout, '')
  t.equal(stderr, 'Rollcall needs Node 24 or newer and this is 20.11.0: run it with npm (npm start, npx rollcall), which brings Node 24 along on Linux, or install Node 24 from nodejs.org.\n')
})

t.test('too old a Node hands over to the one that npm installed beside it', async (t) => {
  const beside = join(home, 'node_modules', `node-linux-${process.arch}`, 'bin/node')
  const result = launch(launcher, ['gte'], { before: asNode('20.11.0') })
  if (existsSync(beside)) t.match(result, { status: 2, stderr: /did you mean get/ })
  else t.match(result, { status: 1, stderr: /needs Node 24/ })
})

t.test('Node 12 can read the launcher', async (t) => {
  const messages = new Linter().verify(readFileSync(launcher, 'utf8').replace(/^#!.*/, ''), {
    languageOptions: { ecmaVersion: 2020, sourceType: 'module' },
    // Part of ES2020 that came with Node 14.
    rules: { 'no-restricted-syntax': ['error', 'ChainExpression', 'LogicalExpression[operator="??"]', 'ImportDeclaration', 'MetaProperty', 'AwaitExpression'] }
  })
  t.same(messages, [])
})

t.test('serve shows its help, and its settings with secrets hidden, and starts nothing', async (t) => {
  const help = launch(launcher, ['serve', '--help'])
  t.equal(help.status, 0)
  t.match(help.stdout, /Usage: rollcall serve \[flags\][^]*--http HOST:PORT[^]*Examples:/)
  t.same(launch(launcher, ['help', 'serve']).stdout, help.stdout)
  const printed = launch(launcher, ['serve', '--print-config', '--grace', '20s'], { env: { ROLLCALL_REDIS: 'redis://:hunter2@127.0.0.1' } })
  t.equal(printed.status, 0)
  t.match(printed.stdout, /^grace: 20s # --grace$/m)
  t.match(printed.stdout, /^redis: redis:\/\/:\*\*\*@127\.0\.0\.1 # ROLLCALL_REDIS$/m)
})

t.test('serve refuses a wrong setting with exit code 2 and one sentence', async (t) => {
  const table: [string[], RegExp][] = [
    [['--htp', 'x'], /^rollcall: --htp is not a known flag: did you mean --http\?\nSee: rollcall serve --help\n$/],
    [['--http', '0.0.0.0:0'], /^rollcall: --http must be a loopback address .* got "0\.0\.0\.0:0"\nSee/],
    [['--config', '/nowhere.yaml'], /ENOENT/]
  ]
  for (const [args, message] of table) t.match(launch(launcher, ['serve', ...args]), { status: 2, stdout: '', stderr: message })
})
