// The settings of Consul's API and names: what goes together, and what does not.
import t from 'tap'
import { loadConfig } from '../../server/config/config.ts'

const load = (...argv: string[]): ReturnType<typeof loadConfig> => loadConfig({ argv, env: {}, readFile: () => '', hostname: 'here' })

t.test('nobody speaks it unless it is said', async (t) => {
  t.strictSame([load().values.consul, load().values.dns?.consul], [undefined, undefined])
  t.match(load('--consul', '127.0.0.1:8500').values.consul, { listen: { host: '127.0.0.1', port: 8_500 }, tls: undefined, namespace: 'default', datacenter: 'dc1' })
  t.strictSame(load('--dns-consul-domain', 'consul', '--consul-datacenter', 'dc2', '--consul-namespace', 'shop').values.dns?.consul, { domain: 'consul', datacenter: 'dc2', namespace: 'shop' })
  t.match(load('--consul', '127.0.0.1:0', '--consul-tls-cert', 'c', '--consul-tls-key', 'k').values.consul?.tls, { name: 'consul-tls', certFile: 'c', keyFile: 'k' })
})

t.test('what cannot be meant is refused by name', async (t) => {
  for (const [argv, message] of [
    [['--consul-tls-cert', 'c', '--consul-tls-key', 'k'], /--consul-tls-cert needs consul too/], [['--consul', '127.0.0.1:0', '--consul-tls-cert', 'c'], /--consul-tls-cert needs consul-tls-key too/],
    [['--consul', '127.0.0.1:0', '--consul-tls-key', 'k'], /--consul-tls-key needs consul-tls-cert too/], [['--consul', '0.0.0.0:8500'], /--consul must be a loopback address.*or access to it must be controlled/],
    [['--consul-datacenter', 'DC_1'], /--consul-datacenter must be an RFC 1123 label/], [['--dns-consul-domain', 'svc.cluster.local'], /--dns-consul-domain must not be among the names of cluster.local/],
    [['--dns-consul-domain', 'cluster.local'], /--dns-consul-domain must be given once/], [['--dns-consul-domain', 'a..b'], /--dns-consul-domain must be a DNS name/]
  ] as const) t.throws(() => load(...argv), { code: 'REG_INVALID', message }, argv.join(' '))
  t.ok(load('--consul', '0.0.0.0:8500', '--access', 'on').values.consul)
})
