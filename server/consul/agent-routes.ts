// What is asked of the agent: `/v1/agent/...`, `/v1/status/...`, and writes of the catalog.
import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import type { Instance } from '../../client-sdk/src/wire.ts'
import type { Caller } from './agent.ts'
import type { Entry } from './answers/entry.ts'
import { agentForm } from './answers/forms.ts'
import { ConsulError, badRequest, unknownService } from './consul-error.ts'
import { type ConsulContext, accessOf, callerOf, indexIn, missing, queryOf, setHeaders } from './context.ts'
import { consulIdOf, instancesOf } from './directory.ts'
import { requireRoots } from './filter/filter.ts'
import { type CheckStatus, checkDefinition, isCheckStatus } from './form/check-definition.ts'
import { fieldsOf, parseBody, textField } from './form/fields.ts'
import { nodeIdOf } from './form/names.ts'
import { recordOf } from './form/record.ts'
import { serviceDefinition } from './form/service-definition.ts'
import { holdHash } from './hash-blocking.ts'
import { worst } from './form/mapping.ts'
import { boolText } from './query.ts'
import { checkRoots, serviceRoots } from './read-routes.ts'
import { type Asked, type Routes, textType } from './routes.ts'
import { Slice } from '../slice.ts'

export function addAgent (routes: Routes, context: ConsulContext): void {
  const { agent, answers, directory, self, defaults: { datacenter } } = context

  routes.add('PUT', '/v1/agent/service/register', async (asked) => {
    const service = serviceDefinition(parseBody(asked.body))
    const replace = asked.query.has('replace-existing-checks') && boolText(asked.query.get('replace-existing-checks') || 'true') === true
    await agent.register(callerOf(context, asked, service.namespace), service, replace)
  })
  routes.add('PUT', '/v1/agent/service/deregister/*', async (asked) => {
    if (asked.rest === '') throw missing('service ID')
    await agent.deregister(callerOf(context, asked), asked.rest)
  })
  for (const [word, status] of [['pass', 'passing'], ['warn', 'warning'], ['fail', 'critical']] as const) {
    routes.add('PUT', `/v1/agent/check/${word}/*`, (asked) => hear(asked, status, asked.query.get('note') ?? ''))
  }
  routes.add('PUT', '/v1/agent/check/update/*', (asked) => {
    const fields = fieldsOf(parseBody(asked.body), 'the body')
    const status = textField(fields, 'Status') ?? ''
    if (!isCheckStatus(status)) throw badRequest(`Invalid check status: '${status.slice(0, 64)}'`)
    return hear(asked, status, textField(fields, 'Output') ?? '')
  })
  routes.add('PUT', '/v1/agent/check/register', async (asked) => {
    const fields = fieldsOf(parseBody(asked.body), 'the body')
    const check = checkDefinition(fields)
    if (check.name === '') throw badRequest('Missing check name')
    // Without one, a check has the id that is its name.
    await agent.registerCheck(callerOf(context, asked, textField(fields, 'Namespace')), textField(fields, 'ServiceID') ?? '', { ...check, checkId: check.checkId === '' ? check.name : check.checkId })
  })
  routes.add('PUT', '/v1/agent/check/deregister/*', async (asked) => {
    if (asked.rest === '') throw missing('check ID')
    await agent.deregisterCheck(callerOf(context, asked), asked.rest)
  })
  routes.add('PUT', '/v1/agent/service/maintenance/*', async (asked) => {
    if (asked.rest === '') throw missing('service ID')
    await agent.maintain(callerOf(context, asked), asked.rest, enableOf(asked), asked.query.get('reason') ?? '')
  })
  routes.add('PUT', '/v1/agent/maintenance', (asked) => agent.maintainAll(callerOf(context, asked), enableOf(asked), asked.query.get('reason') ?? ''))

  routes.add('GET', '/v1/agent/services', async (asked) => {
    const query = queryOf(context, asked)
    requireRoots(query.filter, serviceRoots)
    const services = (await ofAgent(asked)).map((entry): [string, object] => [entry.service.ID, agentForm(entry)])
    return Object.fromEntries(services.filter(([, form]) => query.filter?.matches(form) ?? true))
  })
  routes.add('GET', '/v1/agent/checks', async (asked) => {
    const query = queryOf(context, asked)
    requireRoots(query.filter, checkRoots)
    const checks = (await ofAgent(asked)).flatMap((entry) => entry.checks)
    return Object.fromEntries(checks.filter((check) => query.filter?.matches(check) ?? true).map((check) => [check.CheckID, check]))
  })
  routes.add('GET', '/v1/agent/service/*', async (asked) => {
    const query = queryOf(context, asked)
    const caller = callerOf(context, asked)
    const instance = await seen(caller, asked.rest)
    const formOf = (current: Instance): object => agentForm(answers.entry(current))
    const found = await holdHash(context, asked, query, instance, (current) => withHash(formOf(current)))
    if (found === undefined) throw unknownService(asked.rest)
    void asked.reply.header('x-consul-contenthash', found.ContentHash)
    setHeaders(asked.reply, query, indexIn(context, instance.revision))
    return found
  })
  routes.add('GET', '/v1/agent/health/service/id/*', async (asked) => {
    const caller = callerOf(context, asked)
    await directory.ready
    const found = directory.withId(caller.namespace, asked.rest)
    const instance = found.find((each) => recordOf(each)?.agent === caller.agent) ?? found[0]
    if (instance === undefined) throw new ConsulError(404, `ServiceId ${asked.rest} not found`)
    caller.access.instance(instance) // it may not be for him to see
    const entry = answers.entry(instance)
    return healthAnswer(asked, entry.status, healthOf(entry))
  })
  routes.add('GET', '/v1/agent/health/service/name/*', async (asked) => {
    const entries = (await ofAgent(asked)).filter(({ service }) => service.Service.toLowerCase() === asked.rest.toLowerCase())
    if (entries.length === 0) throw new ConsulError(404, `ServiceName ${asked.rest} not found`)
    return healthAnswer(asked, worst(entries.map(({ status }) => status)), entries.map(healthOf))
  })
  routes.add('GET', '/v1/agent/members', () => [member()])
  routes.add('GET', '/v1/agent/self', () => ({
    Config: {
      Datacenter: datacenter, PrimaryDatacenter: datacenter, NodeName: self.name, NodeID: nodeIdOf(self.address), Revision: 'rollcall', Server: true,
      Version: self.version, BuildDate: '1970-01-01T00:00:00Z'
    },
    DebugConfig: { Datacenter: datacenter, NodeName: self.name, EnableScriptChecks: false, EnableLocalScriptChecks: false, ACLsEnabled: false },
    Coord: { Adjustment: 0, Error: 1.5, Height: 0.00001, Vec: [0, 0, 0, 0, 0, 0, 0, 0] },
    Member: member(), Stats: { agent: { check_monitors: '0', check_ttls: '0', checks: '0', services: '0' } }, Meta: {}, xDS: null
  }))
  const server = `${isIP(self.address) === 6 ? `[${self.address}]` : self.address}:8300`
  routes.add('GET', '/v1/status/leader', () => server)
  routes.add('GET', '/v1/status/peers', () => [server])

  async function hear (asked: Asked, status: CheckStatus, output: string): Promise<void> {
    if (asked.rest === '') throw missing('check ID')
    await agent.checkIs(callerOf(context, asked), asked.rest, status, output)
  }

  async function seen (caller: Caller, id: string): Promise<Instance> {
    const instance = await agent.service(caller, id)
    return caller.access.instance(instance) // it may not be for him to see
  }

  /** What the caller may see of his namespace: where two agents have the same id, his own. */
  async function ofAgent (asked: Asked): Promise<Entry[]> {
    const { namespace, agent: own } = callerOf(context, asked)
    const found = new Map<string, Instance>()
    for await (const instance of instancesOf(accessOf(context, asked), namespace)) {
      const id = consulIdOf(instance)
      if (!found.has(id) || recordOf(instance)?.agent === own) found.set(id, instance)
    }
    const entries: Entry[] = []
    const slice = new Slice()
    for (const instance of found.values()) {
      entries.push(answers.entry(instance))
      if (slice.isOver()) await slice.next()
    }
    return entries
  }

  function member (): object {
    return {
      Name: self.name, Addr: self.address, Port: 8301, Status: 1,
      ProtocolMin: 1, ProtocolMax: 5, ProtocolCur: 2, DelegateMin: 2, DelegateMax: 5, DelegateCur: 4,
      Tags: { role: 'consul', dc: datacenter, id: nodeIdOf(self.address), build: self.version, port: '8300' }
    }
  }
}

function enableOf ({ query }: Asked): boolean {
  const text = query.get('enable')
  if (text === null || text === '') throw badRequest('Missing value for enable')
  const enable = boolText(text)
  if (enable === undefined) throw badRequest(`Invalid value for enable: ${JSON.stringify(text.slice(0, 64))}`)
  return enable
}

function healthOf (entry: Entry): object {
  return { AggregatedStatus: entry.status, Service: agentForm(entry), Checks: entry.checks }
}

const healthCodes = { passing: 200, warning: 429, critical: 503 } as const

function healthAnswer ({ reply, query }: Asked, status: CheckStatus, value: unknown): unknown {
  void reply.code(healthCodes[status])
  return query.get('format') === 'text' ? reply.type(textType).send(status) : value
}

function withHash (form: object): object & { readonly ContentHash: string } {
  // Indexes grow with each change of the record, also with those that are not of the content.
  const content = Object.fromEntries(Object.entries(form).filter(([key]) => key !== 'CreateIndex' && key !== 'ModifyIndex'))
  return { ...content, ContentHash: createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16) }
}
