// `rollcall explain route URL`: which rule of the ingresses answers, and who would be asked. The agents' own route table, over what the
// registry says now: what an agent knows beyond that (endpoints that failed for it) is in its metrics.
import type { Ingress, IngressClass } from '../client-sdk/src/ingress-manifests.ts'
import type { EndpointsAnswer, ServiceSummary } from '../client-sdk/src/wire.ts'
import type { Api } from './cli/api.ts'
import type { Invocation } from './cli/command.ts'
import { exitCodes, UsageError } from './cli/errors.ts'
import { outputOf, structured } from './cli/output.ts'
import { orNothing, path } from './cli/paths.ts'
import { type Column, Table } from './cli/table.ts'
import { systemClock } from './clock.ts'
import { parseIp } from './model/address/ranges.ts'
import { EndpointGroups } from './proxy/ingress/endpoint-groups.ts'
import { explainRoute } from './proxy/ingress/explain.ts'
import type { RouteExplanation, ServiceState } from './proxy/ingress/ports.ts'
import { RouteTable } from './proxy/ingress/route-table.ts'
import type { Machine } from './proxy/machine.ts'

/** No machine in particular: it prefers no zone, and refuses no address that some machine may reach. */
const anyMachine: Machine = { node: '', addresses: new Set(), nodeAddresses: [], serviceRanges: [], externalRanges: [], takesLoopback: true }

const columns: readonly Column<RouteExplanation['endpoints'][number]>[] = [
  { title: 'ENDPOINT', value: ({ id }) => id },
  { title: 'ADDRESS', value: ({ address, port }) => `${address.includes(':') ? `[${address}]` : address}:${port}` },
  { title: 'SHARE', value: ({ share }) => `${Math.round(share * 1_000) / 10}%` },
  { title: 'NOTE', value: ({ note = '' }) => note }
]

/** @returns the exit code: 1 if the ingress would answer with an error */
export async function explainRouteCommand (call: Invocation): Promise<number> {
  const [, url] = call.arguments('route', 'URL')
  if (url === undefined || !/^https?:\/\//i.test(url)) throw new UsageError(`URL must begin with http:// or https://, got ${JSON.stringify(url ?? '')}`)
  const headers = readHeaders(call)
  const form = outputOf(call, ['json', 'yaml'] as const)
  const explanation = await explained(await call.api(), url, (call.text('method') ?? 'GET').toUpperCase(), headers)
  const { terminal } = call
  if (form !== undefined) terminal.out(await structured(explanation, form))
  else {
    terminal.out(linesOf(explanation))
    const { endpoints } = explanation
    const shown = columns.filter(({ title }) => title !== 'NOTE' || endpoints.some(({ note }) => note !== undefined))
    if (endpoints.length > 0) terminal.out(new Table(shown, { wide: false, colours: terminal.colours }).lines(endpoints))
    terminal.out(explanation.notes.map((note) => `note: ${note}`))
  }
  return (explanation.answer?.status ?? 200) >= 400 ? exitCodes.failure : exitCodes.ok
}

/** `Name: value`, as curl takes it; the client's address stands for X-Forwarded-For. */
function readHeaders (call: Invocation): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const text of call.texts('header')) {
    const at = text.indexOf(':')
    if (at < 1) throw new UsageError(`--header must be NAME: VALUE, got ${JSON.stringify(text)}`)
    headers[text.slice(0, at).toLowerCase()] = text.slice(at + 1).trim()
  }
  const client = call.text('client')
  if (client !== undefined && 'problem' in parseIp(client)) throw new UsageError(`--client must be an IP address, got ${JSON.stringify(client)}`)
  return client === undefined ? headers : { ...headers, 'x-forwarded-for': client }
}

async function explained (api: Api, url: string, method: string, headers: Readonly<Record<string, string>>): Promise<RouteExplanation> {
  const [ingresses, classes] = await Promise.all([api.list<Ingress>('/v1/ingresses'), api.list<IngressClass>('/v1/ingressclasses')])
  const table = new RouteTable()
  table.set(ingresses.items, classes.items)
  const groups = new EndpointGroups({ machine: anyMachine, clock: systemClock, allowExternalNames: false })
  const { service } = explainRoute(table, groups, systemClock.now(), url, method, headers)
  if (service !== undefined) {
    const state = await stateOf(api, service)
    if (state !== undefined) groups.put(state)
  }
  return explainRoute(table, groups, systemClock.now(), url, method, headers)
}

async function stateOf (api: Api, key: string): Promise<ServiceState | undefined> {
  const [namespace = '', name = ''] = key.split('/')
  const [summary, answer] = await Promise.all([
    orNothing(api.get<ServiceSummary>(path('namespaces', namespace, 'services', name))),
    orNothing(api.get<EndpointsAnswer>(path('namespaces', namespace, 'services', name, 'endpoints'), { ready: 'any' }))
  ])
  if (summary === undefined || answer === undefined) return undefined
  return { namespace, service: name, endpoints: answer.endpoints, ...(summary.manifest === undefined ? {} : { manifest: summary.manifest }) }
}

function linesOf ({ url, method, answer, ingress, rule, isDefaultBackend, service, port, forwardedPath }: RouteExplanation): string[] {
  const entries: readonly (readonly [name: string, text: string | undefined])[] = [
    ['Request', `${method} ${url}`],
    ['Ingress', ingress],
    ['Rule', isDefaultBackend === true ? 'none: the default backend' : rule === undefined ? undefined : `${rule.host === '' ? '*' : rule.host}${rule.path} (${rule.pathType})`],
    ['Service', service === undefined ? undefined : `${service} port ${port ?? ''}`],
    ['Path', forwardedPath],
    ['Answer', answer === undefined ? undefined : `${answer.status} ${answer.reason}: ${answer.message}`]
  ]
  return entries.flatMap(([name, text]) => (text === undefined ? [] : [`${`${name}:`.padEnd(10)}${text}`]))
}
