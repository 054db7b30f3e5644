// What a command loads: a start costs what it loads, so that modules are counted and not milliseconds.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { temporaryDirectory } from '../support/closable.ts'
import { call, repository, runChild } from '../support/processes.ts'

/** Appends the URL of each module to a file as it is loaded: a pipe might be full. */
const reporter = (file: string): string => `data:text/javascript,${encodeURIComponent(`
  import { appendFileSync } from 'node:fs'
  import { registerHooks } from 'node:module'
  registerHooks({ load (url, context, next) { appendFileSync(${JSON.stringify(file)}, url + '\\n'); return next(url, context) } })
`)}`

/** The modules that were loaded: ours from the repository on, those of packages from the name of the package on. */
function modules (file: string): string[] {
  return Array.from(readFileSync(file, 'utf8').matchAll(/^file:\/\/(\S+)$/gm), ([, path = '']) =>
    path.includes('/node_modules/') ? path.slice(path.lastIndexOf('/node_modules/') + 1) : path.slice(repository.length))
}

/** What a command loads, without a registry: port 1 is one that no client connects to. */
async function loaded (t: Test, ...args: string[]): Promise<string[]> {
  const file = join(await temporaryDirectory(t), 'loaded')
  const child = runChild(['--import', reporter(file), 'bin/rollcall.js', ...args], { ROLLCALL_ADDRESS: 'http://127.0.0.1:1' })
  t.not((await child.ended).code, null)
  return modules(file)
}

const rooms = (paths: readonly string[]): string[] =>
  [...new Set(paths.map((path) => /^(?:server\/[^/]*|[^/]*(?:\/@[^/]*)?\/[^/]*)/.exec(path)?.[0] ?? path))].sort()
const commands = (paths: readonly string[]): string[] =>
  paths.filter((path) => /^server\/cli\/(?:apply|backup|completion|describe|drain|expose|get|register|resolve|status|version|watch)\.ts$/.test(path))

t.test('a command loads itself and the SDK, and neither another command nor a part of the server', async (t) => {
  for (const [args, file] of [
    [['get', 'services'], 'get'], [['describe', 'service', 'orders'], 'describe'], [['status'], 'status'], [['resolve', 'orders'], 'resolve'],
    [['register', 'orders', '--port', '80'], 'register'], [['drain', 'orders/a'], 'drain'], [['label', 'orders/a', 'x=y'], 'expose'],
    [['heartbeat', 'orders/a'], 'register'], [['delete', 'service', 'orders'], 'apply']
  ] as const) {
    const paths = await loaded(t, ...args)
    t.same(commands(paths), [`server/cli/${file}.ts`], args.join(' '))
    t.ok(paths.includes('client-sdk/src/client.ts'), args.join(' '))
    t.same(rooms(paths).filter((room) => !/^(?:bin\/|client-sdk\/src$|server\/(?:cli|config|main\.ts|model|yaml-text\.ts)$)/.test(room)), [], args.join(' '))
    t.ok(paths.length < 104, `${args.join(' ')}: ${paths.length} modules`)
  }
})

t.test('what talks to no registry loads no SDK: the version, a help, a mistake', async (t) => {
  for (const args of [['version'], ['get', '--help'], ['get', 'services', '--nonsense'], ['gte']]) {
    const paths = await loaded(t, ...args)
    t.notOk(paths.includes('client-sdk/src/client.ts'), args.join(' '))
    t.ok(commands(paths).length <= 1, args.join(' '))
    t.same(paths.filter((path) => path.startsWith('node_modules/')), [], args.join(' '))
  }
})

t.test('a server on SQLite loads no client of Redis, and the page of the documentation when somebody asks for it', async (t) => {
  const directory = await temporaryDirectory(t)
  const file = join(directory, 'loaded')
  const child = runChild(['--import', reporter(file), 'bin/rollcall.js', 'serve', '--http', '127.0.0.1:0', '--dns', 'off', '--data', join(directory, 'data')])
  t.teardown(() => child.process.kill('SIGKILL'))
  const { http } = JSON.parse(await child.line(/"msg":"ready"/)) as { http: string }
  await call('GET', `${http}/v1/services`)
  const isOfPage = (path: string): boolean => path.startsWith('node_modules/@fastify/swagger-ui/')
  const before = modules(file)
  t.ok(before.includes('server/store/sqlite/sqlite-store.ts'))
  t.same(before.filter((path) => /^node_modules\/ioredis\/|^server\/store\/redis\/redis-store/.test(path) || isOfPage(path)), [])
  const page = await fetch(`${http}/docs/`)
  t.equal(page.status, 200)
  t.match(await page.text(), /swagger-ui/)
  t.ok(modules(file).some(isOfPage))
  child.process.kill('SIGTERM')
  t.equal((await child.ended).code, 0)
})
