// Tokens, contexts and rights at the command line, against a registry with access control, from the first command on.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync, chmodSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { run } from '../../server/cli/run.ts'
import { processTerminal } from '../../server/cli/terminal.ts'
import { build, type HttpWorld } from '../support/world.ts'
import type { Ran } from './helper.ts'

interface Desk {
  readonly world: HttpWorld
  readonly url: string
  readonly home: string
  /** @param env beside HOME and, unless it is given, the address */
  readonly rollcall: (argv: readonly string[], env?: Record<string, string>, input?: string) => Promise<Ran>
}

async function desk (t: Test): Promise<Desk> {
  const home = mkdtempSync(join(tmpdir(), 'rollcall-access-'))
  t.teardown(() => rmSync(home, { recursive: true, force: true }))
  const rollcall = async (argv: readonly string[], env: Record<string, string> = {}, input = ''): Promise<Ran> => {
    const out: string[] = []
    const err: string[] = []
    const real = processTerminal()
    const exitCode = await run(argv, {
      ...(real.privateFile === undefined ? {} : { privateFile: real.privateFile }), readFile: real.readFile, readDirectory: real.readDirectory,
      env: { HOME: home, ...env }, hostname: 'machine', user: 'ann', colours: false, now: Date.now, signal: new AbortController().signal,
      readInput: async () => input, out: (text) => { out.push(text) }, err: (text) => { err.push(text) }
    })
    return { exitCode, out, err }
  }
  const file = join(home, 'tokens.yaml')
  const made = await rollcall(['init', '--token-file', file])
  t.equal(made.exitCode, 0, made.err.join('\n'))
  writeFileSync(join(home, 'admin'), `${made.out[0]}\n`, { mode: 0o600 })
  const world = await build(t, { control: { mode: 'on', tokenFile: file } })
  return { world, url: (await world.listen()).url, home, rollcall }
}

t.test('from the first token to a team: every step as typed', async (t) => {
  const { rollcall, url, home } = await desk(t)
  const file = join(home, 'tokens.yaml')
  t.equal(statSync(file).mode & 0o777, 0o600)
  const admin = readFileSync(join(home, 'admin'), 'utf8').trim()
  t.match(admin, /^rc_[\w-]{43}$/)
  t.notMatch(readFileSync(file, 'utf8'), admin, 'the file has the hash, not the token')
  t.match(await rollcall(['init', '--token-file', file]), { exitCode: 1, err: [/is there already: it is not touched/] })

  t.match(await rollcall(['login', '--address', url, '--context', 'team'], {}, `${admin}\n`), { exitCode: 0, out: ['logged in as token:admin'] })
  const kept = join(home, '.config/rollcall/contexts.json')
  t.equal(statSync(kept).mode & 0o777, 0o600)
  t.match(await rollcall(['context', 'list']), { out: [/CURRENT/, /\* +team +http/] })
  t.notMatch((await rollcall(['context', 'list'])).out.join(), admin)
  t.match(await rollcall(['whoami']), { out: ['token:admin', /access control is on/, /by token [0-9a-f]{12}/] }, 'the context is in use')

  const created = await rollcall(['token', 'create', 'shop-orders', '--role', 'agent', '-n', 'shop', '--service', 'orders', '--address-range', '10.0.0.0/8', '--expires', '1d'])
  const agent = created.out[0] ?? ''
  t.match(agent, /^rc_[\w-]{43}$/, 'the token alone is on standard output')
  t.match(await rollcall(['token', 'list']), { out: [/NAME/, /admin +[0-9a-f]{12} +file +admin/, /shop-orders +[0-9a-f]{12} +store +agent in shop of orders at 10\.0\.0\.0\/8/] })
  const env = { ROLLCALL_ADDRESS: url, ROLLCALL_TOKEN: agent }
  t.match(await rollcall(['can-i', 'register', 'shop', 'orders'], env), { exitCode: 0, out: [/^yes: token [0-9a-f]{12} permits it$/] })
  t.match(await rollcall(['can-i', 'register', 'shop', 'pay'], env), { exitCode: 1, out: [/^no: token:shop-orders may not: none of token [0-9a-f]{12} says so$/] })
  t.match(await rollcall(['register', 'orders', '--id', 'o1', '-n', 'shop', '--address', '10.0.0.7', '--port', '80'], env), { exitCode: 0 })
  t.match(await rollcall(['register', 'pay', '-n', 'shop', '--address', '10.0.0.7', '--port', '80'], env), { exitCode: 1, err: [/token:shop-orders has no right to "register" on service "pay" in namespace "shop".*REG_FORBIDDEN/] })
  t.match(await rollcall(['get', 'instances', '-A'], { ROLLCALL_ADDRESS: url }), { exitCode: 1, err: [/needs a token.*REG_UNAUTHENTICATED/] })

  const policy = join(home, 'policy.yaml')
  writeFileSync(policy, 'apiVersion: rollcall.dev/v1\nkind: Policy\nmetadata: { name: shop-readers }\nspec: { subjects: ["token:shop-*"], rules: [{ role: reader, namespaces: [shop] }] }\n')
  t.match(await rollcall(['apply', '-f', policy]), { exitCode: 0, out: [/policy\/shop-readers created/] })
  t.match(await rollcall(['get', 'policies']), { out: [/NAME +SUBJECTS +RULES/, /shop-readers +token:shop-\* +reader in shop/] })
  t.match(await rollcall(['get', 'policy', 'shop-readers', '-o', 'yaml']), { out: [/apiVersion: rollcall.dev\/v1/] })
  t.match(await rollcall(['can-i', 'read', 'shop', 'pay'], env), { exitCode: 0, out: ['yes: policy shop-readers permits it'] })
  t.match(await rollcall(['apply', '-f', policy], env), { exitCode: 1, err: [/no right to "admin"/] })
  t.match(await rollcall(['delete', 'policy', 'shop-readers']), { exitCode: 0 })
  t.match(await rollcall(['token', 'revoke', 'shop-orders']), { out: [/token [0-9a-f]{12} of token:shop-orders is revoked/] })
  t.match(await rollcall(['whoami'], env), { exitCode: 1, err: [/revoked.*REG_UNAUTHENTICATED/] })
  t.match(await rollcall(['token', 'revoke', 'shop-orders']), { exitCode: 1, err: [/REG_TOKEN_NOT_FOUND/] })
})

