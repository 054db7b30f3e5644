// What a node offers to a Redis that lost something, and what becomes of writes that were under way. No server needed.
import t from 'tap'
import type { Change, InstanceRecord, ObjectRecord } from '../../server/store/store.ts'
import { Pending } from '../../server/store/redis/pending.ts'
import { instanceText, objectText, parseEntry, parseInstance, parseObject, parseVoid } from '../../server/store/redis/records.ts'
import { collectProposals, proposalArguments, proposeInstance, type Proposal } from '../../server/store/redis/recovery.ts'
import { recoveryHorizonMs, ToldEnds } from '../../server/store/redis/told-ends.ts'
import { RecordingFollower } from '../support/recording-follower.ts'

function record (key: string, lease: string, revision: number): InstanceRecord {
  return { key, lease, generation: 'g', ttlMs: 1_000, createdRevision: 1, revision, shownRevision: revision, createdAtMs: 5, updatedAtMs: 6, suspect: false, body: '{"weight":1}' }
}

function object (key: string, revision: number): ObjectRecord {
  return { key, createdRevision: 1, revision, createdAtMs: 5, updatedAtMs: 6, endsAtMs: 0, body: '{}' }
}

const head = (revision: number) => ({ revision, atMs: 0, by: 'x', reason: 'updated' as const })
const put = (record: InstanceRecord): Change => ({ ...head(record.revision), type: 'put', record })
const gone = (key: string, lease: string, revision: number): Change => ({ ...head(revision), type: 'delete', key, lease })

function follower (history: Change[], held: InstanceRecord[] = [], objects: ObjectRecord[] = []): RecordingFollower {
  const follower = new RecordingFollower()
  follower.history.push(...history)
  for (const record of held) follower.instances.set(record.key, record)
  for (const object of objects) follower.objects.set(object.key, object)
  return follower
}

const shown = (proposals: readonly Proposal[]): string[] => proposals.map(({ kind, id, revision }) => `${kind} ${id} ${revision}`).sort()

t.test('records that changed after the base are offered, and every end after it', async (t) => {
  const held = [record('a/b/1', 'l1', 9), record('a/b/2', 'l2', 12)]
  const history = [put(record('a/b/2', 'l2', 11)), put(record('a/b/2', 'l2', 12)), put(record('a/b/3', 'l3', 13)), gone('a/b/3', 'l3', 14)]
  t.same(shown(await collectProposals(follower(history, held, [object('override/a', 10), object('override/b', 15)]), [], 10, false)), ['del l3 14', 'oput override/b 15', 'put l2 12'])
})

t.test('a life of the history that is not registered any more is not offered', async (t) => {
  t.same(await collectProposals(follower([put(record('a/b/1', 'l1', 11))]), [], 10, false), [])
})

t.test('of each key one life is offered, the newest', async (t) => {
  const own = [proposeInstance(record('a/b/1', 'l2', 12))]
  t.same(shown(await collectProposals(follower([], [record('a/b/1', 'l1', 11)]), own, 10, false)), ['put l2 12'])
})

t.test('to a new keyspace every record is offered, and every remembered end', async (t) => {
  const history: Change[] = [gone('a/b/9', 'l9', 3), { ...head(4), type: 'delete-object', key: 'override/a' }]
  const node = follower(history, [record('a/b/1', 'l1', 1)], [object('override/b', 2)])
  t.same(shown(await collectProposals(node, [], 0, true)), ['del l9 3', 'odel override/a 4', 'oput override/b 2', 'put l1 1'])
})

t.test('own writes that were acknowledged and never delivered are offered too', async (t) => {
  const own = [proposeInstance(record('a/b/1', 'l1', 15))]
  t.same(shown(await collectProposals(follower([put(record('a/b/1', 'l1', 11))]), own, 10, false)), ['put l1 15'])
})

