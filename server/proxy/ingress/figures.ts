// Counts what the engine does, in plain numbers; those of several processes are added, and shown in Prometheus' text form.
import type { IngressFigures } from './ports.ts'

/** Seconds. */
export const latencyBounds: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
/** Series of one kind; what is beyond is counted as `other`: ingresses and services come and go. */
const maxSeries = 20_000

export class Tally {
  readonly #counts = new Map<string, number>()

  add (key: string, number = 1): void {
    const known = this.#counts.get(key)
    if (known !== undefined) this.#counts.set(key, known + number)
    else if (this.#counts.size < maxSeries) this.#counts.set(key, number)
    else this.#counts.set('other', (this.#counts.get('other') ?? 0) + number)
  }

  read (): Record<string, number> {
    return Object.fromEntries(this.#counts)
  }
}

export class Figures {
  /** Ingress -> service -> status -> number: looked up with each request, without making a text of them. */
  readonly #requests = new Map<string, Map<string, Map<number, number>>>()
  #series = 0
  readonly reasons = new Tally()
  readonly upstreamConnections = new Tally()
  readonly upstreamConnects = new Tally()
  readonly retries = new Tally()
  readonly ejections = new Tally()
  readonly #latency = new Map<string, number[]>()
  upgraded = 0
  active = 0
  bytesIn = 0
  bytesOut = 0

  /** @param ingress `namespace/name`, or `-` */
  answered (ingress: string, service: string, status: number, seconds: number): void {
    const isFull = this.#series >= maxSeries
    const codes = this.#requests.get(ingress)?.get(service) ?? inner(inner(this.#requests, isFull ? 'other' : ingress), isFull ? 'other' : service)
    const count = codes.get(status)
    if (count === undefined) this.#series++
    codes.set(status, (count ?? 0) + 1)
    const known = this.#latency.get(ingress) ?? this.#add(this.#latency.size < maxSeries ? ingress : '-')
    let slot = 0
    while (slot < latencyBounds.length && seconds > (latencyBounds[slot] ?? 0)) slot++
    known[slot] = (known[slot] ?? 0) + 1
    known[known.length - 1] = (known.at(-1) ?? 0) + seconds
  }

  #read (): Record<string, number> {
    const read: Record<string, number> = {}
    for (const [ingress, services] of this.#requests) {
      for (const [service, codes] of services) for (const [status, count] of codes) read[`${ingress} ${service} ${status}`] = count
    }
    return read
  }

  #add (ingress: string): number[] {
    const made = this.#latency.get(ingress) ?? new Array<number>(latencyBounds.length + 2).fill(0)
    this.#latency.set(ingress, made)
    return made
  }

  read (ejected: Readonly<Record<string, number>>): IngressFigures {
    return {
      requests: this.#read(), reasons: this.reasons.read(), latency: Object.fromEntries(Array.from(this.#latency, ([key, each]) => [key, [...each]])),
      upstreamConnections: this.upstreamConnections.read(), upstreamConnects: this.upstreamConnects.read(), retries: this.retries.read(),
      ejections: this.ejections.read(), ejected, upgraded: this.upgraded, active: this.active, bytesIn: this.bytesIn, bytesOut: this.bytesOut
    }
  }
}

function inner<Key, Inner> (map: Map<string, Map<Key, Inner>>, key: string): Map<Key, Inner> {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = new Map<Key, Inner>()
  map.set(key, made)
  return made
}

