// The metrics of an agent, in Prometheus' text form.
import type { AgentStatus } from './agent-status.ts'

export function metricsText (status: AgentStatus, isHealthy: boolean): string {
  const rows: readonly (readonly [name: string, help: string, type: 'gauge' | 'counter', value: number])[] = [
    ['rollcall_proxy_healthy', 'What the registry told last is in force.', 'gauge', Number(isHealthy)],
    ['rollcall_proxy_front_ends', 'Addresses and ports that are carried.', 'gauge', status.frontEnds],
    ['rollcall_proxy_services', 'Services that the registry has told of.', 'gauge', status.services],
    ['rollcall_proxy_conditions', 'Things of services that are not carried.', 'gauge', status.conditions.length],
    ['rollcall_proxy_apply_seconds', 'Time that the last change took.', 'gauge', status.appliedInMs / 1_000],
    ['rollcall_proxy_repairs_total', 'How often somebody else had changed what the agent had set.', 'counter', status.repairs]
  ]
  return rows.map(([name, help, type, value]) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${value}\n`).join('')
}
