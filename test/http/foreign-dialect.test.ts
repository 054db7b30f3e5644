// What a dialect of somebody else's clients brings along: the way by which its instances came, and tokens shown in its own way.
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { accessOf } from '../../server/http/server/context.ts'
import type { Dialect } from '../../server/http/server/dialect.ts'
import type { Core } from '../../server/registry/core.ts'
import { build, pathOf, tokenOf } from '../support/world.ts'

const name = { namespace: 'shop', service: 'orders', id: 'a' }

/** Registers at a word; its clients show tokens in a header of their own. */
function foreignDialect (core: () => Core): Dialect {
  return {
    name: 'foreign', prefix: '/foreign', inOpenApi: false, isForeign: true,
    tokenOf: ({ headers }) => headers['x-token'] as string | undefined,
    plugin: (scope, parts) => {
      scope.setErrorHandler((error, request, reply) => { void reply.code(parts.faultOf(error, request).status).send() })
      scope.post('/register', async (request) => {
        const { outcome } = await accessOf({ ...parts, core: core() }, request).register(name, { address: '10.0.0.1' })
        return outcome
      })
    }
  }
}

t.test('an instance shows the dialect that it came by, also after changes, until it registers in another', async (t) => {
  const world = await build(t, { dialects: [foreignDialect(() => world.control.core)] })
  t.equal((await world.send('POST', '/foreign/register')).statusCode, 200)
  const shown = async (path = ''): Promise<any> => (await world.send('GET', pathOf('shop/orders/a') + path)).json()
  t.equal((await shown()).source, 'foreign')
  t.equal((await shown('/explain'))[0].source, 'foreign')
  await world.send('PATCH', pathOf('shop/orders/a'), { status: 'warning' })
  t.match(await shown(), { source: 'foreign', status: 'warning' })
  await world.send('PUT', pathOf('shop/orders/a'), { address: '10.0.0.1' })
  t.equal((await shown()).source, undefined)
  t.equal((await shown('/explain'))[0].source, undefined)
  t.equal((await world.send('PUT', pathOf('shop/orders/a'), { address: '10.0.0.1', source: 'foreign' })).statusCode, 400, 'nobody says it of himself')
})

t.test('a token that a dialect finds in its own place counts as a bearer token, and the audit names the dialect', async (t) => {
  const path = join(mkdtempSync(join(tmpdir(), 'rollcall-audit-')), 'audit.log')
  const world = await build(t, {
    control: { mode: 'on', audit: { path, maxBytes: 1_000_000 } }, dialects: [foreignDialect(() => world.control.core)]
  })
  const token = await tokenOf(world, 'web', [{ verbs: ['read', 'register'], namespaces: ['shop'] }])
  const register = async (headers: Record<string, string>): Promise<number> => (await world.send('POST', '/foreign/register', undefined, headers)).statusCode
  t.equal(await register({}), 401)
  t.equal(await register({ 'x-token': `${token}x` }), 401)
  t.equal(await register({ 'x-token': token }), 200)
  t.equal(await register({ authorization: `Bearer ${token}` }), 200)
  t.equal((await world.send('PUT', pathOf('shop/orders/b'), { address: '10.0.0.1' }, { 'x-token': token })).statusCode, 401, 'the native API knows no such header')
  await world.control.close()
  const lines = readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line))
  t.match(lines.filter(({ what }) => what === 'register').map(({ who, door, outcome }) => `${who} ${door} ${outcome}`), [
    /foreign REG_UNAUTHENTICATED/, 'token:web foreign ok', 'token:web foreign ok', /http REG_UNAUTHENTICATED/
  ])
  t.match((await world.send('GET', pathOf('shop/orders/a'), undefined, { authorization: `Bearer ${token}` })).json(), { source: 'foreign', owner: 'token:web' })
})
