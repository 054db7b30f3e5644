import t from 'tap'
import { RegistryError } from '../../server/errors.ts'
import { parseAddress } from '../../server/store/redis/address.ts'
import { createRedisStore } from '../../server/store/redis/redis-store.ts'

const understood: [url: string, parts: object, location: string][] = [
  ['redis://localhost', { kind: 'single', hosts: [{ host: 'localhost', port: 6379 }], db: 0, tls: false, username: undefined, password: undefined }, 'redis://localhost:6379/0'],
  ['redis://cache.shop:6380/3', { hosts: [{ host: 'cache.shop', port: 6380 }], db: 3 }, 'redis://cache.shop:6380/3'],
  ['redis://:secret@h', { username: undefined, password: 'secret' }, 'redis://h:6379/0'],
  ['rediss://rollcall:p%40ss%2Fw@h:1', { tls: true, username: 'rollcall', password: 'p@ss/w' }, 'rediss://h:1/0'],
  ['redis://h?username=u&password=a%40b&db=2', { username: 'u', password: 'a@b', db: 2 }, 'redis://h:6379/2'],
  ['redis://[::1]:7000', { hosts: [{ host: '::1', port: 7000 }] }, 'redis://[::1]:7000/0'],
  ['redis+sentinel://a,b:26380/main?password=x&sentinelPassword=y&db=1',
    { kind: 'sentinel', hosts: [{ host: 'a', port: 26_379 }, { host: 'b', port: 26_380 }], master: 'main', password: 'x', sentinel: { username: undefined, password: 'y' }, db: 1 },
    'redis+sentinel://a:26379,b:26380/main?db=1'],
  ['rediss+cluster://u:p@a:1,[fe80::1]:2', { kind: 'cluster', hosts: [{ host: 'a', port: 1 }, { host: 'fe80::1', port: 2 }], tls: true, username: 'u', password: 'p' },
    'rediss+cluster://a:1,[fe80::1]:2']
]

for (const [url, parts, location] of understood) {
  t.test(`${url} is understood`, async (t) => {
    const address = parseAddress(url)
    t.match(address, parts)
    t.equal(address.location, location)
  })
}

const refused: [url: string, why: RegExp][] = [
  ['', /must be redis:/],
  ['localhost:6379', /must be redis:/],
  ['http://localhost', /must be redis:/],
  ['redis://', /must be redis:/],
  ['redis://h:0', /bad host at place 1/],
  ['redis://h:65536', /bad host/],
  ['redis://a b', /bad host/],
  ['redis://::1', /bad host/],
  ['redis://a,b', /one host/],
  ['redis://h/x', /database by its number/],
  ['redis://h?tls=true', /an option that is not known; known are username/],
  ['redis://h?sentinelPassword=x', /an option that is not known/],
  ['redis+sentinel://a', /name of the master/],
  ['redis+sentinel://a/b%20c', /name of the master/],
  ['redis+cluster://a/1', /only 0/],
  ['redis://u:%@h', /begins no escape/],
  [`redis+cluster://${Array.from({ length: 65 }, (_, index) => `h${index}`).join(',')}`, /at most 64/]
]

for (const [url, why] of refused) {
  t.test(`${url.slice(0, 40) || 'nothing'} is refused with the rule`, async (t) => {
    const error = faultOf(url)
    t.equal(error.code, 'REG_INVALID')
    t.match(error.message, why)
  })
}

t.test('no refusal shows a secret, however broken the address is', async (t) => {
  const secret = 'hunter2'
  for (const url of [
    `redis://:${secret}@h:0`, `redis://u:${secret}/x@h`, `redis://u:${secret}?x@h`, `redis://h?password=${secret}&x=1`, `redis://h?password=a@${secret}&x=1`,
    `redis://u:${secret}@a,b`, `x://u:${secret}@h`, `redis://u:p@${secret}@h`, `redis+sentinel://a?sentinelPassword=${secret}`, `redis://h/x?password=${secret}`
  ]) {
    const error = faultOf(url)
    t.notMatch(error.message, secret, url)
    t.notMatch(JSON.stringify(error.errors), secret, url)
  }
})

t.test('settings that cannot be are refused by name', async (t) => {
  const url = 'redis://h'
  t.throws(() => createRedisStore({ url, prefix: 'a{b}' }), { code: 'REG_INVALID', message: /prefix/ })
  t.throws(() => createRedisStore({ url, prefix: '' }), { code: 'REG_INVALID' })
  t.throws(() => createRedisStore({ url, maxLogLength: 1 }), { code: 'REG_INVALID', message: /maxLogLength must be a whole number from 1000/ })
  t.throws(() => createRedisStore({ url, holdMs: 60_001 }), { code: 'REG_INVALID', message: /holdMs/ })
  t.throws(() => createRedisStore({ url, timeouts: { blockMs: Number.NaN } }), { code: 'REG_INVALID', message: /timeouts.blockMs/ })
  t.equal(createRedisStore({ url: 'redis://u:hunter2@h/1' }).location, 'redis://h:6379/1')
})

function faultOf (url: string): RegistryError {
  try {
    parseAddress(url)
  } catch (error) {
    if (error instanceof RegistryError) return error
    throw error
  }
  throw new Error(`${url} was understood`)
}
