// After a full collection at an idle moment each `process.nextTick` cost three times as much, for as long as the process lived.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

const run = promisify(execFile)
const program = fileURLToPath(new URL('../support/tick-feedback.mjs', import.meta.url))
const keepTick = new URL('../../bin/keep-tick.js', import.meta.url).href

/** How V8 sees the places where `process.nextTick` makes its object: one shape, or many. */
async function shapes (...first: readonly string[]): Promise<readonly string[]> {
  // With an empty environment: the runner of the tests puts modules into it that would be loaded first, also into an own one.
  const flags = ['--allow-natives-syntax', '--fuzzing', '--expose-gc']
  const { stdout } = await run('env', ['-i', process.execPath, ...flags, program, ...first])
  return JSON.parse(stdout) as readonly string[]
}

t.test('nextTick knows one shape of its objects after full collections', async (t) => {
  const known = await shapes(keepTick)
  t.ok(known.length > 0)
  t.same(known.filter((shape) => shape !== 'MONOMORPHIC'), [])
})

t.test('without it V8 forgets the shape: the reason for the file, on this Node', async (t) => {
  t.ok((await shapes()).includes('MEGAMORPHIC'))
})

t.test('every process and every thread loads it before anything else', async (t) => {
  const source = (name: string): Promise<string> => readFile(new URL(`../../bin/${name}`, import.meta.url), 'utf8')
  t.match(/import[ (]'[^']+'/.exec(await source('dns-worker.js'))?.[0], "import './keep-tick.js'")
  const launcher = await source('rollcall.js')
  t.ok(launcher.indexOf("import('./keep-tick.js')") < launcher.indexOf("import('../server/main.ts')"))
})
