// Records that no node wrote: garbage in Redis' hashes and its log beside the records of honest clients, and in SQLite's file.
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { type Attack, type Strike, host, namespaces, services } from './attack.ts'
import { hostileJson } from './json-mutants.ts'
import type { Random } from '../random.ts'

const body = { address: '10.0.0.1', ports: [{ name: 'http', port: 80, protocol: 'TCP' }], labels: { app: 'web' }, metadata: {}, weight: 100, priority: 0, status: 'up' }
const manifest = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: namespaces[0], uid: 'u', generation: 1 }, spec: { selector: { app: 'web' }, clusterIP: 'None', ports: [{ name: 'http', port: 80 }] } }

/** The lines before the body: what scripts read, and what is no number. */
export function header (count: number, random: Random): string[] {
  return Array.from({ length: count }, () => random.one(['1', '15000', '0', '-1', 'x', '', '99999999999999999999', '1e9', '1700000000000']))
}

export function record (random: Random): string {
  const key = random.one([`${random.one(namespaces)}/${random.one(services)}/i${random.below(20)}`, 'no key', '', 'a/b', 'a/b/c/d'])
  const lines = random.below(3) === 0 ? header(6, random) : ['g1', '15000', '1', '1', '1700000000000', '1700000000000']
  return [key, ...lines.slice(0, random.below(10) === 0 ? 3 : 6), hostileJson(body, random)].join('\n')
}

export function object (random: Random): [key: string, text: string] {
  const place = `${random.one(namespaces)}/${random.one(services)}`
  const key = random.one([`service/${place}`, `override/${place}/i1`, `endpoints/${place}`, `endpointslice/${place}`, `namespace//${random.one(namespaces)}`, 'claim/ip/10.96.0.9', 'unknown', 'secret/dns/x'])
  const lines = random.below(3) === 0 ? header(5, random) : ['1', '1', '1700000000000', '1700000000000', '0']
  return [key, [...lines, hostileJson(manifest, random)].join('\n')]
}

async function inRedis (strike: Strike): Promise<void> {
  const { target: { redis }, random } = strike
  if (redis === undefined) return
  const client = new Redis({ host, port: redis.port, lazyConnect: true, retryStrategy: null })
  client.on('error', () => undefined)
  const key = (name: string): string => `${redis.prefix}:{0}:${name}`
  try {
    await client.connect()
    for (let count = 1 + random.below(6); count > 0; count--) {
      const lease = `planted-${random.below(40)}`
      switch (random.below(8)) {
        case 0: case 1: await client.hset(key('inst'), lease, record(random)); break
        case 2: case 3: await client.hset(key('obj'), ...object(random)); break
        case 4: await client.zadd(key('exp'), random.one([0, 1, 9e15, -5]), lease); break
        case 5: await client.hset(key('idx'), `${namespaces[0]}/s0/i${random.below(20)}`, random.one(['', 'nobody', lease])); break
        case 6: await client.hset(key('svc'), `t:${namespaces[1]}/s${random.below(6)}`, random.one(['x', '-5', '1e99', ''])); break
        default: await client.hset(key('prot'), `${namespaces[1]}/s${random.below(6)}`, random.one(['z', '0', '-1']))
      }
    }
    if (random.below(4) === 0) await entry(client, key, random)
  } finally {
    client.disconnect()
  }
}

/** An entry that no script wrote, at the end of the log or before it. */
async function entry (client: Redis, key: (name: string) => string, random: Random): Promise<void> {
  const revision = Number(await client.hget(key('meta'), 'rev'))
  if (!Number.isSafeInteger(revision)) return
  const fields = random.one([['x', 'y'], ['t', 'put', 'k', 'no key'], ['t', 'put', 'w', 'registered', 'l', 'planted-1', 'k', `${namespaces[0]}/s0/i1`, 'v', hostileJson(body, random)], ['t', 'oput', 'k', `service/${namespaces[0]}/s1`, 'v', '{}'], ['t', 'toString'], ['t', 'sus', 'l', 'nobody', 'k', 'a/b/c']])
  await client.xadd(key('log'), `${revision + random.one([0, 1, 1, 5])}-${random.one([0, 0, 1])}`, ...fields).catch(() => undefined)
}

/** A second connection to the file of a running node: it must be refused, whatever it tries. */
async function inSqlite ({ target: { directory } }: Strike): Promise<void> {
  if (directory === undefined) return
  const db = new DatabaseSync(join(directory, 'rollcall.db'))
  try {
    db.exec("UPDATE meta SET value = 'x'; DELETE FROM instances; DELETE FROM log")
    throw new Error('a second connection wrote into the file of a node that runs')
  } catch (error) {
    if (!/locked/.test(String(error))) throw error
  } finally {
    db.close()
  }
}

export const planted: readonly Attack[] = [
  { name: 'planted in redis', weight: 3, run: inRedis },
  { name: 'planted in sqlite', weight: 0.5, run: inSqlite }
]
