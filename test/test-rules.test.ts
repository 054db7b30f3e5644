// The rules that eslint.config.js has for tests, tried on code that breaks them; and that each test file is run by one of the two scripts.
import { readFile, glob } from 'node:fs/promises'
import { ESLint, Linter } from 'eslint'
import t from 'tap'

const home = new URL('..', import.meta.url).pathname

/** What lint says to a test file of this text. */
async function faults (code: string, file = 'test/http/some.test.ts'): Promise<number> {
  const { rules } = await new ESLint({ cwd: home }).calculateConfigForFile(file) as { readonly rules: Record<string, Linter.RuleEntry> }
  const rule = rules['no-restricted-syntax']
  return rule === undefined ? 0 : new Linter().verify(code, { rules: { 'no-restricted-syntax': rule } }).length
}

t.test('a file says nothing to the root t, which belongs to all files of the process', async (t) => {
  for (const bad of [
    't.setTimeout(60_000)', 'if (redis) { t.setTimeout(1) }', 't.plan(0, "no Redis")', 't.beforeEach(() => clean())', 't.afterEach(clean)', 't.jobs = 4', 't.bailout()', 't.end()'
  ]) t.equal(await faults(bad), 1, bad)
  for (const good of [
    't.test("a", { timeout: 1 }, () => 1)', 't.test("a", (t) => { t.setTimeout(1); t.plan(2); t.end() })', 't.teardown(() => close())', 'const f = (t) => { t.jobs = 2 }'
  ]) t.equal(await faults(good), 0, good)
})

t.test('no test sleeps', async (t) => {
  for (const bad of [
    'await new Promise((done) => setTimeout(done, 5))', 'globalThis.setTimeout(done, 5)', 'await sleep(5)', 'await delay(5)', "import { setTimeout as wait } from 'node:timers/promises'",
    "import { scheduler } from 'timers/promises'", "import { setTimeout } from 'node:timers'"
  ]) t.equal(await faults(bad), 1, bad)
  for (const good of ['clock.setTimeout(done, 5)', "import { setImmediate } from 'node:timers/promises'", 'const clock = { setTimeout: globalThis.setTimeout }']) t.equal(await faults(good), 0, good)
  t.equal(await faults('setTimeout(done, 5)', 'test/support/some.ts'), 1, 'nor does a helper')
  t.equal(await faults('setTimeout(done, 5)', 'test/bench/some.ts'), 0, 'a benchmark runs for a time')
})

t.test('each test file is run by test:fast, test:slow or test:long, and npm test runs those of the first two', async (t) => {
  const { scripts } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as { readonly scripts: Record<string, string> }
  const runBy = async (script: string): Promise<string[]> => {
    const patterns = [...(scripts[script] ?? '').matchAll(/"([^"]+)"/g)].map(([, pattern = '']) => pattern)
    const files: string[] = []
    for (const pattern of patterns) for await (const file of glob(pattern, { cwd: home })) files.push(file)
    return files.sort()
  }
  const all: string[] = []
  for await (const file of glob('test/**/*.test.ts', { cwd: home })) all.push(file)
  const [fast, slow, long] = [await runBy('test:fast'), await runBy('test:slow'), await runBy('test:long')]
  t.same([...fast, ...slow, ...long].sort(), all.sort())
  t.same(long.filter((file) => !file.endsWith('.long.slow.test.ts')), [])
  t.same(fast.filter((file) => /\.slow\.|^test\/(e2e|fault|fuzz|interop)\//.test(file)), [])
  t.ok(slow.length > 0 && fast.length > slow.length)
  t.match(await readFile(new URL('../.taprc', import.meta.url), 'utf8'), /include:\n  - "test\/\*\*\/\*\.test\.ts"\n(?:#.*\n)?exclude:\n  - "test\/\*\*\/\*\.long\.slow\.test\.ts"\nnode-arg:/)
})
