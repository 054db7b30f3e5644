// Finds the master and opens the two connections to it: one for commands, one for the blocking reader.
// Plain connections even with Sentinel and Cluster: the store itself asks who the master is, each time it connects. ioredis' own Sentinel and
// Cluster clients move to another master without telling (docs/decisions/0006-redis-plain-connections.md).
import { Redis } from 'ioredis'
import { type Guard } from '../../guard.ts'
import type { Credentials, HostPort, RedisAddress } from './address.ts'
import { connectFault, isTimeout, messageOf, SettingFault } from './faults.ts'
import { keyCount } from './keys.ts'
import type { Patience } from './patience.ts'
import type { Script } from './scripts.ts'
import { type RedisTlsFiles, tlsOptions } from './tls-options.ts'

export interface Connections {
  readonly commands: Redis
  readonly reader: Redis
  /** The run_id of the process behind both. */
  readonly run: string
  readonly at: HostPort
  close (): void
}

/** The fields of INFO that the store needs, as name -> value. */
type Info = ReadonlyMap<string, string>

/** Remembered masters of a Cluster: enough to find it again when the configured nodes are gone. */
const maxLearntSeeds = 16

export class Connector {
  readonly #address: RedisAddress
  readonly #tls: RedisTlsFiles
  readonly #patience: Patience
  readonly #probe: string
  readonly #guard: Guard
  readonly #open = new Set<Redis>()
  /** What a connection failed with: commands on it are told only that it is closed. */
  readonly #causes = new WeakMap<Redis, unknown>()
  #learnt: readonly HostPort[] = []

  /** `probe` is one of the store's keys: its slot is the one that matters in a Cluster. */
  constructor (address: RedisAddress, tls: RedisTlsFiles, patience: Patience, probe: string, guard: Guard) {
    this.#guard = guard
    this.#address = address
    this.#tls = tls
    this.#patience = patience
    this.#probe = probe
  }

