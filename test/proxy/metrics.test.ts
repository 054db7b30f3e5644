import t from 'tap'
import type { AgentStatus } from '../../server/proxy/agent-status.ts'
import { metricsText } from '../../server/proxy/metrics.ts'
import { noTraffic } from '../../server/proxy/traffic-counts.ts'

const status: AgentStatus = {
  pid: 1, mode: 'kernel', node: 'a', nodeAddresses: [], revision: 'e.1', services: 2, frontEnds: 3, appliedInMs: 12, repairs: 1, announces: ['192.0.2.1'],
  conditions: [], endpoints: { ready: 4, draining: 1, suspect: 2, away: 0 }, addressesTaken: 5
}

t.test('the metrics of an agent', async (t) => {
  const text = metricsText({ ...status, heardMsAgo: 1_500 }, true, { connections: 6, refused: 7, bytesIn: 8, bytesOut: 9 })
  for (const line of [
    'rollcall_proxy_healthy 1', 'rollcall_proxy_endpoints{state="ready"} 4', 'rollcall_proxy_endpoints{state="suspect"} 2', 'rollcall_proxy_last_frame_age_seconds 1.5',
    'rollcall_proxy_announced_addresses 1', 'rollcall_proxy_connections_total 6', 'rollcall_proxy_refused_total 7', 'rollcall_proxy_bytes_total{direction="in"} 8',
    'rollcall_proxy_bytes_total{direction="out"} 9', 'rollcall_proxy_addresses_taken_total 5', '# TYPE rollcall_proxy_addresses_taken_total counter'
  ]) t.ok(text.split('\n').includes(line), line)
  t.ok(text.endsWith('\n') && !text.includes('\n\n'))
  t.notMatch(metricsText(status, false, noTraffic()), /last_frame_age/, 'before the registry was heard')
})
