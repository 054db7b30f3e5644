// The package as it is published: built by tsc, installed elsewhere, used by plain JavaScript and by TypeScript.
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { freePort } from '../support/free-port.ts'
import { httpRegistry } from './http-registry.ts'
import { repository, runChild } from '../support/processes.ts'

const execute = promisify(execFile)
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')

const consumer = `
import { isRollcallError, Rollcall } from '@rollcall/client'
import { createTestRegistry } from '@rollcall/client/testing'

await using rollcall = new Rollcall()
await rollcall.register({ service: 'orders', id: 'o-1', ports: { http: 8080 } })
console.log((await rollcall.resolve('orders')).url())
for await (const event of rollcall.watch({ service: 'orders' })) {
  console.log(event.type)
  break
}
await rollcall.resolve('nobody').catch((error) => console.log(isRollcallError(error) && error.code))

const registry = createTestRegistry()
registry.register('shop', 'payments', 'p-1', { address: '10.0.0.1', ports: [{ port: 80 }] })
await using fake = new Rollcall(registry.options)
console.log((await fake.resolve('payments.shop')).url('https'))
`

const strict = {
  module: 'nodenext', target: 'es2024', lib: ['es2024', 'esnext.disposable'], strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true,
  noEmit: true, types: ['node'], typeRoots: [join(repository, 'node_modules/@types')]
}

t.test('the package as the README says to install it runs on plain node, and its types fit', async (t) => {
  const directory = t.testdir({})
  // npm pack builds it; the cache and the registry of npm have no part in it.
  const npm = ['--offline', '--no-audit', '--no-fund', '--loglevel=error']
  await execute(
    'npm', ['pack', '--workspace', 'client-sdk', '--pack-destination', directory, ...npm], { cwd: repository }
  )
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }')
  await execute('npm', ['install', './rollcall-client-0.1.0.tgz', ...npm], { cwd: directory })
  await writeFile(join(directory, 'consumer.mjs'), consumer)
  await writeFile(join(directory, 'consumer.ts'), consumer)
  const snippets = await readmeSnippets()
  for (const [name, text] of snippets) await writeFile(join(directory, name), text)
  await writeFile(
    join(directory, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: strict, files: ['consumer.ts', ...snippets.keys()] })
  )
  const server = await httpRegistry()
  t.teardown(server.close)

  t.test('JavaScript', async (t) => {
    // The condition of this repository must not help: it is not set there.
    const { stdout, stderr } = await execute(process.execPath, ['consumer.mjs'], {
      cwd: directory, env: { ...process.env, NODE_OPTIONS: '', ROLLCALL_ADDRESS: server.address }
    })
    t.strictSame(stdout.trim().split('\n'), ['http://127.0.0.1:8080', 'snapshot', 'REGISTRY_NO_ENDPOINT', 'https://10.0.0.1:80'])
    t.equal(stderr, '')
    t.strictSame(server.registry.instances, [], 'await using has deregistered it')
  })

  t.test('TypeScript, and every snippet of the READMEs, under strict', async (t) => {
    t.ok(snippets.size >= 7)
    const faults = await execute(process.execPath, [tsc, '-p', directory], { cwd: directory }).then(
      () => '', ({ stdout }: { stdout: string }) => stdout
    )
    t.equal(faults, '')
  })

  t.test('the first example of the README prints what stands there', async (t) => {
    const readme = await readFile(join(repository, 'client-sdk/README.md'), 'utf8')
    const [example = ''] = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code)
    const port = String(await freePort())
    await writeFile(join(directory, 'hello.mjs'), example.replaceAll('8080', port))
    const { stdout } = await execute(
      process.execPath, ['hello.mjs'],
      { cwd: directory, env: { ...process.env, NODE_OPTIONS: '', ROLLCALL_ADDRESS: server.address } }
    )
    const shown = /\$ node hello\.mjs\n {4}(.*)\n/.exec(readme)?.[1]
    t.equal(stdout.trim(), shown?.replace('8080', port))
  })
})

/** What the snippets use and somebody else has made. */
const prelude = `
import { Rollcall } from '@rollcall/client'
declare const rollcall: Rollcall
declare const database: { ping (): Promise<boolean> }
declare const signal: AbortSignal
`

