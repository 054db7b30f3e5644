// What one plan reads of the catalog, copied in one turn of the loop: a plan that is made in slices, between which changes come in, still
// says what is true of one revision.
import { RegistryError } from '../../errors.ts'
import { maxHandMadePerNamespace, maxNamespaces, maxPolicies, maxServicesPerNamespace } from '../../model/limits.ts'
import { ingressFaults } from '../../model/ingress/validate-ingress.ts'
import type { HandMade } from '../../model/service/endpoints.ts'
import { type Ingress, type Manifest, type Service, isGlobalKind, serviceNameLabel } from '../../model/service/types.ts'
import { objectKindNames, objectKinds } from '../../model/manifest/object-kinds.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { IngressSurroundings } from './ingress-surroundings.ts'
import { manifestKey, type ManifestName } from './manifests.ts'

const nothingMade: HandMade = { slices: [], endpoints: undefined }

export class ApplyView {
  readonly #manifests = new Map<string, Manifest>()
  readonly #declared = new Map<string, Service>()
  readonly #handMade = new Map<string, HandMade>()
  readonly now: string
  /** Why what these manifests would create does not fit; undefined = it does. */
  readonly noRoom: RegistryError | undefined

  /** Of ingresses among the manifests. */
  readonly surroundings: IngressSurroundings | undefined

  /** @param now when the plan is made, in whole seconds: `2026-01-02T03:04:05Z` */
  constructor (manifests: readonly Manifest[], catalog: Catalog, now: string) {
    this.now = now
    const created: ManifestName[] = []
    for (const manifest of manifests) {
      const name = nameOf(manifest)
      const known = catalog.manifest(name)
      if (known === undefined) created.push(name)
      else this.#manifests.set(manifestKey(name), known)
      const service = serviceOf(manifest)
      if (service !== undefined) this.#look(name.namespace, service, catalog)
    }
    this.noRoom = noRoomFor(created, catalog)
    const ingresses = manifests.filter((manifest) => manifest.kind === 'Ingress').filter(isWhole)
    this.surroundings = ingresses.length === 0 ? undefined : new IngressSurroundings(ingresses, catalog)
  }

  #look (namespace: string, service: string, catalog: Catalog): void {
    const place = `${namespace}/${service}`
    if (this.#handMade.has(place)) return
    this.#handMade.set(place, catalog.handMade(namespace, service))
    const declared = catalog.declared(namespace, service)?.manifest
    if (declared !== undefined) this.#declared.set(place, declared)
  }

  /** What stands under the name of one of the manifests. */
  manifest (name: ManifestName): Manifest | undefined {
    return this.#manifests.get(manifestKey(name))
  }

  /** The service that one of the manifests is, or that it has endpoints for. */
  declared (namespace: string, service: string): Service | undefined {
    return this.#declared.get(`${namespace}/${service}`)
  }

  /** The endpoints that were made by hand for it. */
  handMade (namespace: string, service: string): HandMade {
    return this.#handMade.get(`${namespace}/${service}`) ?? nothingMade
  }
}

export function nameOf ({ kind, metadata }: Manifest): ManifestName {
  return { kind, namespace: isGlobalKind(kind) ? '' : metadata.namespace, name: metadata.name }
}

/** What breaks a rule is refused before anything is said beside it. */
function isWhole (ingress: Ingress): boolean {
  return ingressFaults(ingress).length === 0
}

function serviceOf (manifest: Manifest): string | undefined {
  switch (manifest.kind) {
    case 'Service': case 'Endpoints': return manifest.metadata.name
    case 'EndpointSlice': return manifest.metadata.labels?.[serviceNameLabel] ?? ''
    default: return undefined
  }
}

function noRoomFor (created: readonly ManifestName[], catalog: Catalog): RegistryError | undefined {
  const namespaceOf = ({ kind, namespace, name }: ManifestName): string => (kind === 'Namespace' ? name : namespace)
  const newSpaces = new Set(created.filter(({ kind }) => kind === 'Namespace' || !isGlobalKind(kind)).map(namespaceOf).filter((name) => !catalog.hasNamespace(name)))
  if (newSpaces.size > 0 && catalog.namespaces().length + newSpaces.size > maxNamespaces) return full(`there would be more than ${maxNamespaces} namespaces`)
  const policies = created.filter(({ kind }) => kind === 'Policy').length
  if (policies > 0 && catalog.manifests('Policy').length + policies > maxPolicies) return full(`there would be more than ${maxPolicies} policies`)
  for (const [namespace, ours] of Map.groupBy(created, (name) => name.namespace)) {
    const services = ours.filter(({ kind, name }) => kind === 'Service' && catalog.service(namespace, name) === undefined).length
    if (services > 0 && catalog.namespaceCounts(namespace).services + services > maxServicesPerNamespace) return full(`namespace "${namespace}" would have more than ${maxServicesPerNamespace} services`)
    const handMade = ours.filter(({ kind }) => kind === 'EndpointSlice' || kind === 'Endpoints').length
    for (const kind of objectKindNames) {
      const { most, plural } = objectKinds[kind]
      const more = ours.filter((name) => name.kind === kind).length
      if (more > 0 && catalog.declaredObjects.count(kind, namespace) + more > most) {
        return full(namespace === '' ? `there would be more than ${most} ${plural}` : `namespace "${namespace}" would have more than ${most} ${plural}`)
      }
    }
    if (handMade > 0 && catalog.handMadeCount(namespace) + handMade > maxHandMadePerNamespace) return full(`namespace "${namespace}" would have more than ${maxHandMadePerNamespace} EndpointSlices and Endpoints`)
  }
  return undefined
}

function full (message: string): RegistryError {
  return new RegistryError('REG_LIMIT_REACHED', message)
}
