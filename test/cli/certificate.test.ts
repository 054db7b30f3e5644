// rollcall certificate: a CA and certificates of it, as files, that a node and its clients work with.
import { X509Certificate } from 'node:crypto'
import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { run } from '../../server/cli/run.ts'
import type { Terminal } from '../../server/cli/terminal.ts'
import { selfSigned } from '../support/certificate.ts'
import { lacking } from '../support/programs.ts'
import { build } from '../support/world.ts'

const execute = promisify(execFile)
const dayMs = 86_400_000

async function rollcall (argv: readonly string[], env: Record<string, string> = {}, now = Date.now()): Promise<{ exitCode: number, out: string, err: string }> {
  const lines: { out: string[], err: string[] } = { out: [], err: [] }
  const terminal: Terminal = {
    env, hostname: 'machine', user: 'ann', colours: false, now: () => now, signal: new AbortController().signal, readFile: () => '', readDirectory: () => undefined,
    readInput: async () => '', out: (text) => { lines.out.push(text) }, err: (text) => { lines.err.push(text) }
  }
  return { exitCode: await run(argv, terminal), out: lines.out.join('\n'), err: lines.err.join('\n') }
}

const read = (path: string): X509Certificate => new X509Certificate(readFileSync(path))

t.test('a CA, a node and a client: the commands speak with the node by them', async (t) => {
  const directory = join(t.testdir(), 'pki')
  const at = (name: string): string => join(directory, name)
  t.match(await rollcall(['certificate', 'ca', '-d', directory]), { exitCode: 0, out: /ca\.pem is the CA/, err: '' })
  t.match(await rollcall(['certificate', 'issue', 'node1', '--host', 'localhost,127.0.0.1', '--host', '*.nodes.example,::1', '-d', directory]), { exitCode: 0, out: /for a node/ })
  t.match(await rollcall(['certificate', 'issue', 'ann', '--uri', 'spiffe://example/ann', '-d', directory]), { exitCode: 0, out: /for a client/ })
  t.same(readdirSync(directory).sort(), ['ann-key.pem', 'ann.pem', 'ca-key.pem', 'ca.pem', 'node1-key.pem', 'node1.pem'])
  for (const name of readdirSync(directory)) t.equal(statSync(at(name)).mode & 0o777, 0o600, name)
  t.equal(statSync(directory).mode & 0o777, 0o700)

  const [ca, node, ann] = [read(at('ca.pem')), read(at('node1.pem')), read(at('ann.pem'))]
  t.ok(ca.ca && ca.verify(ca.publicKey))
  for (const each of [node, ann]) t.ok(!each.ca && each.checkIssued(ca) && each.verify(ca.publicKey))
  for (const host of ['localhost', 'a.nodes.example']) t.ok(node.checkHost(host), host)
  for (const address of ['127.0.0.1', '::1']) t.ok(node.checkIP(address), address)
  t.notOk(node.checkHost('nodes.example'))
  t.match([ann.subject, ann.subjectAltName, node.subject], ['CN=ann', 'URI:spiffe://example/ann', 'CN=node1'])
  t.same([node.keyUsage, ann.keyUsage], [['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'], ['1.3.6.1.5.5.7.3.2']], 'what each may be used for')
  t.ok(Math.abs(node.validToDate.getTime() - Date.now() - 365 * dayMs) < dayMs)
  t.not(node.serialNumber, ann.serialNumber)

  const text = (name: string): string => readFileSync(at(name), 'utf8')
  const world = await build(t)
  const [address = ''] = await world.http.listen({
    host: '127.0.0.1', port: 0, tls: { cert: text('node1.pem'), key: text('node1-key.pem'), ca: text('ca.pem'), clientCert: 'require' }
  })
  const flags = ['--address', address, '--ca', at('ca.pem')]
  t.match(await rollcall(['get', 'services', ...flags, '--cert', at('ann.pem'), '--key', at('ann-key.pem')]), { exitCode: 0 })
  t.match(await rollcall(['get', 'services', ...flags]), { exitCode: 1, err: /REG_CERTIFICATE_REFUSED/ })
})

