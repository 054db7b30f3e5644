// What DNS answers, drops, holds back, forwards and transfers, and how long answers take, as Prometheus reads it. The DNS server counts in plain
// numbers (dns/counters.ts); they are turned into prom-client's form at each scrape.
import { Counter, Gauge, type Registry } from 'prom-client'
import { showHistogram } from '../metrics/filled-histogram.ts'
import { type DnsServer, dropReasons, forwardEvents, latencyBounds } from './server.ts'

/** What is measured of a DNS server. */
type Counted = Pick<DnsServer, 'counters'>

/** Shows what the DNS server counted, at each scrape. */
export function observeDns (register: Registry, dns: Counted): void {
  observeQueries(register, dns)
  observeAnswers(register, dns)
  observeTransfers(register, dns)
}

function observeQueries (register: Registry, dns: Counted): void {
  const registers = [register]
  new Counter({
    name: 'rollcall_dns_queries_total',
    help: 'DNS queries answered, by transport, type and code.',
    labelNames: ['transport', 'type', 'rcode'],
    registers,
    collect () {
      this.reset()
      for (const { transport, type, rcode, count } of dns.counters.answers()) this.inc({ transport, type, rcode }, count)
    }
  })
  new Counter({
    name: 'rollcall_dns_dropped_total',
    help: 'DNS messages without an answer, and connections closed, by reason.',
    labelNames: ['reason'],
    registers,
    collect () {
      this.reset()
      const { counters } = dns
      for (const reason of dropReasons) this.inc({ reason }, counters.dropped(reason))
    }
  })
  const total = (name: string, help: string, value: () => number): void => {
    new Counter({ name, help, registers, collect () {
      this.reset()
      this.inc(value())
    } })
  }
  total('rollcall_dns_truncated_total', 'DNS answers with TC.', () => dns.counters.truncated)
  total('rollcall_dns_cut_total', 'DNS answers from a set of more records than one answer shows.', () => dns.counters.cut)
  total('rollcall_dns_endpoints_left_out_total', 'Endpoints left out of DNS answers, as their records have what DNS cannot carry, at each making.', () => dns.counters.unanswerable)
  total('rollcall_dns_failures_total', 'DNS messages that were answered SERVFAIL because of a fault of this program.', () => dns.counters.failed)
  new Gauge({
    name: 'rollcall_dns_udp_sockets',
    help: 'UDP sockets of DNS, by how they are read: several datagrams by one call (batch), or one by one (single).',
    labelNames: ['way'],
    registers,
    collect () {
      this.set({ way: 'batch' }, dns.counters.batchSockets)
      this.set({ way: 'single' }, dns.counters.singleSockets)
    }
  })
  total('rollcall_dns_batches_total', 'Calls that took several DNS datagrams from a socket at once.', () => dns.counters.batches)
  total('rollcall_dns_batch_messages_total', 'DNS datagrams that these calls took.', () => dns.counters.batchMessages)
  new Gauge({ name: 'rollcall_dns_tcp_connections', help: 'Open TCP connections of DNS.', registers, collect () { this.set(dns.counters.connections) } })
}

function observeAnswers (register: Registry, dns: Counted): void {
  const registers = [register]
  new Counter({
    name: 'rollcall_dns_limited_total',
    help: 'DNS answers over UDP that the rate limit held back, by what was sent instead: nothing (dropped), an empty answer with TC (slipped), BADCOOKIE (badcookie).',
    labelNames: ['action'],
    registers,
    collect () {
      this.reset()
      const { counters } = dns
      this.inc({ action: 'dropped' }, counters.limitedDropped)
      this.inc({ action: 'slipped' }, counters.limitedSlipped)
      this.inc({ action: 'badcookie' }, counters.limitedBadCookie)
    }
  })
  new Counter({
    name: 'rollcall_dns_answer_builds_total',
    help: 'Services whose DNS answers were made: at the first question after a change.',
    registers,
    collect () {
      this.reset()
      this.inc(dns.counters.builds)
    }
  })
  new Counter({
    name: 'rollcall_dns_forward_total',
    help: 'Questions for names outside the zones: answered from the cache (hit, stale), asked (miss, coalesced), without an answer (failed); and what was sent to upstreams (asked, asked-over-tcp) and went wrong there.',
    labelNames: ['event'],
    registers,
    collect () {
      this.reset()
      const { counters } = dns
      for (const event of forwardEvents) this.inc({ event }, counters.forwards(event))
    }
  })
  showHistogram(register, {
    name: 'rollcall_dns_answer_seconds',
    help: 'Time from a DNS message to its answer inside this process, of one in eight; without the socket, and without the wait for others.',
    bounds: latencyBounds,
    series: () => [{ labels: {}, buckets: dns.counters.latencies, sum: dns.counters.latencySum }]
  })
}

/** Zone transfers, and notifications of secondaries. */
function observeTransfers (register: Registry, dns: Counted): void {
  const registers = [register]
  const labelled = (name: string, help: string, label: string, values: () => Readonly<Record<string, number>>): void => {
    new Counter({ name, help, labelNames: [label], registers, collect () {
      this.reset()
      for (const [value, count] of Object.entries(values())) this.inc({ [label]: value }, count)
    } })
  }
  labelled(
    'rollcall_dns_transfers_total', 'Answers to AXFR and IXFR: whole zones (full), differences, the SOA alone for who had the newest version (current), errors (refused).', 'kind',
    () => {
      const { transfersFull: full, transfersDifference: difference, transfersCurrent: current, transfersRefused: refused } = dns.counters
      return { full, difference, current, refused }
    }
  )
  for (const [name, help, value] of [
    ['rollcall_dns_transfer_records_total', 'Records that zone transfers sent.', () => dns.counters.transferRecords],
    ['rollcall_dns_transfer_cut_sets_total', 'Sets in whole zones sent that had more records than a set may have there.', () => dns.counters.transferCutSets]
  ] as const) {
    new Counter({ name, help, registers, collect () {
      this.reset()
      this.inc(value())
    } })
  }
  labelled(
    'rollcall_dns_notify_total', 'NOTIFY messages: sent, repeated ones too; acknowledged; refused or never answered (unacknowledged).', 'result',
    () => {
      const { notifySent: sent, notifyAcknowledged: acknowledged, notifyUnacknowledged: unacknowledged } = dns.counters
      return { sent, acknowledged, unacknowledged }
    }
  )
}
