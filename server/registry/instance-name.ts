// How an instance is named: by its namespace, the service that it registered under, and its id.
import { invalid } from '../errors.ts'
import { idRule, isId, isLabel, labelRule } from '../model/names.ts'

export interface InstanceName {
  readonly namespace: string
  readonly service: string
  readonly id: string
}

/** @throws RegistryError REG_INVALID for each part that breaks its rule */
export function checkName ({ namespace, service, id }: InstanceName): void {
  const faults = [
    ...(isLabel(namespace) ? [] : [{ field: 'namespace', value: namespace, rule: labelRule }]),
    ...(isLabel(service) ? [] : [{ field: 'service', value: service, rule: labelRule }]),
    ...(isId(id) ? [] : [{ field: 'id', value: id, rule: idRule }])
  ]
  if (faults.length > 0) throw invalid(faults)
}
