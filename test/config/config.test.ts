import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import fc from 'fast-check'
import { configurationPage, printConfig, settingsHelp } from '../../server/config/text.ts'
import { hideSecrets, readDuration, readListener, readSize, showDuration, showListener, showSize, type KindName } from '../../server/config/kinds.ts'
import { loadConfig, takenAtNextStart, type LoadedConfig } from '../../server/config/config.ts'
import { RegistryError } from '../../server/errors.ts'
import { editDistance, nearest, parseFlags } from '../../server/config/flags.ts'
import { settings, settingsSchema, type Setting } from '../../server/config/settings.ts'

type Files = Readonly<Record<string, string>>

function load (argv: readonly string[], env: Record<string, string> = {}, files: Files = {}): LoadedConfig {
  const readFile = (path: string): string => {
    const text = files[path]
    if (text === undefined) throw Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: 'ENOENT' })
    return text
  }
  return loadConfig({ argv, env, readFile, hostname: 'here' })
}

/** Field and rule of each fault. */
function faultsOf (...input: Parameters<typeof load>): string[] {
  try {
    load(...input)
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'REG_INVALID') return (error.errors ?? []).map(({ field, rule }) => `${field} ${rule}`)
    throw error
  }
  return []
}

t.test('without any setting a node listens on loopback and keeps its data beside it', async (t) => {
  const { config, warnings, origins } = load([])
  t.same(config.http, { host: '127.0.0.1', port: 7500 })
  t.same(config.dns, { host: '127.0.0.1', port: 7553 })
  t.equal(config.data, './data')
  t.equal(config.redis, undefined)
  t.equal(config.node, 'here')
  t.same(config.zones, ['cluster.local'])
  t.equal(config.graceMs, 15_000)
  t.equal(config.dnsTtlSeconds, 5)
  t.equal(config.maxBodyBytes, 1_048_576)
  t.same(warnings, [])
  t.ok(Object.values(origins).every((origin) => origin === 'default'))
})

t.test('a flag wins over a variable, a variable over the file, the file over the default', async (t) => {
  const files = { 'r.yaml': 'grace: 1s\nsession-grace: 1s\nhold-max: 1s\n' }
  const env = { ROLLCALL_CONFIG: 'r.yaml', ROLLCALL_GRACE: '2s', ROLLCALL_SESSION_GRACE: '3s' }
  const { config, origins } = load(['--grace', '4s'], env, files)
  t.equal(config.graceMs, 4_000)
  t.equal(config.sessionGraceMs, 3_000)
  t.equal(config.holdMaxMs, 1_000)
  t.equal(config.dnsTtlSeconds, 5)
  t.equal(origins['grace'], '--grace')
  t.equal(origins['session-grace'], 'ROLLCALL_SESSION_GRACE')
  t.equal(origins['hold-max'], 'hold-max in r.yaml')
})

t.test('--config names another file than ROLLCALL_CONFIG, and wins', async (t) => {
  const files = { 'a.yaml': 'node: a', 'b.yaml': 'node: b' }
  t.equal(load(['--config=b.yaml'], { ROLLCALL_CONFIG: 'a.yaml' }, files).config.node, 'b')
})

t.test('a list is repeated, written with commas, or a YAML list, and is never merged', async (t) => {
  t.same(load(['--zone', 'a', '--zone', 'b,c']).config.zones, ['a', 'b', 'c'])
  t.same(load([], { ROLLCALL_TRUSTED_HOST: 'a.example, b.example' }).config.trustedHosts, ['a.example', 'b.example'])
  t.same(load(['--config', 'f'], {}, { f: 'zone: [a, b]' }).config.zones, ['a', 'b'])
  t.same(load(['--zone', 'x'], { ROLLCALL_ZONE: 'y' }).config.zones, ['x'])
  t.same(load(['--zone', 'x,x']).config.zones, ['x'])
})

