// rollcall get: lists, as tables or as the registry's own JSON; with -w the lines go on as things change.
import { connectionFlags, namespaceFlag, type Command, type Invocation } from './command.ts'
import { RefusedError, UsageError } from './errors.ts'
import { unknownRule } from '../config/flags.ts'
import type { Kind, Request } from './kind.ts'
import { kinds } from './kinds.ts'
import { outputFlag, outputOf, outputs, structured } from './output.ts'
import { path } from './paths.ts'
import { statuses } from './shapes.ts'
import { Table } from './table.ts'
import { watchRows } from './watch-rows.ts'

export const get: Command = {
  name: 'get',
  summary: 'Lists services, instances, endpoints, slices, overrides, events, pools, proxies, namespaces, policies, ingresses, certificates, autoscalers, hand-made endpoints, or what cannot be read',
  usage: 'get services|instances|endpoints|endpointslices|overrides|events|pools|proxies|namespaces|policies|ingresses|ingressclasses|secrets|hpa|handmade|unreadable [NAME] [flags]',
  details: `NAME is a service, for instances, overrides and events also SERVICE/ID. Short forms: svc, inst, ep, eps, ov, ev, ns.
The first columns of services are kubectl's; TYPE headless is also a service that is not declared: its instances are its
endpoints. pools are the ranges that cluster IPs, node ports and the addresses of load balancers are given from.
proxies are the agents that carry traffic (rollcall proxy), NAME is their node; REVISION is the newest that is in force there,
as the asked node has heard it.
handmade are EndpointSlices and Endpoints that were applied by hand, NAME is their service: also those that no service
uses, because none of that name is declared, say. endpointslices show them, too, with their services.
secrets are certificates: their data is not shown, what it says of them is (-o wide). -o yaml --show-secrets shows one of them
with its data, for a backup: administrators may. hpa are autoscalers.
unreadable are records of the store that cannot be read or break a rule, and are in no answer; rollcall delete
unreadable KEY removes one.
-o json and -o yaml show the answer of the registry as it is; -o name shows names that other commands take.
-o yaml of one service is its manifest, ready to be applied: without the uid and the resource version, which are in -o json.
events are what the asked node remembers, at most the newest 100, the newest last: names that are gone may be asked for.`,
  flags: {
    ...namespaceFlag,
    'all-namespaces': { type: 'boolean', short: 'A', what: 'All namespaces' },
    ...outputFlag,
    selector: { type: 'string', short: 'l', metavar: 'SELECTOR', what: 'Only what has these labels, like version=v2,tier!=test' },
    status: { type: 'string', metavar: 'STATUS', what: `Only instances of this status: ${statuses.join(', ')}` },
    ready: { type: 'string', metavar: 'true|false|any', what: 'Which endpoints (default true: what callers may call)' },
    service: { type: 'string', metavar: 'SERVICE', what: 'Of events: only this service' },
    id: { type: 'string', metavar: 'ID', what: 'Of events: only instances of this id' },
    'show-secrets': { type: 'boolean', what: 'Of one secret, with -o json or yaml: with its data' },
    watch: { type: 'boolean', short: 'w', what: 'Goes on: a line for each change, until Ctrl-C' },
    ...connectionFlags
  },
  examples: [
    ['get services', 'the services of the namespace, and how many of each are ready'],
    ['get services -A -o wide', 'all of them, with their selectors'],
    ['get service web -o yaml', 'its manifest, with what was allocated'],
    ['get overrides -A', 'what operators said, and of which instances that are gone'],
    ['get pools', 'how many addresses and node ports are free'],
    ['get proxies -o wide', 'which machines carry traffic, and what of it'],
    ['get instances orders -o wide', 'every instance of one service, also those that are not ready'],
    ['get endpoints orders', 'who may be called'],
    ['get instances -A --status draining', 'what is draining anywhere'],
    ['get instances -l version=v2 -w', 'go on as they change'],
    ['get ingress -A', 'the ingresses of all namespaces'],
    ['get hpa -w', 'autoscalers, going on as they decide'],
    ['get events orders', 'what happened to a service and its instances, and why'],
    ['get events --id orders-1 -w', 'the same of one instance, going on'],
    ['get instances orders -o name', 'names for a loop in a script']
  ],
  run: async (call) => {
    const kind = kindOf(call)
    const [, name, surplus] = call.positionals
    if (surplus !== undefined) throw new UsageError(`${JSON.stringify(surplus)} is one argument too many`)
    const request = await requestOf(call, kind, name)
    const output = outputOf(call, outputs) ?? 'table'
    if (output === 'name' &&
      kind.name === 'events') throw new UsageError('events have no names: -o name is not for them')
    if (call.flag('show-secrets')) return await showSecret(call, kind, request, output)
    if (call.flag('watch')) return await watch(call, kind, request, output)
    if (output === 'yaml' && name !== undefined && kind.manifest !== undefined) {
      return call.terminal.out(await structured(await kind.manifest(request, name), output))
    }
    const { rows, answer } = await kind.fetch(request).catch((error: unknown) => noneYet(error, request))
    await show(call, kind, request, output, rows, answer)
    return rows.length === 0 && name !== undefined && kind.name !== 'endpoints' ? 1 : 0
  }
}

