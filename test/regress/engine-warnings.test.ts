// `npm ci` and each `npx rollcall` printed thirty lines of engine warnings where npm runs on Node 20, though the server brings its own Node.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

const cwd = fileURLToPath(new URL('../..', import.meta.url))
/** As from a shell: npm hands its settings on to what it starts, and these tests may have been started by it. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)))

t.test('npm says nothing of engines, and errors are shown', async (t) => {
  const { stdout, stderr } = await promisify(execFile)('npx', ['rollcall', 'version'], { cwd, env })
  t.match([stdout, stderr], [/^rollcall \d/, /^$/])
  const installed = await promisify(execFile)('npm', ['ci', '--dry-run', '--omit=dev', '--offline'], { cwd, env })
  t.equal(installed.stderr, '')
  const failed: { stderr?: string } = await promisify(execFile)('npm', ['run', 'nope'], { cwd, env }).catch((error: object) => error)
  t.match(failed.stderr, /Missing script: "nope"/)
})
