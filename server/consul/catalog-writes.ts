// Writes of the catalog: services of machines that run no agent, registered by somebody else (`/v1/catalog/register`).
import type { Instance } from '../../client-sdk/src/wire.ts'
import type { Caller } from './agent.ts'
import { badRequest, undecoded } from './consul-error.ts'
import { type ConsulContext, callerOf } from './context.ts'
import { consulIdOf, instancesOf } from './directory.ts'
import { type CheckDefinition, isCheckStatus } from './form/check-definition.ts'
import { type Fields, boolField, fieldsOf, listField, objectField, parseBody, textField } from './form/fields.ts'
import { recordOf } from './form/record.ts'
import { serviceFields } from './form/service-definition.ts'
import { tagsOf } from './form/tags.ts'
import { nodeNameOf } from './namespace-table.ts'
import type { Routes } from './routes.ts'
import { isSubdomain } from './form/names.ts'
import { parseAddress } from '../model/address/address.ts'

/** Of one service. */
const maxChecks = 64

export function addCatalogWrites (routes: Routes, context: ConsulContext): void {
  const { agent, directory } = context

  routes.add('PUT', '/v1/catalog/register', async (asked) => {
    const fields = fieldsOf(parseBody(asked.body), 'the body')
    const { name, address } = nodeFields(fields)
    const given = objectField(fields, 'Service')
    if (given === undefined) throw badRequest('Missing Service: this registry has no nodes of their own, only those that services are on')
    // Here a service is called by `Service`, with an agent by `Name`.
    const service = serviceFields(new Map([...given, ['name', given.get('service') ?? given.get('name')]]))
    const caller = { ...callerOf(context, asked, service.namespace ?? (textField(fields, 'Namespace') || undefined), textField(fields, 'Datacenter')), agent: address }
    const checks = checkFields(fields, service.id)
    await caller.access.caughtUp() // what stands there now is the store's word
    await directory.ready
    const known = directory.withId(caller.namespace, service.id).find((instance) => nodeNameOf(instance) === (name ?? address) || instance.address === address)
    const record = known === undefined ? undefined : recordOf(known)
    // Its own agent's word counts: it would put the tags back at once, unless the service lets others change them.
    const hasAgent = record?.checks.some(({ ttlMs }) => ttlMs !== undefined) === true && known?.address === address
    const keepsTags = hasAgent && record.enableTagOverride !== true
    const tags = keepsTags ? tagsOf(known.labels, record.tags) : service.tags
    const definition = { ...service, tags, enableTagOverride: hasAgent && record.enableTagOverride === true, checks: [...service.checks, ...checks] }
    await agent.register({ ...caller, agent: record?.agent ?? address }, definition, false, { name, address }, true)
    return true
  })

  routes.add('PUT', '/v1/catalog/deregister', async (asked) => {
    const fields = fieldsOf(parseBody(asked.body), 'the body')
    const node = textField(fields, 'Node') ?? ''
    if (node === '') throw badRequest('Must provide node')
    const caller = callerOf(context, asked, textField(fields, 'Namespace') || undefined, textField(fields, 'Datacenter'))
    const serviceId = textField(fields, 'ServiceID') ?? ''
    const checkId = textField(fields, 'CheckID') ?? ''
    await caller.access.caughtUp()
    if (checkId !== '' && serviceId === '') {
      for (const instance of await onNode(caller, node, undefined)) {
        const record = recordOf(instance)
        if (record?.checks.some(({ id }) => id === checkId) === true) await agent.deregisterCheck({ ...caller, agent: record.agent }, checkId)
      }
      return true
    }
    for (const instance of await onNode(caller, node, serviceId === '' ? undefined : serviceId)) {
      await agent.deregister({ ...caller, agent: recordOf(instance)?.agent ?? caller.agent }, consulIdOf(instance))
    }
    return true
  })

  async function onNode (caller: Caller, node: string, serviceId: string | undefined): Promise<Instance[]> {
    const found: Instance[] = []
    for await (const instance of instancesOf(caller.access, caller.namespace)) {
      if (nodeNameOf(instance) === node && (serviceId === undefined || consulIdOf(instance) === serviceId)) found.push(instance)
    }
    return found
  }
}

function nodeFields (fields: Fields): { readonly name: string | undefined, readonly address: string } {
  const name = textField(fields, 'Node') ?? ''
  const address = textField(fields, 'Address') ?? ''
  if (name === '' || address === '') throw badRequest('Must provide node and address if SkipNodeUpdate is not set')
  boolField(fields, 'SkipNodeUpdate')
  const parsed = parseAddress(address)
  if ('problem' in parsed) throw badRequest(`Invalid node address ${JSON.stringify(address.slice(0, 64))}: ${parsed.problem}`)
  if (name === parsed.text) return { name: undefined, address: parsed.text }
  if (!isSubdomain(name)) throw badRequest(`Invalid node name ${JSON.stringify(name.slice(0, 64))}: must be a host name in lower case (RFC 1123)`)
  return { name, address: parsed.text }
}

/** Checks whose status somebody else says. */
function checkFields (fields: Fields, serviceId: string): CheckDefinition[] {
  const single = objectField(fields, 'Check')
  const list = (listField(fields, 'Checks') ?? []).map((each, place) => fieldsOf(each, `Checks[${place}]`))
  const all = [...single === undefined ? [] : [single], ...list]
  if (all.length > maxChecks) throw badRequest(`Invalid check: a service must not have more than ${maxChecks} checks`)
  // A check of the node is none of a service: what is of the node alone is said by nobody here.
  return all.filter((check) => (textField(check, 'ServiceID') || serviceId) === serviceId).map((check) => {
    const status = textField(check, 'Status') ?? ''
    if (status !== '' && !isCheckStatus(status)) throw undecoded('Status must be passing, warning or critical')
    return {
      kind: 'external', checkId: textField(check, 'CheckID') ?? '', name: textField(check, 'Name') ?? '', notes: textField(check, 'Notes') ?? '',
      status: status === '' ? 'critical' : status, ttlMs: undefined, intervalMs: undefined, timeoutMs: undefined, deregisterAfterMs: undefined,
      target: {}, output: textField(check, 'Output') ?? ''
    }
  })
}
