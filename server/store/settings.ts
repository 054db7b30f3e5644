// All settings of the store: which one holds the registry, where it is, and how much history it keeps.
import { Type, type Static, type TObject } from 'typebox'
import { between, doc, type Origins, room } from '../config/setting.ts'
import { RegistryError, invalid } from '../errors.ts'
import { maxHoldMs } from './expiry-rules.ts'
import { parseAddress, type RedisAddress } from './redis/address.ts'
import { prefixPattern, prefixRule } from './redis/keys.ts'
import type { RedisTlsFiles } from './redis/tls-options.ts'

const minute = 60_000

export const storeRoom = room({
  title: 'the store',
  settings: {
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
    redisCa: Type.Optional(Type.String({ minLength: 1, ...doc({
      name: 'redis-ca', kind: 'file',
      what: 'The file with the CAs, in PEM form, of which one must have issued the certificates of Redis and of its Sentinels. For `rediss` addresses. It is read at each connection.',
      why: 'Unset: the authorities of Node, and those of `NODE_EXTRA_CA_CERTS`.'
    }) })),
    redisCert: Type.Optional(Type.String({ minLength: 1, ...doc({
      name: 'redis-cert', kind: 'file',
      what: 'The file with the certificate, in PEM form, that this node shows to a Redis that asks for one (`tls-auth-clients`). It is read at each connection.',
      why: 'Unset: it shows none, and is known by user and password.'
    }) })),
    redisKey: Type.Optional(Type.String({ minLength: 1, ...doc({
      name: 'redis-key', kind: 'file',
      what: 'The file with the private key of that certificate, in PEM form.',
      why: 'Unset: there is no certificate to show.'
    }) })),
    redisServerName: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$', rule: 'must be a host name or an IP address', ...doc({
      name: 'redis-server-name', kind: 'name',
      what: 'The name that the certificate of every Redis must have, whatever address it is reached at. For Sentinel and Cluster, which name masters by their addresses.',
      why: 'Unset: the certificate must have the name or address that is connected to.'
    }) })),
    redisPrefix: Type.String({ pattern: prefixPattern, rule: prefixRule, ...doc({
      name: 'redis-prefix', kind: 'name', default: 'rollcall',
      what: 'What the names of all keys in Redis begin with. Registries under different prefixes share a Redis and nothing else; all nodes of one registry have the same.',
      why: 'One registry a Redis is the common case, and its keys should say whose they are.'
    }) }),
    redisTimeoutMs: Type.Integer({ minimum: 100, maximum: minute, ...between('100ms', '60s'), ...doc({
      name: 'redis-timeout', kind: 'duration', default: '1s',
      what: 'How long a connection to Redis, and then each answer, is waited for before Redis counts as away. Where answers are slow, or attempts run out of time, it adapts by itself: up to four times the slowest lately, and to 10 s; a large write is given more for its size. A Redis that says nothing for 0.8 s (or this, if it is less, or what answers take lately) beyond a round of 0.4 s makes the node stale, and its clients are told.',
      why: 'A Redis in the next rack answers in a millisecond; one second finds a dead one before anybody minds.',
      raise: 'Writes wait longer for a dead Redis.', lower: 'A pause of Redis counts as an outage.'
    }) }),
    logLength: Type.Integer({ minimum: 1_000, maximum: 10_000_000, rule: 'must be a whole number from 1000 to 10000000', ...doc({
      name: 'log-length', kind: 'number', default: '100000',
      what: 'How many changes the store keeps: a watcher that comes back after more than these gets a fresh snapshot.',
      why: 'An hour at 28 changes a second, in about 50 MB of the store.',
      raise: 'Memory of Redis or disk.', lower: 'Watchers that were away for a moment read everything again.'
    }) }),
    logBytes: Type.Integer({ minimum: 1024 ** 2, maximum: 64 * 1024 ** 3, ...between('1MiB', '64GiB'), ...doc({
      name: 'log-size', kind: 'size', default: '64MiB',
      what: 'How much those changes may hold together in the store: large manifests and metadata leave fewer of them than `log-length`.',
      why: 'A hundred thousand changes of 600 octets; a hundred thousand of 16 kB would be more than a gigabyte.',
      raise: 'Memory of Redis or disk.', lower: 'As of `log-length`, where changes are large.'
    }) }),
    acceptMissingLog: Type.Boolean({ ...doc({
      name: 'accept-missing-log', kind: 'boolean', default: 'false',
      what: 'Opens a data file that was not closed cleanly and whose `-wal` file is missing. Say it once, by hand: what was in that log is lost.',
      why: 'A copy of the file alone looks like a registry and is an old one: rather no start than that without a word.'
    }) })
  },
  warnings: ({ redis }, { field, isGiven }) => (redis !== undefined && isGiven('data') ? [`${field('data')} is not used: the store is Redis`] : [])
})

/** What was set. How long a hold may take is a setting of the registry. */
export type StoreConfig = Static<TObject<typeof storeRoom.settings>> & { readonly holdMaxMs: number }

interface HistoryValues {
  readonly maxLogLength: number
  readonly maxLogBytes: number
  readonly holdMs: number
}

export interface SqliteValues extends HistoryValues {
  readonly kind: 'sqlite'
  readonly directory: string
  readonly acceptMissingLog: boolean
}

export interface RedisValues extends HistoryValues {
  readonly kind: 'redis'
  readonly url: RedisAddress
  readonly tls: RedisTlsFiles
  readonly prefix: string
  readonly timeouts: { readonly connectMs: number, readonly commandMs: number }
}

export type StoreValues = SqliteValues | RedisValues

/** @throws RegistryError REG_INVALID naming the setting, and nothing of the address: any part of it may be a password */
export function readStoreSettings (config: StoreConfig, { field }: Origins): StoreValues {
  const { redis, data: directory, acceptMissingLog, logLength: maxLogLength, logBytes: maxLogBytes, holdMaxMs, redisTimeoutMs } = config
  const url = redis === undefined ? undefined : readAddress(redis, field('redis'))
  const tls = readTls(config, url, field)
  if (url === undefined) return { kind: 'sqlite', directory, acceptMissingLog, maxLogLength, maxLogBytes, holdMs: holdMaxMs }
  return {
    kind: 'redis', url, tls, prefix: config.redisPrefix, maxLogLength, maxLogBytes,
    holdMs: Math.min(holdMaxMs, maxHoldMs), timeouts: { connectMs: redisTimeoutMs, commandMs: redisTimeoutMs }
  }
}

/** What is said of TLS must have an effect. */
function readTls (
  { redisCa: caFile, redisCert: certFile, redisKey: keyFile, redisServerName: serverName }: StoreConfig, url: RedisAddress | undefined, field: Origins['field']
): RedisTlsFiles {
  const given = { 'redis-ca': caFile, 'redis-cert': certFile, 'redis-key': keyFile, 'redis-server-name': serverName }
  const [first] = Object.entries(given).filter(([, value]) => value !== undefined)
  if (first !== undefined && url?.tls !== true) throw invalid([{ field: field(first[0]), rule: 'must not be given without a rediss address: nothing is encrypted' }])
  if (certFile !== undefined && keyFile === undefined) throw invalid([{ field: field('redis-cert'), rule: 'needs redis-key too' }])
  if (keyFile !== undefined && certFile === undefined) throw invalid([{ field: field('redis-key'), rule: 'needs redis-cert too' }])
  return { caFile, certFile, keyFile, serverName }
}

function readAddress (url: string, field: string): RedisAddress {
  try {
    return parseAddress(url)
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    throw invalid((error.errors ?? []).map((fault) => ({ ...fault, field })))
  }
}
