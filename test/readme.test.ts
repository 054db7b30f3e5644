// What the first pages say is what happens: each command of the READMEs is run against a registry that has just begun,
// and what it prints is compared; each snippet is type-checked under strict TypeScript; each example of the command
// line is run.
import { execFile, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync,
  writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import ts from 'typescript'
import { allCommands } from '../server/cli/commands.ts'
import { run } from '../server/cli/run.ts'
import { build } from './support/world.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

interface Step {
  readonly command: string
  readonly prints: readonly string[]
}

/** The commands behind `$ ` of a console block, each with the lines below it. */
function stepsOf (block: string): Step[] {
  const steps: { command: string, prints: string[] }[] = []
  let goesOn = false
  for (const line of block.split('\n')) {
    const last = steps.at(-1)
    if (goesOn && last !== undefined) last.command += `\n${line}`
    else if (line.startsWith('$ ')) steps.push({ command: line.slice(2), prints: [] })
    else if (line !== '') last?.prints.push(line)
    goesOn = (goesOn || line.startsWith('$ ')) && line.endsWith('\\')
  }
  return steps
}

const blocks =
  (text: string, language: string): string[] =>
    Array.from(text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)\n\`\`\`$`, 'gms')), (match) => match[1] ?? '')

/** What is another value each time: allocated addresses and ports, ages, lives. */
function usual (line: string): string {
  return line.trim().replaceAll(/ {2,}/g, ' ')
    .replaceAll(/\b10\.(?:9[6-9]|10\d|11[01])\.\d+\.\d+/g,
      (address) => (address === '10.100.100.100' ? address : 'CLUSTER-IP'))
    .replaceAll(/:3\d{4}\//g, (port) => (port === ':30200/' ? port : ':NODE-PORT/')).replaceAll(/ \d+s /g, ' AGE ')
    .replace(/"generation":"[\w-]+"/, '"generation":"LIFE"')
}

/** `...` stands for anything in a line, and on a line of its own for any lines. */
function fits (expected: readonly string[], actual: readonly string[]): boolean {
  const pattern =
    expected.map((line) =>
      (line === '...' ? '(?:.*\n)*'
        : `${usual(line).split('...').map((part) => part.trim().replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')}\n`)).join('')
  return new RegExp(`^${pattern}$`).test(actual.map((line) => `${usual(line)}\n`).join(''))
}

function directory (t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'rollcall-readme-'))
  t.teardown(() => { rmSync(path, { recursive: true, force: true }) })
  return path
}

interface Running {
  readonly http: string
  readonly dnsPort: string
}

/** A registry as `npm start` begins it, on free ports, with new data. */
async function registry (t: Test): Promise<Running> {
  const child =
    spawn(process.execPath,
      [join(root, 'bin/rollcall.js'), 'serve', '--http', '127.0.0.1:0', '--dns', '127.0.0.1:0', '--data',
        join(directory(t), 'data')], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(async () => {
    child.kill('SIGTERM')
    await once(child, 'close')
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const { msg, http, dns } = JSON.parse(line) as { msg: string, http: string, dns: string }
    if (msg === 'ready') return { http: new URL(http).host, dnsPort: dns.slice(dns.lastIndexOf(':') + 1) }
  }
  throw new Error('it ended before it was ready')
}

/** Runs a line of the page in the repository. */
async function shell (command: string, { http, dnsPort }: Running, cwd: string,
  path: string): Promise<{ code: number, lines: string[] }> {
  const line = command.replaceAll('127.0.0.1:7500', http).replaceAll('-p 7553', `-p ${dnsPort}`).replace(/^curl /,
    'curl --silent --show-error ')
  const env = { ...process.env, ROLLCALL_ADDRESS: `http://${http}`, PATH: `${path}:${process.env['PATH'] ?? ''}`,
    NODE_OPTIONS: '--conditions=rollcall-source' }
  return await new Promise((resolve) => {
    execFile('bash', ['-c', `exec 2>&1; ${line}`], { cwd, env }, (error, stdout) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0,
        lines: stdout.split('\n').filter((text) => text !== '') })
    })
  })
}

/** Programs under the names that the pages use, without npm in between. */
function programs (t: Test): string {
  const path = directory(t)
  writeFileSync(join(path, 'npx'),
    `#!/bin/sh\nname=$1\nshift\n[ "$name" != node ] || exec "${process.execPath}" "$@"\nexec "${process.execPath}" "${join(root, 'bin/rollcall.js')}" "$@"\n`)
  writeFileSync(join(path, 'node'), `#!/bin/sh\nexec "${process.execPath}" "$@"\n`)
  for (const name of ['npx', 'node']) chmodSync(join(path, name), 0o755)
  return path
}