t.test('every setting can be given in each of the three ways, and means the same', async (t) => {
  // A value of each kind that is nobody's default, and of settings that want another one.
  const byKind: Partial<Record<KindName, string>> = {
    listener: '127.0.0.1:1', upstream: '[2001:db8::53]:5353', duration: '9s', seconds: '7s', size: '3MiB', boolean: 'true', directory: '/d', file: '/f',
    url: 'redis://h', name: 'x.example', network: '192.0.2.0/24', ports: '20000-20100', pool: 'public=192.0.2.0/24', clientZone: '10.1.0.0/16=east', dnsView: 'office=10.0.0.0/8:shop', issuer: 'https://login.example',
    tsigKey: 'edge=c2VjcmV0c2VjcmV0c2VjcmV0', transferRule: '192.0.2.0/24', notifyTarget: '192.0.2.7:53',
    webhook: 'ops=https://h/scale', webhookSecret: 'ops=/f'
  }
  const samples: Record<string, string> = {
    advertise: 'http://10.0.0.5:7500', 'override-keep': '3h', 'instance-cidr': '198.51.100.0/24', redis: 'rediss://h', 'http-tls': '127.0.0.1:2',
    'eureka-namespace': 'shop', 'consul-namespace': 'shop', 'consul-datacenter': 'dc2'
  }
  const sampleOf = ({ name, kind, schema, default: fallback }: Setting): string => {
    const { enum: words, maximum = 1 } = schema as { enum?: readonly string[], maximum?: number }
    const chosen = words === undefined ? maximum : words.find((word) => word !== fallback)
    return samples[name] ?? byKind[kind] ?? String(chosen)
  }
  const groups = [
    ['dns-tls', 'dns-tls-cert', 'dns-tls-key'], ['http-tls', 'http-tls-cert', 'http-tls-key'], ['redis', 'redis-cert', 'redis-key'],
    ['kubernetes', 'kubernetes-tls-cert', 'kubernetes-tls-key'], ['consul', 'consul-tls-cert', 'consul-tls-key'],
    ['eureka', 'eureka-tls-cert', 'eureka-tls-key'], ['autoscale-webhook', 'autoscale-webhook-secret-file']
  ]
  const needed: Record<string, readonly string[]> = { 'http-tls-client-ca': groups[1] ?? [], 'redis-ca': ['redis'], 'redis-server-name': ['redis'] }
  for (const setting of settings) {
    const { name, variable, key } = setting
    const text = sampleOf(setting)
    const beside = needed[name] ?? groups.find((group) => group.includes(name)) ?? [] // all of a group, or none
    const others = settings.filter((other) => beside.includes(other.name) && other !== setting)
      .map((other) => `--${other.name}=${sampleOf(other)}`)
    const byFlag = load([...others, `--${name}=${text}`]).config[key]
    t.same(load(others, { [variable]: text }).config[key], byFlag, variable)
    t.same(load([...others, '--config', 'f'], {}, { f: `${name}: ${JSON.stringify(text)}` }).config[key], byFlag, `${name} in the file`)
    t.notSame(byFlag, load([]).config[key], `${name} has an effect`)
  }
})

t.test('no two rooms declare a setting of the same name or key, and each says what a person must know', async (t) => {
  t.equal(new Set(settings.map(({ name }) => name)).size, settings.length)
  t.equal(Object.keys(settingsSchema.properties).length, settings.length)
  for (const { name, what, why } of settings) t.match([what, why], [/[.)]$/, /[.)]$/], name)
})

t.test('faults between settings of several rooms are reported together', async (t) => {
  t.same(faultsOf(['--http', '0.0.0.0:1', '--service-cidr', '10.0.0.0/33', '--zone', 'x.ip6.arpa', '--redis', 'redis://h:0', '--load-balancer-pool', 'auto=false']).map((fault) => fault.split(' ')[0]), [
    '--http', '--service-cidr', '--load-balancer-pool', '--zone', '--redis'
  ])
  t.same(faultsOf(['--trusted-proxy', '10.0.0.1/8,2001:db8::1']), [
    '--trusted-proxy must not have bits set behind its prefix: the network is 10.0.0.0/8', '--trusted-proxy must be a network in CIDR form, like 10.96.0.0/12 or fd00:10:96::/108'
  ])
  t.same(faultsOf([], { ROLLCALL_REDIS: 'redis://a,b' }), ['ROLLCALL_REDIS must name one host; use redis+sentinel:// or redis+cluster:// for several'])
})

t.test('each room is given values, read once', async (t) => {
  const { values } = load(['--service-cidr', 'fd00::/108', '--node-port-range', '1000-1999', '--load-balancer-pool', 'a=192.0.2.0/28', '--hold-max', '5m', '--log-length', '5000'])
  t.match(values.registry.allocation, { serviceCidrs: [{ family: 6, prefix: 108 }], nodePorts: { first: 1_000, size: 1_000 }, pools: [{ name: 'a', autoAssign: true }] })
  t.match(values.registry, { ringLimit: 5_000, protection: { holdMs: 300_000, graceMs: 15_000 } })
  t.match(values.store, { kind: 'sqlite', directory: './data', holdMs: 300_000, maxLogLength: 5_000 })
  t.match(values.http, { listen: { host: '127.0.0.1', port: 7500 }, trustedHosts: [], maxBodyBytes: 1_048_576 })
  t.match([values.log, values.process], [{ level: 'info' }, { node: 'here', startTimeoutMs: 60_000, shutdownGraceMs: 3_000 }])
  t.match(values.dns?.reverse?.[0], { text: 'fd00::/108' }, 'the networks of services are reverse zones too')
  const redis = load(['--hold-max', '5m'], { ROLLCALL_REDIS: 'redis://:pw@h/3', ROLLCALL_REDIS_TIMEOUT: '2s' }).values.store
  t.match(redis, { kind: 'redis', url: { hosts: [{ host: 'h', port: 6379 }], db: 3, password: 'pw' }, holdMs: 60_000, timeouts: { connectMs: 2_000, commandMs: 2_000 } })
})