t.test('init --ca makes the token, a CA and what a small team needs, in one command', async (t) => {
  const directory = join(t.testdir(), 'pki')
  const file = join(t.testdir(), 'tokens.yaml')
  const init = (...flags: readonly string[]): ReturnType<typeof rollcall> => rollcall(['init', '--token-file', file, '-d', directory, ...flags])
  for (const [flags, err] of [
    [[], /--directory goes with --ca/], [['--ca', '--node', 'node1'], /--node must be NAME=HOST,\.\.\., got "node1"/], [['--ca', '--node', 'a=x y'], /host name or an IP address, got "x y"/],
    [['--ca', '--node', '../a=b'], /name of a certificate must be letters/], [['--ca', '--client', 'ca'], /not ca, got "ca"/], [['--ca', '--client', 'a', '--node', 'a=b'], /two certificates cannot/]
  ] as const) {
    t.match(await init(...flags), { exitCode: 2, out: '', err })
    t.notOk(existsSync(directory) || existsSync(file), 'nothing is half done')
  }
  const made = await init('--ca', '--node', 'node1=localhost,127.0.0.1', '--node', 'node2=10.0.0.6', '--client', 'ops')
  t.match(made, { exitCode: 0, out: /^rc_[\w-]{43}$/, err: /ca\.pem is the CA[^]*node1\.pem[^]*for a node[^]*ops\.pem[^]*for a client/ })
  t.same(readdirSync(directory).sort(), ['ca', 'node1', 'node2', 'ops'].flatMap((name) => [`${name}-key.pem`, `${name}.pem`]))
  const ca = read(join(directory, 'ca.pem'))
  t.ok(['node1', 'node2', 'ops'].every((name) => read(join(directory, `${name}.pem`)).checkIssued(ca)))
  t.ok(read(join(directory, 'node1.pem')).checkIP('127.0.0.1'))
  const before = readFileSync(join(directory, 'ca.pem'), 'utf8')
  t.match(await rollcall(['init', '--ca', '--token-file', `${file}.other`, '-d', directory]), { exitCode: 1 })
  t.equal(readFileSync(join(directory, 'ca.pem'), 'utf8'), before)
  t.notOk(existsSync(`${file}.other`), 'a CA that is there is not touched, and there is no token without it')
})

t.test('openssl verifies them, each for what it is for', { skip: lacking('openssl') }, async (t) => {
  const directory = t.testdir()
  await rollcall(['certificate', 'ca', '-d', directory, '--name', 'Équipe 1'])
  await rollcall(['certificate', 'issue', 'n', '--host', 'n.example', '-d', directory])
  await rollcall(['certificate', 'issue', 'c', '-d', directory])
  const verify = async (name: string, purpose: string): Promise<string> =>
    (await execute('openssl', ['verify', '-x509_strict', '-CAfile', join(directory, 'ca.pem'), '-purpose', purpose, join(directory, `${name}.pem`)])).stdout
  for (const [name, purpose] of [['n', 'sslserver'], ['n', 'sslclient'], ['c', 'sslclient']] as const) t.match(await verify(name, purpose), /: OK/)
  await t.rejects(verify('c', 'sslserver'), 'a client is no server')
})

