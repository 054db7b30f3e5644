// A feed, its publisher and mirrors, with the messages between them in the test's hands.
import t from 'tap'
import fc from 'fast-check'
import type { Endpoint } from '../../client-sdk/src/wire.ts'
import type { TransferSource } from '../../server/dns/source.ts'
import { bodyOf } from '../../server/model/instance/instance.ts'
import { Feed } from '../../server/registry/feed/feed.ts'
import { FeedMirror } from '../../server/registry/mirror/feed-mirror.ts'
import type { MirrorMessage, MirrorStep } from '../../server/registry/mirror/mirror-messages.ts'
import { FeedPublisher, type MirrorLink, maxChanges, maxUnderWay } from '../../server/registry/mirror/feed-publisher.ts'
import { overrideKey } from '../../server/registry/overrides.ts'
import { manifestKey, storedManifest } from '../../server/registry/services/manifests.ts'
import type { Change, InstanceRecord, ObjectRecord } from '../../server/store/store.ts'

type Untold = Change extends infer C ? C extends Change ? Omit<C, 'revision' | 'atMs' | 'by' | 'reason'> : never : never

const nowMs = Date.UTC(2026, 0, 1)

function record (service: string, id: string, revision: number, more: Partial<InstanceRecord> = {}): InstanceRecord {
  const { body } = bodyOf({ address: '10.0.0.1', labels: { tier: id.length % 2 === 0 ? 'even' : 'odd' } }, undefined)
  const facts = { lease: `${id}-${revision}`, generation: 'g', ttlMs: 15_000, createdRevision: revision, revision, shownRevision: revision, createdAtMs: nowMs, updatedAtMs: nowMs, suspect: false }
  return { key: `shop/${service}/${id}`, ...facts, body: JSON.stringify(body), ...more }
}

function object (key: string, revision: number, body: string): ObjectRecord {
  return { key, createdRevision: revision, revision, createdAtMs: nowMs, updatedAtMs: nowMs, endsAtMs: 0, body }
}

/** Plays the store. */
class Source {
  readonly feed: Feed
  revision = 0

  constructor (ringLimit = 1_000) {
    this.feed = new Feed({ now: () => nowMs, ringLimit })
  }

  /** What the feed holds, from a store that has lost some of it. */
  load (epoch: string, keep: (key: string) => boolean = () => true): this {
    const instances = [...this.feed.heldInstances()].filter(({ key }) => keep(key))
    this.feed.load({ epoch, revision: this.revision, instances, objects: [...this.feed.heldObjects()], recent: [], lost: [] })
    return this
  }

  tell (...changes: readonly Untold[]): this {
    for (let at = 0; at < changes.length; at += 100) { // so few are taken at once
      void this.feed.apply(changes.slice(at, at + 100).map((change) => ({ ...change, revision: ++this.revision, atMs: nowMs, by: 'test', reason: 'updated' }))) // all of a change again
    }
    return this
  }

  register (service: string, ...ids: readonly string[]): this {
    return this.tell(...ids.map((id, index) => ({ type: 'put', record: record(service, id, this.revision + index + 1) }) as const))
  }

