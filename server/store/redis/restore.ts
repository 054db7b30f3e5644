// Puts what a backup holds into a Redis on which no node runs: a new keyspace, of a new epoch, whose records are put back as after a loss.
import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { RegistryError } from '../../errors.ts'
import { standaloneGuard } from '../../guard.ts'
import type { Exported } from '../export.ts'
import { parseAddress } from './address.ts'
import { Connector, runScript } from './connection.ts'
import { keysOf, type Keys } from './keys.ts'
import { Patience } from './patience.ts'
import { proposalArguments, proposeInstance, proposeObject } from './recovery.ts'
import { scripts } from './scripts.ts'
import type { RedisTlsFiles } from './tls-options.ts'

/** Nodes sweep four times a second: if none did for so long, none runs. */
const livingMs = 10_000
/** For all batches together. */
const windowMs = 600_000
const jump = 1_000_000
const batch = 200
const holdMs = 60_000
/** A batch of the largest records over a slow line takes some seconds; a Redis that is frozen must not hold the command for ever. */
const answerMs = 60_000

export interface RestoreTarget {
  readonly url: string
  readonly tls?: RedisTlsFiles
  readonly prefix: string
  /** Over a registry that is there, and on which no node runs: it is deleted. */
  readonly force: boolean
}

/** @throws RegistryError REG_CONFLICT if a registry is there or runs; REG_STORE_UNAVAILABLE */
export async function restoreIntoRedis ({ header, objects, instances }: Exported, { url, tls = {}, prefix, force }: RestoreTarget): Promise<void> {
  const address = parseAddress(url)
  const keys = keysOf(prefix)
  const connector = new Connector(address, tls, new Patience({ connectMs: 3_000, commandMs: 10_000, blockMs: 400, settleMs: 0 }), keys.meta, standaloneGuard)
  const connections = await connector.connect().catch((error: unknown) => {
    throw new RegistryError('REG_STORE_UNAVAILABLE', `${address.location} cannot be used: ${error instanceof Error ? error.message : String(error)}`, undefined, { cause: error })
  })
  const { commands } = connections
  commands.options.commandTimeout = answerMs
  try {
    const known = await makeRoom(commands, keys, address.location, force)
    const epoch = randomBytes(6).toString('hex')
    const run = async (script: typeof scripts.init, args: readonly (string | number)[]): Promise<unknown[]> =>
      await runScript(commands, script, keys.all, [epoch, ...args]) as unknown[] // every script answers with a list
    await run(scripts.init, [Math.max(header.revision, known) + jump, windowMs, 100_000, 64 * 1024 ** 2])
    const proposals = [...objects.map(proposeObject), ...instances.map(proposeInstance)]
    for (let from = 0; from < proposals.length; from += batch) {
      const args = proposals.slice(from, from + batch).flatMap(proposalArguments)
      const [verdict] = await run(scripts.repropose, [holdMs, windowMs, ...args])
      if (verdict !== 'OK') throw new RegistryError('REG_STORE_UNAVAILABLE', `${address.location} refused what was put into it (${String(verdict)}): restore again`)
    }
    await commands.hset(keys.meta, 'window', 0)
  } finally {
    connections.close()
  }
}

/** Deletes what is there if that is meant. Gives its last revision. */
async function makeRoom (commands: Redis, keys: Keys, location: string, force: boolean): Promise<number> {
  const [epoch, rev, tick] = await commands.hmget(keys.meta, 'epoch', 'rev', 'tick')
  if (epoch === null || epoch === undefined) return 0
  const [seconds] = await commands.time()
  if (Number(seconds) * 1_000 - Number(tick) < livingMs) {
    throw new RegistryError('REG_CONFLICT', `nodes run on ${location}: they would put back what they know. Stop all of them, and wait ten seconds.`)
  }
  if (!force) throw new RegistryError('REG_CONFLICT', `${location} holds a registry already: with --force it is deleted.`)
  await commands.unlink(...keys.all)
  return Number(rev)
}