/** The one way to a key: who has it, has the service. */
async function showSecret (call: Invocation, kind: Kind<object>, { api, name, namespace = 'default' }: Request, output: typeof outputs[number]): Promise<void> {
  if (kind.name !== 'secrets' || name === undefined || (output !== 'json' && output !== 'yaml') || call.flag('watch')) {
    throw new UsageError('--show-secrets is for one secret, as: get secret NAME -o yaml --show-secrets')
  }
  call.terminal.out(await structured(await api.get<object>(path('namespaces', namespace, 'secrets', name), { data: 'true' }), output))
}

/** A namespace exists while something is registered in it: a list of one that does not is empty, like that of any other quiet one. */
function noneYet (error: unknown, { name }: Request): { rows: object[], answer: unknown } {
  if (error instanceof RefusedError && error.code === 'REG_NAMESPACE_NOT_FOUND' && name === undefined) return { rows: [], answer: undefined }
  throw error
}

function kindOf (call: Invocation): Kind<object> {
  const word = call.positionals[0]
  const words = kinds.flatMap((kind) => [kind.name, ...kind.aliases])
  if (word === undefined) throw new UsageError(`what to get is missing: one of ${kinds.map((kind) => kind.name).join(', ')}`)
  const found = kinds.find((kind) => kind.name === word || kind.aliases.includes(word))
  if (found === undefined) throw new UsageError(`${JSON.stringify(word)} ${unknownRule('kind', word, words)}`)
  return found
}

async function requestOf (call: Invocation, kind: Kind<object>, name: string | undefined): Promise<Request> {
  for (const filter of ['selector', 'status', 'ready', 'service', 'id']) {
    if (call.text(filter) !== undefined && !kind.filters.includes(filter)) throw new UsageError(`--${filter} is not for ${kind.name}`)
  }
  if (call.text('service') !== undefined &&
    name !== undefined) throw new UsageError('a NAME and --service exclude each other')
  const all = call.flag('all-namespaces')
  if (all && call.text('namespace') !== undefined) throw new UsageError('--namespace and --all-namespaces exclude each other')
  if (all && name !== undefined && kind.global !== true) throw new UsageError('a NAME is in one namespace: leave out --all-namespaces, or the NAME')
  return {
    api: await call.api(),
    namespace: all ? undefined : call.namespace,
    name: call.text('service') ?? name,
    id: call.text('id'),
    now: call.terminal.now,
    selector: call.text('selector'),
    status: call.choice('status', statuses),
    ready: call.choice('ready', ['true', 'false', 'any']),
    wide: outputOf(call, outputs) === 'wide'
  }
}

async function show (call: Invocation, kind: Kind<object>, request: Request, output: typeof outputs[number], rows: object[], answer: unknown): Promise<void> {
  const { terminal } = call
  if (output === 'json' || output === 'yaml') terminal.out(await structured(answer ?? { items: [] }, output))
  else if (output === 'name') terminal.out(namesOf(kind, rows, (text) => { terminal.err(text) }))
  else if (rows.length === 0) terminal.err(nothing(kind, request))
  else terminal.out(tableOf(call, kind, request, output).lines(rows))
  if (isFailOpen(answer)) terminal.err('All instances that could serve are suspect; they are answered all the same (fail open).')
}

/** Names that other commands take, each once in its namespace: an instance may be an endpoint of several services. */
function namesOf (kind: Kind<object>, rows: readonly object[], tell: (text: string) => void): readonly string[] {
  const names = new Map<string, string>()
  let unnamed = 0
  for (const row of rows) {
    const name = kind.id(row)
    if (name === undefined) unnamed++
    else names.set(`${'namespace' in row ? String(row.namespace) : ''} ${name}`, name)
  }
  if (unnamed > 0) tell(`rollcall: ${unnamed} ${kind.name} have no name: no instance of the registry stands behind them`)
  return [...names.values()]
}

const isFailOpen = (answer: unknown): boolean => typeof answer === 'object' && answer !== null && 'failOpen' in answer && answer.failOpen === true

function tableOf (call: Invocation, kind: Kind<object>, request: Request, output: 'table' | 'wide'): Table<object> {
  const place = { allNamespaces: request.namespace === undefined, now: call.terminal.now, wide: output === 'wide' }
  return new Table(kind.columns(place), { wide: output === 'wide', colours: call.terminal.colours })
}

function nothing (kind: Kind<object>, { namespace, name }: Request): string {
  const of = name === undefined || kind.global === true ? '' : ` of ${name}`
  return `No ${kind.name}${of}${namespace === undefined || kind.global === true ? '' : ` in namespace ${namespace}`}.`
}

async function watch (call: Invocation, kind: Kind<object>, request: Request, output: typeof outputs[number]): Promise<void> {
  if (kind.follow === undefined) throw new UsageError(`${kind.name} cannot be watched: watch services, instances, endpoints, events, proxies, ingresses or hpa`)
  if (output === 'yaml' || output === 'name') throw new UsageError(`-w goes with table, wide and json, not with ${output}`)
  if (request.status !== undefined) throw new UsageError('--status does not go with -w: an instance that changes its status would vanish without a line')
  if (request.name?.includes('/') === true &&
    kind.follow !== 'events') throw new UsageError('-w watches a service: leave out the /ID')
  const table = output === 'json' ? undefined : tableOf(call, kind, request, output)
  await watchRows(call, kind, request, (rows) => {
    if (rows.length > 0) call.terminal.out(table === undefined ? rows.map((row) => JSON.stringify(kind.told?.(row) ?? row))
      : table.lines(rows))
  })
}