t.test('of changed settings those are named that a running node does not take', async (t) => {
  const before = load(['--redis', 'redis://h', '--grace', '1s'])
  t.same(takenAtNextStart(before, load(['--redis', 'redis://h', '--grace', '1s', '--log-level', 'debug'])), [])
  t.same(takenAtNextStart(before, load(['--grace', '2s', '--zone', 'z'])), ['zone', 'redis', 'grace'], 'one that is not given any more too')
})

t.test('DNS over TLS is an address, a certificate and its key, beside plain DNS', async (t) => {
  t.same(faultsOf(['--dns-tls', '127.0.0.1:853']), ['--dns-tls needs dns-tls-cert and dns-tls-key too: DNS over TLS is an address, a certificate and its key'])
  t.same(faultsOf(['--dns-tls-cert', 'c', '--dns-tls-key', 'k']), ['--dns-tls-cert needs dns-tls too: DNS over TLS is an address, a certificate and its key'])
  t.same(faultsOf(['--dns', 'off', '--dns-tls', '127.0.0.1:853', '--dns-tls-cert', 'c', '--dns-tls-key', 'k']), ['--dns-tls must not be given where dns is off'])
  t.match(faultsOf(['--dns-tls', '0.0.0.0:853', '--dns-tls-cert', 'c', '--dns-tls-key', 'k']), [/^--dns-tls must be a loopback address/])
})

t.test('ranges are checked against each other, and the parts of a pool may repeat', async (t) => {
  const pools = ['a=192.0.2.10-192.0.2.20,auto=false', 'b=192.0.2.128/25,2001:db8::/120,auto=false']
  t.same(load(pools.map((pool) => `--load-balancer-pool=${pool}`)).config.loadBalancerPools, pools.flatMap((pool) => pool.split(',')))
  t.same(load(['--service-cidr', '10.0.0.0/16,fd00::/108']).config.serviceCidrs, ['10.0.0.0/16', 'fd00::/108'])
  t.throws(() => load(['--service-cidr', '10.0.0.0/16,10.1.0.0/16', '--node-port-range', '2-1', '--load-balancer-pool', 'a=192.0.2.0/24,b=192.0.2.7-192.0.2.9']), {
    code: 'REG_INVALID', errors: [{ field: '--service-cidr' }, { field: '--node-port-range' }, { field: '--load-balancer-pool' }]
  })
})

t.test('an upstream is an address, with port 53 unless another is given', async (t) => {
  t.same(load(['--dns-forward', '192.0.2.53,192.0.2.54:5353,[2001:db8::53]:5353', '--dns-forward', '2001:db8::53,[fe80::1%eth0]:53']).config.dnsForward, [
    { address: '192.0.2.53', port: 53 }, { address: '192.0.2.54', port: 5353 }, { address: '2001:db8::53', port: 5353 },
    { address: '2001:db8::53', port: 53 }, { address: 'fe80::1%eth0', port: 53 }
  ])
  for (const bad of ['dns.example', 'dns.example:53', '192.0.2.53:0', '192.0.2.53:65536', '[192.0.2.53]:53', '[2001:db8::53]', '192.0.2', '192.0.2.53:', 'tcp://192.0.2.53']) {
    t.match(faultsOf(['--dns-forward', bad]), [/^--dns-forward must be an IP address with or without a port/], bad)
  }
  for (const bad of ['0.0.0.0', '[::]:53', '255.255.255.255', '224.0.0.251:5353', 'ff02::fb']) {
    t.same(faultsOf(['--dns-forward', bad]), ['--dns-forward must be the address of one server'], bad)
  }
  t.equal(faultsOf(['--dns-forward', Array.from({ length: 9 }, (_, index) => `192.0.2.${index + 1}`).join(',')]).length, 1)
})

