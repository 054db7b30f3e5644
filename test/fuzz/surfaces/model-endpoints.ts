// The model: who serves a name. The rules of design 2 and of Kubernetes, computed anew at each question.
import { type Model, type Shown, labelOf, order, sortedPorts } from './model.ts'
import type { Manifest } from './operations.ts'

export interface ModelEndpoint {
  readonly id: string
  readonly service?: string
  readonly address: string
  readonly ports: readonly { readonly name: string, readonly port: number, readonly protocol: string }[]
  readonly hostname?: string | undefined
  readonly node?: string | undefined
  readonly zone?: string | undefined
  readonly labels: Readonly<Record<string, string>>
  readonly metadata: Readonly<Record<string, string>>
  readonly weight: number
  readonly priority: number
  readonly status: string
  readonly suspect: boolean
  readonly conditions: { readonly ready: boolean, readonly serving: boolean, readonly terminating: boolean }
}

export interface ModelService {
  readonly namespace: string
  readonly name: string
  readonly manifest: Manifest | undefined
  /** The instances behind it: registered under its name, or selected. */
  readonly instances: readonly Shown[]
  readonly all: readonly ModelEndpoint[]
  readonly answered: readonly ModelEndpoint[]
  readonly failOpen: boolean
}

interface Spec {
  readonly type?: string
  readonly clusterIP?: string
  readonly clusterIPs?: readonly string[]
  readonly selector?: Readonly<Record<string, string>>
  readonly ports?: readonly {
    readonly name?: string, readonly port: number, readonly protocol: string, readonly targetPort: number | string
  }[]
  readonly ipFamilies?: readonly string[]
  readonly publishNotReadyAddresses?: boolean
  readonly externalName?: string
}

export const specOf = (manifest: Manifest | undefined): Spec => manifest?.['spec'] ?? {}
export const isHeadless = (manifest: Manifest | undefined): boolean => specOf(manifest).clusterIP === 'None'
export const hasSelector = (manifest: Manifest): boolean => Object.keys(specOf(manifest).selector ?? {}).length > 0
export const isAlias = (manifest: Manifest | undefined): boolean => specOf(manifest).type === 'ExternalName'

export function serviceOf (model: Model, namespace: string, name: string): ModelService | undefined {
  const manifest = model.declared(namespace, name)
  const instances = manifest === undefined
    ? model.list((instance) => instance.namespace === namespace && instance.service === name)
    : isAlias(manifest) || !hasSelector(manifest) ? [] : selected(model, namespace, manifest)
  if (manifest === undefined && instances.length === 0) return undefined
  const all = manifest === undefined ? instances.map(endpointOf)
    : isAlias(manifest) ? []
      : hasSelector(manifest) ? instances.filter(({ address }) => hasFamily(manifest, address)).map(
        (instance) => declaredEndpoint(manifest, instance)
      )
        : handMade(model, namespace, manifest)
  all.sort((a, b) => order(a.id, b.id) || order(a.service ?? '', b.service ?? ''))
  return { namespace, name, manifest, instances, all, ...answered(all) }
}

/** All of them, in the order of lists. */
export function servicesOf (model: Model): ModelService[] {
  return model.namespaces.flatMap((namespace) => model.services(namespace).map((name) => serviceOf(model, namespace, name))).filter(
    (service) => service !== undefined
  )
}

/** The ready ones; if there are none, those that serve and terminate; if there are none, the suspects that would serve, those that drain last. */
function answered (all: readonly ModelEndpoint[]): Pick<ModelService, 'answered' | 'failOpen'> {
  const ready = all.filter(({ conditions }) => conditions.ready)
  if (ready.length > 0) return { answered: ready, failOpen: false }
  const draining = all.filter(({ conditions }) => conditions.serving && conditions.terminating)
  if (draining.length > 0) return { answered: draining, failOpen: false }
  const suspects = (...statuses: readonly string[]): ModelEndpoint[] => all.filter(({ suspect, status }) => suspect && statuses.includes(status))
  const [would, drained] = [suspects('up', 'warning'), suspects('draining')]
  return { answered: would.length > 0 ? would : drained, failOpen: would.length + drained.length > 0 }
}

function selected (model: Model, namespace: string, manifest: Manifest): Shown[] {
  const selector = Object.entries(specOf(manifest).selector ?? {})
  return model.list((instance) => instance.namespace === namespace && selector.every(([key, value]) => labelOf(instance, key) === value))
    .sort((a, b) => order(a.id, b.id) || order(a.service, b.service))
}

function hasFamily (manifest: Manifest, address: string): boolean {
  return specOf(manifest).ipFamilies?.includes(familyOf(address)) ?? true
}

export function familyOf (address: string): 'IPv4' | 'IPv6' {
  return address.includes(':') ? 'IPv6' : 'IPv4'
}