t.test('nothing is written over without --force, and a refusal leaves nothing behind', async (t) => {
  const directory = t.testdir()
  const at = (name: string): string => join(directory, name)
  await rollcall(['certificate', 'ca', '-d', directory])
  const before = readFileSync(at('ca.pem'), 'utf8')
  t.match(await rollcall(['certificate', 'ca', '-d', directory]), { exitCode: 1, err: /ca\.pem is there already: with --force it is written over/ })
  t.equal(readFileSync(at('ca.pem'), 'utf8'), before)
  writeFileSync(at('node1-key.pem'), 'precious', { mode: 0o644 })
  t.match(await rollcall(['certificate', 'issue', 'node1', '-d', directory]), { exitCode: 1, err: /node1-key\.pem is there already/ })
  t.notOk(existsSync(at('node1.pem')))
  t.match(await rollcall(['certificate', 'issue', 'node1', '-d', directory, '--force']), { exitCode: 0 })
  t.ok(read(at('node1.pem')).checkIssued(read(at('ca.pem'))))
  t.equal(statSync(at('node1-key.pem')).mode & 0o777, 0o600, 'also where another mode was')
  t.match(await rollcall(['certificate', 'ca', '-d', directory, '--force']), { exitCode: 0 })
  t.not(readFileSync(at('ca.pem'), 'utf8'), before)
  mkdirSync(at('dir.pem'))
  t.match(await rollcall(['certificate', 'issue', 'dir', '-d', directory, '--force']), { exitCode: 1, err: /dir\.pem is a directory/ })
})

t.test('no certificate outlives its CA, and none is issued by one that is no use', async (t) => {
  const directory = t.testdir()
  const at = (name: string): string => join(directory, name)
  const issue = (now?: number): ReturnType<typeof rollcall> => rollcall(['certificate', 'issue', 'a', '-d', directory, '--force'], {}, now)
  t.match(await issue(), { exitCode: 1, err: /ca\.pem cannot be read \(ENOENT\): rollcall certificate ca makes a CA/ })
  await rollcall(['certificate', 'ca', '-d', directory, '--days', '10'])
  t.match(await issue(), { exitCode: 0, out: /valid until .*, as its CA is/ })
  t.equal(read(at('a.pem')).validTo, read(at('ca.pem')).validTo)
  t.match(await issue(Date.now() + 11 * dayMs), { exitCode: 1, err: /has expired/ })
  chmodSync(at('ca-key.pem'), 0o640)
  t.match(await issue(), { exitCode: 1, err: /the key of a CA and open to other users of this machine \(mode 0640\): chmod 0600/ })
  chmodSync(at('ca-key.pem'), 0o600)
  writeFileSync(at('ca-key.pem'), selfSigned().key)
  t.match(await issue(), { exitCode: 1, err: /is not the key of/ })
  writeFileSync(at('ca-key.pem'), 'none')
  t.match(await issue(), { exitCode: 1, err: /no certificate can be issued by the CA in/ })
})

t.test('what cannot be meant is refused with its rule', async (t) => {
  const directory = t.testdir()
  const table: readonly (readonly [string[], RegExp])[] = [
    [[], /ca or issue NAME is missing/],
    [['sign'], /"sign" must be ca or issue/],
    [['ca', 'mine'], /one argument too many/],
    [['issue'], /NAME is missing/],
    [['issue', 'a', 'b'], /one argument too many/],
    [['issue', '../a'], /NAME must be letters/],
    [['issue', 'ca'], /and not ca/],
    [['issue', 'a', '--host', 'a b'], /--host must be a host name or an IP address/],
    [['issue', 'a', '--host', '*.10.0.0.1'], /must be a host name of two labels or more behind/],
    [['issue', 'a', '--host', '*.example'], /of two labels or more behind/],
    [['issue', 'a', '--uri', 'orders'], /--uri must be a URI/],
    [['issue', 'a', '--name', 'x'], /--name is for ca/],
    [['issue', 'a', '--days', '0'], /--days must be from 1 to 7300/],
    [['ca', '--host', 'a'], /--host is for issue/],
    [['ca', '--name', 'a,CN=b'], /--name must be letters/]
  ]
  for (const [argv, says] of table) t.match(await rollcall(['certificate', ...argv, '-d', directory]), { exitCode: 2, err: says }, argv.join(' '))
  t.same(readdirSync(directory), [])
})
