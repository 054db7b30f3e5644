// Which ingresses this engine serves, by their class (Kubernetes: Ingress, "Ingress class").
import { type Ingress, type IngressClass, ingressController } from '../../../client-sdk/src/ingress-manifests.ts'

/** The class that needs no object: what `ingressClassName: rollcall` means unless an IngressClass of this name says otherwise. */
export const ownClass = 'rollcall'
const defaultAnnotation = 'ingressclass.kubernetes.io/is-default-class'
/** From before the field; still in many manifests. */
const classAnnotation = 'kubernetes.io/ingress.class'

export class IngressClasses {
  readonly #classes = new Map<string, IngressClass>()

  put (given: IngressClass): void {
    this.#classes.set(given.metadata.name, given)
  }

  remove (name: string): void {
    this.#classes.delete(name)
  }

  names (): string[] {
    return [...this.#classes.keys()]
  }

  /**
   * Why an ingress is not served here, as a sentence; undefined if it is. Without a class it belongs to the default class, of several
   * to the newest one, as Kubernetes' admission has it; and to this engine if there is no IngressClass at all.
   */
  problemOf ({ spec, metadata }: Pick<Ingress, 'spec' | 'metadata'>): string | undefined {
    const name = spec.ingressClassName ?? metadata.annotations?.[classAnnotation]
    if (name === undefined) {
      if (this.#classes.size === 0) return undefined
      const chosen = this.#default()
      if (chosen === undefined) return 'it names no class, and no IngressClass is the default one'
      return isOurs(chosen) ? undefined : `it names no class, and the default class ${chosen.metadata.name} is of ${controllerOf(chosen)}`
    }
    const known = this.#classes.get(name)
    if (known !== undefined) return isOurs(known) ? undefined : `its class ${name} is of ${controllerOf(known)}`
    return name === ownClass ? undefined : `there is no IngressClass ${name}`
  }

  #default (): IngressClass | undefined {
    const marked = [...this.#classes.values()].filter(({ metadata }) => metadata.annotations?.[defaultAnnotation] === 'true')
    const created = ({ metadata }: IngressClass): string => metadata.creationTimestamp ?? ''
    return marked.sort((one, other) => compare(created(other), created(one)) || compare(one.metadata.name, other.metadata.name))[0]
  }
}

function compare (one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}

function isOurs ({ spec }: IngressClass): boolean {
  return spec.controller === ingressController
}

function controllerOf ({ spec }: IngressClass): string {
  return spec.controller === undefined ? 'no controller' : `the controller ${spec.controller}`
}