  deregister (service: string, id: string): this {
    return this.tell({ type: 'delete', key: `shop/${service}/${id}`, lease: this.#lease(service, id) })
  }

  suspect (service: string, id: string): this {
    return this.tell({ type: 'suspect', key: `shop/${service}/${id}`, lease: this.#lease(service, id) })
  }

  drain (service: string, id: string): this {
    const body = JSON.stringify({ status: 'draining', reason: 'test', author: 'test' })
    return this.tell({ type: 'put-object', object: object(overrideKey('shop', service, id), this.revision + 1, body) })
  }

  undrain (service: string, id: string): this {
    return this.tell({ type: 'delete-object', key: overrideKey('shop', service, id) })
  }

  declare (name: string, tier: string): this {
    const metadata = { namespace: 'shop', name }
    const body = storedManifest({
      apiVersion: 'v1', kind: 'Service', metadata, spec: { type: 'ClusterIP', clusterIP: 'None', sessionAffinity: 'None', selector: { tier } }
    })
    return this.tell({ type: 'put-object', object: object(manifestKey({ kind: 'Service', ...metadata }), this.revision + 1, body) })
  }

  withdraw (name: string): this {
    return this.tell({ type: 'delete-object', key: manifestKey({ kind: 'Service', namespace: 'shop', name }) })
  }

  #lease (service: string, id: string): string {
    return this.feed.catalog.entry('shop', service, id)?.lease ?? ''
  }
}

/** A mirror, and the messages on their way to it. */
class Remote {
  readonly messages: MirrorMessage[] = []
  readonly mirror: FeedMirror
  readonly link: MirrorLink

  constructor (publisher: FeedPublisher, now = () => nowMs) {
    this.mirror = new FeedMirror({ now, taken: () => this.link.taken() })
    this.link = publisher.add((message) => { this.messages.push(message) })
  }

  /** Takes in so many messages that are there. */
  take (count: number): this {
    for (const message of this.messages.splice(0, count)) this.mirror.receive(message)
    return this
  }

  takeAll (): this {
    while (this.messages.length > 0) this.take(1)
    return this
  }
}

/** All that DNS reads of a view. */
function view ({ catalog, revision, epoch }: TransferSource): object {
  const services = catalog.namespaces().flatMap((namespace) => catalog.services(namespace).map((name) => {
    const { all, answered, ...facts } = catalog.endpoints(namespace, name) ?? { all: [], answered: [] }
    return { ...facts, all: all.map(plain), answered: answered.map(({ id }) => id), manifest: catalog.declared(namespace, name)?.manifest }
  }))
  const at = catalog.addresses.endpointsAt('10.0.0.1', 100_000)
  const holders = Array.from(at.services, ([{ name }, endpoints]) => `${name}: ${Array.from(endpoints, ({ id, service = '' }) => `${service}/${id}`).sort().join()}`).sort()
  const addresses = { holders, isCut: at.isCut, has: catalog.addresses.hasInstance('shop', '10.0.0.1'), within: catalog.addresses.hasWithin('40a') }
  return { services, revision, epoch, addresses, secret: catalog.object('secret/shop/k')?.body }
}

function plain (endpoint: Endpoint): object {
  const { id, service, address, ports, hostname, labels, metadata, weight, priority, zone, region, node, version, status, suspect, conditions } = endpoint
  return { id, service, address, ports, hostname, labels, metadata, weight, priority, zone, region, node, version, status, suspect, conditions }
}

/** How many endpoints steps tell of. */
function endpointsIn (steps: readonly MirrorStep[]): number {
  return steps.reduce((sum, step) => sum + (step.type === 'rows' ? step.rows.length : 0), 0)
}

const many = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, index) => `${prefix}${index}`)

t.test('a mirror is not loaded before its copy is whole, and then holds what the feed holds', async (t) => {
  const source = new Source()
  const remote = new Remote(new FeedPublisher(source.feed)).takeAll()
  t.equal(remote.mirror.loaded, false, 'the feed is not loaded either')
  source.load('e').register('web', ...many('a', maxChanges))
  const late = new Remote(new FeedPublisher(source.declare('even', 'even').feed))
  t.same(late.messages.map((message) => message.type === 'changes' ? endpointsIn(message.steps) : message.type), ['health', maxChanges, 166])
  late.take(2)
  t.equal(late.mirror.loaded, false, 'a part is missing')
  for (const { mirror } of [remote.takeAll(), late.takeAll()]) {
    t.equal(mirror.loaded, true)
    t.same(view(mirror), view(source.feed))
  }
})

t.test('a change while a copy is under way is in it', async (t) => {
  const source = new Source().load('e').register('web', ...many('a', 3_000)).declare('even', 'even')
  const remote = new Remote(new FeedPublisher(source.feed)).take(3)
  source.deregister('web', 'a0').register('web', 'a0', 'a1').suspect('web', 'a2').drain('web', 'a3')
  source.deregister('web', 'a2999').suspect('web', 'a2998').register('web', 'b0').drain('web', 'a2997').withdraw('even').declare('odd', 'odd')
  remote.take(5)
  source.undrain('web', 'a3').undrain('web', 'a2997').deregister('web', 'b0').deregister('web', 'a2998')
  t.equal(remote.mirror.loaded, false)
  remote.takeAll()
  t.same(view(remote.mirror), view(source.feed))
})

t.test('changes wait for a mirror that is busy, and come together', async (t) => {
  const source = new Source().load('e')
  const remote = new Remote(new FeedPublisher(source.feed)).takeAll()
  for (const id of many('a', 100)) source.register('web', id)
  t.equal(remote.messages.length, maxUnderWay)
  remote.take(1)
  t.same(remote.messages.map((message) => message.type === 'changes' && message.steps.length), [1, 1, 1, 96])
  t.same(view(remote.takeAll().mirror), view(source.feed))
})

t.test('a mirror that stood still while the feed forgot gets a new copy, and no queue grows meanwhile', async (t) => {
  const source = new Source(50).load('e').register('web', 'first')
  const remote = new Remote(new FeedPublisher(source.feed)).takeAll()
  const before = remote.mirror.catalog
  for (const id of many('a', 200)) source.register('web', id)
  t.equal(remote.messages.length, maxUnderWay)
  remote.take(maxUnderWay)
  t.equal(remote.mirror.catalog, before, 'it answers from what it had')
  t.equal(remote.mirror.revision, 1 + maxUnderWay)
  remote.takeAll()
  t.not(remote.mirror.catalog, before)
  t.same(view(remote.mirror), view(source.feed))
})

t.test('a copy during which the feed forgets what came since is begun again', async (t) => {
  const source = new Source(50).load('e')
  for (const id of many('a', 40)) source.register(id, ...many('x', 40))
  const remote = new Remote(new FeedPublisher(source.feed)).take(1)
  for (const id of many('b', 100)) source.register('web', id)
  remote.takeAll()
  t.same(view(remote.mirror), view(source.feed))
})

t.test('a load gives a new copy, and until it is whole the mirror answers from the old one', async (t) => {
  for (const epoch of ['e', 'f']) {
    const source = new Source().load('e').register('web', ...many('a', 1_000))
    const remote = new Remote(new FeedPublisher(source.feed)).takeAll()
    const before = view(remote.mirror)
    source.load(epoch, (key) => !key.endsWith('7'))
    remote.take(1)
    t.same(view(remote.mirror), before)
    t.same(view(remote.takeAll().mirror), view(source.feed))
    t.equal(remote.mirror.catalog.size, 900)
  }
})

t.test('a message ends at a large body', async (t) => {
  const source = new Source().load('e')
  const large = JSON.stringify({ keys: ['x'.repeat(100 * 1024)] })
  source.tell(...many('k', 7).map((name) => ({ type: 'put-object', object: object(`secret/shop/${name}`, 1, large) }) as const))
  const remote = new Remote(new FeedPublisher(source.feed))
  const lengths = (): unknown[] => remote.messages.splice(0).flatMap((message) => {
    remote.mirror.receive(message)
    return message.type === 'changes' ? message.steps.length : []
  })
  t.same(lengths(), [3, 3, 1], 'of a copy')
  source.tell(...many('l', 7).map((name) => ({ type: 'put-object', object: object(`secret/shop/${name}`, 1, large) }) as const))
  t.same(lengths(), [3, 3, 1], 'of changes')
  t.equal(remote.mirror.revision, 14)
})

t.test('a mirror knows since when the store is away, by its own clock', async (t) => {
  const source = new Source().load('e')
  let mirrorMs = nowMs
  const remote = new Remote(new FeedPublisher(source.feed), () => mirrorMs)
  source.feed.health({ available: true, reason: '', sinceMs: nowMs })
  remote.takeAll()
  t.equal(remote.mirror.staleSeconds, 0)
  source.feed.health({ available: false, reason: 'gone', sinceMs: nowMs })
  t.equal(remote.takeAll().mirror.staleSeconds, 1)
  mirrorMs += 9_000
  t.equal(remote.mirror.staleSeconds, 9)
  for (let index = 0; index < 100; index++) source.feed.health({ available: index % 2 === 0, reason: '', sinceMs: nowMs })
  t.equal(remote.messages.length, maxUnderWay, 'a store that comes and goes does not fill the queue')
  t.equal(remote.takeAll().mirror.staleSeconds, 9)
})

t.test('a revision counts as applied when all mirrors have applied it', async (t) => {
  const source = new Source().load('e').register('web', 'a')
  const publisher = new FeedPublisher(source.feed)
  const taken: string[] = []
  const wait = (name: string, revision: number): Promise<unknown> => publisher.whenTaken(revision).then(() => taken.push(name))
  const first = wait('first', 1)
  const [fast, slow] = [new Remote(publisher), new Remote(publisher)]
  fast.takeAll()
  await Promise.resolve()
  t.same(taken, [])
  slow.takeAll()
  await first
  const second = wait('second', 2)
  source.register('web', 'b')
  fast.takeAll()
  await Promise.resolve()
  t.same(taken, ['first'])
  slow.link.remove()
  await second
  source.load('f')
  const third = wait('third', 2)
  await Promise.resolve()
  t.same(taken, ['first', 'second'], 'the same number of another epoch is another revision')
  fast.takeAll()
  await third
  const never = wait('closed', Infinity)
  publisher.close()
  await Promise.all([never, publisher.whenTaken(Infinity)])
  source.register('web', 'c')
  t.same(fast.messages, [], 'nothing is sent any more')
})

/** A declared service is told whole with an instance whose own change is told after it. */
const instanceAfterItsService = [
  { do: 'declare', service: 'web', tier: 'even' }, { do: 'register', service: 'web', id: 'a0' }, { take: 3 }, { epoch: 'e', lost: 'a10' },
  { do: 'declare', service: 'api', tier: 'even' }, { take: 1 }, { do: 'register', service: 'web', id: 'a10' }, { do: 'declare', service: 'api', tier: 'odd' }, { take: 1 },
  ...Array.from({ length: 3 }, () => ({ do: 'register', service: 'web', id: 'a0' })), { take: 2 }, { take: 2 },
  { do: 'declare', service: 'web', tier: 'even' }, { do: 'register', service: 'web', id: 'a0' }, { take: 1 }, { do: 'register', service: 'web', id: 'a0' },
  { do: 'declare', service: 'web', tier: 'even' }, { do: 'register', service: 'web', id: 'a0' }
]

t.test('whatever changes and whenever messages arrive, a mirror holds what the feed held at its revision, and ends with what it holds', async () => {
  const service = fc.constantFrom('web', 'api')
  const id = fc.constantFrom(...many('a', 12))
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('register', 'deregister', 'suspect', 'drain', 'undrain'), service, id }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('declare', 'withdraw'), service, tier: fc.constantFrom('even', 'odd') }) },
    { weight: 6, arbitrary: fc.record({ take: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 1, arbitrary: fc.record({ epoch: fc.constantFrom('e', 'f'), lost: id }) }
  )
  fc.assert(fc.property(fc.array(step, { minLength: 20, maxLength: 100 }), fc.integer({ min: 1, max: 30 }), (steps, ringLimit) => {
    const source = new Source(ringLimit).load('e').register('web', ...many('a', 12))
    const held = new Set([JSON.stringify(view(source.feed))])
    const remote = new Remote(new FeedPublisher(source.feed, 3))
    const take = (): void => {
      remote.take(1)
      const mirrored = JSON.stringify(view(remote.mirror))
      if (remote.mirror.loaded && remote.mirror.settled === undefined && !held.has(mirrored)) throw new Error(`the feed never held ${mirrored}`)
    }
    for (const one of steps) {
      // Both names of methods and their arguments are those of `step`.
      if ('id' in one) source[one.do as 'register' | 'deregister'](one.service, one.id)
      else if ('tier' in one) source[one.do as 'declare'](one.service, one.tier)
      else if ('epoch' in one) source.load(one.epoch, (key) => !key.endsWith(`/${one.lost}`))
      else for (let count = one.take; count > 0; count--) take()
      held.add(JSON.stringify(view(source.feed)))
    }
    while (remote.messages.length > 0) take()
    const [mirrored, now] = [remote.mirror, source.feed].map((one) => JSON.stringify(view(one)))
    if (mirrored !== now) throw new Error(`${mirrored} is not ${now}`)
  }), { numRuns: 200, examples: [[instanceAfterItsService as never, 6]] })
})