t.test('who may have questions forwarded is a list of networks, by default the neighbours', async (t) => {
  t.same(load([]).config.dnsForward, [])
  t.same(load([]).config.dnsForwardFrom.slice(0, 3), ['127.0.0.0/8', '::1/128', '10.0.0.0/8'])
  t.same(load([], { ROLLCALL_DNS_FORWARD_FROM: '192.0.2.0/24' }).config.dnsForwardFrom, ['192.0.2.0/24'])
  t.same(faultsOf(['--dns-forward-from', '192.0.2.7/24,nobody']), [
    '--dns-forward-from must not have bits set behind its prefix: the network is 192.0.2.0/24',
    '--dns-forward-from must be a network in CIDR form, like 10.96.0.0/12 or fd00:10:96::/108'
  ])
})

t.test('the networks of the reverse zones are read, switched off and limited', async (t) => {
  t.same(load(['--instance-cidr', '10.0.0.0/16,fd00::/108']).config.instanceCidrs, ['10.0.0.0/16', 'fd00::/108'])
  t.same(load(['--instance-cidr', 'off']).config.instanceCidrs, [])
  t.same(load(['--config', 'f'], {}, { f: 'instance-cidr: off' }).config.instanceCidrs, [])
  t.ok(load([]).config.instanceCidrs.includes('10.0.0.0/8'))
  t.same(faultsOf(['--instance-cidr', '10.0.0.7/8']), ['--instance-cidr must not have bits set behind its prefix: the network is 10.0.0.0/8'])
  t.match(faultsOf(['--instance-cidr', '20.0.0.0/9,30.0.0.0/9']), [/must not need more than 256 reverse zones, and these need 272/])
})

t.test('dns off is no listener', async (t) => {
  t.equal(load(['--dns', 'off']).config.dns, undefined)
  t.equal(load(['--config', 'f'], {}, { f: 'dns: off' }).config.dns, undefined)
})

t.test('http off needs TLS instead', async (t) => {
  t.same(faultsOf(['--http', 'off']), ['--http must not be off where there is no http-tls: nobody could ask anything'])
  const tls = ['--http-tls', '127.0.0.1:1', '--http-tls-cert', 'c', '--http-tls-key', 'k']
  t.match(load(['--http', 'off', ...tls, '--http-tls-client-ca', 'a']).values.http, {
    listen: undefined, tls: { host: '127.0.0.1', port: 1, name: 'http-tls', certFile: 'c', keyFile: 'k', caFile: 'a', clientCert: 'request' }
  })
  t.same(faultsOf(['--http', '127.0.0.1:1', ...tls]), ['--http-tls must be another address than http, or http must be off'])
  t.same(faultsOf(['--http-tls', '127.0.0.1:853']), ['--http-tls needs http-tls-cert and http-tls-key too: HTTP over TLS is an address, a certificate and its key'])
  t.same(faultsOf(['--http-tls-client-ca', 'a']), ['--http-tls-client-ca needs http-tls and http-tls-cert and http-tls-key too: HTTP over TLS is an address, a certificate and its key'])
  t.match(faultsOf(['--http-tls', '0.0.0.0:853', '--http-tls-cert', 'c', '--http-tls-key', 'k']), [/^--http-tls must be a loopback address/])
})

t.test('what is said of TLS to Redis needs a rediss address, and a certificate its key', async (t) => {
  for (const [flag, value] of [['--redis-ca', 'a'], ['--redis-cert', 'c'], ['--redis-key', 'k'], ['--redis-server-name', 'redis.example']] as const) {
    for (const redis of [[], ['--redis', 'redis://h']]) {
      t.same(faultsOf([...redis, flag, value]), [`${flag} must not be given without a rediss address: nothing is encrypted`])
    }
  }
  t.same(faultsOf(['--redis', 'rediss://h', '--redis-cert', 'c']), ['--redis-cert needs redis-key too'])
  t.same(faultsOf(['--redis', 'rediss://h', '--redis-key', 'c']), ['--redis-key needs redis-cert too'])
  t.match(load(['--redis', 'rediss+cluster://h', '--redis-ca', 'a', '--redis-cert', 'c', '--redis-key', 'k', '--redis-server-name', 'r']).values.store, {
    tls: { caFile: 'a', certFile: 'c', keyFile: 'k', serverName: 'r' }
  })
})

t.test('an unknown flag or key is refused with the nearest known one', async (t) => {
  t.same(faultsOf(['--htp', '127.0.0.1:1']), ['--htp is not a known flag: did you mean --http?'])
  t.same(faultsOf(['--log-levle=debug']), ['--log-levle is not a known flag: did you mean --log-level?'])
  t.same(faultsOf(['--bananas']), ['--bananas is not a known flag'])
  t.same(faultsOf(['--config', 'f'], {}, { f: 'logLevel: debug' }), ['logLevel in f is not a known setting: did you mean log-level?'])
  t.same(faultsOf(['--config', 'f'], {}, { f: 'config: g' }), ['config in f is not a known setting'])
})

