// rollcall backup and restore: a registry in a file, and back.
import { createWriteStream, existsSync, renameSync, rmSync } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Contents } from '../store/restore.ts'
import { tlsFaultOf } from '../../client-sdk/src/rules.ts'
import { tlsHints } from '../../client-sdk/src/tls-hints.ts'
import { connectionFlags, type Command, type Invocation } from './command.ts'
import { CommandError, exitCodes, UnreachableError, UsageError } from './errors.ts'

/** The registry's secrets are in it: only its owner may read the file. */
const mode = 0o600

export const backup: Command = {
  name: 'backup',
  summary: 'Copies the whole registry into a file, while it runs',
  usage: 'backup FILE [flags]',
  details: 'Of a node with SQLite it is the database, of nodes on Redis an export; `rollcall restore` takes both. FILE is whole or not there.',
  flags: {
    salvage: { type: 'string', metavar: 'DIR', what: 'Instead of a running registry: what can still be read of the data in DIR, in which no server runs' },
    ...connectionFlags
  },
  examples: [
    ['backup rollcall-2026-01-01.db', 'a copy of the registry as it is now'],
    ['backup --salvage ./data saved.ndjson', 'what a damaged file still holds']
  ],
  run: async (call) => {
    const [file = ''] = call.arguments('FILE')
    const aside = `${file}.part`
    const { inspectBackup, salvageDirectory } = await import('../store/restore.ts')
    const directory = call.text('salvage')
    try {
      let note = ''
      if (directory === undefined) await download(call, aside)
      else {
        const { lines, lost } = attempt(() => salvageDirectory(directory))
        await pipeline(Readable.from(lines), createWriteStream(aside, { mode }))
        if (lost > 0) note = `; ${lost} records could not be read`
      }
      const contents = await inspectBackup(aside)
      renameSync(aside, file)
      call.terminal.out(`${file}: ${described(contents)}${note}`)
    } catch (error) {
      rmSync(aside, { force: true })
      throw asCommandError(error)
    }
  }
}

export const restore: Command = {
  name: 'restore',
  summary: 'Makes a registry of a backup; no node may run on it meanwhile',
  usage: 'restore FILE [flags]',
  details: 'Into a data directory (--data) or a Redis (--redis). Clients see a break: cursors of watches are reset, leases have their full TTL.',
  flags: {
    data: { type: 'string', metavar: 'DIR', what: 'The data directory (ROLLCALL_DATA, default ./data)' },
    'redis-ca': { type: 'string', metavar: 'FILE', what: 'The CAs of a rediss address (ROLLCALL_REDIS_CA, default those of Node)' },
    'redis-cert': { type: 'string', metavar: 'FILE', what: 'The certificate that is shown to Redis (ROLLCALL_REDIS_CERT)' },
    'redis-key': { type: 'string', metavar: 'FILE', what: 'Its private key (ROLLCALL_REDIS_KEY)' },
    'redis-server-name': { type: 'string', metavar: 'NAME', what: 'The name that the certificate of Redis must have (ROLLCALL_REDIS_SERVER_NAME, default that of the address)' },
    redis: { type: 'string', metavar: 'URL', what: 'A Redis instead of a directory (ROLLCALL_REDIS)' },
    'redis-prefix': { type: 'string', metavar: 'PREFIX', what: 'Before its keys (ROLLCALL_REDIS_PREFIX, default rollcall)' },
    force: { type: 'boolean', what: 'Over a registry that is there: of a directory it is moved aside, in Redis it is deleted' }
  },
  examples: [
    ['restore rollcall-2026-01-01.db', 'into ./data, if there is none yet'],
    ['restore saved.ndjson --redis redis://127.0.0.1:6379 --force', 'in place of what is in Redis']
  ],
  run: async (call) => {
    const [file = ''] = call.arguments('FILE')
    const { env, now } = call.terminal
    if (!existsSync(file)) throw new UsageError(`FILE must be a backup, ${JSON.stringify(file)} does not exist`)
    if (call.text('data') !== undefined && call.text('redis') !== undefined) throw new UsageError('--data and --redis exclude each other')
    const force = call.flag('force')
    const url = call.text('redis') ?? (call.text('data') === undefined ? env['ROLLCALL_REDIS'] : undefined)
    const surplus = ['redis-ca', 'redis-cert', 'redis-key', 'redis-server-name'].find((name) => call.text(name) !== undefined)
    if (surplus !== undefined && url?.startsWith('rediss') !== true) throw new UsageError(`--${surplus} is for a rediss address`)
    const { restoreToDirectory, restoreToRedis } = await import('../store/restore.ts')
    try {
      if (url !== undefined && url !== '') {
        const tlsSetting = (name: string): string | undefined => call.text(name) ?? (env[`ROLLCALL_${name.toUpperCase().replaceAll('-', '_')}`] || undefined)
        const tls = {
          caFile: tlsSetting('redis-ca'), certFile: tlsSetting('redis-cert'), keyFile: tlsSetting('redis-key'), serverName: tlsSetting('redis-server-name')
        }
        const contents = await restoreToRedis(file, { url, tls, prefix: call.text('redis-prefix') ?? (env['ROLLCALL_REDIS_PREFIX'] || 'rollcall'), force })
        call.terminal.out(`restored ${described(contents)}`)
        return
      }
      const directory = call.text('data') ?? (env['ROLLCALL_DATA'] || './data')
      const { replaced, ...contents } = await restoreToDirectory(file, directory, { force, nowMs: now() })
      call.terminal.out(`restored ${described(contents)} into ${directory}`)
      if (replaced !== undefined) call.terminal.out(`the registry that was there is now ${replaced}`)
    } catch (error) {
      throw asCommandError(error)
    }
  }
}