  /** Opens both connections to a master that fits. Throws SettingFault if only a person can help, another Error otherwise. */
  async connect (): Promise<Connections> {
    const opened: Redis[] = []
    try {
      const at = await this.#locate()
      const commands = await this.#client(at, this.#address, this.#address.db, opened)
      const askedAt = performance.now()
      const info = parseInfo(await commands.info())
      this.#patience.answered(performance.now() - askedAt)
      checkServer(info)
      const reader = await this.#client(at, this.#address, this.#address.db, opened)
      const run = info.get('run_id') ?? ''
      if (parseInfo(await reader.info('server')).get('run_id') !== run) throw new Error('two connections to one address reached two servers')
      // From here on the session watches the time: ioredis' timers would blame Redis for a pause of this process.
      for (const client of opened) client.options.commandTimeout = undefined
      return { commands, reader, run, at, close: () => { this.#close(opened) } }
    } catch (error) {
      this.#close(opened)
      throw this.#faultOf(error, opened)
    }
  }

  /** With TLS 1.3 a server refuses the certificate of a client after the handshake: the first command finds the connection closed. */
  #faultOf (error: unknown, clients: readonly Redis[]): Error {
    const fault = connectFault(clients.map((client) => this.#causes.get(client)).find((cause) => cause !== undefined) ?? error)
    if (fault instanceof SettingFault) return fault
    // Redis without TLS takes a handshake for the beginning of a command, and waits for the rest; with TLS it closes on a command.
    if (this.#address.tls && isTimeout(fault)) return new Error(`${fault.message} (does it speak TLS there? Without it the address begins with redis)`, { cause: fault })
    if (!this.#address.tls && /Connection is closed|ECONNRESET/.test(fault.message)) {
      return new Error(`${fault.message} (does it speak TLS there? Then the address begins with rediss)`, { cause: fault })
    }
    return fault
  }

  /** Cuts connections that are open or being opened. */
  abort (): void {
    this.#close([...this.#open])
  }

  async #locate (): Promise<HostPort> {
    const { kind, hosts, master, sentinel } = this.#address
    if (kind === 'single') {
      const [only] = hosts
      if (only === undefined) throw new SettingFault('the address names no host')
      return only
    }
    const faults: string[] = []
    for (const host of [...hosts, ...this.#learnt]) {
      const opened: Redis[] = []
      try {
        const client = await this.#client(host, kind === 'sentinel' ? sentinel : this.#address, 0, opened)
        const found = kind === 'sentinel' ? await askSentinel(client, master) : await this.#askCluster(client, host)
        if (found !== undefined) return found
        faults.push(`${host.host}:${host.port} ${kind === 'sentinel' ? `knows no master "${master}"` : 'knows no owner of the slot'}`)
      } catch (error) {
        const fault = this.#faultOf(error, opened)
        if (fault instanceof SettingFault) throw fault
        faults.push(`${host.host}:${host.port} ${fault.message}`)
      } finally {
        this.#close(opened)
      }
    }
    throw new Error(`no ${kind === 'sentinel' ? 'Sentinel' : 'node of the Cluster'} names a master: ${faults.join('; ')}`)
  }

  async #askCluster (client: Redis, asked: HostPort): Promise<HostPort | undefined> {
    const slot = Number(await client.call('CLUSTER', 'KEYSLOT', this.#probe))
    // The reply's shape is documented: [first, last, [host, port, id, ...], replica...].
    const ranges = await client.call('CLUSTER', 'SLOTS') as [number, number, [string | null, number]][]
    const masters = ranges.map(([first, last, [host, port]]) => ({ first, last, at: { host: host === null || host === '' ? asked.host : host, port } }))
    this.#learnt = masters.slice(0, maxLearntSeeds).map(({ at }) => at)
    return masters.find(({ first, last }) => first <= slot && slot <= last)?.at
  }

  async #client (at: HostPort, { username, password }: Credentials, db: number, opened: Redis[]): Promise<Redis> {
    const client = new Redis({
      host: at.host,
      port: at.port,
      db,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(this.#address.tls ? { tls: tlsOptions(this.#tls) } : {}),
      lazyConnect: true,
      protocol: 2,
      disableClientInfo: true,
      // We ask INFO ourselves; ioredis would hide LOADING behind its own retries.
      enableReadyCheck: false,
      // The store reconnects itself. ioredis' defaults resend: a write issued during an outage would run seconds later, one without reply twice.
      retryStrategy: null,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      commandTimeout: this.#patience.commandMs,
      connectTimeout: this.#patience.connectMs,
      keepAlive: 5_000
    })
    opened.push(client)
    this.#open.add(client)
    // connect() itself rejects with "Connection is closed."; the cause comes by event.
    client.on('error', this.#guard.around('store', (error) => { if (!this.#causes.has(client)) this.#causes.set(client, error) }))
    try {
      await client.connect()
    } catch (error) {
      throw this.#causes.get(client) ?? error
    }
    return client
  }

  #close (clients: readonly Redis[]): void {
    for (const client of clients) {
      this.#open.delete(client)
      client.disconnect()
      // disconnect() only half-closes, and a socket that is still connecting would linger.
      client.stream?.destroy()
    }
  }
}

/** Runs a script by its hash, by its text if the server does not know it yet: then nothing has been done. */
export async function runScript (client: Redis, script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
  const tail = [keyCount, ...keys, ...args]
  try {
    return await client.call('EVALSHA', [script.sha, ...tail])
  } catch (error) {
    if (!messageOf(error).startsWith('NOSCRIPT')) throw error
    return client.call('EVAL', [script.text, ...tail])
  }
}

async function askSentinel (client: Redis, master: string): Promise<HostPort | undefined> {
  const reply = await client.call('SENTINEL', 'get-master-addr-by-name', master)
  if (!Array.isArray(reply)) return undefined
  return { host: String(reply[0]), port: Number(reply[1]) }
}

/** Scripts with flags, ZMSCORE in scripts and effects replication as we use it: Redis 7.0 or Valkey, which says it is compatible with 7.2. */
const oldestMajor = 7

function checkServer (info: Info): void {
  if (info.get('loading') === '1') throw new Error('Redis is loading its data')
  const version = info.get('redis_version') ?? ''
  if (Number.parseInt(version, 10) < oldestMajor) throw new SettingFault(`Redis ${version} is too old: 7.0 or newer is needed`)
  const role = info.get('role')
  if (role !== 'master') throw new Error(`Redis is not a master but a ${role ?? 'server that does not say'}`)
  checkPolicy(info)
}

/** It may be changed while Redis runs. @param info what INFO says of its memory, at least. @throws SettingFault */
export function checkPolicy (info: Info): void {
  const policy = info.get('maxmemory_policy')
  if (policy !== 'noeviction') {
    throw new SettingFault(`Redis has maxmemory-policy ${policy ?? 'unknown'}, which could evict the whole registry at once: set "maxmemory-policy noeviction"`)
  }
}

export function parseInfo (text: string): Info {
  const info = new Map<string, string>()
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0 && !line.startsWith('#')) info.set(line.slice(0, colon), line.slice(colon + 1))
  }
  return info
}