t.test('an end is offered with its key, and one that was told also from before the base', async (t) => {
  const own: Proposal[] = [{ kind: 'del', id: 'l5', key: '', revision: 7, text: '' }, { kind: 'odel', id: 'override/a', key: '', revision: 8, text: '' }]
  const proposals = await collectProposals(follower([gone('a/b/3', 'l3', 14)]), own, 10, false)
  t.same(proposals.map((proposal) => proposalArguments(proposal)), [['del', 'l3', 14, 'a/b/3'], ['del', 'l5', 7, ''], ['odel', 'override/a', 8, '']])
})

t.test('ends that were told are told again for a minute, each once, with what is known best of it, and so many at most', async (t) => {
  let now = 1_000
  const told = new ToldEnds(() => now, 2)
  const end = (id: string, revision: number, key = ''): Proposal => ({ kind: 'del', id, key, revision, text: '' })
  told.add(end('l1', 5, 'a/b/1'))
  now += 1
  told.add(end('l2', 6))
  told.add(end('l1', 4))
  t.same(told.proposals(), [end('l2', 6), end('l1', 5, 'a/b/1')])
  told.add(end('l3', 7))
  t.same(told.proposals(), [end('l1', 5, 'a/b/1'), end('l3', 7)])
  now += recoveryHorizonMs
  t.same(told.proposals(), [])
})

t.test('suspicion is not offered', async (t) => {
  t.same(await collectProposals(follower([{ ...head(11), type: 'suspect', key: 'a/b/1', lease: 'l1' }]), [], 10, false), [])
})

t.test('a record is read as it was written', async (t) => {
  const instance = record('a/b/1', 'l1', 9)
  t.same(parseInstance('l1', instanceText(instance), false), instance)
  const declared = object('override/a', 9)
  t.same(parseObject('override/a', objectText(declared)), declared)
})

t.test('an entry of an unknown type is a break: followers must load again', async (t) => {
  t.same(parseEntry(['17-0', ['t', 'something', 'x', 'y']]), { type: 'break', revision: 17 })
})

t.test('void ranges are read as pairs', async (t) => {
  t.same(parseVoid(''), [])
  t.same(parseVoid('5-100,120-300'), [{ after: 5, until: 100 }, { after: 120, until: 300 }])
})

const view = { instance: () => undefined, object: () => undefined }

t.test('a write is answered when its revision was applied', async (t) => {
  const pending = new Pending()
  const waits = pending.delivery(2, () => false)
  pending.applied([gone('a/b/1', 'l', 1), gone('a/b/2', 'l', 2)])
  await t.resolves(waits)
  await t.resolves(pending.delivery(1, () => false), 'an older one is answered at once')
})

t.test('a write that a load covers is answered, a lost one only if its effect is there', async (t) => {
  const pending = new Pending()
  const covered = pending.delivery(5, () => false)
  const kept = pending.delivery(6, () => true)
  const lost = pending.delivery(7, () => false)
  const settled = Promise.allSettled([covered, kept, lost])
  t.equal(pending.highest, 7)
  pending.loaded(1_000, (revision) => revision > 5, view)
  t.match(await settled, [{ status: 'fulfilled' }, { status: 'fulfilled' }, { status: 'rejected', reason: { code: 'REG_OUTCOME_UNKNOWN' } }])
})

t.test('a write on its way through a load goes on waiting', async (t) => {
  const pending = new Pending()
  const waits = pending.delivery(8, () => false)
  pending.loaded(7, () => false, view)
  pending.applied([gone('a/b/1', 'l', 8)])
  await t.resolves(waits)
})

t.test('no write waits for ever, and acknowledged ones are offered all the same', async (t) => {
  const pending = new Pending()
  const waits = pending.delivery(3, () => false, () => proposeInstance(record('a/b/1', 'l1', 3)))
  const refused = t.rejects(waits, { code: 'REG_OUTCOME_UNKNOWN' })
  pending.giveUp()
  await refused
  t.same(shown(pending.proposals()), ['put l1 3'])
  await pending.idle()
  pending.close()
  await t.rejects(pending.delivery(9, () => true), { code: 'REG_OUTCOME_UNKNOWN' })
})
