// What must change nothing: a restart, a fresh node, reading and applying what was read, leaving one registry and
// entering another,
// another order of what commutes.
import type { Random } from '../random.ts'
import { plain } from './comparison.ts'
import { type Model, sortedPorts } from './model.ts'
import { type ModelEndpoint, type ModelService, hasSelector, isAlias, serviceOf } from './model-endpoints.ts'
import type { Made, Manifest, Operation } from './operations.ts'
import { perform } from './perform.ts'
import { type Answer, ask, instanceUrl, serviceUrl } from './rest-client.ts'
import { Run } from './run.ts'
import { tick } from './watch-surface.ts'
import { without } from './shapes.ts'
import { openWorld } from './world.ts'

const surface = 'again'

/** At the end of a run that agreed. */
export async function lookAgain (run: Run): Promise<void> {
  const { comparison, model, world } = run
  const agrees = (): boolean => comparison.disagreements.length === 0
  await readAndApply(run)
  if (agrees()) await enterAnother(run)
  if (!agrees()) return
  model.apply({ type: 'restart' })
  await world.restart(0)
  await run.look()
  if (!agrees() || world.kind === 'sqlite') return
  const fresh = await world.fresh()
  await world.settle()
  run.cursors.look++ // its load may have raised revisions, on all nodes
  for (const node of [...world.nodes, fresh]) await run.lookAt(node)
}

/** What a read shows can be applied, and then means the same; where it was declared it is no change. */
async function readAndApply ({ world, model, comparison }: Run): Promise<void> {
  const { url } = world.node(0)
  const endpointsAt = async (path: string): Promise<unknown[]> => {
    const { body } = await ask(url, 'GET', `${path}/endpoints?ready=any`)
    return (body?.endpoints ?? []).map(who)
  }
  for (const namespace of model.namespaces) {
    for (const name of model.services(namespace)) {
      const path = serviceUrl(namespace, name)
      const service = serviceOf(model, namespace, name)
      if (service === undefined) continue
      const view = await ask(url, 'GET', `${path}?view=manifest`)
      const put = await ask(url, 'PUT', path, view.body)
      const meant = service.manifest === undefined ? 'created' : 'unchanged'
      comparison.same(
        surface, `apply what ${path}?view=manifest shows`, put.body?.outcome ?? [put.status, put.text], meant
      )
      comparison.sameSet(
        surface, `endpoints when ${path}?view=manifest is applied`, await endpointsAt(path), service.all.map(who)
      )
      if (service.manifest === undefined) await ask(url, 'DELETE', path)
      else if (!hasSelector(service.manifest) && !isAlias(service.manifest)) await mirrorAndApply(path, service)
    }
  }

  /** Slices that mirror an Endpoints object may be applied, and are then shown once. */
  async function mirrorAndApply (path: string, { namespace, all }: ModelService): Promise<void> {
    const read = async (): Promise<any> => (await ask(url, 'GET', `${path}/endpointslices`)).body
    const slices = await read()
    if (slices.items.length === 0) return
    const applied = await ask(url, 'POST', '/v1/apply', slices)
    comparison.same(surface, `apply what ${path}/endpointslices shows`, refusalOf(applied), '')
    const again = await ask(url, 'POST', '/v1/apply?dryRun=true', await read())
    comparison.same(surface, `apply twice what ${path}/endpointslices shows`, refusalOf(again), '')
    comparison.sameSet(surface, `endpoints when ${path}/endpointslices is applied`, await endpointsAt(path), all.map(who))
    for (const { metadata: { name } } of slices.items) {
      if (model.manifests.has(`EndpointSlice/${namespace}/${name}`)) continue
      await ask(url, 'POST', '/v1/delete?ignoreMissing=true', { names: [{ kind: 'EndpointSlice', namespace, name }] })
    }
  }
}

function refusalOf ({ status, text }: Answer): string {
  return status === 200 ? '' : text
}

function who ({ id, address, ports, conditions }: ModelEndpoint): object {
  return { id, address, conditions, ports: sortedPorts(ports) }
}

/** What one registry shows is brought into another, where it means the same: cluster IPs and node ports included. */
async function enterAnother ({ world, model, comparison }: Run): Promise<void> {
  const other = new Run(await openWorld('sqlite'), comparison)
  try {
    for (const operation of await exported(world.node(0).url, model)) {
      await perform(operation, other.world, other.model, comparison, other.cursors)
    }
    comparison.same(surface, 'services and endpoints after export and import', wholeOf(other.model), wholeOf(model))
    await other.look()
  } finally {
    await other.close()
  }
}