t.test('each command of the README prints what the README shows', async (t) => {
  const running = await registry(t)
  const path = programs(t)
  const steps = blocks(read('README.md'), 'console').flatMap(stepsOf)
  t.ok(steps.length >= 8, `${steps.length} commands`)
  for (const { command, prints } of steps) {
    const { code, lines } = await shell(command, running, root, path)
    t.equal(code, 0, command)
    t.ok(fits(prints, lines), `${command}\n--- shown\n${prints.join('\n')}\n--- printed\n${lines.join('\n')}`)
  }
})

t.test('the comparison knows a line that is missing, another one, and one too many', async (t) => {
  const shown = ['a 1s b', '...', 'c ... d']
  t.ok(fits(shown, ['a 7s b', 'x', 'y', 'c z d']))
  for (const other of [['a 7s b', 'x'], ['b 7s b', 'c z d'], ['a 7s b', 'c z e'], ['a 7s b', 'c d', 'more'],
    []]) t.notOk(fits(shown, other), other.join('|'))
})

t.test('the first program of the SDK prints what its page shows', async (t) => {
  const running = await registry(t)
  const page = read('client-sdk/README.md')
  const source = blocks(page, 'js').find((text) => text.startsWith('// hello.mjs')) ?? ''
  const [, shown = ''] = /\$ node hello\.mjs\n {4}(.*)\n/.exec(page) ?? []
  const port = await freePort()
  const project = directory(t)
  mkdirSync(join(project, 'node_modules/@rollcall'), { recursive: true })
  symlinkSync(join(root, 'client-sdk'), join(project, 'node_modules/@rollcall/client'))
  writeFileSync(join(project, 'hello.mjs'), source.replaceAll('8080', String(port)))
  const { code, lines } = await shell('node hello.mjs', running, project, programs(t))
  t.same([code, lines], [0, [shown.replace('8080', String(port))]])
})

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

t.test('each request of the reference pages is answered', async (t) => {
  const running = await registry(t)
  const path = programs(t)
  const project = directory(t)
  writeFileSync(join(project, 'services.yaml'),
    'apiVersion: v1\nkind: Service\nmetadata: {name: webui}\nspec: {ports: [{port: 80}]}\n')
  let requests = 0
  for (const file of readdirSync(join(root, 'docs/reference')).filter((name) => name.endsWith('.md'))) {
    for (const [command] of read(`docs/reference/${file}`).matchAll(/^ {4}curl (?:.*\\\n)*.*$/gm)) {
      // one that does not end, and one for a record that a test cannot have
      if (/unreadable\/|text\/event-stream/.test(command)) continue
      requests++
      const { code, lines } =
        await shell(command.trim().replace('curl ', 'curl --fail-with-body '), running, project, path)
      t.equal(code, 0, `${command}: ${lines.join(' ')}`)
    }
  }
  t.ok(requests >= 4, `${requests} requests`)
})

t.test('each example of the command line is one that the command line takes', async (t) => {
  const before = process.cwd()
  process.chdir(directory(t)) // some write files
  t.teardown(() => { process.chdir(before) })
  const world = await build(t)
  const { url } = await world.listen()
  for (const name of ['orders', 'payments', 'web',
    'db']) await world.register(`default/${name}/${name}-1`,
    { address: '10.0.0.1', ports: [{ name: 'http', port: 8080 }] })
  await world.register('shop/orders/orders-1', { address: '10.0.0.2', ports: [{ name: 'http', port: 8080 }] })
  const manifest = 'apiVersion: v1\nkind: Service\nmetadata: {name: made}\nspec: {ports: [{port: 80}]}\n'
  for (const { name, examples } of await allCommands()) {
    // What writes files or keeps contexts (test/cli/access.test.ts), the files of a backup, the agent, which changes
    // the machine that it runs on, and what starts programs (test/autoscaling/) are subjects of tests of their own.
    if (['init', 'login', 'context', 'backup', 'restore', 'kubeconfig', 'proxy', 'autoscaler'].includes(name)) continue
    for (const [line] of examples) {
      const argv = Array.from((line.split(/ [|<>] ?/)[0] ?? '').matchAll(/"([^"]*)"|(\S+)/g),
        ([, quoted, plain]) => quoted ?? plain ?? '')
      const err: string[] = []
      const code = await run(argv, {
        env: { ROLLCALL_ADDRESS: url }, hostname: 'machine', user: 'ann', colours: false, now: () => world.clock.now(),
        signal: AbortSignal.abort(),
        readFile: () => manifest, readDirectory: (path) => (path.endsWith('/') ? ['a.yaml'] : undefined),
        readInput: async () => manifest, out: () => undefined, err: (text) => { err.push(text) }
      })
      t.ok(code === 0 || code === 1, `rollcall ${line}: ${code}, ${err.join(' ')}`)
    }
  }
})

