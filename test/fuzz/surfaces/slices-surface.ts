// EndpointSlices and the Endpoints object: the views that Kubernetes' tools read.
import { sortedPorts } from './model.ts'
import { type ModelEndpoint, type ModelService, familyOf, hasSelector, isAlias, specOf } from './model-endpoints.ts'
import { plain } from './comparison.ts'
import { ask, serviceUrl } from './rest-client.ts'
import type { Looking } from './rest-surface.ts'
import { serviceOf } from './model-endpoints.ts'
import { saidManifest } from './shapes.ts'

const surface = 'slices'
const mirror = 'endpointslicemirroring-controller.k8s.io'

export async function lookAtSlices ({ url, model, comparison }: Looking): Promise<void> {
  for (const namespace of model.namespaces) {
    for (const name of model.services(namespace)) {
      const service = serviceOf(model, namespace, name)
      if (service === undefined) continue
      const path = serviceUrl(namespace, name)
      const slices = (await ask(url, 'GET', `${path}/endpointslices`)).body?.items ?? []
      const object = (await ask(url, 'GET', `${path}/endpointsobject`)).body
      const isWritten = service.manifest !== undefined && !hasSelector(service.manifest)
      const written = (kind: string): object[] => [...model.manifests.values()].filter(
        (each) => each.kind === kind && each.metadata.namespace === namespace
      )
      if (isWritten) {
        const own = slices.filter(
          (slice: any) => slice.metadata.labels?.['endpointslice.kubernetes.io/managed-by'] !== mirror
        )
        const meant = written('EndpointSlice').filter(
          (slice: any) => slice.metadata.labels['kubernetes.io/service-name'] === name
        )
        if (!isAlias(service.manifest)) {
          comparison.sameSet(surface, `slices of ${path}`, own.map(saidManifest), meant.map(saidManifest))
        }
        const endpoints = model.manifests.get(`Endpoints/${namespace}/${name}`)
        if (endpoints !== undefined) {
          comparison.same(surface, `Endpoints of ${path}`, saidManifest(object), saidManifest(endpoints))
          continue
        }
      } else {
        comparison.sameSet(
          surface, `slices of ${path}`, slices.flatMap(rows),
          service.all.filter(({ address }) => hasSliceFamily(service, address)).map(row)
        )
        const targets = slices.flatMap(
          ({ endpoints = [] }: any) => endpoints.map(({ targetRef }: any) => JSON.stringify(plain(targetRef)))
        )
        comparison.same(surface, `targets of the slices of ${path}, each once`, new Set(targets).size, targets.length)
      }
      const primary = primaryFamily(service)
      const shown = service.all.filter(
        ({ address, conditions }) => familyOf(address) === primary && (conditions.ready || !conditions.terminating)
      )
      comparison.sameSet(
        surface, `Endpoints of ${path}`, (object?.subsets ?? []).flatMap(addresses),
        onePerAddress(shown)
      )
    }
  }
}

/** An address with a list of ports stands there once: of several instances the ready one speaks for it. */
function onePerAddress (endpoints: readonly ModelEndpoint[]): object[] {
  const said = Map.groupBy(endpoints, ({ address, ports }) => JSON.stringify([address, bare(ports)]))
  return Array.from(said.values(), (group) => {
    const { address = '', ports = [] } = group[0] ?? {}
    return { address, ready: group.some(({ conditions }) => conditions.ready), ports: bare(ports) }
  })
}

function hasSliceFamily ({ manifest }: ModelService, address: string): boolean {
  return specOf(manifest).ipFamilies?.includes(familyOf(address)) ?? true
}

/** Of an implicit service the families are those of its instances. */
function primaryFamily ({ manifest, all }: ModelService): string {
  return specOf(manifest).ipFamilies?.[0] ?? (
    all.length === 0 || all.some(({ address }) => familyOf(address) === 'IPv4') ? 'IPv4' : 'IPv6'
  )
}

function rows ({ addressType, ports, endpoints = [] }: any): object[] {
  return endpoints.map(
    ({ addresses: [address], conditions, hostname, nodeName, zone }: any) => (
      { family: addressType, address, conditions, hostname, node: nodeName, zone, ports: bare(ports) }
    )
  )
}

function row ({ address, conditions, hostname, node, zone, ports }: ModelEndpoint): object {
  return { family: familyOf(address), address, conditions, hostname, node, zone, ports: bare(ports) }
}

function addresses ({ addresses: ready = [], notReadyAddresses = [], ports = [] }: any): object[] {
  const of = (list: any[], isReady: boolean): object[] => list.map(
    ({ ip }) => ({ address: ip, ready: isReady, ports: bare(ports) })
  )
  return [...of(ready, true), ...of(notReadyAddresses, false)]
}

function bare (ports: any): object[] {
  return sortedPorts((ports ?? []).map(({ name = '', port, protocol = 'TCP' }: any) => ({ name, port, protocol })))
}
