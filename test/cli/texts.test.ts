import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import type { Endpoint } from '../../client-sdk/src/wire.ts'
import { allCommands } from '../../server/cli/commands.ts'
import { completionScript } from '../../server/cli/completion.ts'
import { cliPage } from '../../server/cli/page.ts'
import { readRecordName } from '../../server/cli/record-name.ts'
import { readPort } from '../../server/cli/register.ts'
import { endpointLines } from '../../server/cli/resolve.ts'
import { portsText } from '../../server/cli/shapes.ts'
import { age, Table } from '../../server/cli/table.ts'
import { harmless } from '../../server/cli/line.ts'
import { wantsColours } from '../../server/cli/terminal.ts'
import { serveFlags } from '../../server/config/config.ts'
import { lacking } from '../support/programs.ts'

t.test('names are read as DNS has them', async (t) => {
  const table = [
    ['orders', 'orders', undefined, undefined, undefined],
    ['orders.shop', 'orders', 'shop', undefined, undefined],
    ['orders.shop.svc', 'orders', 'shop', undefined, undefined],
    ['orders.shop.svc.cluster.local', 'orders', 'shop', undefined, undefined],
    ['orders.shop.svc.cluster.local.', 'orders', 'shop', undefined, undefined],
    ['_http._tcp.orders', 'orders', undefined, 'http', 'TCP'],
    ['_dns._udp.orders.shop.svc.cluster.local', 'orders', 'shop', 'dns', 'UDP']
  ] as const
  for (const [text, service, namespace, port, protocol] of table) t.same(readRecordName(text), { service, namespace, port, protocol }, text)
  for (const text of ['', '.', 'Orders', 'a..b', 'a.b.pod', 'a.b.svc..c', '_http.orders', '__tcp.orders', '_._tcp.orders', '_http._tcp']) {
    t.throws(() => readRecordName(text), { name: 'UsageError' }, JSON.stringify(text))
  }
})

t.test('a port is a number, with a name before it and a protocol after it if it has them', async (t) => {
  for (const text of ['8080', 'http:8080', 'dns:53/UDP', '9/SCTP']) t.equal(portsText([readPort(text)]), text)
  t.equal(readPort('53/udp').protocol, 'UDP')
  for (const text of ['', '0', '65536', '-1', 'http:', ':80', '80/x', 'a:b:80', '8 0']) t.throws(() => readPort(text), /must be NUMBER/, text)
})

t.test('an endpoint is a line for each port that was asked for', async (t) => {
  const endpoint = {
    address: '2001:db8::1', ports: [{ name: 'http', port: 80, protocol: 'TCP' }, { name: 'dns', port: 53, protocol: 'UDP' }, { name: 'dns', port: 53, protocol: 'TCP' }]
  } as unknown as Endpoint
  t.same(endpointLines(endpoint, { port: undefined, protocol: undefined }), ['[2001:db8::1]:80', '[2001:db8::1]:53', '[2001:db8::1]:53'])
  t.same(endpointLines(endpoint, { port: 'dns', protocol: 'UDP' }), ['[2001:db8::1]:53'])
  t.same(endpointLines(endpoint, { port: '80', protocol: undefined }), ['[2001:db8::1]:80'])
  t.same(endpointLines({ ...endpoint, address: '10.0.0.1', ports: [] }, { port: undefined, protocol: undefined }), ['10.0.0.1'])
})

t.test('an age has at most two units, as kubectl writes it', async (t) => {
  const at = Date.parse('2026-01-01T00:00:00Z')
  const table = [
    [0, '0s'], [119, '119s'], [120, '2m'], [125, '2m5s'], [599, '9m59s'], [600, '10m'], [3 * 3600 - 1, '179m'], [3 * 3600, '3h'], [3 * 3600 + 60, '3h1m'],
    [8 * 3600, '8h'], [2 * 86_400 - 1, '47h'], [2 * 86_400, '2d'], [3 * 86_400 + 3600, '3d1h'], [8 * 86_400, '8d'], [400 * 86_400, '400d'], [-5, '0s']
  ] as const
  for (const [seconds, text] of table) t.equal(age('2026-01-01T00:00:00Z', at + seconds * 1_000), text)
  t.equal(age('never', at), '?')
})

t.test('rows that come later keep the columns, and an empty cell is a dash', async (t) => {
  const table = new Table<{ a: string, b: string }>([{ title: 'A', value: ({ a }) => a }, { title: 'B', value: ({ b }) => b }], { wide: false, colours: false })
  t.same(table.lines([{ a: 'long name', b: '' }]), ['A           B', 'long name   -'])
  t.same(table.lines([{ a: 'x', b: 'y' }]), ['x           y'])
})

t.test('control characters are written out, everything else is left', async (t) => {
  t.equal(harmless('a\u001b[31m\n\u009b\u2066'), 'a\\u001b[31m\\u000a\\u009b\\u2066')
  t.equal(harmless('Zürich ✓ 日本'), 'Zürich ✓ 日本')
})

t.test('colours are for terminals, unless they are forbidden or demanded', async (t) => {
  const table = [
    [{}, true, true], [{}, false, false], [{ NO_COLOR: '1' }, true, false], [{ NO_COLOR: '' }, true, true], [{ TERM: 'dumb' }, true, false],
    [{ FORCE_COLOR: '1' }, false, true], [{ FORCE_COLOR: '0' }, true, false], [{ NO_COLOR: '1', FORCE_COLOR: '1' }, true, false]
  ] as const
  for (const [env, isTerminal, expected] of table) t.equal(wantsColours(env, isTerminal), expected, JSON.stringify([env, isTerminal]))
})

t.test('the completion script is a script that the shell reads, and completes', { skip: lacking('bash') }, async (t) => {
  const commands = await allCommands()
  const script = completionScript('bash', commands, Object.keys(serveFlags()))
  const complete = (...words: string[]): string[] => {
    const set = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _rollcall; echo "\${COMPREPLY[@]}"`
    return execFileSync('bash', ['-c', `${script}\n${set}`], { encoding: 'utf8' }).trim().split(' ')
  }
  t.same(complete('rollcall', 'des'), ['describe'])
  t.same(complete('rollcall', 'get', 'inst'), ['instances'])
  t.same(complete('rollcall', 'serve', '--print'), ['--print-config'])
  t.same(complete('rollcall', 'register', 'orders', '--kee'), ['--keep'])
  t.match(completionScript('zsh', commands, []), /^#compdef rollcall\n.*bashcompinit/)
})

t.test('the reference page of the commands is up to date', async (t) => {
  const path = new URL('../../docs/reference/cli.md', import.meta.url)
  if (process.env['UPDATE_DOCS']) writeFileSync(path, await cliPage())
  t.equal(readFileSync(path, 'utf8'), await cliPage(), 'to write it anew: UPDATE_DOCS=1 npm run test:fast')
})
