// Which ingresses this engine serves, by their class (Kubernetes: Ingress, "Ingress class").
import { type Ingress, type IngressClass, ingressController } from '../../../client-sdk/src/ingress-manifests.ts'
import { defaultClass, namedClass, ownClass } from '../../model/ingress/classes.ts'

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
   * Why an ingress is not served here, as a sentence; undefined if it is. Without a class it belongs to the default class; where there is none,
   * to this engine, unless somebody has declared a class of another controller (`isServedHere` of the model says the same, without why).
   */
  problemOf (ingress: Ingress): string | undefined {
    const name = namedClass(ingress)
    if (name === undefined) {
      const all = [...this.#classes.values()]
      const chosen = defaultClass(all)
      if (chosen === undefined) return all.every(isOurs) ? undefined : 'it names no class, and no IngressClass is the default one'
      return isOurs(chosen) ? undefined : `it names no class, and the default class ${chosen.metadata.name} is of ${controllerOf(chosen)}`
    }
    const known = this.#classes.get(name)
    if (known !== undefined) return isOurs(known) ? undefined : `its class ${name} is of ${controllerOf(known)}`
    return name === ownClass ? undefined : `there is no IngressClass ${name}`
  }
}

function isOurs ({ spec }: IngressClass): boolean {
  return spec.controller === ingressController
}

function controllerOf ({ spec }: IngressClass): string {
  return spec.controller === undefined ? 'no controller' : `the controller ${spec.controller}`
}