/** Each js block of the SDK's README, and those of the first README that use the SDK, as modules of their own. */
async function readmeSnippets (): Promise<Map<string, string>> {
  const snippets = new Map<string, string>()
  for (const [page, path] of [['sdk', 'client-sdk/README.md'], ['first', 'README.md']] as const) {
    const text = await readFile(join(repository, path), 'utf8')
    for (const [, code = ''] of text.matchAll(/```js\n([\s\S]*?)```/g)) {
      const own = /const rollcall\b/.test(code) // brings its own client
      const head = own ? (
        code.includes("from '@rollcall/client'") ? '' : "import { Rollcall } from '@rollcall/client'\n"
      ) : prelude
      snippets.set(`snippet-${page}-${snippets.size}.ts`, `${head}${code}\nexport {}\n`)
    }
  }
  return snippets
}

t.test('the package has no dependency, and its README and licence are published', async (t) => {
  const manifest = JSON.parse(await readFile(join(repository, 'client-sdk/package.json'), 'utf8'))
  t.notOk('dependencies' in manifest)
  for (const file of ['README.md', 'LICENSE']) {
    t.ok(manifest.files.includes(file))
    t.ok((await readFile(join(repository, 'client-sdk', file), 'utf8')).length > 0)
  }
})

t.test('the README lists every code and every option', async (t) => {
  const readme = await readFile(join(repository, 'client-sdk/README.md'), 'utf8')
  const codes = (await readFile(join(repository, 'client-sdk/src/errors.ts'), 'utf8')).match(/'REGISTRY_[A-Z_]+'/g) ?? []
  for (const code of new Set(codes)) t.match(readme, code.slice(1, -1))
  const optionsOf = (source: string, type: string): string[] => {
    const body = new RegExp(`interface ${type}[^{]*\\{([\\s\\S]*?)\\n\\}`).exec(source)?.[1] ?? ''
    return [...body.matchAll(/readonly (\w+)\??:/g)].map(([, name]) => name ?? '')
  }
  const names = [
    ...optionsOf(await readFile(join(repository, 'client-sdk/src/options.ts'), 'utf8'), 'RollcallOptions'),
    ...optionsOf(await readFile(join(repository, 'client-sdk/src/registration-body.ts'), 'utf8'), 'RegisterOptions')
  ]
  t.ok(names.length > 25)
  for (const name of names) t.ok(readme.includes(`\`${name}\``), name)
})

t.test('the examples of deploy/ runChild: checkout hears from every copy of orders', async (t) => {
  const server = await httpRegistry()
  t.teardown(server.close)
  const environment = { ROLLCALL_ADDRESS: server.address, PORT: '0' }
  const copies = [runChild(['deploy/examples/orders/main.ts'], environment), runChild(['deploy/examples/orders/main.ts'], environment)]
  await Promise.all(copies.map((copy) => copy.line(/registered/)))
  t.match(server.registry.instances, [{ namespace: 'shop', service: 'orders', ports: [{ name: 'http' }] }, { service: 'orders' }])
  const ids = server.registry.instances.map(({ id }) => id)
  const checkout = runChild(['deploy/examples/checkout/main.ts'], { ...environment, CALLS: '4', INTERVAL_MS: '1' })
  t.match(await checkout.ended, { code: 0 })
  for (const id of ids) t.equal(checkout.lines.filter((line) => line.includes(id)).length, 2)
  for (const copy of copies) copy.process.kill('SIGTERM')
  for (const copy of copies) t.match(await copy.ended, { code: 0 })
  t.strictSame(server.registry.instances, [])
  t.equal(copies.map((copy) => copy.errors()).join('') + checkout.errors(), '')
})

t.test('checkout goes on while there are no orders, and ends at once when it is told to', async (t) => {
  const server = await httpRegistry()
  t.teardown(server.close)
  const checkout = runChild(['deploy/examples/checkout/main.ts'], { ROLLCALL_ADDRESS: server.address, INTERVAL_MS: '1' })
  await checkout.line(/REGISTRY_NO_ENDPOINT/)
  checkout.process.kill('SIGTERM')
  t.match(await checkout.ended, { code: 0 })
})
