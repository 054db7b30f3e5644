// The commands with https addresses: --ca, --cert and --key, and what a person is told when TLS fails.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, relative } from 'node:path'
import t from 'tap'
import { run } from '../../server/cli/run.ts'
import { processTerminal, type Terminal } from '../../server/cli/terminal.ts'
import { authority } from '../support/certificate.ts'
import { build } from '../support/world.ts'

const ours = authority()
const server = ours.issue()
const mine = ours.issue({ name: 'ann' })

const { privateFile } = processTerminal()
const keeper = privateFile === undefined ? {} : { privateFile }

/** Runs a command on the real network. */
async function rollcall (
  argv: readonly string[], env: Record<string, string> = {}, signal = new AbortController().signal, told: (line: string) => void = () => undefined
) {
  const out: string[] = []
  const err: string[] = []
  const terminal: Terminal = {
    env, hostname: hostname(), user: 'ann', colours: false, now: Date.now, signal, ...keeper, readFile: () => 'rc_token', readDirectory: () => undefined,
    readInput: async () => '',
    out: (text) => { out.push(text); told(text) },
    err: (text) => { err.push(text); told(text) }
  }
  return { exitCode: await run(argv, terminal), out: out.join('\n'), err: err.join('\n') }
}

t.test('commands speak TLS with a CA and a certificate, by flag and by environment', async (t) => {
  const directory = t.testdir({ 'ca.pem': ours.cert, 'cert.pem': mine.cert, 'key.pem': mine.key, 'other.pem': authority('Another').cert })
  const [ca, cert, key, other] = ['ca.pem', 'cert.pem', 'key.pem', 'other.pem'].map((name) => join(directory, name)) as [string, string, string, string]
  const world = await build(t)
  const [address = ''] = await world.http.listen({ host: '127.0.0.1', port: 0, tls: { ...server, ca: ours.cert, clientCert: 'require' } })
  await world.register('default/orders/o-1')
  const tls = ['--ca', ca, '--cert', cert, '--key', key]

  t.match(await rollcall(['get', 'instances', '--address', address, ...tls]), { exitCode: 0, out: /o-1/ })
  const env = { ROLLCALL_ADDRESS: address, ROLLCALL_CA: ca, ROLLCALL_CERT: cert, ROLLCALL_KEY: key }
  t.match(await rollcall(['get', 'instances'], env), { exitCode: 0, out: /o-1/ })
  t.match(await rollcall(['register', 'orders', '--id', 'o-2', '--address', '10.0.0.2', '--port', '80', '--registry', address, ...tls]), { exitCode: 0 })
  t.equal(world.registry.catalog.size, 2)

  const controller = new AbortController()
  const seen: string[] = []
  const watching = rollcall(['watch', 'orders'], env, controller.signal, (line) => {
    seen.push(line)
    if (seen.some((each) => each.includes('o-2'))) controller.abort()
  })
  t.match((await watching).out, /o-1/, 'the watch too')

  const file = join(directory, 'saved.db')
  t.match(await rollcall(['backup', file], env), { exitCode: 0 })
  t.ok(existsSync(file), 'and a backup')

  t.match(await rollcall(['get', 'instances'], { ...env, ROLLCALL_CA: other }), { exitCode: 3, err: /its certificate is of a CA that is not trusted here: name the file of that CA with ca \(--ca, ROLLCALL_CA\)/ })
  t.match(await rollcall(['backup', file], { ...env, ROLLCALL_CA: other }), { exitCode: 3, err: /of a CA that is not trusted here/ })
  t.match(await rollcall(['get', 'instances'], { ROLLCALL_ADDRESS: address }), { exitCode: 3, err: /not trusted here/ })
  t.match(await rollcall(['get', 'instances'], { ROLLCALL_ADDRESS: address, ROLLCALL_CA: ca }), { exitCode: 1, err: /takes only clients that show a certificate.*REG_CERTIFICATE_REFUSED/ })
  t.match(await rollcall(['get', 'instances'], { ROLLCALL_ADDRESS: address.replace('https', 'http') }), { exitCode: 1, err: /ask with https:.*REG_TLS_REQUIRED/ })
  const plain = (await world.listen()).url
  t.match(await rollcall(['get', 'instances', '--address', plain.replace('http', 'https'), '--ca', ca]), { exitCode: 3, err: /it speaks no TLS there/ })

  t.match(await rollcall(['get', 'instances', '--address', plain, '--ca', ca]), { exitCode: 2, err: /--ca is for https addresses/ })
  t.match(await rollcall(['get', 'instances'], { ROLLCALL_ADDRESS: plain, ROLLCALL_CA: ca }), { exitCode: 0 }, 'the environment is for whom it concerns')
  t.match(await rollcall(['get', 'instances', '--address', address, '--ca', join(directory, 'none')]), { exitCode: 2, err: /ca must be a PEM text, or name a file that can be read \(ENOENT\)/ })
  t.match(await rollcall(['get', 'instances', '--address', address, '--cert', cert]), { exitCode: 2, err: /cert needs key too/ })
  const shown = await rollcall(['get', 'instances', '--address', address, `--key=${mine.key}`])
  t.match(shown, { exitCode: 2, err: /--key must name a file/ })
  t.notOk(shown.err.includes(mine.key.slice(60, 90)))
  writeFileSync(ca, 'none')
  t.match(await rollcall(['get', 'instances'], env), { exitCode: 2, err: /ca must hold one or several certificates/ })
})

t.test('a context keeps where the files for https are, and they are for its addresses alone', async (t) => {
  const home = t.testdir({ 'ca.pem': ours.cert, 'cert.pem': mine.cert, 'key.pem': mine.key })
  const world = await build(t)
  const [address = ''] = await world.http.listen({ host: '127.0.0.1', port: 0, tls: { ...server, ca: ours.cert, clientCert: 'require' } })
  await world.register('default/orders/o-1')
  const tls = ['--ca', relative(process.cwd(), join(home, 'ca.pem')), '--cert', join(home, 'cert.pem'), '--key', join(home, 'key.pem')]
  const env = { HOME: home }
  const kept = (): { contexts: Record<string, Record<string, string>> } => JSON.parse(readFileSync(join(home, '.config/rollcall/contexts.json'), 'utf8'))

  t.match(await rollcall(['context', 'add', 'team', '--address', address, ...tls], env), { exitCode: 0 })
  t.match(kept().contexts['team'], { address, ca: join(home, 'ca.pem'), cert: join(home, 'cert.pem'), key: join(home, 'key.pem') })
  t.match(await rollcall(['get', 'instances'], env), { exitCode: 0, out: /o-1/ })
  t.match(await rollcall(['get', 'instances', '--address', address], env), { exitCode: 3, err: /not trusted here/ }, 'another address than the one of the context')
  t.match(await rollcall(['login', '--context', 'mine', '--address', address, '--token-file', 'x', ...tls], env), { exitCode: 0 })
  t.match(kept().contexts['mine'], { token: 'rc_token', ca: join(home, 'ca.pem') })
  t.match(await rollcall(['get', 'instances'], env), { exitCode: 0, out: /o-1/ })

  const plain = (await world.listen()).url
  t.match(await rollcall(['context', 'add', 'plain', '--address', plain, ...tls], env), { exitCode: 2, err: /--ca is for https addresses/ })
  t.match(await rollcall(['context', 'add', 'plain', '--address', plain], { ...env, ROLLCALL_CA: join(home, 'ca.pem') }), { exitCode: 0 })
  t.strictSame(kept().contexts['plain'], { address: plain })
})
