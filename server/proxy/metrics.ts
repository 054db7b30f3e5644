// The metrics of an agent, in Prometheus' text form.
import type { AgentStatus } from './agent-status.ts'
import type { TrafficCounts } from './traffic-counts.ts'

type Sample = number | Readonly<Record<string, number>>

/** @returns the text of `/metrics`; what is not known yet is left out */
export function metricsText (status: AgentStatus, isHealthy: boolean, { connections, refused, bytesIn, bytesOut }: TrafficCounts): string {
  const { ready, draining, suspect, away } = status.endpoints
  const rows: readonly (readonly [name: string, help: string, type: 'gauge' | 'counter', value: Sample | undefined])[] = [
    ['rollcall_proxy_healthy', 'What the registry told last is in force.', 'gauge', Number(isHealthy)],
    ['rollcall_proxy_front_ends', 'Addresses and ports that are carried.', 'gauge', status.frontEnds],
    ['rollcall_proxy_services', 'Services that the registry has told of.', 'gauge', status.services],
    ['rollcall_proxy_endpoints', 'Endpoints of all services, by their state.', 'gauge',
      { 'state="ready"': ready, 'state="draining"': draining, 'state="suspect"': suspect, 'state="away"': away }],
    ['rollcall_proxy_conditions', 'Things of services that are not carried.', 'gauge', status.conditions.length],
    ['rollcall_proxy_apply_seconds', 'Time that the last change took.', 'gauge', status.appliedInMs / 1_000],
    ['rollcall_proxy_last_frame_age_seconds', 'Time since the registry was heard last.', 'gauge', status.heardMsAgo === undefined ? undefined : status.heardMsAgo / 1_000],
    ['rollcall_proxy_repairs_total', 'How often somebody else had changed what the agent had set.', 'counter', status.repairs],
    ['rollcall_proxy_connections_total', 'Connections, of UDP flows, that were carried to an endpoint.', 'counter', connections],
    ['rollcall_proxy_refused_total', 'Connections, of UDP datagrams, that were refused or dropped: no endpoint, or the client may not come.', 'counter', refused],
    ['rollcall_proxy_bytes_total', 'Bytes that were carried: in from clients, out to them; in the kernel with the headers of IP.', 'counter',
      { 'direction="in"': bytesIn, 'direction="out"': bytesOut }],
    ['rollcall_proxy_announced_addresses', 'Load-balancer addresses that this machine announces.', 'gauge', status.announces.length],
    ['rollcall_proxy_addresses_taken_total', 'How often this machine has taken a load-balancer address.', 'counter', status.addressesTaken]
  ]
  return rows.map(([name, help, type, value]) => {
    if (value === undefined) return ''
    const samples = typeof value === 'number' ? [`${name} ${value}`] : Object.entries(value).map(([labels, each]) => `${name}{${labels}} ${each}`)
    return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples.join('\n')}\n`
  }).join('')
}
