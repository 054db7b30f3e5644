// Symptom: an acknowledged write was lost when Redis failed over twice in a row and the third server had never heard
// of the term that began on the second: another node began a term there with the same numbers, so that the node that
// knew the write took its own revisions for ones of the third server, and offered nothing; its cursors were taken
// for valid, too.
import t, { type Test } from 'tap'
import type { Change } from '../../server/store/store.ts'
import { contentOf, keyOf } from '../support/recording-follower.ts'
import { joinRedis, life, type RedisNode } from '../support/redis-nodes.ts'
import type { RedisProxy } from '../support/redis-proxy.ts'
import { noRedis, type RedisServer } from '../support/redis-server.ts'
import { standIn, startProxy, startServer } from '../support/redis-stand-in.ts'

interface Apart {
  readonly one: RedisNode & { readonly proxy: RedisProxy }
  readonly other: RedisNode & { readonly proxy: RedisProxy }
}

/** Two nodes of one Redis, with one instance. */
async function join (t: Test): Promise<Pick<Apart, 'one' | 'other'> & { readonly master: RedisServer }> {
  const master = await startServer(t)
  const joined = async (): Promise<Apart['one']> => {
    const proxy = await startProxy(t, master.port)
    return { proxy, ...await joinRedis(t, proxy.url) }
  }
  const [one, other] = await Promise.all([joined(), joined()])
  await one.store.grant(life('shop/orders/first'))
  await other.store.sync()
  return { master, one, other }
}

async function end (server: RedisServer, nodes: readonly Apart['one'][]): Promise<void> {
  for (const { proxy } of nodes) proxy.point(undefined)
  await server.kill()
}

async function follow ({ proxy, follower }: Apart['one'], port: number): Promise<void> {
  const loads = follower.loads + follower.terms
  proxy.point(port)
  await follower.back(loads + 1)
}

const skip = noRedis

for (const [writes, of] of [[0, 'none'], [3, 'fewer'], [40, 'more']] as const) {
  t.test(`what was acknowledged in a term that was swallowed whole is kept, with ${of} written since`, { skip }, async (t) => {
    const { master, one, other } = await join(t)
    const [second, third] = [await standIn(t, master), await standIn(t, master)]
    await end(master, [one, other])
    await follow(one, second.port)
    for (let round = 0; round < 20; round++) await one.store.grant(life(`shop/orders/known-${round}`))
    const taken = await one.store.grant(life('shop/orders/taken-over'))
    await end(second, [one])
    await follow(other, third.port)
    for (let round = 0; round < writes; round++) await other.store.grant(life(`shop/carts/${round}`))
    const successor = await other.store.grant(life('shop/orders/taken-over', { body: '{"weight":7}' }))
    const told = new Map(one.follower.history.map((change) => [change.revision, keyOf(change)]))
    await follow(one, third.port)
    await Promise.all([one.store.sync(), other.store.sync()])
    for (const { follower } of [one, other]) {
      t.same([...follower.instances.keys()].filter((key) => key.startsWith('shop/orders/known')).length, 20)
      const { lease } = follower.instances.get('shop/orders/taken-over') ?? {}
      t.equal(lease, successor.lease, `not ${taken.lease}: what is of this term is the newest`)
    }
    const [mine, others] = [one, other].map(({ follower }) => contentOf(follower).instances
      .map(({ key, lease, revision, body }) => [key, lease, revision, body]))
    t.same(mine, others)
    const isOther = (change: Change): boolean => (told.get(change.revision) ?? keyOf(change)) !== keyOf(change)
    const twice = other.follower.history.filter(isOther)
    t.same(twice, [], 'no revision was used twice')
  })
}

t.test('what only one copy had is put back by a node that saw it in a term of that copy', { skip }, async (t) => {
  const { master, one, other } = await join(t)
  const third = await standIn(t, master)
  other.proxy.hold()
  await one.store.grant(life('shop/orders/late'))
  const second = await standIn(t, master)
  await end(master, [one, other])
  await follow(one, second.port)
  t.equal(one.follower.terms, 1, 'nothing was lost by it')
  await end(second, [one])
  await follow(other, third.port)
  await follow(one, third.port)
  await Promise.all([one.store.sync(), other.store.sync()])
  for (const { follower } of [one, other]) {
    t.same([...follower.instances.keys()].sort(), ['shop/orders/first', 'shop/orders/late'])
  }
})