t.test('the token of a context goes to its own address and to no other', async (t) => {
  const { rollcall, url, home } = await desk(t)
  await rollcall(['login', '--address', url], {}, readFileSync(join(home, 'admin'), 'utf8'))
  t.match(await rollcall(['whoami', '--address', url]), { out: ['anonymous', /./, /nothing permits/] }, 'another address may be anybody\'s, and so may this one')
  t.match(await rollcall(['whoami'], { ROLLCALL_ADDRESS: url }), { out: ['anonymous', /./, /./] })
  t.match(await rollcall(['context', 'add', 'file', '--address', url, '--token-file', join(home, 'admin'), '-n', 'pay']), { exitCode: 0 })
  t.match(await rollcall(['context', 'use', 'file']), { exitCode: 0 })
  t.match(await rollcall(['whoami']), { out: ['token:admin', /./, /./] })
  t.match(await rollcall(['context', 'remove', 'file']), { exitCode: 0 })
  t.match(await rollcall(['context', 'use', 'file']), { exitCode: 2, err: [/there is no context "file"/, /./] })
  chmodSync(join(home, '.config/rollcall/contexts.json'), 0o644)
  t.match(await rollcall(['context', 'list']), { exitCode: 2, err: [/may be read by others: make its mode 600/, /./] })
  chmodSync(join(home, '.config/rollcall/contexts.json'), 0o600)
  writeFileSync(join(home, '.config/rollcall/contexts.json'), '[]')
  t.match(await rollcall(['context', 'list']), { exitCode: 2, err: [/is not a file of contexts/, /./] })
})

t.test('what is wrong on the command line is said before anybody is asked', async (t) => {
  const { rollcall } = await desk(t)
  for (const [argv, why] of [
    [['token'], /create, list or revoke/], [['token', 'create'], /NAME is missing/], [['token', 'create', 'A'], /1-63 of a-z/],
    [['token', 'create', 'a', '--role', 'king'], /--role must be one of/], [['token', 'create', 'a', '--verb', 'rule'], /--verb must be one of/],
    [['token', 'create', 'a', '-n', 'shop'], /--role or --verb is missing/], [['token', 'create', 'a', '--role', 'agent', '--verb', 'read'], /exclude each other/],
    [['can-i'], /VERB is missing/], [['can-i', 'rule'], /VERB must be one of/], [['context', 'add', 'x'], /--address is missing/], [['context', 'add', '-x'], /./],
    [['login', '--address', 'ftp://x'], /must be an http or https URL/]
  ] as const) t.match(await rollcall(argv), { exitCode: 2, err: [why] }, argv.join(' '))
})

t.test('who may not read the agents of machines applies, describes and lists all the same, and is told that he does not see them', async (t) => {
  const { rollcall, url, home } = await desk(t)
  const admin = { ROLLCALL_ADDRESS: url, ROLLCALL_TOKEN: readFileSync(join(home, 'admin'), 'utf8').trim() }
  const created = await rollcall(['token', 'create', 'shop', '--verb', 'declare', '--verb', 'read', '-n', 'shop'], admin)
  const env = { ROLLCALL_ADDRESS: url, ROLLCALL_TOKEN: created.out[0] ?? '' }
  const file = join(home, 'front.yaml')
  writeFileSync(file, 'apiVersion: v1\nkind: Service\nmetadata: { name: front, namespace: shop }\nspec: { type: LoadBalancer, loadBalancerIP: 192.0.2.7, selector: { app: a }, ports: [{ port: 80 }] }\n')
  t.match(await rollcall(['apply', '-f', file], env), { exitCode: 0, out: [/service\/front created/] })
  t.match((await rollcall(['describe', 'service', 'front', '-n', 'shop'], env)).out.join('\n'), /unknown, without the right to read proxy in rollcall-system/)
  t.match(await rollcall(['get', 'services', '-n', 'shop', '-o', 'wide'], env), { exitCode: 0, out: [/^NAME/, /^front.*<unknown>/] })
  t.match(await rollcall(['get', 'service', 'front', '-n', 'shop', '-o', 'wide'], env), { exitCode: 0, out: [/^NAME/, /<unknown>/] })
  t.match((await rollcall(['status'], env)).out.join('\n'), /Agents: +unknown, without the right/)
  t.match(await rollcall(['get', 'proxies'], env), { exitCode: 1, err: [/no right to "read" on service "proxy"/] })
  t.match((await rollcall(['apply', '-f', file, '--dry-run'], admin)).exitCode, 0)
})
