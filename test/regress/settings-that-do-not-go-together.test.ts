// An address of Redis that cannot be read ended the start with exit code 1, after the listeners were open: a supervisor tried it
// again for ever. What was wrong between the settings of one room hid what was wrong in the next.
import t from 'tap'
import { run } from '../support/processes.ts'

const cases: [says: string, argv: string[], wanted: RegExp][] = [
  ['an address of Redis', ['--redis', 'redis://h:0'], /--redis has a bad host at place 1/],
  ['a Sentinel without a master', ['--redis', 'redis+sentinel://h'], /--redis must end with the name of the master/],
  ['two networks of a family, and a zone twice over', ['--service-cidr', '10.0.0.0/16,10.1.0.0/16', '--zone', 'a,svc.a'],
    /--service-cidr must not be a second IPv4 network.*; --zone must not be among the names of a/],
  ['half of DNS over TLS, and pools that overlap', ['--dns-tls-cert', 'c', '--load-balancer-pool', 'a=192.0.2.0/24,b=192.0.2.7-192.0.2.9'],
    /--load-balancer-pool must not overlap.*; --dns-tls-cert needs dns-tls and dns-tls-key too/],
  ['a proxy that is no network', ['--trusted-proxy', '192.0.2.1'], /--trusted-proxy must be a network in CIDR form/]
]

for (const [says, argv, wanted] of cases) {
  t.test(`${says}: exit code 2, before anything starts`, async (t) => {
    const node = run(t, 'bin/rollcall.js', ['serve', ...argv])
    await node.line(wanted)
    t.equal(await node.exit, 2)
    t.notMatch(node.lines.join('\n'), /cannot start|"msg"/)
  })
}