t.test('variables of the commands, of Kubernetes and of Docker are passed over', async (t) => {
  const env = {
    ROLLCALL_ADDRESS: 'http://x', ROLLCALL_TOKEN: 't', ROLLCALL_NAMESPACE: 'n', ROLLCALL_TOKEN_FILE: 'f',
    ROLLCALL_SERVICE_HOST: '10.0.0.1', ROLLCALL_SERVICE_PORT: '7500', ROLLCALL_SERVICE_PORT_HTTP: '7500', ROLLCALL_PORT: 'tcp://10.0.0.1:7500',
    ROLLCALL_PORT_7500_TCP: 'tcp://10.0.0.1:7500', ROLLCALL_PORT_7500_TCP_ADDR: '10.0.0.1', ROLLCALL_A_SERVICE_HOST: '10.0.0.2', PATH: '/bin'
  }
  t.same(load([], env).config, load([]).config)
  t.same(load([], env).warnings, [])
})

t.test('an unknown variable is warned of with the nearest known one, and stops no start: others share the prefix', async (t) => {
  t.same(load([], { ROLLCALL_LOGLEVEL: 'debug' }).warnings, ['ROLLCALL_LOGLEVEL is not a known setting: did you mean ROLLCALL_LOG_LEVEL?'])
  t.same(load([], { ROLLCALL_HTTP_PORT: '80' }).warnings, ['ROLLCALL_HTTP_PORT is not a known setting: did you mean ROLLCALL_HTTP?'])
  t.same(load([], { ROLLCALL_OF_SOMETHING_ELSE: 'hunter2' }).warnings, ['ROLLCALL_OF_SOMETHING_ELSE is not a known setting'])
})

t.test('an empty variable counts as unset', async (t) => {
  t.equal(load([], { ROLLCALL_REDIS: '', ROLLCALL_GRACE: '' }).config.redis, undefined)
})

t.test('each fault is named, not only the first', async (t) => {
  const faults = faultsOf(['--grace', '15', '--dns', 'nowhere', '--insecure=maybe', 'word'], { ROLLCALL_MAX_BODY: '1GB' })
  t.equal(faults.length, 5)
})

t.test('values that break their rule are refused, with the rule', async (t) => {
  const table: [string[], RegExp][] = [
    [['--http', '0.0.0.0'], /must be HOST:PORT/],
    [['--http', '127.0.0.1:65536'], /must be HOST:PORT/],
    [['--http', '::1:7500'], /must be HOST:PORT/],
    [['--http', '[127.0.0.1]:7500'], /must be HOST:PORT/],
    [['--http', '127.1:7500'], /must be HOST:PORT/],
    [['--http', '999.1.1.1:7500'], /must be HOST:PORT/],
    [['--http', 'fine_host:7500'], /must be HOST:PORT/],
    [['--grace', '15'], /must be a duration with its unit/],
    [['--grace=-1s'], /must be a duration with its unit/],
    [['--grace', '25h'], /must be from 0s to 24h/],
    [['--dns-ttl', '1500ms'], /must be whole seconds from 0s to 1h/],
    [['--log-length', '10'], /must be a whole number from 1000 to 10000000/],
    [['--log-length', '1e5'], /must be a number/],
    [['--max-body', '1KiB'], /must be from 64KiB to 64MiB/],
    [['--max-body', '1MB'], /must be a size/],
    [['--brake-registry', '1.1'], /must be a number from 0 to 1/],
    [['--log-level', 'INFO'], /must be one of fatal, error, warn, info, debug, trace, silent/],
    [['--zone', 'Cluster.Local'], /must be a DNS name in lower case/],
    [['--zone', ','], /must hold 1-16 values/],
    [['--redis', '127.0.0.1:6379'], /must be a URL/],
    [['--trusted-host', 'a:80'], /must be a host name or an IP address, without a port/],
    [['--node', 'a/b'], /without "\/"/],
    [['--http'], /needs a value/],
    [['--http', '--dns'], /needs a value/],
    [['--data='], /needs a value/],
    [['--node', 'a', '--node', 'b'], /must not be given twice/],
    [['--insecure=yes'], /must be true or false/],
    [['--jwt-issuer', 'http://login.example'], /must be the https URL of an issuer/],
    [['--dns-view', '10.1.0.0/16:shop'], /--dns-view must be NAME=CIDR:NAMESPACES/],
    [['--dns-view', 'a=10.1.0.0/16:'], /must be NAME=CIDR:NAMESPACES/],
    [['--dns-view', 'a=10.1.0.7/16:shop'], /the network must not have bits set behind its prefix/],
    [['--dns-view', 'a=10.1.0.0/16:Shop'], /a namespace must be a name/],
    [['--dns-view', 'A=10.1.0.0/16:shop'], /the name must/],
    [['--dns-view', 'a=10.1.0.0/16:a,b=10.1.0.0/16:b'], /must not name a network for the second time/],
    [['--client-zone', '10.1.0.0/16'], /--client-zone must be CIDR=ZONE/],
    [['--client-zone', '10.1.0.0/16='], /must be CIDR=ZONE/],
    [['--client-zone', '10.1.0.7/16=a'], /the network must not have bits set behind its prefix: the network is 10.1.0.0\/16/],
    [['--client-zone', '::ffff:10.0.0.0/104=a'], /must be written as IPv4/],
    [['--client-zone', '10.1.0.0/16=-a'], /the zone must be a label value/],
    [['--client-zone', '10.1.0.0/16=a', '--client-zone', '10.1.0.0/16=b'], /must not name a network for the second time/]
  ]
  for (const [argv, rule] of table) t.match(faultsOf(argv).join(), rule, argv.join(' '))
})

