// Every setting means the same by flag, variable, YAML text and YAML list; a new kind of setting needs its sample here.
import t from 'tap'
import { stringify } from 'yaml'
import { loadConfig, type Config } from '../../server/config/config.ts'
import type { KindName } from '../../server/config/kinds.ts'
import { settings } from '../../server/config/settings.ts'

/** A value of each kind, as it is written on a command line. */
const samples: Readonly<Record<KindName, string>> = {
  listener: '127.0.0.1:7999', upstream: '192.0.2.53:5353', duration: '17s', seconds: '17s', size: '2MiB', number: '0.4', count: '3',
  boolean: 'true', level: 'debug', directory: '1e3', file: '007', url: 'redis://127.0.0.1:6390',
  name: 'sample', network: '10.7.0.0/16', ports: '31000-31100', pool: 'lan=192.0.2.10-192.0.2.20,192.0.2.64/28',
  clientZone: '10.0.0.0/8=z1', tsigKey: 'k=hmac-sha256:c2VjcmV0c2VjcmV0c2VjcmV0', transferRule: '192.0.2.0/24',
  notifyTarget: '192.0.2.9:53', word: 'on', dnsView: 'office=10.0.0.0/8:shop+pay', issuer: 'https://login.example',
  webhook: 'https://scaler.example/scale', webhookSecret: 'secret'
}
/** Where a kind has other limits, or a setting means more than its kind. */
const own: Readonly<Record<string, string>> = {
  'dns-forward-case': 'lower', 'access-writes': '77', 'access-connections': '77', 'certificate-identity': 'cn', 'jwt-issuer': 'https://a.test,https://b.test=https://b.test/keys', 'jwt-claim': 'email', 'dns-cluster-ip': 'always', 'override-keep': '2h', 'session-blip': '700ms',
  'log-length': '1234', 'dns-rate-limit': '77', 'dns-query-log': '0.25', 'dns-workers': '2', 'dns-batch': 'off', zone: 'one.test,two.test',
  'service-cidr': '10.7.0.0/16,fd00:7::/112', node: 'n-1', 'trusted-host': 'a.test,b.test', 'redis-prefix': 'sample',
  'dns-forward': '192.0.2.53,[2001:db8::53]:5353', 'client-zone': '10.0.0.0/8=z1,192.168.0.0/16=z2', 'dns-ttl': '9s',
  'http-tls-client-cert': 'require', advertise: 'http://10.0.0.5:7500', 'max-body': '2MiB', 'brake-registry-max': '3m', 'brake-service-max': '3m'
}
/** What another setting must say beside it. */
const beside: Readonly<Record<string, readonly string[]>> = {
  'dns-tls': ['--dns-tls-cert=c.pem', '--dns-tls-key=k.pem'],
  'dns-tls-cert': ['--dns-tls=127.0.0.1:7853', '--dns-tls-key=k.pem'],
  'dns-tls-key': ['--dns-tls=127.0.0.1:7853', '--dns-tls-cert=c.pem'],
  'http-tls': ['--http-tls-cert=c.pem', '--http-tls-key=k.pem'],
  'http-tls-cert': ['--http-tls=127.0.0.1:7501', '--http-tls-key=k.pem'],
  'http-tls-key': ['--http-tls=127.0.0.1:7501', '--http-tls-cert=c.pem'],
  'http-tls-client-ca': ['--http-tls=127.0.0.1:7501', '--http-tls-cert=c.pem', '--http-tls-key=k.pem'],
  'consul-tls-cert': ['--consul=127.0.0.1:8500', '--consul-tls-key=k.pem'],
  'consul-tls-key': ['--consul=127.0.0.1:8500', '--consul-tls-cert=c.pem'],
  'eureka-tls-cert': ['--eureka=127.0.0.1:8761', '--eureka-tls-key=k.pem'],
  'eureka-tls-key': ['--eureka=127.0.0.1:8761', '--eureka-tls-cert=c.pem'],
  'kubernetes-tls-cert': ['--kubernetes=127.0.0.1:7443', '--kubernetes-tls-key=k.pem'],
  'kubernetes-tls-key': ['--kubernetes=127.0.0.1:7443', '--kubernetes-tls-cert=c.pem'],
  'autoscale-webhook': ['--autoscale-webhook-secret-file=secret'],
  'autoscale-webhook-secret-file': ['--autoscale-webhook=https://scaler.example/scale'],
  'redis-ca': ['--redis=rediss://h'],
  'redis-cert': ['--redis=rediss://h', '--redis-key=k.pem'],
  'redis-key': ['--redis=rediss://h', '--redis-cert=c.pem'],
  'redis-server-name': ['--redis=rediss://h']
}

const load = (argv: readonly string[], env: Record<string, string> = {}, file = ''): Config =>
  loadConfig({ argv, env, readFile: () => file, hostname: 'here' }).config

for (const { name, key, kind, multiple, variable } of settings) {
  t.test(`${name} by flag, variable, YAML text and YAML list`, async (t) => {
    const value = own[name] ?? samples[kind]
    const more = beside[name] ?? []
    const byFlag = load([...(kind === 'boolean' ? [`--${name}`] : [`--${name}`, value]), ...more])
    t.notSame(byFlag[key], load([])[key], 'the sample is not the default')
    t.same(load(more, { [variable]: value })[key], byFlag[key], 'variable')
    const files =
      { 'YAML text': `${name}: ${value}\n`,
        'quoted YAML text': stringify({ [name]: value },
          { defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN' }),
        'YAML list of one': `${name}:\n  - ${value}\n` }
    for (const [how, file] of Object.entries(files)) t.same(load(['--config=f', ...more], {}, file)[key], byFlag[key],
      how)
    if (multiple === true) {
      t.same(load(['--config=f', ...more], {},
        `${name}: [${value.split(',').map((part) => JSON.stringify(part)).join(', ')}]\n`)[key], byFlag[key],
      'YAML list of several')
      t.same(load([...value.split(',').map((part) => `--${name}=${part}`), ...more])[key], byFlag[key],
        'flag, repeated')
    }
  })
}

t.test('YAML keeps the text of names, and reads numbers where a setting wants a number', async (t) => {
  const at = (file: string, key: keyof Config): unknown => load(['--config=f'], {}, file)[key]
  for (const written of ['1.10', '007', '1e3', '0x10', '12', 'true', '1.0', '0o17', '-7', '.5', '2026-01-01']) {
    if (/^[\w.-]+$/.test(written)) t.equal(at(`data: ${written}\n`, 'data'), written)
    t.equal(at(`data: &a ${written}\nnode: x\n`, 'data'), written)
    t.equal(at(`data: [${written}]\n`, 'data'), written)
  }
  t.equal(at('data: "1.10"\n', 'data'), '1.10')
  t.equal(at('node: 1.10\n', 'node'), '1.10')
  t.not(at('node: 1.10\n', 'node'), at('node: 1.1\n', 'node'), 'two nodes do not get one name')
  t.equal(at('log-length: 1e4\n', 'logLength'), 10_000)
  t.equal(at('log-length: 0x1000\n', 'logLength'), 4_096)
  t.equal(at('insecure: True\n', 'insecure'), true)
  for (const nothing of ['', '~', 'null']) t.equal(at(`node: ${nothing}\n`, 'node'), 'here')
  t.equal(at('node: "null"\n', 'node'), 'null')
  t.equal(at('data: &a 007\nnode: *a\n', 'node'), '007', 'through an alias')
})
