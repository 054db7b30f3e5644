// Tokens of an OpenID Connect issuer: what is signed, for us and in time opens what policies say; everything else is refused, and neither a
// slow issuer nor one that is away holds anybody up.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type JWK } from 'jose'
import t, { type Test } from 'tap'
import { Jwts, readIssuer } from '../../server/access/jwt.ts'
import { readManifests } from '../../server/model/manifest/manifest-stream.ts'
import { registryActor } from '../../server/registry/core.ts'
import { bearer, build, pathOf, type HttpWorld } from '../support/world.ts'

interface TestIssuer {
  readonly url: string
  keys: unknown
  asked: number
  isAway: boolean
  readonly sign: (claims?: Record<string, unknown>, header?: Record<string, string>) => Promise<string>
  /** Other keys from now on. */
  readonly rotate: () => Promise<void>
}

async function issuerOf (t: Test, nowMs: () => number): Promise<TestIssuer> {
  let pair = await generateKeyPair('ES256', { extractable: true })
  let kid = 'one'
  const server = createServer((request, response) => {
    issuer.asked++
    if (issuer.isAway) return void response.writeHead(503).end()
    const body = request.url === '/keys' ? issuer.keys : { issuer: issuer.url, jwks_uri: `${issuer.url}/keys` }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise((resolve) => server.close(resolve)))
  const publicKey = async (): Promise<JWK> => ({ ...await exportJWK(pair.publicKey), kid, alg: 'ES256' })
  const issuer: TestIssuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keys: { keys: [await publicKey()] },
    asked: 0,
    isAway: false,
    sign: (claims = {}, header = {}) => {
      const seconds = Math.floor(nowMs() / 1_000)
      return new SignJWT({ iss: issuer.url, aud: 'rollcall', sub: 'ann', iat: seconds, exp: seconds + 600, ...claims }).setProtectedHeader({ alg: 'ES256', kid, ...header }).sign(pair.privateKey)
    },
    rotate: async () => {
      pair = await generateKeyPair('ES256', { extractable: true })
      kid = 'two'
      issuer.keys = { keys: [await publicKey()] }
    }
  }
  return issuer
}

async function place (t: Test): Promise<{ readonly world: HttpWorld, readonly issuer: TestIssuer, readonly who: (token: string) => Promise<any> }> {
  const issuer = await issuerOf(t, () => world.clock.now())
  const world: HttpWorld = await build(t, { control: { mode: 'on', jwt: { issuers: [{ issuer: issuer.url, keysUrl: undefined }], audience: 'rollcall', claim: 'sub', groupsClaim: 'groups' } } })
  return { world, issuer, who: async (token) => (await world.send('GET', '/v1/whoami', undefined, bearer(token))).json() }
}

t.test('a token of the issuer is an identity, and policies are about it', async (t) => {
  const { world, issuer, who } = await place(t)
  const token = await issuer.sign()
  t.match(await who(token), { subject: 'jwt:ann', kind: 'jwt' })
  t.equal((await world.send('GET', '/v1/instances', undefined, bearer(token))).statusCode, 403)
  await world.access.apply(readManifests('apiVersion: rollcall.dev/v1\nkind: Policy\nmetadata: { name: p }\nspec: { subjects: ["jwt:ann"], rules: [{ role: reader, namespaces: ["*"] }] }\n'))
  t.equal((await world.send('GET', '/v1/instances', undefined, bearer(token))).statusCode, 200)
  t.equal(issuer.asked, 2, 'its configuration and its keys, once')
  world.clock.advance(661_000)
  t.match(await who(token), { code: 'REG_UNAUTHENTICATED' }, 'until it expires')
})

t.test('a policy may be about a group of the issuer, and who is in it is what the token says', async (t) => {
  const { world, issuer, who } = await place(t)
  const apply = (subject: string): Promise<unknown> =>
    world.access.apply(readManifests(`apiVersion: rollcall.dev/v1\nkind: Policy\nmetadata: { name: p }\nspec: { subjects: ["${subject}"], rules: [{ role: reader, namespaces: ["shop"] }] }\n`))
  await apply('jwt-group:team-shop')
  await world.register('shop/orders/a')
  const status = async (groups: unknown): Promise<number> => (await world.send('GET', pathOf('shop/orders/a'), undefined, bearer(await issuer.sign({ groups })))).statusCode
  for (const [groups, expected] of [
    [['team-shop'], 200], [['others', 'team-shop', 'a b'], 200], ['team-shop', 200], [['team-sho'], 403], [['team-shop2'], 403], [[], 403], [undefined, 403], [['*'], 403],
    [['team-shop team-shop'], 403], [[7], 401], [{ 'team-shop': true }, 401], [Array.from({ length: 257 }, (_, at) => `g${at}`), 401]
  ] as const) t.equal(await status(groups), expected, JSON.stringify(groups)?.slice(0, 60))
  t.match(await who(await issuer.sign({ groups: ['b', 'a', 'b'] })), { subject: 'jwt:ann', groups: ['a', 'b'] })
  await apply('jwt-group:team-*')
  t.equal(await status(['team-pay']), 200, 'a pattern of groups')
  t.equal(await status(['others', 'my-team-pay']), 403)
  t.equal((await world.send('GET', pathOf('shop/orders/a'), undefined, bearer(await issuer.sign({ sub: 'team-pay' })))).statusCode, 403, 'a name is no group')
  await apply('jwt:team-*')
  t.equal(await status(['team-pay']), 403, 'and a group is no name')
})

