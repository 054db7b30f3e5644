// What Prometheus reads of the answers: times as a histogram, answers that were not sent, how often answers were built.
import { Registry } from 'prom-client'
import t from 'tap'
import { observeDns } from '../../server/dns/metrics.ts'
import { DnsCounters } from '../../server/dns/counters.ts'

t.test('the metrics of answers show what was counted when somebody looks', async (t) => {
  const counters = new DnsCounters()
  const register = new Registry()
  observeDns(register, { counters })
  for (const seconds of [0.000_000_5, 0.000_001, 0.000_03, 0.004, 7]) counters.took(seconds)
  counters.limitedDropped = 3
  counters.limitedSlipped = 2
  counters.limitedBadCookie = 1
  counters.builds = 4
  const lines = (await register.metrics()).split('\n')
  for (const line of [
    '# TYPE rollcall_dns_answer_seconds histogram',
    'rollcall_dns_answer_seconds_bucket{le="0.000001"} 2', // 1 µs belongs to it
    'rollcall_dns_answer_seconds_bucket{le="0.00002"} 2',
    'rollcall_dns_answer_seconds_bucket{le="0.00005"} 3',
    'rollcall_dns_answer_seconds_bucket{le="0.01"} 4',
    'rollcall_dns_answer_seconds_bucket{le="1"} 4',
    'rollcall_dns_answer_seconds_bucket{le="+Inf"} 5',
    'rollcall_dns_answer_seconds_count 5',
    'rollcall_dns_limited_total{action="dropped"} 3',
    'rollcall_dns_limited_total{action="slipped"} 2',
    'rollcall_dns_limited_total{action="badcookie"} 1',
    'rollcall_dns_answer_builds_total 4'
  ]) t.ok(lines.includes(line), line)
  t.match(lines.find((line) => line.startsWith('rollcall_dns_answer_seconds_sum')), /^rollcall_dns_answer_seconds_sum 7\.004/)
})

t.test('the metrics of transfers show what was counted, of all threads together', async (t) => {
  const [one, other] = [new DnsCounters(), new DnsCounters()]
  const register = new Registry()
  observeDns(register, { get counters () { return DnsCounters.sum([one, other]) } })
  for (const counters of [one, other]) {
    counters.transfersFull += 1
    counters.transfersDifference += 2
    counters.transfersCurrent += 3
    counters.transfersRefused += 4
    counters.transferRecords += 5
    counters.transferCutSets += 6
    counters.notifySent += 7
    counters.notifyAcknowledged += 8
    counters.notifyUnacknowledged += 9
  }
  const lines = (await register.metrics()).split('\n').filter((line) => /^rollcall_dns_(?:transfer|notify)/.test(line))
  t.strictSame(lines, [
    'rollcall_dns_transfers_total{kind="full"} 2', 'rollcall_dns_transfers_total{kind="difference"} 4', 'rollcall_dns_transfers_total{kind="current"} 6',
    'rollcall_dns_transfers_total{kind="refused"} 8', 'rollcall_dns_transfer_records_total 10', 'rollcall_dns_transfer_cut_sets_total 12',
    'rollcall_dns_notify_total{result="sent"} 14', 'rollcall_dns_notify_total{result="acknowledged"} 16', 'rollcall_dns_notify_total{result="unacknowledged"} 18'
  ])
})
