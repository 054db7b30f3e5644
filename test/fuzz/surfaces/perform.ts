// Does one operation to a world over REST, and compares the answer with the model's.
import type { Cursors } from './cursors.ts'
import { type Comparison, plain } from './comparison.ts'
import { type Expected, type Model, keyOf } from './model.ts'
import { type Operation, partsOf } from './operations.ts'
import { ask, instanceUrl, isInTime } from './rest-client.ts'
import { isWithin, saidManifest } from './shapes.ts'
import { TestSocket } from '../../support/test-socket.ts'
import type { World } from './world.ts'
import { sweepMs } from './model.ts'

const applyPath = '/v1/apply'

export async function perform (
  operation: Operation, world: World, model: Model, comparison: Comparison, cursors: Cursors
): Promise<void> {
  const { node: index = 0 } = operation
  const { url } = world.node(index)
  const about = JSON.stringify(operation)
  const answered = (
    expected: Expected,
    answer: { readonly status: number, readonly body?: unknown, readonly text: string, readonly headers: Headers }
  ): void => {
    comparison.holds('rest', about, answer.status === expected?.status, [answer.status, answer.text], expected?.status)
    if (expected?.body !== undefined) comparison.same('rest', about, answer.body, expected.body)
    cursors.written(answer.headers.get('rollcall-revision'))
  }
  switch (operation.type) {
    case 'look': return
    case 'pass':
      if (world.kind !== 'sqlite') return
      model.apply(operation)
      return world.pass(operation.ms)
    case 'restart':
      model.apply(operation)
      return world.restart(index)
    case 'new-term': return world.kind === 'redis' ? world.newTerm() : undefined
    case 'register':
    case 'patch': {
      const [method, body] = operation.type === 'register' ? ['PUT', operation.body] : ['PATCH', operation.patch]
      const known = model.instances.has(operation.path)
      const before = known ? [
        JSON.stringify(plain(model.shown(operation.path))),
        (await ask(url, 'GET', instanceUrl(operation.path))).body?.revision
      ] : []
      const expected = model.apply(operation)
      const answer = await ask(url, method, instanceUrl(operation.path), body)
      answered(expected, answer)
      // The same content is no change.
      if (before[0] === (known ? JSON.stringify(plain(model.shown(operation.path))) : '')) {
        comparison.same('rest', `no new revision by ${about}`, answer.body?.revision, before[1])
      }
      return
    }
    case 'heartbeat': {
      const { path, generation, status } = operation
      const lease = {
        ...partsOf(path), ...(generation === undefined ? {} : { generation }),
        ...(status === undefined ? {} : { status })
      }
      return answered(model.apply(operation), await ask(url, 'POST', '/v1/heartbeats', { leases: [lease] }))
    }
    case 'deregister': {
      const { path, generation } = operation
      return answered(
        model.apply(operation),
        await ask(url, 'DELETE', `${instanceUrl(path)}${generation === undefined ? '' : `?generation=${generation}`}`)
      )
    }
    case 'override': {
      const { endsAfterMs, ...override } = operation.override
      const until = endsAfterMs === undefined ? {} : { until: new Date(world.clock.now() + endsAfterMs).toISOString() }
      return answered(
        model.apply(operation),
        await ask(url, 'PUT', `${instanceUrl(operation.path)}/override`, { ...override, ...until })
      )
    }
    case 'end-override': return answered(
      model.apply(operation), await ask(url, 'DELETE', `${instanceUrl(operation.path)}/override`)
    )
    case 'break':
      // A second apart from the one before: sockets that break together are a node's own trouble.
      await world.pass(breakPauseMs)
      model.apply({ type: 'pass', ms: breakPauseMs })
      comparison.same('watch', `a session that broke: ${about}`, await breakSession(operation, world, model), true)
      model.apply(operation)
      return
    case 'delete': {
      const { kind, namespace, name } = operation
      const names = [{ kind, name, ...(kind === 'Namespace' ? {} : { namespace }) }]
      return answered(model.apply(operation), await ask(url, 'POST', '/v1/delete', { names }))
    }
    case 'apply': return apply(operation, url, model, comparison, cursors)
  }
}

const breakPauseMs = 6 * sweepMs

/**
 * The registry judges a manifest; what it stored holds what was given, a second time nothing changes, and a refusal
 * changes nothing.
 */
async function apply (
  { manifest, ...operation }: Extract<Operation, { type: 'apply' }>, url: string, model: Model, comparison: Comparison,
  cursors: Cursors
): Promise<void> {
  const about = JSON.stringify({ ...operation, manifest })
  const before = model.manifests.get(keyOf(manifest))
  const first = await ask(url, 'POST', applyPath, manifest)
  if (
    !comparison.holds(
      'rest', about, first.status === 200 || first.status === 422, [first.status, first.text],
      '200, or 422 for a transition that is not allowed'
    )
  ) return
  if (first.status !== 200) return
  const [result] = first.body.results
  cursors.written(first.headers.get('rollcall-revision'))
  comparison.same('rest', `outcome of ${about}`, result.outcome === 'created', before === undefined)
  comparison.holds('rest', `stored by ${about}`, isWithin(manifest, result.manifest), result.manifest, manifest)
  model.stored(result.manifest)
  const again = await ask(url, 'POST', applyPath, manifest)
  comparison.same(
    'rest', `outcome of the second time: ${about}`, [again.status, again.body?.results?.[0]?.outcome],
    [200, 'unchanged']
  )
  comparison.same(
    'rest', `stored by the second time: ${about}`, saidManifest(again.body?.results?.[0]?.manifest),
    saidManifest(result.manifest)
  )
  model.stored(again.body?.results?.[0]?.manifest ?? result.manifest)
}

/** A socket that is the lease of one instance breaks. @returns whether the registry noticed, if it has the instance */
async function breakSession (
  { node: index = 0, path }: Extract<Operation, { type: 'break' }>, world: World, model: Model
): Promise<boolean> {
  const { url, registry: { feed } } = world.node(index)
  const known = model.instances.get(path)
  const socket = await TestSocket.connect(url)
  // Only a life that is named is bound.
  const lease = { ...partsOf(path), ...(known === undefined ? {} : { generation: known.body.generation }) }
  socket.send({ type: 'heartbeat', id: 1, session: true, leases: [lease] })
  while ((await socket.next()).type !== 'heartbeat');
  const { promise, resolve } = Promise.withResolvers<void>()
  const stop = feed.listen({
    changed: ({ reason, target: { namespace, service, id } }) => {
      if (reason === 'suspect' && `${namespace}/${service}/${id}` === path) resolve()
    }
  })
  socket.socket.terminate()
  await socket.closed
  const isNoticed = known === undefined || await isInTime(promise)
  stop()
  return isNoticed
}
