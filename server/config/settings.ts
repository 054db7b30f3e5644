// One schema of all settings, with what a person must know to choose a value. Flags, ROLLCALL_* variables and the file are read
// by it (config.ts); the help, `--print-config` and docs/reference/configuration.md are made from it (text.ts).
// The settings of a room stand in the room.
import { Type, type Static, type TSchema } from 'typebox'
import { dnsSettings } from '../dns/settings.ts'
import { isHost, type Listener } from './kinds.ts'
import { type SettingDoc, between, doc, listenerSchema } from './setting.ts'
import { defaultNodePorts, defaultServiceCidr } from '../model/address/ranges.ts'
import { idPattern, idRule } from '../model/names.ts'
import { prefixPattern, prefixRule } from '../store/redis/keys.ts'

const day = 86_400_000
const minute = 60_000
const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

/** All settings. The keys are those of `Config`; `setting.name` is what people write. */
export const settingsSchema = Type.Object({
  http: Type.Unsafe<Listener>({ ...listenerSchema, ...doc({
    name: 'http', kind: 'listener', default: '127.0.0.1:7500',
    what: 'Where the HTTP API, the watch socket and the documentation listen.',
    why: 'There is no access control yet, so that only this machine may ask; 7500 is free on most machines.'
  }) }),
  ...dnsSettings,
  data: Type.String({ minLength: 1, ...doc({
    name: 'data', kind: 'directory', default: './data',
    what: 'The directory of the embedded store (SQLite), made if it is not there. A relative one is relative to the working directory. Not used with `redis`.',
    why: 'Beside the process, so that a first try needs no privilege and leaves nothing elsewhere.'
  }) }),
  redis: Type.Optional(Type.String({ pattern: '^[a-z+]+:\\/\\/.', rule: 'must be a URL, like redis://127.0.0.1:6379 or rediss://user:password@host:6380/0', ...doc({
    name: 'redis', kind: 'url',
    what: 'The Redis or Valkey that holds the registry, in place of the embedded store: `redis://host:port/db`, `redis+sentinel://host:port,host:port/master` or `redis+cluster://host:port,host:port`; `rediss` for TLS.',
    why: 'Unset: one node with the embedded store needs nothing installed. Several nodes need one Redis. Whoever can write this Redis owns the registry.'
  }) })),
  redisPrefix: Type.String({ pattern: prefixPattern, rule: prefixRule, ...doc({
    name: 'redis-prefix', kind: 'name', default: 'rollcall',
    what: 'What the names of all keys in Redis begin with. Registries under different prefixes share a Redis and nothing else; all nodes of one registry have the same.',
    why: 'One registry a Redis is the common case, and its keys should say whose they are.'
  }) }),
  serviceCidrs: Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 2, ...doc({
    name: 'service-cidr', kind: 'network', default: defaultServiceCidr, multiple: true,
    what: 'The networks that cluster IPs of declared services come from: one, or one of each family. The first is the family of services that ask for none. The first 256 addresses are given only on request, or when the others are taken.',
    why: 'What most Kubernetes clusters use, so that the addresses in manifests fit. Nothing listens on them yet.',
    raise: 'Nothing: an address costs nothing until it is given.', lower: 'Services beyond it are kept as they are, and new ones find no address.'
  }) }),
  nodePortRange: Type.String({ maxLength: 11, ...doc({
    name: 'node-port-range', kind: 'ports', default: defaultNodePorts,
    what: 'The ports that node ports and health-check ports of declared services come from. The first 86 of the default are given only on request, or when the others are taken.',
    why: 'What Kubernetes uses: below the ports that Linux takes for outgoing connections (32768-60999).',
    raise: 'Into the ports of outgoing connections: whoever listens on a node port may find it in use.', lower: 'Fewer services of the types NodePort and LoadBalancer.'
  }) }),
  loadBalancerPools: Type.Array(Type.String({ maxLength: 256 }), { maxItems: 4_096, ...doc({
    name: 'load-balancer-pool', kind: 'pool', multiple: true,
    what: 'Pools of addresses for services of the type LoadBalancer, as `NAME=RANGE[,RANGE...][,auto=false]`; a range is a network (192.0.2.0/24) or its ends (192.0.2.10-192.0.2.50). Without `auto=false` services that ask for nothing are served from it, in the order of the pools.',
    why: 'Unset: nobody knows which addresses are free in your network. Services of that type then wait without an address, and say so.'
  }) }),
  logLevel: Type.Enum([...levels], { rule: `must be one of ${levels.join(', ')}`, ...doc({
    name: 'log-level', kind: 'level', default: 'info',
    what: `How much is logged: ${levels.join(', ')}.`,
    why: 'Start, stop, store trouble and changes of protection are seen; single requests and heartbeats are not.',
    raise: '`debug` and `trace` log each request: at thousands of requests a second the log costs more than the answers.',
    lower: 'Below `info` the ready line is not written, and scripts that wait for it wait for ever.'
  }) }),
  insecure: Type.Boolean({ ...doc({
    name: 'insecure', kind: 'boolean', default: 'false',
    what: 'Permits listeners off loopback although there is no access control yet.',
    why: 'An open registry lets every neighbour on the network send the traffic of a service to himself. Say it only behind a network that is closed to strangers.'
  }) }),
  node: Type.String({ pattern: idPattern, rule: idRule, ...doc({
    name: 'node', kind: 'name',
    what: 'The name of this node, in logs, metrics and events. Several nodes on one Redis should have different ones.',
    why: 'Unset: the host name of the machine, which is different on each in most places.'
  }) }),
  graceMs: Type.Integer({ minimum: 0, maximum: day, ...between('0s', '24h'), ...doc({
    name: 'grace', kind: 'duration', default: '15s',
    what: 'From suspect to removed: a suspect instance is out of the answers, but known, so that its next heartbeat brings it back as it was.',
    why: 'One default TTL: whoever missed one deadline has the same time again to come back without registering anew.',
    raise: 'Dead instances are seen longer in lists.', lower: 'A short outage of the network turns into removals and registrations.'
  }) }),
  sessionGraceMs: Type.Integer({ minimum: 0, maximum: day, ...between('0s', '24h'), ...doc({
    name: 'session-grace', kind: 'duration', default: '2s',
    what: 'From suspect to removed for an instance whose session (a watch socket that is its lease) broke.',
    why: 'Time for one reconnect through another node.',
    raise: 'A crashed instance with a session is listed longer, though not answered.', lower: 'A reconnect that takes longer finds its instance removed.'
  }) }),
  overrideKeepMs: Type.Integer({ minimum: minute, maximum: 365 * day, ...between('1m', '365d'), ...doc({
    name: 'override-keep', kind: 'duration', default: '24h',
    what: 'An override ends when its instance has not been registered for so long. `rollcall get overrides` shows which are waiting for that.',
    why: 'A machine that is repaired overnight comes back as it was; a name that is given anew next week does not come back drained.',
    raise: 'Forgotten overrides meet later instances of the same id.', lower: 'An instance that is away for longer comes back without its override.'
  }) }),
  sessionBlipMs: Type.Integer({ minimum: 0, maximum: 10_000, ...between('0s', '10s'), ...doc({
    name: 'session-blip', kind: 'duration', default: '500ms',
    what: 'How long a client whose session broke has to be back before its instances turn suspect. Not waited for when its host refuses connections to the port of the instance.',
    why: 'A proxy that reloads or a node that restarts breaks sockets of living processes, which are back within milliseconds.',
    raise: 'A killed process without a TCP port is answered that much longer.', lower: 'At `0s` each break is seen by everybody, and the instance leaves DNS until it is back.'
  }) }),
  holdMaxMs: Type.Integer({ minimum: 0, maximum: 10 * minute, ...between('0s', '10m'), ...doc({
    name: 'hold-max', kind: 'duration', default: '60s',
    what: 'After a restart, an outage of the store or a step of the clock nothing expires for the longest TTL in use, and never longer than this.',
    why: 'Every owner whose TTL is a minute or less has time to renew before anybody is blamed for silence that was ours.',
    raise: 'Instances that died during the outage are answered longer.', lower: 'Living instances with a longer TTL than this are suspected after an outage.'
  }) }),
  brakeRegistryRatio: Type.Number({ minimum: 0, maximum: 1, rule: 'must be a number from 0 to 1', ...doc({
    name: 'brake-registry', kind: 'number', default: '0.3',
    what: 'The registry\'s brake: while more than this part of all instances is suspect, none is removed. Suspects still leave the answers. 1 = never brake.',
    why: 'A third of everything does not die at once: more likely this node or the network is at fault.',
    raise: 'A fault of the network removes more before the brake holds.', lower: 'Ordinary failures hold back removals.'
  }) }),
  brakeRegistryMaxMs: Type.Integer({ minimum: 0, maximum: day, ...between('0s', '24h'), ...doc({
    name: 'brake-registry-max', kind: 'duration', default: '10m',
    what: 'How long the registry\'s brake holds at most since it began; then suspects are removed after all.',
    why: 'Longer than most outages of a network, shorter than anybody wants dead names listed.',
    raise: 'After a real loss dead instances stay listed longer.', lower: 'A long outage ends in removals and a wave of registrations.'
  }) }),
  brakeServiceRatio: Type.Number({ minimum: 0, maximum: 1, rule: 'must be a number from 0 to 1', ...doc({
    name: 'brake-service', kind: 'number', default: '0.5',
    what: 'The brake of each service: while more than this part of its instances is suspect, none of it is removed. 1 = never brake.',
    why: 'Half of a service gone is more often a broken switch than half of a service dead.',
    raise: 'A fault that hits one service removes more of it.', lower: 'Small services are held back by single failures.'
  }) }),
  brakeServiceMaxMs: Type.Integer({ minimum: 0, maximum: day, ...between('0s', '24h'), ...doc({
    name: 'brake-service-max', kind: 'duration', default: '5m',
    what: 'How long the brake of a service holds at most since it began.',
    why: 'Half of the registry\'s: one service is sooner really gone than everything.',
    raise: 'A service that was shut down hard stays listed longer.', lower: 'A long fault of its network ends in removals.'
  }) }),
  logLength: Type.Integer({ minimum: 1_000, maximum: 10_000_000, rule: 'must be a whole number from 1000 to 10000000', ...doc({
    name: 'log-length', kind: 'number', default: '100000',
    what: 'How many changes the store keeps: a watcher that comes back after more than these gets a fresh snapshot.',
    why: 'An hour at 28 changes a second, in about 50 MB of the store.',
    raise: 'Memory of Redis or disk, and of each node.', lower: 'Watchers that were away for a moment read everything again.'
  }) }),
  logBytes: Type.Integer({ minimum: 1024 ** 2, maximum: 64 * 1024 ** 3, ...between('1MiB', '64GiB'), ...doc({
    name: 'log-size', kind: 'size', default: '64MiB',
    what: 'How much those changes may hold together in the store: large manifests and metadata leave fewer of them than `log-length`.',
    why: 'A hundred thousand changes of 600 octets; a hundred thousand of 16 kB would be more than a gigabyte.',
    raise: 'Memory of Redis or disk.', lower: 'As of `log-length`, where changes are large.'
  }) }),
  historyBytes: Type.Integer({ minimum: 1024 ** 2, maximum: 16 * 1024 ** 3, ...between('1MiB', '16GiB'), ...doc({
    name: 'history-size', kind: 'size', default: '32MiB',
    what: 'How much of them each node remembers, for events and for watchers that come back: at most this, and at most `log-length` changes.',
    why: 'Some fifty thousand changes of ordinary instances.',
    raise: 'Memory of each node.', lower: 'Watchers that were away for a moment read everything again.'
  }) }),
  redisTimeoutMs: Type.Integer({ minimum: 100, maximum: minute, ...between('100ms', '60s'), ...doc({
    name: 'redis-timeout', kind: 'duration', default: '1s',
    what: 'How long a connection to Redis, and then each answer, is waited for before Redis counts as away. Where answers are slow, or attempts run out of time, it adapts by itself: up to four times the slowest lately, and to 10 s.',
    why: 'A Redis in the next rack answers in a millisecond; one second finds a dead one before anybody minds.',
    raise: 'Writes wait longer for a dead Redis.', lower: 'A pause of Redis counts as an outage.'
  }) }),
  acceptMissingLog: Type.Boolean({ ...doc({
    name: 'accept-missing-log', kind: 'boolean', default: 'false',
    what: 'Opens a data file that was not closed cleanly and whose `-wal` file is missing. Say it once, by hand: what was in that log is lost.',
    why: 'A copy of the file alone looks like a registry and is an old one: rather no start than that without a word.'
  }) }),
  shutdownGraceMs: Type.Integer({ minimum: 0, maximum: 10 * minute, ...between('0s', '10m'), ...doc({
    name: 'shutdown-grace', kind: 'duration', default: '3s',
    what: 'After SIGTERM or SIGINT the node says that it is not ready and goes on answering until nobody has asked for half a second, for this long at most; then it ends, whatever is under way.',
    why: 'Time for load balancers and clients to see that it is going. Under the ten seconds after which Docker kills; systemd waits 90 s, Kubernetes 30 s.',
    raise: 'Must stay a second under the patience of whoever stops the process.', lower: 'Slow requests are cut off, and clients that did not look elsewhere yet are refused.'
  }) }),
  startTimeoutMs: Type.Integer({ minimum: 0, maximum: 60 * minute, ...between('0s', '1h'), ...doc({
    name: 'start-timeout', kind: 'duration', default: '60s',
    what: 'How long each step of the start may take: listening, reaching the data directory, the first load of the store. A start that takes longer ends with exit code 1 and names the step and what it waits for. 0s: it waits for ever.',
    why: 'A Redis that starts beside the node is there by then. A node that waits for ever looks like one that starts.',
    raise: 'A start that hangs is noticed later.', lower: 'A Redis that is slow to load its data ends the nodes that wait for it.'
  }) }),
  maxBodyBytes: Type.Integer({ minimum: 65_536, maximum: 64 * 1024 ** 2, ...between('64KiB', '64MiB'), ...doc({
    name: 'max-body', kind: 'size', default: '1MiB',
    what: 'The largest request body that is read; a larger one is refused with 413.',
    why: 'Forty times the largest registration. Batches of heartbeats have a limit of their own, for the 10,000 leases that one may hold.',
    raise: 'Each connection may make the node hold that much.', lower: 'Registrations with much metadata are refused.'
  }) }),
  trustedHosts: Type.Array(Type.Refine(Type.String({ rule: 'must be a host name or an IP address, without a port' }), isHost), { maxItems: 256, ...doc({
    name: 'trusted-host', kind: 'name', multiple: true,
    what: 'Further names that requests may carry in their Host header, besides IP literals, localhost and the listener\'s own name. Needed behind a proxy or under a DNS name.',
    why: 'Unset: a web page that points its own name at this machine (DNS rebinding) is refused.'
  }) })
}, { additionalProperties: false })

/** The effective settings, in units that code counts in. */
export type Config = Static<typeof settingsSchema>

export interface Setting extends SettingDoc {
  readonly key: keyof Config
  readonly schema: TSchema
  /** `ROLLCALL_LOG_LEVEL` */
  readonly variable: string
}

/** Every setting in the order of the schema, which is the order of the help and the documentation. */
export const settings: readonly Setting[] = Object.entries(settingsSchema.properties).map(([key, schema]) => {
  const { setting } = schema as unknown as { setting: SettingDoc } // each has the annotation: `doc` above
  return { ...setting, key: key as keyof Config, schema, variable: variableName(setting.name) }
})

/** `log-level` -> `ROLLCALL_LOG_LEVEL` */
export function variableName (name: string): string {
  return `ROLLCALL_${name.toUpperCase().replaceAll('-', '_')}`
}