t.test('whatever is wrong with a token, it opens nothing', async (t) => {
  const { world, issuer, who } = await place(t)
  const other = await issuerOf(t, () => world.clock.now())
  const seconds = Math.floor(world.clock.now() / 1_000)
  const good = await issuer.sign()
  const [head = '', claims = '', signature = ''] = good.split('.')
  const forged = [head, Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(claims, 'base64url').toString()), sub: 'root' })).toString('base64url'), signature].join('.')
  const secret = new TextEncoder().encode('x'.repeat(32))
  for (const [what, token] of [
    ['alg none', new UnsecuredJWT({ iss: issuer.url, aud: 'rollcall', sub: 'ann', exp: seconds + 600 }).encode()],
    ['alg none by hand', `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.AA`],
    ['a symmetric key', await new SignJWT({ iss: issuer.url, aud: 'rollcall', sub: 'ann', exp: seconds + 600 }).setProtectedHeader({ alg: 'HS256' }).sign(secret)],
    ['forged', forged], ['another key', (await other.sign({ iss: issuer.url }))], ['another issuer', await other.sign()],
    ['another audience', await issuer.sign({ aud: 'other' })], ['no audience', await issuer.sign({ aud: undefined })],
    ['expired', await issuer.sign({ exp: seconds - 61 })], ['not yet', await issuer.sign({ nbf: seconds + 61 })], ['without end', await issuer.sign({ exp: undefined })],
    ['no name', await issuer.sign({ sub: undefined })], ['an odd name', await issuer.sign({ sub: 'a b' })], ['a pattern for a name', await issuer.sign({ sub: '*' })],
    ['a name that is no text', await issuer.sign({ sub: 7 as unknown as string })], ['nested', `${head}.${claims}.AA.AA.AA`], ['huge', `${head}.${'a'.repeat(9_000)}.${signature}`],
    ['no JSON', `${head}.${Buffer.from('{').toString('base64url')}.${signature}`], ['critical', await issuer.sign({}, { crit: ['x'] as unknown as string, x: 'y' }).catch(() => forged)]
  ] as const) {
    const answer = await who(token)
    t.ok(['REG_UNAUTHENTICATED', 'REG_OVERLOADED'].includes(answer.code), `${what}: ${JSON.stringify(answer)}`)
    t.notMatch(JSON.stringify(answer), token)
  }
  t.match(await who(good), { subject: 'jwt:ann' }, 'a good one is held back by none of them')
  t.match(await who(await issuer.sign({ exp: seconds - 30 })), { subject: 'jwt:ann' }, 'a minute of fault of clocks is allowed')
})

t.test('keys that are rotated are fetched once, and unknown ones seldom', async (t) => {
  const { world, issuer, who } = await place(t)
  t.match(await who(await issuer.sign()), { subject: 'jwt:ann' })
  await issuer.rotate()
  const before = issuer.asked
  t.match(await who(await issuer.sign({ jti: '1' })), { code: /REG_/ }, 'not within half a minute of the last time')
  t.equal(issuer.asked, before)
  world.clock.advance(31_000)
  t.match(await who(await issuer.sign({ jti: '2' })), { subject: 'jwt:ann' })
  t.equal(issuer.asked, before + 2)
  for (let n = 0; n < 5; n++) await who(await issuer.sign({}, { kid: `unknown-${n}` }))
  t.equal(issuer.asked, before + 2, 'invented keys make it ask nobody')
})

t.test('where the issuer is away a node starts with the last keys, and odd keys are no keys', async (t) => {
  const { world, issuer, who } = await place(t)
  t.match(await who(await issuer.sign()), { subject: 'jwt:ann' })
  const kept = world.registry.as(registryActor)
  t.equal(kept.secrets('jwks/').length, 1)
  const options = {
    issuers: [{ issuer: issuer.url, keysUrl: undefined }], audience: 'rollcall', claim: 'sub', clock: world.clock, kept, log: { info: () => undefined, warn: () => undefined }, expiresAt: () => undefined
  }
  issuer.isAway = true
  const started = new Jwts(options)
  const token = await issuer.sign({ jti: 'new' })
  await started.verify(token)
  t.match(started.known(token), { subject: 'jwt:ann' })
  issuer.isAway = false
  const nothingKept = { secret: () => undefined, keepSecret: async () => true }
  for (const keys of [
    { keys: Array.from({ length: 10_000 }, () => (issuer.keys as { keys: unknown[] }).keys[0]) }, { keys: [] }, { keys: 'x' }, [], null, { keys: [{ kty: 'oct', k: 'AA' }] },
    { keys: [null] }, { keys: [{ kty: 'EC' }] }, { x: 'x'.repeat(600_000) }
  ]) {
    issuer.keys = keys
    const fresh = new Jwts({ ...options, kept: nothingKept })
    await t.rejects(fresh.verify(token), { code: 'REG_UNAUTHENTICATED' }, JSON.stringify(keys)?.slice(0, 60))
  }
  const silent = new Jwts({ ...options, kept: nothingKept, fetch: () => Promise.reject(new Error('timed out')) })
  await t.rejects(silent.verify(token), { code: 'REG_UNAUTHENTICATED', message: /cannot be had now/ })
})

t.test('an issuer is asked by https, or on this machine', async (t) => {
  t.same(readIssuer('https://a.example'), { issuer: 'https://a.example', keysUrl: undefined })
  t.same(readIssuer('https://a.example/x=https://b.example/keys'), { issuer: 'https://a.example/x', keysUrl: 'https://b.example/keys' })
  for (const text of ['http://a.example', 'a.example', 'https://u:p@a.example', 'https://a.example=http://b.example', 'file:///etc/passwd', '']) t.type(readIssuer(text), 'string', text)
})
