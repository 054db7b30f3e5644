// What an ingress stands beside when it is written: what there is, and what is written with it.
import { claimsOf } from '../../model/ingress/claims.ts'
import { secretNames } from '../../model/ingress/classes.ts'
import { ingressAnnotationsOf } from '../../model/ingress/annotations.ts'
import type { Surroundings } from '../../model/ingress/warnings.ts'
import type { Ingress, IngressClass, Manifest, Secret, Service } from '../../model/service/types.ts'
import type { Catalog } from '../catalog/catalog.ts'

/** Copied in one turn of the loop: of the catalog what these ingresses name, and who else asks for something. */
export class IngressSurroundings {
  readonly #services = new Map<string, Service | 'implicit'>()
  readonly #secrets = new Map<string, Secret>()
  readonly #classes: readonly IngressClass[]
  readonly #ingresses: readonly Ingress[]

  constructor (ingresses: readonly Ingress[], catalog: Catalog) {
    const { declaredObjects } = catalog
    this.#classes = [...declaredObjects.list('IngressClass')] as IngressClass[] // of this kind, as below
    this.#ingresses = [...declaredObjects.list('Ingress')] as Ingress[]
    for (const ingress of ingresses) {
      const { namespace } = ingress.metadata
      for (const name of serviceNames(ingress)) {
        const service = catalog.declared(namespace, name)?.manifest ?? (catalog.service(namespace, name) === undefined ? undefined : 'implicit')
        if (service !== undefined) this.#services.set(`${namespace}/${name}`, service)
      }
      for (const name of secretNames(ingress)) {
        const secret = declaredObjects.get('Secret', namespace, name) as Secret | undefined
        if (secret !== undefined) this.#secrets.set(`${namespace}/${name}`, secret)
      }
    }
  }

  /** @param written what is written at the same time: it stands in the place of what there is */
  with (written: readonly Manifest[], nowMs: number): Surroundings {
    const of = <Kind extends Manifest>(kind: Kind['kind']): Map<string, Kind> =>
      new Map(written.filter((manifest): manifest is Kind => manifest.kind === kind).map((manifest) => [`${manifest.metadata.namespace}/${manifest.metadata.name}`, manifest]))
    const [services, secrets, classes, ingresses] = [of<Service>('Service'), of<Secret>('Secret'), of<IngressClass>('IngressClass'), of<Ingress>('Ingress')]
    const others = <Kind extends Manifest>(known: readonly Kind[], now: ReadonlyMap<string, Kind>): readonly Kind[] =>
      [...known.filter(({ metadata: { namespace, name } }) => !now.has(`${namespace}/${name}`)), ...now.values()]
    return {
      nowMs,
      service: (namespace, name) => services.get(`${namespace}/${name}`) ?? this.#services.get(`${namespace}/${name}`),
      secret: (namespace, name) => secrets.get(`${namespace}/${name}`) ?? this.#secrets.get(`${namespace}/${name}`),
      classes: others(this.#classes, classes),
      ingresses: others(this.#ingresses, ingresses)
    }
  }
}

function serviceNames (ingress: Ingress): readonly string[] {
  const { defaultBackend } = ingress.spec
  const { canary } = ingressAnnotationsOf(ingress.metadata.annotations)
  return [...new Set([
    ...(defaultBackend === undefined ? [] : [defaultBackend.service.name]), ...claimsOf(ingress).map(({ backend }) => backend.service.name),
    ...(canary === undefined ? [] : [canary.service])
  ])]
}
