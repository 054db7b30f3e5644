// Which ingresses the registry's own agents serve.
import { type Ingress, type IngressClass, ingressController } from '../service/types.ts'
import { defaultClassAnnotation } from './ingress-class.ts'
import { classAnnotation } from './validate-ingress.ts'

/** A class of this name is ours though nobody has declared it. */
export const ownClass = 'rollcall'

/** The class that an ingress names, in the field or by the older annotation; undefined = it names none. */
export function namedClass ({ metadata: { annotations }, spec: { ingressClassName } }: Ingress): string | undefined {
  return ingressClassName ?? annotations?.[classAnnotation]
}

/** The class of ingresses that name none: of several the newest, then the first by name, as in Kubernetes. */
export function defaultClass (classes: readonly IngressClass[]): IngressClass | undefined {
  const [first] = classes.filter(({ metadata: { annotations } }) => annotations?.[defaultClassAnnotation] === 'true').sort((a, b) => {
    const [one, other] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '']
    if (one !== other) return one > other ? -1 : 1
    return a.metadata.name < b.metadata.name ? -1 : 1
  })
  return first
}

/**
 * Whether agents of this registry serve an ingress: its class has our controller. One without a class is of the default class; where there
 * is none, it is ours if nobody else declared a class.
 */
export function isServedHere (ingress: Ingress, classes: readonly IngressClass[]): boolean {
  const name = namedClass(ingress)
  const found = name === undefined ? defaultClass(classes) : classes.find(({ metadata }) => metadata.name === name)
  if (found !== undefined) return found.spec.controller === ingressController
  return name === undefined ? classes.every(({ spec }) => spec.controller === ingressController) : name === ownClass
}

/** The names of secrets that an ingress takes its certificates from, each once. */
export function secretNames ({ spec: { tls = [] } }: Ingress): readonly string[] {
  return [...new Set(tls.flatMap(({ secretName }) => secretName ?? []))]
}