/** The first registry that answers. */
async function download (call: Invocation, path: string): Promise<void> {
  const { addresses, token } = call
  const { fetch: ask = fetch } = await call.network()
  let last = new Error('no address was given')
  for (const address of addresses) {
    let answer: Awaited<ReturnType<typeof ask>>
    try {
      answer = await ask(new URL('/v1/backup', address).href, {
        method: 'POST', headers: token === undefined ? {} : { authorization: `Bearer ${token}` }, signal: call.terminal.signal
      })
    } catch (error) {
      last = error instanceof Error ? error : new Error(String(error))
      continue
    }
    const { status, body } = answer
    if (status >= 400 || body === null || body === undefined) throw new CommandError(await refusal(answer), exitCodes.failure)
    await pipeline(chunksOf(body.getReader()), createWriteStream(path, { mode }))
    return
  }
  const tls = tlsFaultOf(last, tlsHints)
  if (tls !== undefined) throw new CommandError(`cannot talk to the registry at ${addresses.join(' or ')}: ${tls.says}`, exitCodes.unreachable, { cause: last })
  throw new UnreachableError(addresses, last)
}

async function * chunksOf (reader: { read (): Promise<{ readonly done: boolean, readonly value?: unknown }> }): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    yield value as Uint8Array // of a stream of bytes
  }
}

async function refusal (answer: { readonly status: number, text (): Promise<string> }): Promise<string> {
  let problem: { detail?: unknown, code?: unknown } | undefined // what a problem may have
  try {
    problem = JSON.parse(await answer.text()) as typeof problem
  } catch {} // no problem document
  return typeof problem?.detail === 'string' ? `${problem.detail} (${String(problem.code)})` : `the registry answered ${answer.status}`
}

function described ({ from, instances, objects }: Contents): string {
  return `${instances} instances and ${objects} objects (${from})`
}

function attempt<Result> (act: () => Result): Result {
  try {
    return act()
  } catch (error) {
    throw asCommandError(error)
  }
}

function asCommandError (error: unknown): unknown {
  if (error instanceof CommandError || !(error instanceof Error)) return error
  return new CommandError(error.message, exitCodes.failure, { cause: error })
}