/** Of all processes together. */
export function sumFigures (all: readonly IngressFigures[]): IngressFigures {
  const sumOf = (of: (each: IngressFigures) => number): number => all.reduce((sum, each) => sum + of(each), 0)
  const tallyOf = (of: (each: IngressFigures) => Readonly<Record<string, number>>): Record<string, number> => {
    const sum = new Map<string, number>()
    for (const each of all) for (const [key, count] of Object.entries(of(each))) sum.set(key, (sum.get(key) ?? 0) + count)
    return Object.fromEntries(sum)
  }
  const latency = new Map<string, number[]>()
  for (const each of all) {
    for (const [key, counts] of Object.entries(each.latency)) {
      const sum = latency.get(key)
      latency.set(key, sum === undefined ? [...counts] : sum.map((count, slot) => count + (counts[slot] ?? 0)))
    }
  }
  return {
    requests: tallyOf(({ requests }) => requests), reasons: tallyOf((each) => each.reasons), latency: Object.fromEntries(latency),
    upstreamConnections: tallyOf((each) => each.upstreamConnections), upstreamConnects: tallyOf((each) => each.upstreamConnects),
    retries: tallyOf(({ retries }) => retries), ejections: tallyOf(({ ejections }) => ejections), ejected: tallyOf(({ ejected }) => ejected),
    upgraded: sumOf(({ upgraded }) => upgraded), active: sumOf(({ active }) => active),
    bytesIn: sumOf(({ bytesIn }) => bytesIn), bytesOut: sumOf(({ bytesOut }) => bytesOut)
  }
}

type Rows = readonly (readonly [labels: string, value: number])[]

/** The text of the ingress' part of `/metrics`. */
export function ingressMetricsText (figures: IngressFigures): string {
  const by = (label: string, counts: Readonly<Record<string, number>>): Rows => Object.entries(counts).map(([key, count]) => [`{${label}="${key}"}`, count])
  const requests: Rows = Object.entries(figures.requests).map(([key, count]) => {
    const [ingress = '', service = '-', code = ''] = key.split(' ')
    return [`{ingress="${ingress}",service="${service}",code="${code}"}`, count]
  })
  const latency: Rows = Object.entries(figures.latency).flatMap(([ingress, counts]) => {
    let below = 0
    const buckets = latencyBounds.map((bound, slot): [string, number] => {
      below += counts[slot] ?? 0
      return [`_bucket{ingress="${ingress}",le="${bound}"}`, below]
    })
    const count = below + (counts[latencyBounds.length] ?? 0)
    const of = `{ingress="${ingress}"}`
    return [...buckets, [`_bucket{ingress="${ingress}",le="+Inf"}`, count], [`_sum${of}`, counts.at(-1) ?? 0], [`_count${of}`, count]] as const
  })
  const families: readonly (readonly [name: string, help: string, type: string, rows: Rows])[] = [
    ['rollcall_ingress_requests_total', 'Requests that were answered, by ingress, service and status code.', 'counter', requests],
    ['rollcall_ingress_request_seconds', 'Time from the head of a request to the end of its answer.', 'histogram', latency],
    ['rollcall_ingress_own_answers_total', 'Answers that the ingress made by itself, by their reason.', 'counter', by('reason', figures.reasons)],
    ['rollcall_ingress_upstream_connections', 'Connections to endpoints that are open.', 'gauge', by('service', figures.upstreamConnections)],
    ['rollcall_ingress_upstream_connects_total', 'Connections to endpoints that were opened.', 'counter', by('service', figures.upstreamConnects)],
    ['rollcall_ingress_retries_total', 'Requests that were sent to another endpoint, since one had failed.', 'counter', by('service', figures.retries)],
    ['rollcall_ingress_ejections_total', 'How often an endpoint was left out for a while, since it had failed several times in a row.', 'counter', by('service', figures.ejections)],
    ['rollcall_ingress_ejected_endpoints', 'Endpoints that are left out now.', 'gauge', by('service', figures.ejected)],
    ['rollcall_ingress_upgraded_connections', 'WebSockets and other upgraded connections that are open.', 'gauge', [['', figures.upgraded]]],
    ['rollcall_ingress_active_requests', 'Requests that are being answered.', 'gauge', [['', figures.active]]],
    ['rollcall_ingress_received_bytes_total', 'Octets of bodies that came from clients.', 'counter', [['', figures.bytesIn]]],
    ['rollcall_ingress_sent_bytes_total', 'Octets of bodies that went to clients.', 'counter', [['', figures.bytesOut]]]
  ]
  return families.map(([name, help, type, rows]) => {
    return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${rows.map(([labels, value]) => `${name}${labels} ${value}\n`).join('')}`
  }).join('')
}