/** A registry as operations that make one like it. */
async function exported (url: string, model: Model): Promise<Operation[]> {
  const operations: Operation[] = []
  for (const { kind, metadata: { namespace = '', name } } of model.manifests.values()) {
    const stored = model.manifests.get(`${kind}/${kind === 'Namespace' ? '' : namespace}/${name}`)
    const shown = kind === 'Service' ? (
      await ask(url, 'GET', `${serviceUrl(namespace, name)}?view=manifest`)
    ).body as Manifest : stored
    if (shown !== undefined) operations.push({ type: 'apply', manifest: fresh(shown) })
  }
  for (const [path, { body }] of model.instances) {
    operations.push(
      { type: 'register', path, body: registrationOf((await ask(url, 'GET', instanceUrl(path))).body, body) }
    )
  }
  for (const [path, { status, weight }] of model.overrides) {
    const override = { ...(status === undefined ? {} : { status }), ...(weight === undefined ? {} : { weight }) }
    if (model.instances.has(path)) operations.push({ type: 'override', path, override })
  }
  return operations
}

/** What a read shows, as a registration; the lease is as it was asked for. */
function registrationOf (
  { address, generation, ports, hostname, labels, metadata, weight, priority, zone, node, status }: any, { lease }: Made
): Made {
  return plain(
    { address, generation, ports, hostname, labels, metadata, weight, priority, zone, node, status, lease }
  ) as Made
}

/** Without what names one life of it in one registry, and without its status, which is the registry's own word. */
function fresh ({ kind, metadata, ...rest }: Manifest): Manifest {
  const kept = without(metadata, 'resourceVersion', 'uid', 'creationTimestamp', 'generation')
  return { ...without(rest, 'status'), kind, metadata: kept as Manifest['metadata'] }
}

/** Who serves what, suspicion left aside: that stays with the registry that has it. */
function wholeOf (model: Model): unknown {
  return model.namespaces.flatMap((namespace) => model.services(namespace).map((name) => {
    const { manifest, all = [] } = serviceOf(model, namespace, name) ?? {}
    return {
      namespace, name, manifest: manifest && fresh(manifest),
      all: all.map((endpoint) => without(endpoint, 'suspect', 'conditions'))
    }
  }))
}

/** The same operations in another order: neighbours that are about different things change places. */
export function reordered (random: Random, operations: readonly Operation[]): Operation[] {
  const list = operations.filter(({ type }) => type !== 'look')
  for (let round = 0; round < list.length; round++) {
    for (let at = 0; at + 1 < list.length; at++) {
      const [one, other] = [list[at], list[at + 1]]
      if (one === undefined || other === undefined || !commute(one, other) || random.below(2) === 0) continue
      list.splice(at, 2, other, one)
    }
  }
  return [...list, { type: 'look' }]
}

function commute (one: Operation, other: Operation): boolean {
  const [a, b] = [subjectOf(one), subjectOf(other)]
  return a !== undefined && b !== undefined && a !== b
}

/** What an operation is about; undefined = about everything. */
function subjectOf (operation: Operation): string | undefined {
  if (operation.type === 'apply') {
    const { kind, metadata } = operation.manifest
    const service = metadata.labels?.['kubernetes.io/service-name'] ?? metadata.name
    return kind === 'Namespace' ? `namespace ${metadata.name}` : `service ${metadata.namespace}/${service}`
  }
  if (operation.type === 'delete') {
    const { kind, namespace, name } = operation
    const service = kind === 'EndpointSlice' ? name.replace(/-s\d$/, '') : name
    return kind === 'Namespace' ? `namespace ${name}` : `service ${namespace}/${service}`
  }
  return 'path' in operation && operation.type !== 'break' ? `instance ${operation.path}` : undefined
}

/** What does not follow from the order: allocated values do. */
export function finalOf (model: Model): unknown {
  const isNone = (value: unknown): boolean => value === 'None' || (Array.isArray(value) && value[0] === 'None')
  const given = (manifest: Manifest): string => JSON.stringify(
    plain(fresh(manifest)), (key, value: unknown) => (allocated.has(key) && !isNone(value) ? undefined : value)
  )
  return {
    instances: model.list(({ namespace }) => namespace !== tick.namespace),
    manifests: [...model.manifests.values()].map(given).sort()
  }
}

const allocated: ReadonlySet<string> = new Set(['clusterIP', 'clusterIPs', 'nodePort', 'healthCheckNodePort', 'status'])
