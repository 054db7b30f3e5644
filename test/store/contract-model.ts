// Any order of writes and time steps, against a plain model. Where the clock cannot be stopped, a deadline is known as an
// interval: what must have ended is what was due before the sweep began, what may have ended is what was due when it was over.
import fc from 'fast-check'
import type { Test } from 'tap'
import type { Change, InstanceRecord, Sweep } from '../../server/store/store.ts'
import type { Scenario, Keyspace } from './keyspace.ts'

interface Life {
  readonly key: string
  readonly generation: string
  readonly ttlMs: number
  readonly body: string
  readonly createdRevision: number
  readonly revision: number
  readonly suspect: boolean
  /** The deadline lies between these two. */
  readonly dueFromMs: number
  readonly dueUntilMs: number
  /** What the last renewal answered, for `lose`. */
  readonly answeredMs: number
}

const keys = ['a/x/1', 'a/x/2', 'a/y/1', 'b/x/1']
const generations = [undefined, 'g1', 'g2']
const bodies = ['{"weight":1}', '{"weight":2}']
const ttlUnits = [1, 3, 1_000]
const graceUnits = 2
const gapUnits = 6
const stepLimit = 40 // long enough for a life with every turn in it, short enough to read when it fails

const choice = <Value>(values: readonly Value[]): fc.Arbitrary<Value> => fc.constantFrom(...values)
/** Chooses one of the leases that were ever given. */
const someLease = fc.nat({ max: 30 })

const steps = fc.array(fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('grant' as const), key: choice(keys), generation: choice(generations), body: choice(bodies), ttl: choice(ttlUnits) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('revise' as const), lease: someLease, body: choice(bodies), stale: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('revoke' as const), leases: fc.array(someLease, { maxLength: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('renew' as const), leases: fc.array(someLease, { maxLength: 4 }), ttl: choice(ttlUnits) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('lose' as const), lease: someLease }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('pass' as const), units: choice([0.5, 1, 2]) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('pause' as const) }) }
), { minLength: 5, maxLength: stepLimit })

type Step = typeof steps extends fc.Arbitrary<(infer Each)[]> ? Each : never

export function modelContract (scenario: Scenario, runs: number): void {
  // One keyspace for all runs: each begins by ending what the last one left.
  scenario('any order of writes and time gives what a plain model gives', async (t, world) => {
    await world.ready()
    await fc.assert(fc.asyncProperty(steps, async (sequence) => {
      const model = new Model(world)
      for (const step of sequence) await model.run(step)
      await model.end()
    }), { numRuns: runs })
    compareWithLog(t, world)
  })
}

class Model {
  readonly #world: Keyspace
  readonly #lives = new Map<string, Life>()
  readonly #given: string[] = ['nobody']

  constructor (world: Keyspace) {
    this.#world = world
  }

  async run (step: Step): Promise<void> {
    switch (step.type) {
      case 'grant': await this.#grant(step); break
      case 'revise': await this.#revise(step); break
      case 'revoke': await this.#revoke(step.leases); break
      case 'renew': await this.#renew(step.leases, step.ttl); break
      case 'lose': await this.#lose(step.lease); break
      case 'pass': await this.#pass(step.units); break
      case 'pause': await this.#pause(); break
    }
    this.#compare()
  }

  async end (): Promise<void> {
    await this.#world.store.revoke([...this.#lives.keys()], 'model')
    this.#lives.clear()
    this.#compare()
  }

  async #grant (step: Step & { type: 'grant' }): Promise<void> {
    const { store, follower, unitMs } = this.#world
    const ttlMs = step.ttl * unitMs
    const grant = this.#world.grantOf(step.key, { generation: step.generation, body: step.body, ttlMs })
    const [oldLease, old] = [...this.#lives].find(([, life]) => life.key === step.key) ?? [undefined, undefined]
    const generation = step.generation ?? old?.generation ?? grant.newGeneration
    const before = follower.revision
    const [from, granted, until] = await this.#timed(() => store.grant(grant))
    const due = { ttlMs, dueFromMs: from + ttlMs, dueUntilMs: until + ttlMs, answeredMs: 0, suspect: false, body: step.body }
    if (old === undefined || old.generation !== generation) {
      same(granted, { outcome: old === undefined ? 'created' : 'replaced', lease: grant.lease, generation, revision: before + 1 })
      if (oldLease !== undefined) this.#lives.delete(oldLease)
      this.#given.push(grant.lease)
      this.#lives.set(grant.lease, { ...due, key: step.key, generation, createdRevision: before + 1, revision: before + 1 })
      return
    }
    const unchanged = old.body === step.body && old.ttlMs === ttlMs
    const revision = unchanged && !old.suspect ? old.revision : before + 1
    same(granted, { outcome: unchanged ? 'unchanged' : 'updated', lease: oldLease, generation, revision })
    this.#lives.set(granted.lease, { ...old, ...due, revision: unchanged ? old.revision : before + 1 })
  }

