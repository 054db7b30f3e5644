import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { IngressEngine } from '../../../server/proxy/ingress/engine.ts'
import { ingressMetricsText } from '../../../server/proxy/ingress/agent/ingress-metrics.ts'
import { keptFigures, sumFigures } from '../../../server/proxy/ingress/workers/worker-figures.ts'
import type { WorkerFigures } from '../../../server/proxy/ingress/workers/worker-messages.ts'
import { standaloneGuard } from '../../../server/guard.ts'
import { HandClock } from '../../support/hand-clock.ts'
import { repository } from '../../support/processes.ts'
import { machine } from './helper.ts'

const nothing = new IngressEngine({ clock: new HandClock(), guard: standaloneGuard, random: () => 0, machine, trusted: [] }).figures()
const figures = (requests: number, open: number): WorkerFigures => ({
  engine: {
    ...nothing, requests: { 'shop/web shop/orders 200': requests, '- - 404': 1 }, latency: { 'shop/web': [requests, ...Array.from({ length: 15 }, () => 0), requests / 10] },
    upstreamConnections: { 'shop/orders': open }, upstreamConnects: { 'shop/orders': 1 }, retries: { 'shop/orders': 1 }, ejections: { 'shop/orders': 1 }, reasons: { 'no-route': 1 }, ejected: { 'shop/orders': 1 }, active: open, upgraded: open
  },
  listeners: { connections: open, accepted: requests, handshakes: { ok: requests }, headersRefused: 0 }
})
const numbers = { workers: 2, restarts: 1, ingresses: 3, notices: 4, certificateSeconds: new Map([['shop/tls', -5]]) }

t.test('what workers have counted is added, also of those that are no more; what was open is gone with them', (t) => {
  const text = ingressMetricsText(sumFigures([figures(3, 2), keptFigures(figures(4, 7))]), numbers).split('\n')
  for (const line of [
    'rollcall_ingress_requests_total{ingress="shop/web",service="shop/orders",code="200"} 7', 'rollcall_ingress_requests_total{ingress="-",service="-",code="404"} 2',
    'rollcall_ingress_request_seconds_bucket{ingress="shop/web",le="0.001"} 7', 'rollcall_ingress_request_seconds_bucket{ingress="shop/web",le="+Inf"} 7',
    'rollcall_ingress_request_seconds_count{ingress="shop/web"} 7', 'rollcall_ingress_request_seconds_sum{ingress="shop/web"} 0.7',
    'rollcall_ingress_upstream_connections{service="shop/orders"} 2', 'rollcall_ingress_ejected_endpoints{service="shop/orders"} 1',
    'rollcall_ingress_connections 2', 'rollcall_ingress_handshakes_total{outcome="ok"} 7', 'rollcall_ingress_handshakes_total{outcome="unrecognized_name"} 0',
    'rollcall_ingress_certificate_expiry_seconds{secret="shop/tls"} -5', 'rollcall_ingress_workers 2', 'rollcall_ingress_worker_restarts_total 1'
  ]) t.ok(text.includes(line), line)
  t.end()
})

t.test('the page tells of each metric, its type and its labels', (t) => {
  const page = readFileSync(join(repository, 'docs/reference/ingress-agent.md'), 'utf8')
  const rows = new Map([...page.matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]*) \| ([^|]+) \|$/gm)].map(([, name = '', type, labels = '']) => [name, `${type} ${labels.trim()}`]))
  const text = ingressMetricsText(figures(1, 1), numbers)
  const labelsOf = (name: string): string => [...(new RegExp(`^${name}(?:_bucket)?\\{(.*)\\} `, 'm').exec(text)?.[1] ?? '').matchAll(/(\w+)=/g)].map(([, label]) => label).filter((label) => label !== 'le').join(', ')
  for (const [, name = '', type = ''] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
    const labels = labelsOf(name)
    const row = rows.get(name) ?? ''
    t.ok(labels === '' ? row.startsWith(type) : row === `${type} ${labels}`, `${name}: ${row}`)
    rows.delete(name)
  }
  t.strictSame([...rows.keys()], [])
  t.end()
})
