// What Prometheus reads of the answers: times as a histogram, what was held back, how often answers were made.
import { Registry } from 'prom-client'
import t from 'tap'
import { observeDnsAnswers } from '../../server/dns-metrics.ts'
import { DnsCounters } from '../../server/dns/counters.ts'

t.test('the metrics of answers show what was counted when somebody looks', async (t) => {
  const counters = new DnsCounters()
  const register = new Registry()
  observeDnsAnswers(register, { counters })
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
