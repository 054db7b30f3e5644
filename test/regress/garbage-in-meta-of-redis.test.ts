// Garbage in the hash `meta` of a keyspace (no epoch, a revision that is no number) let no node start, or deleted all records with it: the log
// said "attempt to perform arithmetic on a nil value" again and again, and writes failed without a word of where.
import t, { type Test } from 'tap'
import { createRedisStore } from '../../server/store/redis/redis-store.ts'
import type { StoreLogger } from '../../server/store/redis/link-settings.ts'
import { joinRedis, life, persist, policy, type RedisNode, WatchedFollower } from '../support/redis-nodes.ts'
import { noRedis, RedisServer } from '../support/redis-server.ts'

t.test('on Redis', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start()
  t.teardown(() => server.dispose())
  let prefixes = 0

  /** A keyspace with an instance and an object, and a node that runs on it. */
  interface World {
    readonly first: RedisNode
    readonly prefix: string
    readonly key: (name: string) => string
    readonly join: (logger?: StoreLogger) => Promise<RedisNode>
  }
  const logTo = (told: object[]): StoreLogger => ({ info: () => undefined, warn: (details) => { told.push(details) }, error: () => undefined })
  /** Missing ones are no damage, or begin a term as they are. */
  const undamaging = ['run', 'beat', 'schema', 'pull']

  async function world (t: Test): Promise<World> {
    const prefix = `meta${++prefixes}`
    const join = (logger?: StoreLogger): Promise<RedisNode> => joinRedis(t, server.url, { prefix, ...logger === undefined ? {} : { logger } })
    const first = await join()
    await first.store.grant(life('shop/orders/a'))
    await first.store.commit([{ type: 'put', key: 'service/shop/web', body: '{}', endsAtMs: 0, reason: 'override' }], 'tester')
    return { first, prefix, key: (name) => `${prefix}:{0}:${name}`, join }
  }
  const away = (follower: WatchedFollower): boolean => follower.healths.at(-1)?.available === false

  const damages: Record<string, Record<string, string> | readonly string[]> = {
    'no epoch': ['epoch'],
    'an epoch that is no name': { epoch: 'a\nb' },
    'no revision': ['rev'],
    'a revision that is no number': { rev: 'x' },
    'a revision with which nobody can count': { rev: '9223372036854775807' },
    'a broken number of the term': { term: 'one' },
    'no times': ['tick', 'hold', 'window', 'began', 'prot'],
    'times that are no numbers': { tick: '', hold: '-', window: 'soon', began: 'then', prot: 'nan' },
    'broken bounds of the log': { maxlen: '-1', maxbytes: 'many', logged: 'x' },
    'broken ranges of lost revisions': { void: '1-2,x', base: '', first: 'x', floor: 'y', pull: 'cursor' },
    'nothing at all': ['epoch', 'run', 'rev', 'term', 'base', 'void', 'schema', 'began', 'first', 'floor', 'tick', 'hold', 'window', 'pull', 'beat', 'prot', 'maxlen', 'maxbytes', 'logged']
  }
  for (const [title, damage] of Object.entries(damages)) {
    t.test(`${title}: what can be known is put right and told by key and field, records stay, and both nodes write`, async (t) => {
      const { first, key, join } = await world(t)
      const before = first.follower.revision
      const fields = Array.isArray(damage) ? damage as readonly string[] : Object.keys(damage)
      if (Array.isArray(damage)) await server.admin.hdel(key('meta'), ...fields)
      else await server.admin.hset(key('meta'), damage as Record<string, string>)
      const told: object[] = []
      const { store, follower } = await join(logTo(told))
      t.same([...follower.instances.keys()], ['shop/orders/a'])
      t.same([...follower.objects.keys()], ['service/shop/web'])
      await first.follower.when(() => first.follower.epoch === follower.epoch && first.follower.healths.at(-1)?.available === true)
      await persist(() => first.store.grant(life('shop/orders/b')))
      await persist(() => store.grant(life('shop/orders/c')))
      await persist(() => store.expire(policy()))
      await persist(() => store.sync())
      await persist(() => first.store.sync())
      for (const each of [first.follower, follower]) {
        t.same([...each.instances.keys()].sort(), ['shop/orders/a', 'shop/orders/b', 'shop/orders/c'])
        t.ok(each.revision > before, 'no revision is used twice')
        t.same(each.faults, [])
      }
      // The node that ran may have been quicker than the new one: then it has told it.
      const damaged = Object.fromEntries(fields.filter((field) => !undamaging.includes(field)).map((field) => [field, String]))
      for (const details of told.filter((entry) => 'damaged' in entry)) t.match(details, { key: key('meta'), damaged })
    })
  }

  t.test('a node that runs finds it in a quiet round, and tells it', async (t) => {
    const told: object[] = []
    const { follower } = await joinRedis(t, server.url, { prefix: 'meta-quiet', logger: logTo(told) })
    await server.admin.hset('meta-quiet:{0}:meta', 'hold', 'x')
    await follower.when(() => away(follower))
    t.match(follower.healths.at(-1)?.reason, /the field hold of the key meta-quiet:\{0\}:meta of Redis is "x"/)
    await follower.when(() => !away(follower))
    t.match(told.filter((entry) => 'damaged' in entry), [{ key: 'meta-quiet:{0}:meta', damaged: { hold: '"x"' } }])
    t.equal(await server.admin.hget('meta-quiet:{0}:meta', 'hold'), '0')
  })

  type Act = (key: (name: string) => string) => Promise<unknown>
  const refused: Record<string, { readonly plant: Act, readonly says: RegExp, readonly cure: Act }> = {
    'a revision that nothing tells': {
      plant: (key) => server.admin.multi().hdel(key('meta'), 'rev').del(key('log')).exec(),
      says: /the field rev of the key \S+:meta of Redis is missing; and the log \S+:log is empty/,
      cure: (key) => server.admin.hset(key('meta'), 'rev', 1_000)
    },
    'a layout that is no number': {
      plant: (key) => server.admin.hset(key('meta'), 'schema', 'new'),
      says: /the field schema of the key \S+:meta of Redis is "new"/,
      cure: (key) => server.admin.hset(key('meta'), 'schema', 1)
    },
    'a log of another program': {
      plant: (key) => server.admin.multi().rename(key('log'), key('kept')).set(key('log'), 'a text').exec(),
      says: /the key \S+:log of Redis is a string, where a registry has a stream/,
      cure: (key) => server.admin.rename(key('kept'), key('log'))
    },
    'records of another program': {
      plant: (key) => server.admin.multi().rename(key('inst'), key('kept')).lpush(key('inst'), 'a').exec(),
      says: /the key \S+:inst of Redis is a list, where a registry has a hash/,
      cure: (key) => server.admin.rename(key('kept'), key('inst'))
    },
    'an entry of the log behind which there is no room': {
      plant: (key) => server.admin.xadd(key('log'), '9223372036854775807-0', 'x', 'y'),
      says: /the log \S+:log of Redis ends with the entry 9223372036854775807-0/,
      cure: (key) => server.admin.multi().xdel(key('log'), '9223372036854775807-0').call('XSETID', key('log'), '1000-0').hset(key('meta'), 'rev', 1_000).exec()
    }
  }
  for (const [title, { plant, says, cure }] of Object.entries(refused)) {
    t.test(`${title}: nodes name it, keep their view, and go on when a person has mended it`, async (t) => {
      const { first, prefix, key } = await world(t)
      await plant(key)
      // What a caller meets first: a write, in a keyspace of which only the records are wrong.
      const wrote = first.store.grant(life('shop/orders/b')).catch((error: unknown) => error)
      await first.follower.when(() => away(first.follower) && says.test(first.follower.healths.at(-1)?.reason ?? ''))
      await wrote
      t.ok(first.follower.instances.has('shop/orders/a'), 'it still answers what it knew')
      const late = new WatchedFollower()
      const fresh = createRedisStore({ url: server.url, prefix, timeouts: { connectMs: 800, commandMs: 800, blockMs: 50, settleMs: 4_000 } })
      t.teardown(() => fresh.close())
      const opened = fresh.open(late)
      await late.when(() => away(late))
      t.match(late.healths.at(-1)?.reason, says)
      await cure(key)
      await opened
      t.ok(late.instances.has('shop/orders/a'))
      await persist(() => first.store.grant(life('shop/orders/c')))
      await persist(() => fresh.grant(life('shop/orders/d')))
    })
  }

  t.test('a meta of another type while a node runs', async (t) => {
    const { first, key } = await world(t)
    await server.admin.multi().rename(key('meta'), key('kept')).set(key('meta'), 'a text').exec()
    await first.follower.when(() => away(first.follower) && /:meta of this Redis is not a registry's/.test(first.follower.healths.at(-1)?.reason ?? ''))
    t.equal(await server.admin.get(key('meta')), 'a text')
    await server.admin.rename(key('kept'), key('meta'))
    await persist(() => first.store.grant(life('shop/orders/b')))
  })
})
