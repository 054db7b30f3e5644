// What another Consul has, in the registry's words: an entry of its `/v1/health/service/NAME`.
import type { Registration } from '../../../client-sdk/src/wire.ts'
import { isSubdomain, instanceIdAt, instanceIdOf, serviceLabelOf } from './names.ts'
import { type Fields, fieldsOf, listField, objectField, textField } from './fields.ts'
import { type CheckStatus, isCheckStatus } from './check-definition.ts'
import { maintenanceCheckPrefix, registrationOf, worst } from './mapping.ts'
import type { StoredCheck } from './record.ts'
import { serviceFields } from './service-definition.ts'

export interface ImportedService {
  readonly service: string
  readonly id: string
  readonly registration: Registration
}

/** Checks of nodes, and those that stand for maintenance: what they say is in the status. */
const notStored = [maintenanceCheckPrefix, '_node_maintenance', 'serfHealth']

/**
 * @param isTaken whether another instance of the service has an id already: ids are unique for each agent there
 * @throws ConsulError saying why it cannot be registered here
 */
export function importedOf (entry: unknown, isTaken: (service: string, id: string) => boolean): ImportedService {
  const fields = fieldsOf(entry, 'the entry')
  const [node, service] = [objectField(fields, 'Node'), objectField(fields, 'Service')] as const
  if (node === undefined || service === undefined) throw new Error('it has no Node or no Service')
  const address = textField(node, 'Address') ?? ''
  const name = textField(node, 'Node') ?? ''
  const checks = (listField(fields, 'Checks') ?? []).map((check) => fieldsOf(check, 'Checks'))
  // An answer names the service `Service`, and shows what was not given as the default that it stands for.
  const definition = serviceFields(new Map([...[...service].filter(([key]) => key !== 'proxy' && key !== 'connect'), ['name', service.get('service')]]))
  const weights = definition.weights?.passing === 1 && definition.weights.warning === 1 ? undefined : definition.weights
  const label = serviceLabelOf(definition.name)
  const plainId = instanceIdOf(definition.id)
  const id = isTaken(label, plainId) ? instanceIdAt(definition.id, address) : plainId
  const status = worst(checks.map(statusIn))
  const registration = registrationOf({
    service: { ...definition, weights }, agent: address, instanceId: id, checks: checks.flatMap(storedOf), isImported: true,
    status: status === 'passing' ? 'up' : status === 'warning' ? 'warning' : 'down', node: { name: isSubdomain(name) ? name : undefined, address }
  })
  return { service: label, id, registration }
}

function statusIn (check: Fields): CheckStatus {
  const status = textField(check, 'Status')
  return isCheckStatus(status) ? status : 'critical'
}

function storedOf (check: Fields): StoredCheck[] {
  const id = textField(check, 'CheckID') ?? ''
  if (id === '' || notStored.some((prefix) => id.startsWith(prefix))) return []
  const notes = textField(check, 'Notes') ?? ''
  return [{ id, name: textField(check, 'Name') ?? id, kind: 'external', status: statusIn(check), ...(notes === '' ? {} : { notes }) }]
}
