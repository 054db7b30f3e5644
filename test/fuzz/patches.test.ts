// Patches of all kinds against a model: what kubectl computes from three objects, applied here, gives the manifest and
// around it what others added; what an apply on the server makes of the same is the same; and a JSON patch of every
// difference gives the other object.
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { kindFields } from '../../server/model/fields/kind-fields.ts'
import { afterApply, afterUpdate, type Managed } from '../../server/model/fields/managers.ts'
import { isMembers, type Members } from '../../server/model/fields/values.ts'
import { mergePatched } from '../../server/kubernetes/write/json-merge.ts'
import { jsonPatched } from '../../server/kubernetes/write/json-patch.ts'
import { strategicPatched } from '../../server/kubernetes/write/strategic-merge.ts'
import { Random, fuzzSeed, seedHint } from './random.ts'
import { appliedOf, expectedOf, mergeThreeWay, strategicThreeWay } from './three-way.ts'

const rounds = 5_000
const type = kindFields.Service
const numbers = [53, 80, 443, 8080]
const texts = ['a', 'b', 'c']

function randomService (random: Random): Members {
  const some = (make: () => Members): Members => (random.below(2) === 0 ? {} : make())
  const map = (): Members => Object.fromEntries(texts.filter(() => random.below(2) === 0).map((key) => [key, random.one(texts)]))
  const ports = numbers.filter(() => random.below(2) === 0).sort(() => random.below(3) - 1).map((port) => ({
    port, protocol: 'TCP', ...some(() => ({ name: random.one(texts) })), ...some(() => ({ targetPort: random.one(numbers) })), ...some(() => ({ nodePort: 30_000 + random.below(3) }))
  }))
  return {
    apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', ...some(() => ({ labels: map() })), ...some(() => ({ annotations: map() })) },
    spec: {
      ...some(() => ({ type: random.one(['ClusterIP', 'NodePort']) })), ...some(() => ({ selector: map() })), ...some(() => ({ externalIPs: texts.filter(() => random.below(2) === 0) })),
      ...some(() => ({ sessionAffinityConfig: { clientIP: { timeoutSeconds: random.below(3) } } })), ...some(() => ({ ports }))
    }
  }
}

/** Without what is empty, members and ports in order: what is stored is the same then. */
function plain (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain).sort((a, b) => (isMembers(a) && isMembers(b) ? Number(a.port) - Number(b.port) : 0))
  if (!isMembers(value)) return value
  const members = Object.entries(value).map(([name, member]): [string, unknown] => [name, plain(member)])
  return Object.fromEntries(members.filter(([, member]) => !(typeof member === 'object' && member !== null && Object.keys(member).length === 0)).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function same (a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(plain(a), plain(b))
}

t.test('a three-way merge of kubectl gives the manifest, and around it what others added', async (t) => {
  const seed = fuzzSeed()
  const random = new Random(seed)
  for (let round = 0; round < rounds; round++) {
    const [before, now] = [randomService(random), randomService(random)]
    const live = random.below(2) === 0 ? randomService(random) : mergePatched(before, randomService(random)) as Members // an object again
    const copy = structuredClone(live)
    const strategic = strategicPatched(live, strategicThreeWay(before, now, live, type), type)
    const merge = mergePatched(live, mergeThreeWay(before, now, live))
    const found = { before, now, live, strategic, merge }
    if (!same(strategic, expectedOf(before, now, live, type))) return void t.same(plain(strategic), plain(expectedOf(before, now, live, type)), `strategic: ${seedHint(seed)}: ${JSON.stringify(found)}`)
    if (!same(merge, expectedOf(before, now, live, undefined))) return void t.same(plain(merge), plain(expectedOf(before, now, live, undefined)), `merge: ${seedHint(seed)}: ${JSON.stringify(found)}`)
    if (!isDeepStrictEqual(live, copy)) return void t.fail(`the live object was changed: ${seedHint(seed)}`)
  }
  t.pass()
})

t.test('an apply on the server gives the manifest, takes out what it named before, and leaves what others added', async (t) => {
  const seed = fuzzSeed()
  const random = new Random(seed)
  const writer = { manager: 'me', apiVersion: 'v1' }
  for (let round = 0; round < rounds; round++) {
    const [before, now, others] = [randomService(random), randomService(random), randomService(random)]
    const options = { force: true, now: '2026-01-02T03:04:05Z' }
    const first = afterApply(undefined, before, type, writer, options)
    if (first.outcome !== 'applied') return void t.fail('the first apply')
    // Somebody else adds what the manifest does not name: then all of the manifest is still ours alone.
    const added = strategicPatched(others, first.object, type)
    const live: Managed = { object: added, entries: afterUpdate(first, added, type, { manager: 'other', apiVersion: 'v1' }, options.now) }
    const second = afterApply(live, now, type, writer, options)
    if (second.outcome !== 'applied') return void t.fail('the second apply')
    const expected = appliedOf(before, now, added, type)
    if (!same(second.object, expected)) return void t.same(plain(second.object), plain(expected), `${seedHint(seed)}: ${JSON.stringify({ before, now, added })}`)
  }
  t.pass()
})

t.test('the differences of two objects as a JSON patch give the other one', async (t) => {
  const seed = fuzzSeed()
  const random = new Random(seed)
  for (let round = 0; round < rounds; round++) {
    const [from, to] = [randomService(random), randomService(random)]
    const patched = jsonPatched(from, differences(from, to, ''))
    if (!isDeepStrictEqual(sorted(patched), sorted(to))) return void t.same(patched, to, `${seedHint(seed)}: ${JSON.stringify({ from, to })}`)
  }
  t.pass()
})

function differences (from: unknown, to: unknown, path: string): Members[] {
  if (isDeepStrictEqual(from, to)) return [{ op: 'test', path, value: to }]
  if (!isMembers(from) || !isMembers(to)) return [{ op: 'replace', path, value: to }]
  return [...new Set([...Object.keys(from), ...Object.keys(to)])].flatMap((name) => {
    const inner = `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (to[name] === undefined) return [{ op: 'remove', path: inner }]
    return from[name] === undefined ? [{ op: 'add', path: inner, value: to[name] }] : differences(from[name], to[name], inner)
  })
}

function sorted (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isMembers(value)) return value
  const members = Object.entries(value).map(([name, member]): [string, unknown] => [name, sorted(member)])
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)))
}