function endpointOf (instance: Shown): ModelEndpoint {
  const { id, address, ports, hostname, node, zone, labels, metadata, priority, suspect, conditions } = instance
  const weight = instance.override?.weight ?? instance.weight
  return {
    id, address, ports, hostname, node, zone, labels, metadata, weight, priority, status: instance.effectiveStatus, suspect, conditions
  }
}

function declaredEndpoint (manifest: Manifest, instance: Shown): ModelEndpoint {
  const { ports, publishNotReadyAddresses = false } = specOf(manifest)
  const own = isHeadless(manifest) ? instance.ports : [] // of a headless service that names none, as of an implicit one
  const resolved = ports === undefined ? own : ports.flatMap(({ name = '', protocol, targetPort }) => {
    const port = typeof targetPort === 'number' ? targetPort : instance.ports.find(
      (each) => each.name === targetPort && each.protocol === protocol
    )?.port
    return port === undefined ? [] : [{ name, port, protocol }]
  })
  const { conditions, ...endpoint } = endpointOf(instance)
  const shown = publishNotReadyAddresses ? { ...conditions, ready: true } : conditions
  return { ...endpoint, service: instance.service, ports: sortedPorts(resolved), conditions: shown }
}

interface SliceShape {
  readonly addressType: string
  readonly ports?: readonly { readonly name?: string, readonly port?: number, readonly protocol?: string }[]
  readonly endpoints?: readonly {
    readonly addresses: readonly string[], readonly hostname?: string, readonly zone?: string
    readonly conditions?: { readonly ready?: boolean, readonly serving?: boolean, readonly terminating?: boolean }
  }[]
}

interface EndpointsShape {
  readonly subsets?: readonly {
    readonly addresses?: readonly { readonly ip: string }[], readonly notReadyAddresses?: readonly { readonly ip: string }[], readonly ports?: SliceShape['ports']
  }[]
}

/** What somebody wrote: an address in several places is one endpoint with all the ports, and the better word counts. */
function handMade (model: Model, namespace: string, service: Manifest): ModelEndpoint[] {
  const found = new Map<string, ModelEndpoint>()
  for (const endpoint of writtenEndpoints(model, namespace, service.metadata.name)) {
    if (!hasFamily(service, endpoint.address)) continue
    const offered = { ...endpoint, ports: offeredPorts(service, endpoint.ports) }
    const same = found.get(endpoint.id)
    const better = same === undefined || (offered.conditions.ready && !same.conditions.ready) ? offered : same
    const ports = new Map([...same?.ports ?? [], ...offered.ports].map((port) => [JSON.stringify(port), port]))
    found.set(endpoint.id, { ...better, ports: sortedPorts([...ports.values()]) })
  }
  return [...found.values()]
}

/** A port is the service's by name and protocol; a headless one without ports has those of its endpoints. */
function offeredPorts (service: Manifest, ports: ModelEndpoint['ports']): ModelEndpoint['ports'] {
  const own = specOf(service).ports
  if (own === undefined) return isHeadless(service) ? ports : []
  return ports.filter((port) => own.some(({ name = '', protocol }) => name === port.name && protocol === port.protocol))
}

function writtenEndpoints (model: Model, namespace: string, name: string): ModelEndpoint[] {
  const slices = [...model.manifests.values()]
    .filter(({ kind, metadata }) => kind === 'EndpointSlice' && metadata.namespace === namespace && metadata.labels?.['kubernetes.io/service-name'] === name)
    .sort((a, b) => order(a.metadata.name, b.metadata.name))
  const ofSlices = (
    slices as unknown as SliceShape[]
  ).flatMap(({ ports, endpoints = [] }) => endpoints.map(({ addresses: [address = ''], conditions = {}, hostname, zone }) => {
    const { ready = true, serving = ready, terminating = false } = conditions
    return written(address, ports, { ready, serving, terminating }, { hostname, zone })
  }))
  const object = model.manifests.get(`Endpoints/${namespace}/${name}`) as EndpointsShape | undefined
  const ofObject = (object?.subsets ?? []).flatMap(({ addresses = [], notReadyAddresses = [], ports }) => [
    ...addresses.map(({ ip }) => written(ip, ports, { ready: true, serving: true, terminating: false })),
    ...notReadyAddresses.map(({ ip }) => written(ip, ports, { ready: false, serving: false, terminating: false }))
  ])
  return [...ofSlices, ...ofObject]
}

function written (
  address: string, ports: SliceShape['ports'], conditions: ModelEndpoint['conditions'], more: Pick<ModelEndpoint, 'hostname' | 'zone'> = {}
): ModelEndpoint {
  return {
    id: address, address, labels: {}, metadata: {}, weight: 100, priority: 0, suspect: false, conditions, ...more,
    ports: (ports ?? []).map(({ name = '', port = 0, protocol = 'TCP' }) => ({ name, port, protocol })),
    status: conditions.terminating ? 'draining' : conditions.serving ? 'up' : 'down'
  }
}
