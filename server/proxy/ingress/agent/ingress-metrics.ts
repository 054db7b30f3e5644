// The metrics of an ingress in Prometheus' text form, summed over its workers.
import { latencyBounds } from '../figures.ts'
import type { WorkerFigures } from '../workers/worker-messages.ts'

export interface IngressNumbers {
  readonly workers: number
  readonly restarts: number
  readonly ingresses: number
  readonly notices: number
  /** By secret, until its certificate ends. */
  readonly certificateSeconds: ReadonlyMap<string, number>
}

type Samples = readonly (readonly [labels: string, value: number])[]
type Row = readonly [name: string, help: string, type: 'gauge' | 'counter', samples: Samples]

export function ingressMetricsText ({ engine, listeners }: WorkerFigures, numbers: IngressNumbers): string {
  const by = (label: string, counts: Readonly<Record<string, number>>): Samples => Object.entries(counts).map(([name, count]) => [`${label}=${quoted(name)}`, count])
  const one = (value: number): Samples => [['', value]]
  const rows: readonly Row[] = [
    ['rollcall_ingress_requests_total', 'Requests that were answered, by ingress, service and status code.', 'counter', Object.entries(engine.requests).map(([names, count]) => {
      const [ingress = '-', service = '-', code = '-'] = names.split(' ')
      return [`ingress=${quoted(ingress)},service=${quoted(service)},code=${quoted(code)}`, count]
    })],
    ['rollcall_ingress_refusals_total', 'Requests that the ingress answered by itself, by its reason.', 'counter', by('reason', engine.reasons)],
    ['rollcall_ingress_active_requests', 'Requests that are being answered.', 'gauge', one(engine.active)],
    ['rollcall_ingress_upgraded_connections', 'WebSockets and other upgraded connections that are open.', 'gauge', one(engine.upgraded)],
    ['rollcall_ingress_received_bytes_total', 'Octets of bodies that clients sent.', 'counter', one(engine.bytesIn)],
    ['rollcall_ingress_sent_bytes_total', 'Octets of bodies that clients were sent.', 'counter', one(engine.bytesOut)],
    ['rollcall_ingress_upstream_connections', 'Connections to endpoints that are open, by service.', 'gauge', by('service', engine.upstreamConnections)],
    ['rollcall_ingress_upstream_connects_total', 'Connections to endpoints that were opened, by service.', 'counter', by('service', engine.upstreamConnects)],
    ['rollcall_ingress_retries_total', 'Requests that were sent to another endpoint, by service.', 'counter', by('service', engine.retries)],
    ['rollcall_ingress_ejections_total', 'How often an endpoint was left out because it failed, by service.', 'counter', by('service', engine.ejections)],
    ['rollcall_ingress_ejected_endpoints', 'Endpoints that are left out now because they failed, by service.', 'gauge', by('service', engine.ejected)],
    ['rollcall_ingress_connections', 'Connections of clients that are open.', 'gauge', one(listeners.connections)],
    ['rollcall_ingress_connections_total', 'Connections of clients that were accepted.', 'counter', one(listeners.accepted)],
    ['rollcall_ingress_handshakes_total', 'TLS handshakes, by how they ended.', 'counter', by('outcome', { ok: 0, unrecognized_name: 0, failed: 0, ...listeners.handshakes })],
    ['rollcall_ingress_proxy_headers_refused_total', 'Connections that were closed for their PROXY protocol header.', 'counter', one(listeners.headersRefused)],
    ['rollcall_ingress_certificate_expiry_seconds', 'Seconds until the certificate of a secret ends; below 0: it has.', 'gauge', Array.from(numbers.certificateSeconds, ([secret, left]) => [`secret=${quoted(secret)}`, Math.round(left)])],
    ['rollcall_ingress_ingresses', 'Ingresses that this machine serves.', 'gauge', one(numbers.ingresses)],
    ['rollcall_ingress_notices', 'Things of ingresses that are not served as they say.', 'gauge', one(numbers.notices)],
    ['rollcall_ingress_workers', 'Worker processes that answer.', 'gauge', one(numbers.workers)],
    ['rollcall_ingress_worker_restarts_total', 'How often a worker ended unasked, and was started anew.', 'counter', one(numbers.restarts)]
  ]
  return rows.map(([name, help, type, samples]) => head(name, help, type) + samples.map(([labels, value]) => `${name}${labels === '' ? '' : `{${labels}}`} ${value}\n`).join('')).join('') +
    latencyText(engine.latency)
}

function latencyText (latency: Readonly<Record<string, readonly number[]>>): string {
  const name = 'rollcall_ingress_request_seconds'
  return head(name, 'Time from the head of a request to the end of its answer, by ingress.', 'histogram') + Object.entries(latency).map(([ingress, counts]) => {
    const label = `ingress=${quoted(ingress)}`
    let sum = 0
    const buckets = latencyBounds.map((bound, index) => {
      sum += counts[index] ?? 0
      return `${name}_bucket{${label},le="${bound}"} ${sum}\n`
    }).join('')
    sum += counts[latencyBounds.length] ?? 0
    return `${buckets}${name}_bucket{${label},le="+Inf"} ${sum}\n${name}_sum{${label}} ${counts[latencyBounds.length + 1] ?? 0}\n${name}_count{${label}} ${sum}\n`
  }).join('')
}

function head (name: string, help: string, type: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
}

/** Names are of DNS, and reasons our own: this is for what nobody thought of. */
function quoted (text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}
