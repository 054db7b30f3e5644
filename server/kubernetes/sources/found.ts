// Reads of the core where "there is none" is an ordinary answer.
import type { Instance } from '../../../client-sdk/src/wire.ts'
import { RegistryError } from '../../errors.ts'
import type { Manifest } from '../../model/service/types.ts'
import type { Access, InstanceName, ManifestName, ServiceView } from '../../registry/core.ts'

/** What a read gives; undefined = what it is about is not there. @throws what else it throws */
export function found<Result> (read: () => Result): Result | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof RegistryError && error.status === 404) return undefined
    throw error
  }
}

export function instanceAt (core: Access, name: InstanceName): Instance | undefined {
  return found(() => core.instance(name))
}

export function serviceAt (core: Access, namespace: string, name: string): ServiceView | undefined {
  return found(() => core.service(namespace, name))
}

export function manifestAt (core: Access, name: ManifestName): Manifest | undefined {
  return found(() => core.manifest(name))
}
