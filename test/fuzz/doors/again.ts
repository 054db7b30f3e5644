// What must change nothing: a restart, a fresh node, reading and applying what was read, leaving by one registry and entering another.
import type { Run, RunOptions } from './run.ts'
import { ask, serviceUrl } from './rest-client.ts'
import { hasSelector, serviceOf } from './model-endpoints.ts'

const door = 'again'

export async function lookAgain (run: Run, _options: RunOptions): Promise<void> {
  await readAndApply(run)
  if (run.comparison.disagreements.length > 0) return
  await run.world.restart(0)
  run.model.apply({ type: 'restart' })
  await run.look()
  if (run.comparison.disagreements.length > 0 || run.world.kind === 'sqlite') return
  const fresh = await run.world.fresh()
  await run.lookAt(fresh)
}

/** The manifest that a read shows is no change when it is applied; that of an implicit service can be applied. */
async function readAndApply ({ world, model, comparison }: Run): Promise<void> {
  const { url } = world.node(0)
  for (const namespace of model.namespaces) {
    for (const name of model.services(namespace)) {
      const path = serviceUrl(namespace, name)
      const service = serviceOf(model, namespace, name)
      const view = await ask(url, 'GET', `${path}?view=manifest`)
      const isImplicit = service?.manifest === undefined
      const put = await ask(url, 'PUT', `${path}${isImplicit ? '?dryRun=true' : ''}`, view.body)
      comparison.same(door, `apply what ${path}?view=manifest shows`, [put.status, put.body?.outcome ?? put.text], [200, isImplicit ? 'created' : 'unchanged'])
      if (service?.manifest === undefined || hasSelector(service.manifest)) continue
      const slices = await ask(url, 'GET', `${path}/endpointslices`)
      const applied = await ask(url, 'POST', '/v1/apply?dryRun=true', slices.body)
      comparison.same(door, `apply what ${path}/endpointslices shows`, applied.status, 200)
    }
  }
}
