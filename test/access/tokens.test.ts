// Tokens in the file and in the store: modes, changes, last use, the last admin; and what one identity may ask for in a while.
import { chmodSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readTokenFile } from '../../server/access/token-file.ts'
import { hashOf, newToken } from '../../server/access/token-text.ts'
import { readManifests } from '../../server/model/manifest/manifest-stream.ts'
import { registryActor } from '../../server/registry/core.ts'
import { bearer, build, pathOf, tokenOf } from '../support/world.ts'

function directory (t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'rollcall-tokens-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const entry = (token: string, rules = '[{ role: admin }]', more = ''): string => `- { name: admin, hash: ${hashOf(token).toString('hex')}, rules: ${rules}${more} }\n`

t.test('a file of tokens that others may read, or that is none, is refused with what to do', async (t) => {
  const path = join(directory(t), 'tokens.yaml')
  const token = newToken()
  const refusal = (text: string, mode = 0o600): string => {
    writeFileSync(path, text)
    chmodSync(path, mode)
    try {
      readTokenFile(path)
      return ''
    } catch (error) {
      t.match(error, { code: 'REG_INVALID' })
      t.notMatch(String((error as Error).message), token)
      return (error as Error).message
    }
  }
  t.equal(refusal(`tokens:\n${entry(token)}`), '')
  for (const mode of [0o640, 0o604, 0o660, 0o644, 0o777]) t.match(refusal(`tokens:\n${entry(token)}`, mode), /readable by its owner alone: its mode is .* make it 600/, mode.toString(8))
  for (const [text, why] of [
    ['', /must hold a list "tokens"/], ['tokens: x', /must hold a list/], ['[', /valid YAML/], [`tokens:\n${entry(token)}${entry(token)}`, /once: tokens\[1\] is there already/],
    [`tokens:\n- { name: a, token: ${token}, rules: [] }`, /tokens\[0\]/], [`tokens:\n- { name: A/B*, hash: ${hashOf(token).toString('hex')}, rules: [] }`, /tokens\[0\].*name/],
    [`tokens:\n${entry(token, '[{ role: king }]')}`, /tokens\[0\].*role/], [`tokens:\n${entry(token, '[]', ', expiresAt: soon')}`, /expiresAt must be a time/],
    [`tokens:\n- { name: a, hash: abc, rules: [] }`, /64 of 0-9 and a-f/], [`a: &a [x]\ntokens: [*a]`, /without aliases/], [`tokens: [${'['.repeat(5_000)}`, /valid YAML|must hold/]
  ] as const) t.match(refusal(text), why, text.slice(0, 60))
  t.throws(() => readTokenFile(join(path, 'no')), { code: 'REG_INVALID', message: /can be read \(ENO/ })
})

t.test('a file that changes is read again, and one that is no use changes nothing', async (t) => {
  const path = join(directory(t), 'tokens.yaml')
  const [one, other] = [newToken(), newToken()]
  writeFileSync(path, `tokens:\n${entry(one)}`, { mode: 0o600 })
  const { send, clock, warnings, control } = await build(t, { control: { mode: 'on', tokenFile: path } })
  const status = async (token: string): Promise<number> => (await send('GET', '/v1/tokens', undefined, bearer(token))).statusCode
  t.same([await status(one), await status(other)], [200, 401])
  writeFileSync(path, `tokens:\n${entry(other)}`)
  utimesSync(path, 1, 1)
  clock.advance(1_000)
  t.same([await status(one), await status(other)], [401, 200])
  writeFileSync(path, 'tokens: 7')
  utimesSync(path, 2, 2)
  clock.advance(1_000)
  t.same([await status(one), await status(other)], [401, 200])
  t.match(warnings.join(), /stay as they were: .*must hold a list/)
  t.throws(() => control.reload(), { code: 'REG_INVALID' }, 'SIGHUP says so, too')
  t.match((await send('DELETE', '/v1/tokens/admin', undefined, bearer(other))).json(), { code: 'REG_CONFLICT', detail: /in the token file/ })
})

t.test('the last admin is not locked out, by revocation, by policy or by deletion', async (t) => {
  const world = await build(t, { control: { mode: 'on' } })
  const { send, control } = world
  const admin = bearer(await tokenOf(world, 'admin', [{ role: 'admin' }]))
  t.match((await send('DELETE', '/v1/tokens/admin', undefined, admin)).json(), { code: 'REG_CONFLICT', detail: /nobody who may administer/ })
  const policy = (role: string): object => ({ apiVersion: 'rollcall.dev/v1', kind: 'Policy', metadata: { name: 'p' }, spec: { subjects: ['token:ann'], rules: [role === 'admin' ? { role } : { role, namespaces: ['*'] }] } })
  t.equal((await send('POST', '/v1/apply', policy('admin'), admin)).statusCode, 200)
  t.match((await send('DELETE', '/v1/tokens/admin', undefined, admin)).json(), { code: 'REG_CONFLICT' }, 'ann has no token: nobody is she')
  const ann = bearer(await tokenOf(world, 'ann', []))
  t.equal((await send('DELETE', '/v1/tokens/admin', undefined, admin)).statusCode, 200)
  t.match((await send('POST', '/v1/apply', policy('reader'), ann)).json(), { code: 'REG_CONFLICT' })
  t.match((await send('POST', '/v1/delete', { names: [{ kind: 'Policy', name: 'p' }] }, ann)).json(), { code: 'REG_CONFLICT' })
  t.match((await send('DELETE', '/v1/tokens/ann', undefined, ann)).json(), { code: 'REG_CONFLICT' })
  t.ok(control.book.hasAdmin())
})

t.test('policies that name nobody or nothing, or contradict themselves, are refused field by field', async (t) => {
  const world = await build(t)
  const { send } = world
  const rule = { verbs: ['read'], namespaces: ['shop'] }
  const refused = async (spec: object): Promise<string> => {
    const answer = await send('POST', '/v1/apply', { apiVersion: 'rollcall.dev/v1', kind: 'Policy', metadata: { name: 'p' }, spec })
    t.ok(answer.statusCode === 422 || answer.statusCode === 400, JSON.stringify(spec))
    return (answer.json().errors ?? []).map(({ field }: { field: string }) => field).join()
  }
  for (const [spec, fields] of [
    [{}, /spec.subjects,spec.rules/], [{ subjects: [], rules: [rule] }, /spec.subjects/], [{ subjects: ['everybody'], rules: [rule] }, /spec.subjects\[0\]/],
    [{ subjects: ['token:'], rules: [rule] }, /subjects\[0\]/], [{ subjects: ['token:a', 'token:a'], rules: [rule] }, /subjects\[1\]/], [{ subjects: ['anonymous'], rules: [] }, /spec.rules/],
    [{ subjects: ['anonymous'], rules: [{ namespaces: ['a'] }] }, /rules\[0\].verbs/], [{ subjects: ['anonymous'], rules: [{ ...rule, role: 'reader' }] }, /rules\[0\].verbs/],
    [{ subjects: ['anonymous'], rules: [{ role: 'king', namespaces: ['a'] }] }, /rules\[0\].role/], [{ subjects: ['anonymous'], rules: [{ ...rule, verbs: ['rule'] }] }, /rules\[0\].verbs\[0\]/],
    [{ subjects: ['anonymous'], rules: [{ verbs: ['read'] }] }, /rules\[0\].namespaces/], [{ subjects: ['anonymous'], rules: [{ ...rule, namespaces: [] }] }, /namespaces/],
    [{ subjects: ['anonymous'], rules: [{ ...rule, namespaces: ['../pay'] }] }, /namespaces\[0\]/], [{ subjects: ['anonymous'], rules: [{ ...rule, services: ['A'] }] }, /services\[0\]/],
    [{ subjects: ['anonymous'], rules: [{ ...rule, addresses: ['10.0.0.0/8'] }] }, /addresses/], [{ subjects: ['anonymous'], rules: [{ verbs: ['register'], namespaces: ['a'], addresses: ['10.0.0.7/8'] }] }, /addresses\[0\]/],
    [{ subjects: ['anonymous'], rules: [{ role: 'admin', namespaces: ['a'] }] }, /namespaces/], [{ subjects: ['anonymous'], rules: [{ ...rule, deny: true }] }, /rules\[0\].deny/],
    [{ subjects: Array(300).fill('token:a'), rules: [rule] }, /spec.subjects/], [{ subjects: ['anonymous'], rules: Array(65).fill(rule) }, /spec.rules/]
  ] as const) t.match(await refused(spec), fields, JSON.stringify(spec).slice(0, 100))
  t.match((await send('POST', '/v1/apply', { apiVersion: 'rollcall.dev/v2', kind: 'Policy', metadata: { name: 'p' } })).json(), { code: 'REG_INVALID' })
})

t.test('one identity writes so much in a while, and its heartbeats and its neighbours have their own', async (t) => {
  const one = { perSecond: 10, burst: 20 }
  const world = await build(t, { control: { mode: 'on', limits: { writes: one, heartbeats: { perSecond: 100, burst: 200 }, registrations: { perSecond: 100, burst: 200 }, watches: one } } })
  const { send, clock } = world
  const [a, b] = [bearer(await tokenOf(world, 'a', [{ role: 'agent', namespaces: ['shop'] }])), bearer(await tokenOf(world, 'b', [{ role: 'agent', namespaces: ['shop'] }]))]
  const put = async (id: string, headers: Record<string, string>): Promise<number> => (await send('PUT', pathOf(id), { address: '10.0.0.1' }, headers)).statusCode
  const before = clock.now()
  const statuses: number[] = []
  for (let n = 0; n < 40; n++) statuses.push(await put(`a${n}`, a))
  const passed = Math.floor((clock.now() - before) / 1_000 * one.perSecond) + one.burst
  t.ok(Math.abs(statuses.filter((status) => status === 201).length - passed) <= 1, `${statuses.filter((status) => status === 201).length} of ${passed}`)
  const last = await send('PUT', pathOf('z'), { address: '10.0.0.1' }, a)
  t.match(last.json(), { code: 'REG_OVERLOADED' })
  t.ok(Number(last.headers['retry-after']) >= 1)
  t.equal(await put('a0', a), 200, 'what is registered already is counted apart')
  t.equal((await send('POST', '/v1/heartbeats', { leases: [{ namespace: 'shop', service: 'orders', id: 'a0' }] }, a)).statusCode, 200)
  t.equal(await put('b', b), 201, 'a neighbour waits for nobody')
  clock.advance(1_000)
  t.equal(await put('z', a), 201)
})

t.test('the last use of a token is stored, seldom, and makes nothing else anew', async (t) => {
  const world = await build(t, { control: { mode: 'on' } })
  const { send, registry, control, clock } = world
  const token = await tokenOf(world, 'a', [{ role: 'reader', namespaces: ['shop'] }])
  const { version } = control.book
  const { revision } = registry.feed
  const told = Promise.withResolvers<void>()
  registry.feed.listen({ changed: () => told.resolve() })
  for (let n = 0; n < 5; n++) await send('GET', '/v1/namespaces', undefined, bearer(token))
  await told.promise
  t.equal(registry.feed.revision, revision + 1, 'told once')
  t.equal(control.book.version, version, 'what was decided stays')
  t.match(control.desk.tokens(registryActor), [{ name: 'a', usedAt: new Date(clock.now()).toISOString().slice(0, 13) }].map(({ name, usedAt }) => ({ name, usedAt: new RegExp(`^${usedAt}`) })))
})

t.test('a thousand policies are looked at once for each service', async (t) => {
  const world = await build(t, { control: { mode: 'on' } })
  const stream = Array.from({ length: 1_000 }, (_, n) => `apiVersion: rollcall.dev/v1\nkind: Policy\nmetadata: { name: p${n} }\nspec: { subjects: ["token:t${n}"], rules: [{ role: reader, namespaces: [n${n}] }] }\n`).join('---\n')
  await world.access.apply(readManifests(stream))
  const rights = world.control.book.rightsOf({ kind: 'token', subject: 'token:t7' })
  t.same(rights.sources, ['policy p7'])
  t.equal(world.control.book.rightsOf({ kind: 'token', subject: 'token:t7' }), rights, 'the same until something changes')
  t.ok(rights.may('read', 'n7', 'x') && !rights.may('read', 'n8', 'x') && !rights.may('register', 'n7', 'x'))
})

t.test('a storm of registrations of what is there already, all of one identity, keeps no heartbeat of it from being taken', async (t) => {
  const few = { perSecond: 10, burst: 50 }
  const world = await build(t, { control: { mode: 'on', limits: { writes: { perSecond: 1_000, burst: 1_000 }, heartbeats: few, registrations: few, watches: few } } })
  const { send, clock } = world
  const storming = bearer(await tokenOf(world, 'a', [{ role: 'agent', namespaces: ['shop'] }]))
  const body = { address: '10.0.0.1', lease: { ttlMs: 3_000 } }
  for (const id of ['a', 'living']) t.equal((await send('PUT', pathOf(id), body, storming)).statusCode, 201)
  const codes = new Set<number>()
  for (let second = 0; second < 10; second++) {
    for (let n = 0; n < 60; n++) codes.add((await send('PUT', pathOf('a'), body, storming)).statusCode)
    clock.advance(1_000)
    t.match((await send('POST', '/v1/heartbeats', { leases: [{ namespace: 'shop', service: 'orders', id: 'living' }] }, storming)).json(), { renewed: 1 })
  }
  t.same([...codes].sort(), [200, 429], 'what is too much waits')
})
