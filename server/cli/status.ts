// rollcall status: one node at a glance, and what an operator should look at.
import type { Overview } from '../../client-sdk/src/wire.ts'
import { showDuration } from '../model/duration.ts'
import { connectionFlags, type Command } from './command.ts'
import type { ListedAgent } from './agents.ts'
import { outputOf, structured } from './output.ts'
import { coloured } from './line.ts'

export const status: Command = {
  name: 'status',
  summary: 'Shows how the registry is: its store, its instances, and what needs a look',
  usage: 'status [flags]',
  details: 'Below the numbers stands what needs a look: a store that is away, removal that is held back, records of the store that cannot be read, nodes with other ranges.',
  flags: { output: { type: 'string', short: 'o', metavar: 'FORM', what: 'json or yaml: the registry\'s answer' }, ...connectionFlags },
  examples: [
    ['status', 'the node that --address names'],
    ['status -o json', 'the same for a program: /v1/overview']
  ],
  run: async (call) => {
    call.arguments()
    const form = outputOf(call, ['json', 'yaml'] as const)
    const api = await call.api()
    const overview = await api.get<Overview>('/v1/overview')
    const { terminal } = call
    if (form !== undefined) return terminal.out(await structured(overview, form))
    const { agentsOf, hidden } = await import('./agents.ts')
    terminal.out([...numbers(overview), `Agents:     ${agentsText(await agentsOf(api), hidden)}`])
    terminal.out(trouble(overview).map((line) => coloured(line, 'red', terminal.colours)))
  }
}

function numbers ({ node, version, revision, uptimeSeconds, namespaces, services, instances, store, watchers }: Overview): string[] {
  const states = (['up', 'starting', 'warning', 'draining', 'down'] as const).flatMap((name) => (instances[name] === 0 ? [] : [`${instances[name]} ${name}`]))
  return [
    `Node:       ${node}, version ${version}, up for ${showDuration(uptimeSeconds * 1_000)}`,
    `Store:      ${store.kind} at ${store.location}, revision ${revision}`,
    `Instances:  ${instances.total}${states.length === 0 ? '' : ` (${states.join(', ')})`}, ${instances.suspect} of them suspect`,
    `Services:   ${services} in ${namespaces} namespaces`,
    `Watchers:   ${watchers.connections} connections with ${watchers.subscriptions} subscriptions`
  ]
}

/** How many machines carry traffic, and how. */
function agentsText (agents: readonly ListedAgent[] | undefined, hidden: string): string {
  if (agents === undefined) return hidden
  const live = agents.filter(({ isLive }) => isLive)
  const modes = [...Map.groupBy(live, ({ mode }) => mode)].map(([mode, those]) => `${those.length} ${mode}`)
  const suspects = agents.filter(({ instance }) => instance.suspect).length
  if (agents.length === 0) return '0: no machine carries traffic for cluster IPs, node ports and load balancers (rollcall proxy)'
  return `${agents.length}${modes.length === 0 ? '' : ` (${modes.join(', ')})`}, ${suspects} of them suspect`
}

/** One line for each thing that is not as it should be. */
function trouble ({ store, protection, rememberedHeartbeats, unreadable, handMade, ranges }: Overview): string[] {
  const { registrySince, services } = protection
  const records = unreadable.records.map(({ key, reason }) => `  ${key}: ${reason}`)
  const left = unreadable.count - records.length
  return [
    ...(store.available ? [] : [`The store is away since ${store.since}: ${store.reason}`]),
    ...(rememberedHeartbeats === 0 ? [] : [`${rememberedHeartbeats} heartbeats wait for the store`]),
    ...(registrySince === undefined ? [] : [`Removal of suspects is held back in the whole registry since ${registrySince}`]),
    ...services.map(({ namespace, service, since }) => `Removal of suspects of ${namespace}/${service} is held back since ${since}`),
    ...(unreadable.count === 0 ? [] : [`${unreadable.count} records of the store cannot be read, and are in no answer (rollcall get unreadable):`, ...records]),
    ...(left > 0 ? [`  and ${left} more`] : []),
    ...(handMade.undeclared === 0 ? [] : [`${handMade.undeclared} hand-made EndpointSlices and Endpoints are of services that are not declared (rollcall get handmade)`]),
    ...ranges.different.map(({ node, setting, here, there }) =>
      `Node "${node}" has another --${setting} than this one: ${there === '' ? 'none' : there} there, ${here === '' ? 'none' : here} here`)
  ]
}
