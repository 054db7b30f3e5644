// Runs the quick test files in as many processes as there are cores (four at most), each with its share of the files:
//
//   npm run test:fast                       all of them
//   npm run test:fast -- test/dns/*.test.ts   these
//
// A file of its own process, as in `npm test`, costs more for its start than most of its tests take. What fails is shown as it was printed.
import { spawn } from 'node:child_process'
import { glob } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** All files of a process share the root test, whose limit this is. A test that hangs is reported by name. */
const limitSeconds = 600
const maxProcesses = 4
const filesVariable = 'ROLLCALL_TEST_FILES'

interface Count {
  passed: number
  failed: number
  skipped: number
}

/** Runs files in one process: the root test that they share ends, and sets the exit code, when all of theirs have. */
async function runShare (files: readonly string[]): Promise<void> {
  for (const file of files) await import(pathToFileURL(resolve(file)).href)
}

/** Counts the tests that one process runs, and prints those that fail. */
async function watchShare (share: number, files: readonly string[], count: Count): Promise<boolean> {
  const args = ['--conditions=rollcall-source', fileURLToPath(import.meta.url), '--share', String(share)]
  // The files are no arguments: tap makes names of directories of those.
  const env = { ...process.env, TAP_TIMEOUT: String(limitSeconds), [filesVariable]: JSON.stringify(files) }
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env })
  const ended = new Promise<boolean>((done) => child.once('exit', (code) => done(code === 0)))
  let test: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('# Subtest: ')) test = []
    test.push(line)
    const [, not, says] = /^(not )?ok \d+ - (.*)$/.exec(line) ?? []
    if (says === undefined) continue
    if (not !== undefined) {
      count.failed++
      console.log(test.join('\n'))
    } else if (/ # SKIP\b/.test(says)) count.skipped++
    else count.passed++
  }
  return ended
}

async function runAll (patterns: readonly string[]): Promise<void> {
  const startedAtMs = performance.now()
  const files: string[] = []
  for (const pattern of patterns) for await (const file of glob(pattern)) files.push(file)
  files.sort()
  const shares = Math.max(1, Math.min(availableParallelism(), maxProcesses, files.length))
  const count: Count = { passed: 0, failed: 0, skipped: 0 }
  const filesOf = (share: number): string[] => files.filter((_file, index) => index % shares === share)
  const good = await Promise.all(Array.from({ length: shares }, (_, share) => watchShare(share, filesOf(share), count)))
  // A process that fails without a test that does: it ended in the middle.
  if (good.includes(false) && count.failed === 0) count.failed++
  const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : ''
  console.log(`${files.length} files in ${((performance.now() - startedAtMs) / 1_000).toFixed(1)} s, with ${shares} processes`)
  console.log(`${count.passed} passed, ${count.failed} failed${skipped}`)
  if (count.failed > 0 || files.length === 0) process.exitCode = 1
}

if (process.argv[2] === '--share') await runShare(JSON.parse(process.env[filesVariable] ?? '[]') as string[])
else await runAll(process.argv.slice(2))
