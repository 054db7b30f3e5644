// Streams of manifests that are planned piece by piece: each plan says what is true of one revision, whatever comes in between.
import t from 'tap'
import { readManifests } from '../../server/model/manifest/manifest-stream.ts'
import type { InSlices } from '../../server/registry/core.ts'
import { service, stream } from '../support/declared.ts'
import { build, tester } from '../support/world.ts'

const count = 20
const all = stream(...Array.from({ length: count }, (_none, index) => service(`s${index}`, 'clusterIP: None, ports: [{ port: 80 }]')))

/** Runs step by step, and does something before some of them. */
function stepwise (between: (step: number) => Promise<void>): { readonly inSlices: InSlices, steps: number } {
  const run = {
    steps: 0,
    inSlices: async <Result>(work: () => Generator<unknown, Result>): Promise<Result> => {
      const running = work()
      for (;;) {
        await between(run.steps)
        const { done, value } = running.next()
        if (done === true) return value
        run.steps++
      }
    }
  }
  return run
}

t.test('others go on between any two manifests', async (t) => {
  const { registry } = await build(t)
  const run = stepwise(async () => undefined)
  await registry.as(tester).apply(readManifests(all), { inSlices: run.inSlices })
  t.ok(run.steps >= 3 * count, `${run.steps} steps: reading, planning and finishing each of ${count}`)
})

t.test('what another changed in the middle is found by the store, and the plan is made anew', async (t) => {
  const { registry } = await build(t)
  const access = registry.as(tester)
  await access.apply(readManifests(service('s3', 'clusterIP: None, ports: [{ port: 81 }]')))
  let changed: Promise<unknown> | undefined
  const run = stepwise(async (step) => {
    if (step < count + 10) return
    changed ??= access.apply(readManifests(service('s3', 'clusterIP: None, ports: [{ port: 82 }]', ', labels: { by: another }')))
    await changed
  })
  const { results } = await access.apply(readManifests(all), { inSlices: run.inSlices })
  t.equal(results.find(({ name }) => name === 's3')?.outcome, 'configured')
  t.equal(results.filter(({ outcome }) => outcome === 'created').length, count - 1)
  t.match(registry.catalog.declared('shop', 's3')?.manifest, { spec: { ports: [{ port: 80 }] }, metadata: { generation: 3 } })
  t.ok(run.steps > 4 * count, 'planned twice')
})

t.test('what is said of a dry run is of the revision at which it was planned', async (t) => {
  const { registry } = await build(t)
  const access = registry.as(tester)
  await access.apply(readManifests(all))
  let gone: Promise<unknown> | undefined
  const run = stepwise(async (step) => {
    if (step < 3 * count + 5) return // in the second plan: the first may not say that anything is unchanged
    gone ??= access.delete([{ kind: 'Service', namespace: 'shop', name: 's0' }, { kind: 'Service', namespace: 'shop', name: 's19' }])
    await gone
  })
  const { results } = await access.apply(readManifests(all), { dryRun: true, inSlices: run.inSlices })
  t.same(new Set(results.map(({ outcome }) => outcome)), new Set(['unchanged']))
  t.equal(registry.catalog.declared('shop', 's19'), undefined)
})