  async #revise (step: Step & { type: 'revise' }): Promise<void> {
    const [lease, life] = this.#chosen(step.lease)
    const before = this.#world.follower.revision
    const expected = (life?.revision ?? 1) + (step.stale ? 1 : 0)
    const revised = await this.#world.store.revise({ lease, expected, body: step.body, reason: 'updated', by: 'model' })
    if (life === undefined) return same(revised, { outcome: 'unknown' })
    if (step.stale) return same(revised, { outcome: 'conflict' })
    const revision = life.body === step.body ? life.revision : before + 1
    same(revised, { outcome: 'updated', revision })
    this.#lives.set(lease, { ...life, body: step.body, revision })
  }

  async #revoke (choices: readonly number[]): Promise<void> {
    const leases = choices.map((index) => this.#chosen(index)[0])
    let revision = this.#world.follower.revision
    const revisions = await this.#world.store.revoke(leases, 'model')
    same(revisions, leases.map((lease) => (this.#lives.delete(lease) ? revision += 1 : 0)))
  }

  async #renew (choices: readonly number[], ttl: number): Promise<void> {
    const leases = [...new Set(choices.map((index) => this.#chosen(index)[0]))]
    const ttlMs = ttl * this.#world.unitMs
    const [from, renewed, until] = await this.#timed(() => this.#world.renew(leases, ttlMs))
    const answeredMs = renewed.deadlines.get(ttlMs) ?? 0
    truth(leases.length === 0 || (answeredMs >= from + ttlMs && Math.floor(answeredMs) <= until + ttlMs), `the deadline ${answeredMs} is now + ${ttlMs}`)
    same([...renewed.unknown].sort(), leases.filter((lease) => !this.#lives.has(lease)).sort())
    for (const lease of leases) {
      const life = this.#lives.get(lease)
      if (life !== undefined) this.#lives.set(lease, { ...life, suspect: false, dueFromMs: answeredMs, dueUntilMs: answeredMs, answeredMs })
    }
  }

  async #lose (index: number): Promise<void> {
    const [lease, life] = this.#chosen(index)
    const graceMs = graceUnits * this.#world.unitMs
    const deadlineMs = life?.answeredMs ?? 1
    const [from, turned, until] = await this.#timed(() => this.#world.store.lose([{ lease, deadlineMs }], graceMs))
    const turns = life !== undefined && !life.suspect && life.answeredMs !== 0
    same(turned, turns ? 1 : 0)
    if (turns) this.#lives.set(lease, { ...life, suspect: true, dueFromMs: from + graceMs, dueUntilMs: until + graceMs, answeredMs: 0 })
  }

  async #pass (units: number): Promise<void> {
    await this.#world.harness.advance(units * this.#world.unitMs, async () => { await this.#sweep() })
  }

  async #pause (): Promise<void> {
    await this.#world.pause(gapUnits + 1)
    const sweep = await this.#sweep()
    truth(sweep.holdMs > 0 || this.#lives.size === 0, 'a gap begins a hold, if there is anybody to wait for')
  }

  async #sweep (): Promise<Sweep> {
    const { store, follower, unitMs } = this.#world
    const graceMs = graceUnits * unitMs
    const policy = this.#world.policy({ graceMs, gapMs: gapUnits * unitMs, holdMs: 2 * unitMs })
    const before = follower.history.length
    const [from, sweep, until] = await this.#timed(() => store.expire(policy))
    const changes = follower.history.slice(before)
    const touched = new Set<string>()
    for (const change of changes) {
      truth(change.type === 'suspect' || change.type === 'delete', `a sweep suspects and removes, not ${change.type}`)
      const lease = (change as Change & { lease: string }).lease // the line before left these two kinds
      const life = this.#lives.get(lease)
      truth(life !== undefined && life.dueFromMs <= until, `${lease} was due`)
      truth(life?.suspect === (change.type === 'delete'), `${lease}: first suspect, then removed`)
      touched.add(lease)
      if (life !== undefined && change.type === 'suspect') {
        this.#lives.set(lease, { ...life, suspect: true, dueFromMs: from + graceMs, dueUntilMs: until + graceMs, answeredMs: 0 })
      } else this.#lives.delete(lease)
    }
    if (sweep.holdMs > 0) truth(changes.length === 0, 'nothing ends during a hold')
    else for (const [lease, life] of this.#lives) truth(touched.has(lease) || life.dueUntilMs > from, `${lease} was due at ${life.dueUntilMs}, ${from} is over`)
    return sweep
  }

  /** The store holds what the model holds. */
  #compare (): void {
    const stored = [...this.#world.follower.instances.values()].map(contentOf)
    const expected = [...this.#lives].map(([lease, life]) => contentOf({ ...life, lease }))
    same(stored.sort(), expected.sort())
    same(this.#world.follower.faults, [])
  }

  #chosen (index: number): [string, Life | undefined] {
    // The newest ones first: they are the likeliest to live.
    const lease = this.#given.at(-1 - (index % this.#given.length)) ?? 'nobody'
    return [lease, this.#lives.get(lease)]
  }

  async #timed<Result> (act: () => Promise<Result>): Promise<[number, Result, number]> {
    const from = await this.#world.harness.now()
    const result = await act()
    return [from, result, await this.#world.harness.now()]
  }
}

function contentOf (record: Pick<InstanceRecord, 'key' | 'lease' | 'generation' | 'ttlMs' | 'body' | 'createdRevision' | 'revision' | 'suspect'>): string {
  const { key, lease, generation, ttlMs, body, createdRevision, revision, suspect } = record
  return JSON.stringify([key, lease, generation, ttlMs, body, createdRevision, revision, suspect])
}

/** Revisions of the whole history are dense: nothing fell out between the runs. */
function compareWithLog (t: Test, world: Keyspace): void {
  const first = world.follower.history[0]?.revision ?? 0
  t.ok(world.follower.history.every(({ revision }, index) => revision === first + index))
}

// fast-check wants an exception, and shrinks towards it.
function same (found: unknown, wanted: unknown): void {
  truth(JSON.stringify(found) === JSON.stringify(wanted), `found ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`)
}

function truth (holds: boolean, sentence: string): void {
  if (!holds) throw new Error(sentence)
}