t.test('a file that is no mapping of settings is refused', async (t) => {
  const refused = (text: string): string => faultsOf(['--config', 'f'], {}, { f: text }).join()
  t.match(refused('- a'), /must hold a mapping of settings/)
  t.match(refused('a: [1'), /must be valid YAML/)
  t.match(refused('node: a\nnode: b'), /must be valid YAML/)
  t.match(refused('node: *nobody'), /must be valid YAML/)
  t.match(refused('http: {host: x}'), /must be a text, a number or a list of them/)
  t.match(refused('node: [a, b]'), /must be one value, not a list/)
  t.match(faultsOf(['--config', 'nowhere']).join(), /must name a file that can be read \(ENOENT/)
  t.same(refused(''), '')
  t.same(refused('redis:'), '')
})

t.test('a listener off loopback is refused without --insecure, and warned of with it', async (t) => {
  for (const open of ['0.0.0.0:7500', '[::]:7500', '10.1.2.3:0', 'registry.example:7500', '[::ffff:10.0.0.1]:1']) {
    t.match(faultsOf(['--http', open]).join(), /--http must be a loopback address .* "rollcall init --token-file tokens.yaml" .* "rollcall serve --http .* --access on --token-file tokens.yaml" starts with it\. --insecure permits it/, open)
    t.match(faultsOf(['--dns', open]).join(), /--dns must be a loopback address/, open)
    const { warnings } = load(['--http', open, '--insecure'])
    t.match(warnings.join(), /insecure: http listens on .* without access control: whoever reaches it can register, change and remove instances/)
    t.match(load(['--http', open, '--access', 'on']).warnings, [/without TLS: tokens that are sent there can be read on the way/], 'it is controlled')
    t.match(faultsOf(['--http-tls', open, '--http-tls-cert', 'c', '--http-tls-key', 'k']).join(), /rollcall serve --http-tls .* --access on/)
    t.match(faultsOf(['--http', open, '--access', 'report']).join(), /must be a loopback address/, 'what only reports refuses nothing')
    t.same(load(['--dns', open, '--dns-view', 'all=0.0.0.0/0:*']).warnings, [], 'networks are named')
  }
  for (const closed of ['127.0.0.1:0', '127.8.9.1:1', '[::1]:7500', 'localhost:7500', '[::ffff:127.0.0.1]:1']) {
    t.same(load(['--http', closed, '--dns', closed]).warnings, [], closed)
  }
  t.same(load(['--insecure']).warnings, [], 'nothing is open')
})

t.test('a password in a flag is warned of, and a data directory that is not used', async (t) => {
  t.match(load(['--redis', 'redis://:secret@h']).warnings.join(), /--redis holds a password/)
  t.same(load([], { ROLLCALL_REDIS: 'redis://:secret@h' }).warnings, [])
  t.match(load(['--redis', 'redis://h', '--data', 'd']).warnings.join(), /--data is not used: the store is Redis/)
})

t.test('no error, warning or print shows a secret', async (t) => {
  const url = 'redis+sentinel://user:hunter2@a:1,b:2/name?sentinelPassword=hunter2&db=0'
  const loaded = load(['--redis', url])
  t.equal(loaded.config.redis, url, 'it is passed through')
  t.notMatch([printConfig(loaded), ...loaded.warnings].join(), /hunter2/)
  t.notMatch(faultsOf(['--redis', url, '--redis', url, url]).join(), /hunter2/)
  const message = (argv: string[]): string => { try { load(argv) } catch (error) { return String(error) } return '' }
  t.notMatch(message(['--redis', '1://:hunter2@h']), /hunter2/)
  t.notMatch(message([url]), /hunter2/)
  t.notMatch(message(['--redis', url, '--redis', url]), /hunter2/)
})

t.test('no error, warning or print shows the secret of a key, and every way of giving one is open', async (t) => {
  const secret = 'aHVudGVyMmh1bnRlcjJodW50ZXIy'
  const keys = [`edge=${secret}`, `other=hmac-sha512:${secret}`]
  const loaded = load(['--dns-tsig-key', keys.join(','), '--dns-transfer-to', '192.0.2.0/24+key:edge', '--dns-notify', '192.0.2.7:53+key:other'])
  t.strictSame(loaded.config.dnsTsigKeys, keys, 'they are passed through')
  t.match(printConfig(loaded), 'dns-tsig-key: ["edge=***", "other=hmac-sha512:***"] # --dns-tsig-key')
  t.notMatch([printConfig(loaded), ...loaded.warnings].join(), secret.slice(0, 8))
  t.match(loaded.warnings.join(), /--dns-tsig-key holds a secret/)
  t.strictSame(load([], { ROLLCALL_DNS_TSIG_KEY: keys.join(',') }).config.dnsTsigKeys, keys)
  t.strictSame(load([], { ROLLCALL_DNS_TSIG_KEY: keys.join(',') }).warnings, [])
  t.strictSame(load(['--config', 'f'], {}, { f: `dns-tsig-key: ["${keys.join('", "')}"]` }).config.dnsTsigKeys, keys)
  const message = (argv: string[], files = {}): string => { try { load(argv, {}, files) } catch (error) { return String(error) } return '' }
  const mistakes: [says: string, argv: string[], wanted: string][] = [
    ['an algorithm that is none', ['--dns-tsig-key', `edge=hmac-md5:${secret}`], '--dns-tsig-key must have one of the algorithms'],
    ['a secret that is no base64', ['--dns-tsig-key', `edge=${secret}!`], '--dns-tsig-key must end in the secret in base64'],
    ['a secret that is too short', ['--dns-tsig-key', `edge=${secret.slice(0, 12)}`], 'must have a secret of 16-512 octets, not of 9'],
    ['no name', ['--dns-tsig-key', secret], '--dns-tsig-key must be NAME='],
    ['a name twice', ['--dns-tsig-key', `edge=${secret}`, '--dns-tsig-key', `EDGE.=${secret}`], 'must not name a key twice, got "edge"'],
    ['too many', ['--dns-tsig-key', Array.from({ length: 65 }, (_, index) => `edge${index}=${secret}`).join()], '--dns-tsig-key must hold 0-64 values'],
    ['a key as a word of its own', ['--dns-tsig-key', `edge=${secret}`, `other=${secret}`], 'argument 1 is not expected'],
    ['a key in the wrong setting', ['--dns-transfer-to', `edge=${secret}`], '--dns-transfer-to must be an address or a network'],
    ['a key that nobody gave', ['--dns-transfer-to', 'key:edge'], '--dns-transfer-to must name a key that dns-tsig-key gives, got "edge"'],
    ['nor for NOTIFY', ['--dns-notify', '192.0.2.7:53+key:edge'], '--dns-notify must name a key that dns-tsig-key gives, got "edge"'],
    ['bits behind the prefix', ['--dns-transfer-to', '192.0.2.7/24'], 'the network is 192.0.2.0/24'],
    ['a network behind a key', ['--dns-transfer-to', 'key:edge+192.0.2.0/24'], '--dns-transfer-to must be an address or a network'],
    ['a host name', ['--dns-notify', 'edge.example:53'], '--dns-notify must be ADDRESS:PORT'],
    ['no port', ['--dns-notify', '192.0.2.7'], '--dns-notify must be ADDRESS:PORT'],
    ['port 0', ['--dns-notify', '192.0.2.7:0'], '--dns-notify must be ADDRESS:PORT']
  ]
  for (const [says, argv, wanted] of mistakes) {
    t.match(message(argv), wanted, says)
    t.notMatch(message(argv), secret.slice(0, 8), `${says}: without the secret`)
  }
  const file = { f: `dns-tsig-key: {edge: "${secret}"}` }
  t.match(message(['--config', 'f'], file), 'dns-tsig-key in f must be a text')
  t.notMatch(message(['--config', 'f'], file), secret.slice(0, 8))
})

t.test('secrets are hidden wherever a URL can hold them', async (t) => {
  const table = [
    ['redis://127.0.0.1:6379/0', 'redis://127.0.0.1:6379/0'],
    ['redis://:pw@h:1', 'redis://:***@h:1'],
    ['rediss://user:p@w:/x@h:1/2', 'rediss://user:***@h:1/2'],
    ['redis://:a@h:1,redis://:b@i:2', 'redis://:***@h:1,redis://:***@i:2'],
    ['redis://hunter2@h:1', 'redis://***@h:1'],
    ['redis://:a\nb@h:1', 'redis://:***@h:1'],
    ['redis://h?password=a&db=1&authToken=c', 'redis://h?password=***&db=1&authToken=***']
  ] as const
  for (const [text, hidden] of table) t.equal(hideSecrets(text), hidden)
})

t.test('what --print-config shows can be used as a file again', async (t) => {
  const argv = ['--http', '[::1]:0', '--dns', 'off', '--zone', 'a,b.c', '--grace', '1500ms', '--node', 'true', '--max-body', '70000', '--insecure', '--brake-service=0']
  const loaded = load(argv)
  const printed = printConfig(loaded)
  t.same(load(['--config', 'f'], {}, { f: printed }).config, loaded.config)
  t.match(printed, /^grace: 1500ms # --grace$/m)
  t.match(printed, /^session-grace: 2s # default$/m)
  t.match(printed, /^# redis is unset \(default\)$/m)
})

t.test('durations and sizes are read with their unit, and shown in the largest that fits', async (t) => {
  t.equal(readDuration('1.5m'), 90_000)
  t.equal(readDuration('7d'), 604_800_000)
  t.equal(readSize('1.5KiB'), 1_536)
  t.throws(() => readDuration('1.0001s'), { name: 'RuleError' })
  t.doesNotThrow(() => { fc.assert(fc.property(fc.nat(), (value) => readDuration(showDuration(value)) === value && readSize(showSize(value)) === value)) })
})

t.test('a listener that was read is shown as it was written', async (t) => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6().map((address) => `[${address}]`))
  t.doesNotThrow(() => { fc.assert(fc.property(host, fc.integer({ min: 0, max: 65_535 }), (host, port) => showListener(readListener(`${host}:${port}`)) === `${host}:${port}`)) })
})

t.test('flags are read in every common form', async (t) => {
  const specs = { name: { type: 'string', short: 'n' }, list: { type: 'string', multiple: true }, yes: { type: 'boolean', short: 'y' } } as const
  const read = (...argv: string[]): unknown => Object.fromEntries(parseFlags(argv, specs).values)
  t.same(read('--name', 'a', '-y'), { name: ['a'], yes: ['true'] })
  t.same(read('-na', '--list=b', '--list', 'c'), { name: ['a'], list: ['b', 'c'] })
  t.same(read('--no-yes'), { yes: ['false'] })
  t.same(read('--yes=false'), { yes: ['false'] })
  t.same(read('-n', '-'), { name: ['-'] })
  t.same(read('--name=--odd'), { name: ['--odd'] })
  t.same(parseFlags(['a', '--', '--name'], specs).positionals, ['a', '--name'])
  t.same(parseFlags(['--constructor', 'x', '--__proto__=y'], specs).faults.map(({ field }) => field), ['--constructor', '--__proto__'])
})

t.test('the nearest word is the one with the fewest slips, and a far one is none', async (t) => {
  t.equal(editDistance('kitten', 'sitting'), 3)
  t.equal(editDistance('gte', 'get'), 1)
  t.equal(nearest('instnaces', ['instances', 'services']), 'instances')
  t.equal(nearest('desc', ['get', 'describe']), 'describe')
  t.equal(nearest('x'.repeat(10_000), ['get']), undefined)
  const short = fc.string({ maxLength: 12 })
  t.doesNotThrow(() => {
    fc.assert(fc.property(short, short, (a, b) => editDistance(a, b) === editDistance(b, a) && (editDistance(a, b) === 0) === (a === b)))
  })
})

t.test('no input ends in anything but a configuration or REG_INVALID', async (t) => {
  const word = fc.oneof(fc.string(), fc.constantFrom(...settings.map(({ name }) => `--${name}`)))
  const anything = fc.property(fc.array(word), fc.string(), (argv, file) => { faultsOf(argv, { ROLLCALL_CONFIG: 'f' }, { f: file }) })
  t.doesNotThrow(() => { fc.assert(anything, { numRuns: 300 }) })
})

t.test('the help and the reference page name every setting, and the page is up to date', async (t) => {
  const path = new URL('../../docs/reference/configuration.md', import.meta.url)
  if (process.env['UPDATE_DOCS']) writeFileSync(path, configurationPage())
  const page = readFileSync(path, 'utf8')
  t.equal(page, configurationPage(), 'to write it anew: UPDATE_DOCS=1 npm run test:fast')
  for (const { name, variable } of settings) {
    t.ok(page.includes(`### ${name}\n`))
    t.ok(page.includes(variable))
    t.ok(settingsHelp().includes(`--${name}`))
  }
})
