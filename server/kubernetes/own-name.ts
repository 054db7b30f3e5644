// The name by which programs find the API of Kubernetes, and the namespace that everybody may count on.

export const defaultNamespace = 'default'
export const ownName = 'kubernetes'

/** Whether an instance is a node that answers the API: it is no pod, and no workload. */
export function isOwn ({ namespace, service }: { readonly namespace: string, readonly service: string }): boolean {
  return namespace === defaultNamespace && service === ownName
}
