// The metrics of an ingress in Prometheus' text form, summed over its workers: those of its engine, and of what stands around it.
import { ingressMetricsText as engineMetricsText } from '../figures.ts'
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
  const one = (value: number): Samples => [['', value]]
  const rows: readonly Row[] = [
    ['rollcall_ingress_connections', 'Connections of clients that are open.', 'gauge', one(listeners.connections)],
    ['rollcall_ingress_connections_total', 'Connections of clients that were accepted.', 'counter', one(listeners.accepted)],
    ['rollcall_ingress_handshakes_total', 'TLS handshakes, by how they ended.', 'counter', Object.entries({ ok: 0, unrecognized_name: 0, failed: 0, ...listeners.handshakes }).map(([outcome, count]) => [`{outcome=${quoted(outcome)}}`, count])],
    ['rollcall_ingress_proxy_headers_refused_total', 'Connections that were closed for their PROXY protocol header.', 'counter', one(listeners.headersRefused)],
    ['rollcall_ingress_certificate_expiry_seconds', 'Seconds until the certificate of a secret ends; below 0: it has.', 'gauge', Array.from(numbers.certificateSeconds, ([secret, left]) => [`{secret=${quoted(secret)}}`, Math.round(left)])],
    ['rollcall_ingress_ingresses', 'Ingresses that this machine serves.', 'gauge', one(numbers.ingresses)],
    ['rollcall_ingress_notices', 'Things of ingresses that are not served as they say.', 'gauge', one(numbers.notices)],
    ['rollcall_ingress_workers', 'Worker processes that answer.', 'gauge', one(numbers.workers)],
    ['rollcall_ingress_worker_restarts_total', 'How often a worker ended unasked, and was started anew.', 'counter', one(numbers.restarts)]
  ]
  return engineMetricsText(engine) + rows.map(([name, help, type, samples]) => head(name, help, type) + samples.map(([labels, value]) => `${name}${labels} ${value}\n`).join('')).join('')
}

function head (name: string, help: string, type: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
}

/** Names are of DNS, and reasons our own: this is for what nobody thought of. */
function quoted (text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}
