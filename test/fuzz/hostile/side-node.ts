// A node of its own that is stopped, finds garbage in its store at the next start, and is ready again: rows of SQLite's file, fields of
// Redis' hashes.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Random } from '../random.ts'
import type { RedisServer } from '../../support/redis-server.ts'
import { host, namespaces, services } from './attack.ts'
import { hostileJson } from './json-mutants.ts'
import { startProcess } from './node-process.ts'
import { object, record } from './planted.ts'

const rowsPlanted = 12
const body = { address: '10.0.0.1', ports: [], labels: {}, metadata: {}, weight: 100, priority: 0, status: 'up' }
const numbers = [0, 1, -1, 2n ** 62n, 15_000, -(2n ** 62n)] as const

function plantRows (file: string, random: Random): void {
  const db = new DatabaseSync(file)
  for (let count = 0; count < rowsPlanted; count++) {
    const number = random.one(numbers)
    const text = hostileJson(body, random)
    const key = `${random.one(namespaces)}/${random.one(services)}/i${random.below(6)}`
    const [run, ...values] = random.one<readonly [string, ...(string | number | bigint)[]]>([
      ['UPDATE instances SET body = ?, sum = NULL WHERE key = ?', text, key],
      ['UPDATE instances SET body = ? WHERE key = ?', text, key],
      [`UPDATE instances SET ${random.one(['ttl_ms', 'created_revision', 'revision', 'created_at_ms', 'updated_at_ms', 'suspect', 'shown_revision'])} = ?, sum = NULL WHERE key = ?`, number, key],
      ['INSERT OR REPLACE INTO objects VALUES (?, 1, 1, 0, 0, 0, ?, NULL)', object(random)[0], text],
      ['INSERT OR REPLACE INTO instances VALUES (?, ?, ?, 15000, 1, 1, 0, 0, 0, ?, 0, NULL)', random.one(['', 'no key', key]), `planted-${count}`, 'g', text],
      ['UPDATE log SET header = ?, sum = NULL WHERE revision = (SELECT max(revision) FROM log) - ?', random.one(['[]', 'x', '["p"]', '', '["o",1,"x","toString","k",1,1,1]']), random.below(4)],
      ['UPDATE log SET body = ?, sum = NULL WHERE revision = (SELECT max(revision) FROM log) - ?', text, random.below(4)]
    ])
    db.prepare(run).run(...values)
  }
  db.close()
}

async function plantFields ({ admin }: RedisServer, prefix: string, random: Random): Promise<void> {
  for (let count = 0; count < rowsPlanted; count++) {
    if (random.below(2) === 0) await admin.hset(`${prefix}:{0}:inst`, `planted-${count}`, record(random))
    else await admin.hset(`${prefix}:{0}:obj`, ...object(random))
  }
}

async function fill (port: number): Promise<void> {
  for (const namespace of namespaces) {
    for (const service of services) {
      for (let index = 0; index < 3; index++) {
        await fetch(`http://${host}:${port}/v1/namespaces/${namespace}/services/${service}/instances/i${index}`, {
          method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ address: '10.2.0.1', lease: { ttlMs: 600_000 } })
        })
      }
    }
  }
}

async function reads (port: number): Promise<void> {
  for (const path of ['/readyz', '/v1/overview', '/v1/instances?limit=1000', '/v1/services?limit=1000', '/v1/unreadable?limit=1000', '/v1/events', `/v1/namespaces/${namespaces[0]}/services/s0/endpoints`]) {
    const { status } = await fetch(`http://${host}:${port}${path}`)
    if (status !== 200 && status !== 404) throw new Error(`${path} is answered with ${status}`)
  }
}

/** One turn of it. @throws if a node does not start, does not answer, ends otherwise than asked, or met what nobody expected */
export async function plantBetweenStarts (random: Random, redis: RedisServer | undefined, turn: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-planted-'))
  const prefix = `planted${turn}`
  const args = redis === undefined ? ['--data', directory] : ['--redis', redis.url, '--redis-prefix', prefix]
  try {
    const first = await startProcess(args)
    await fill(first.http)
    expectEnd(await first.stop(), first.lines)
    if (redis === undefined) plantRows(join(directory, 'rollcall.db'), random)
    else await plantFields(redis, prefix, random)
    const second = await startProcess(args)
    try {
      await reads(second.http)
      const found = await second.unexpected()
      if (Object.keys(found).length > 0) throw new Error(`errors that nobody expected: ${JSON.stringify(found)}\n${second.lines.join('\n')}`)
    } finally {
      expectEnd(await second.stop(), second.lines)
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function expectEnd (code: number | string, lines: readonly string[]): void {
  if (code !== 0) throw new Error(`the node ended with ${code}:\n${lines.join('\n')}`)
}
