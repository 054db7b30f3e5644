// What a caller names: services, instances and namespaces, read within the namespace of the client.
import { RollcallError } from './errors.ts'
import type { InstanceReference } from './options.ts'
import { instancePath } from './paths.ts'
import { checkedName } from './request-path.ts'
import type { Target } from './resolver.ts'
import { isObject, shown } from './shape.ts'

export interface ServiceName {
  readonly service: string
  readonly namespace: string
}

export class Targets {
  readonly namespace: string

  /** @param namespace of names that have none of their own */
  constructor (namespace: string) {
    this.namespace = checkedName('namespace', namespace)
  }

  /** The namespace of a list or a watch; `*` = all of them, which is undefined. */
  scope (namespace: string | undefined): string | undefined {
    return namespace === '*' ? undefined : namespace ?? this.namespace
  }

  /** @throws RollcallError REGISTRY_INVALID_ARGUMENT */
  service (target: Target): ServiceName {
    if (typeof target === 'object' && target !== null) return this.#place(target.service, target.namespace)
    const [service, namespace, ...rest] = typeof target === 'string' ? target.split('.') : []
    if (service === undefined || service === '' || namespace === '' || rest.length > 0) {
      throw new RollcallError(
        'REGISTRY_INVALID_ARGUMENT', `a name must be "service" or "service.namespace", got ${shown(target)}`
      )
    }
    return this.#place(service, namespace)
  }

  /** The path of an instance. @throws RollcallError REGISTRY_INVALID_ARGUMENT */
  path (reference: InstanceReference): string {
    if (!isObject(reference)) {
      throw new RollcallError('REGISTRY_INVALID_ARGUMENT', `an instance is named by { service, id }, got ${shown(reference)}`)
    }
    const { service, namespace } = this.#place(reference.service, reference.namespace)
    return instancePath(namespace, service, checkedName('id', reference.id))
  }

  #place (service: string, namespace: string = this.namespace): ServiceName {
    return { service: checkedName('service', service), namespace: checkedName('namespace', namespace) }
  }
}