t.test('each snippet of the pages is right under strict TypeScript', async (t) => {
  const pages =
    ['README.md', 'client-sdk/README.md',
      ...['docs/guides', 'docs/reference'].flatMap((folder) =>
        readdirSync(join(root, folder)).map((file) => `${folder}/${file}`))]
  const snippets =
    pages.filter((file) => file.endsWith('.md')).flatMap((file) =>
      ['js', 'ts', 'javascript', 'typescript'].flatMap((language) =>
        blocks(read(file), language).map((text) => ({ file, text }))))
  t.ok(snippets.length >= 6, `${snippets.length} snippets`)
  const faults =
    faultsOf(snippets.map(({ file, text }, index) => ({ name: `${basename(file, '.md')}-${index}.ts`, text })))
  t.same(faults, [])
  t.match(faultsOf([{ name: 'wrong.ts', text: 'const count: number = rollcall.address' }]), [/wrong\.ts/],
    'a wrong one would be found')
})

/** What stands around a snippet on its page. */
const surroundings = `import type { Endpoint, Instance, Registration, Rollcall as Client } from '@rollcall/client'
declare global {
  const rollcall: Client
  const registration: Registration
  const database: { ping (): Promise<boolean> }
  const signal: AbortSignal
  function processorsInUse (): number
  const queue: readonly string[]
  let list: Map<string, Instance>
  const Rollcall: typeof Client
}
export type { Endpoint }
`

function faultsOf (snippets: readonly { readonly name: string, readonly text: string }[]): string[] {
  const { options } =
    ts.convertCompilerOptionsFromJson((ts.readConfigFile(join(root, 'tsconfig.json'),
      (path) => readFileSync(path, 'utf8')).config as { compilerOptions: object }).compilerOptions, root)
  const files =
    new Map([['surroundings.d.ts', surroundings],
      ...snippets.map(({ name, text }): [string, string] => [name, `${text}\nexport {}\n`])].map(([name, text]) =>
      [join(root, 'test', `readme-${name}`), text]))
  const [host, disk] = [ts.createCompilerHost(options), ts.createCompilerHost(options)]
  host.getSourceFile = (name, ...rest) => {
    const snippet = files.get(name)
    return snippet === undefined ? disk.getSourceFile(name, ...rest)
      : ts.createSourceFile(name, snippet, ts.ScriptTarget.ESNext)
  }
  host.fileExists = (name) => files.has(name) || disk.fileExists(name)
  host.readFile = (name) => files.get(name) ?? disk.readFile(name)
  const strict =
    { ...options, strict: true, noEmit: true, noUnusedLocals: false, noUnusedParameters: false, skipLibCheck: true }
  const program = ts.createProgram([...files.keys()], strict, host)
  return [...files.keys()].flatMap((name) => {
    const file = program.getSourceFile(name)
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map((fault) =>
      `${basename(name)}: ${ts.flattenDiagnosticMessageText(fault.messageText, ' ')}`)
  })
}

t.test('what is run without development packages needs none of them', async (t) => {
  const { dependencies, scripts } =
    JSON.parse(read('package.json')) as { dependencies: Record<string, string>, scripts: Record<string, string> }
  t.match(read('README.md'), /^ {4}npm ci --omit=dev && npm start$/m)
  t.ok(scripts['start'])
  for (const folder of ['server', 'client-sdk/src', 'bin']) {
    for (const file of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.[jt]s$/.test(name))) {
      for (const [, name = ''] of read(join(folder, file))
        .matchAll(/^(?:import|export) (?!type )[^'\n]*from '([^.'][^']*)'|import\('([^.'][^']*)'\)/gm)) {
        const own = name.split('/').slice(0, name.startsWith('@') ? 2 : 1).join('/')
        t.ok(name.startsWith('node:') || name === '' || own in dependencies, `${folder}/${file} imports ${name}`)
      }
    }
  }
})
