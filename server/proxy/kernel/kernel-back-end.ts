// Carries traffic in the kernel (nftables): this process only writes the maps, so that traffic goes on without it.
import type { Clock } from '../../clock.ts'
import type { AddressRange } from '../../model/address/ranges.ts'
import type { BackEnd, FrontEndChanges } from '../back-end.ts'
import type { Draining } from '../draining.ts'
import type { Condition } from '../front-end.ts'
import { failure, type Run } from '../program.ts'
import type { TrafficCounts } from '../traffic-counts.ts'
import { KernelCounts } from './kernel-counts.ts'
import { readMaps } from './kernel-maps.ts'
import { DrainLimits } from './drain-limits.ts'
import { LocalListeners } from './local-listeners.ts'
import { removeRoutes, setRoutes } from './routes.ts'
import { nftFamily, type RulesetOptions, tableName } from './ruleset.ts'
import { RulesetState } from './ruleset-state.ts'
import { StaleFlows } from './stale-flows.ts'
import { stickyTableName } from './sticky.ts'

/** A whole ruleset of ten thousand services takes a second or two, on a busy machine some more. */
const wholeLimitMs = 60_000
/** Maps whose elements are state; the rest of the table is fixed. */
const families = [4, 6] as const
const tableNames = [tableName, stickyTableName]

export interface KernelOptions extends RulesetOptions {
  readonly run: Run
  readonly clock: Clock
  readonly clusterRanges: readonly AddressRange[]
  /** Source addresses of this machine's own connections to cluster IPs, by family; absent: the kernel chooses. */
  readonly sources: { readonly 4?: string, readonly 6?: string }
}

export class KernelBackEnd implements BackEnd {
  readonly name = 'kernel'
  readonly carriesClusterIps = true
  readonly #options: KernelOptions
  readonly #state: RulesetState
  readonly #flows: StaleFlows
  readonly #listeners = new LocalListeners()
  readonly #drains: DrainLimits
  readonly #counts: KernelCounts
  /** The kernel has what `#state` says. */
  #isTrue = false
  /** The routes of the cluster ranges that could not be set: a sentence each. */
  #routeFaults: readonly string[] = []

  constructor (options: KernelOptions) {
    this.#options = options
    this.#state = new RulesetState(options)
    this.#flows = new StaleFlows(options.run)
    this.#drains = new DrainLimits(options.run, options.clock)
    this.#counts = new KernelCounts(options.run)
  }

  get draining (): readonly Draining[] {
    return this.#drains.waiting
  }

  resume (draining: readonly Draining[]): void {
    this.#drains.resume(draining)
  }

  async start (frontEnds: FrontEndChanges): Promise<void> {
    this.#state.change(frontEnds)
    this.#flows.change(frontEnds)
    this.#drains.change(frontEnds)
    await this.#replace()
    this.#routeFaults = await setRoutes(this.#options)
    await this.#flows.removeStale()
    await this.#listeners.change(frontEnds)
  }

  async apply (changes: FrontEndChanges): Promise<void> {
    const text = this.#state.change(changes)
    this.#flows.change(changes)
    this.#drains.change(changes)
    if (!this.#isTrue) await this.#replace()
    else if (text !== '') {
      const ran = await this.#options.run('nft', ['-f', '-'], { input: text })
      // One failing statement undoes all and names itself only: the whole is written anew, while traffic goes on.
      if (ran.code !== 0) await this.#replace()
    }
    await this.#flows.removeStale()
    await this.#listeners.change(changes)
  }

  async check (): Promise<string | undefined> {
    const wrong = await this.#difference()
    if (wrong !== undefined) await this.#replace()
    this.#routeFaults = await setRoutes(this.#options)
    await this.#listeners.look()
    return wrong
  }

  conditions (): readonly Condition[] {
    return [...this.#routeFaults.map((message): Condition => ({ service: '', reason: 'AddressRefused', message })), ...this.#listeners.conditions]
  }

  counts (): Promise<TrafficCounts> {
    return this.#counts.read()
  }

  async stop (): Promise<void> {
    this.#drains.close()
  }

  async clean (): Promise<void> {
    await removeTables(this.#options.run)
    await removeRoutes(this.#options)
  }

  async #replace (): Promise<void> {
    this.#isTrue = false
    await this.#counts.read() // what they have goes with the table
    let tables: readonly string[] = [tableName]
    let ran = await this.#options.run('nft', ['-f', '-'], { input: this.#state.whole(), limitMs: wholeLimitMs })
    // Maps of clients that another version has left have another form.
    if (ran.code !== 0) {
      ran = await this.#options.run('nft', ['-f', '-'], { input: this.#state.whole(true), limitMs: wholeLimitMs })
      tables = tableNames
    }
    if (ran.code !== 0) throw new Error(`nft refuses the ruleset: ${failure(ran)}`)
    this.#counts.replaced(tables)
    this.#isTrue = true
  }

  /** What differs between the kernel's maps and the state, as a sentence; undefined if nothing does. */
  async #difference (): Promise<string | undefined> {
    const expected = this.#state.expected()
    for (const family of families) {
      const ip = nftFamily(family)
      const maps = new Map<string, Map<string, string>>()
      for (const table of tableNames) {
        const ran = await this.#options.run('nft', ['-j', 'list', 'table', ip, table], { limitMs: wholeLimitMs })
        const listed = ran.code === 0 ? readMaps(ran.out) : undefined
        if (listed === undefined) return `the table ${ip} ${table} is gone or cannot be read: ${failure(ran)}`
        for (const [name, elements] of listed) maps.set(name, elements)
      }
      for (const [name, elements] of maps) {
        if (name.endsWith(' cluster-ranges') || name.includes(' affinity-')) continue
        const wanted = expected.get(name) ?? new Map<string, string>()
        const odd = [...wanted].find(([key, value]) => elements.get(key) !== value)?.[0] ?? [...elements.keys()].find((key) => !wanted.has(key))
        if (odd !== undefined) return `the element ${odd} of ${name} is not what it should be`
      }
      const missing = [...expected.keys()].find((name) => name.startsWith(`${ip} `) && !maps.has(name))
      if (missing !== undefined) return `the map ${missing} is gone`
    }
    return undefined
  }
}

/** Also where no agent runs: `rollcall proxy clean`. */
export async function removeTables (run: Run): Promise<void> {
  const tables = families.flatMap((family) => tableNames.map((name) => `${nftFamily(family)} ${name}`))
  const input = tables.flatMap((table) => [`add table ${table}`, `delete table ${table}`]).join('\n')
  const ran = await run('nft', ['-f', '-'], { input, limitMs: wholeLimitMs })
  if (ran.code !== 0) throw new Error(`nft cannot remove the tables: ${failure(ran)}`)
}

/**
 * Whether the kernel can carry: a transaction in a table of its own, which is removed with it.
 * @returns why not, undefined if it can
 */
export async function kernelProblem (run: Run): Promise<string | undefined> {
  const scratch = 'rollcall-scratch'
  const lines = ['ip', 'ip6'].flatMap((ip) => [
    `add table ${ip} ${scratch}`,
    `add map ${ip} ${scratch} m { typeof ${ip} daddr . tcp dport . numgen random mod 65536 : ${ip} daddr . tcp dport; }`,
    `add chain ${ip} ${scratch} c { type nat hook output priority -100; policy accept; }`,
    `add rule ${ip} ${scratch} c meta l4proto tcp dnat ${ip} addr . port to ${ip} daddr . tcp dport . numgen random mod 2 map @m`,
    `delete table ${ip} ${scratch}`
  ])
  const ran = await run('nft', ['-f', '-'], { input: lines.join('\n') })
  if (ran.code === 0) return undefined
  if (ran.code === undefined) return /ENOENT/.test(ran.err) ? 'the program nft is not installed (package nftables)' : failure(ran)
  return /Operation not permitted/.test(ran.err) ? 'no right to change nftables (CAP_NET_ADMIN)' : `nft: ${failure(ran)}`
}

/** Whether it translates SCTP, too. */
export async function hasSctp (run: Run): Promise<boolean> {
  const ran = await run('nft', ['-c', '-f', '-'], {
    input: [
      'add table ip rollcall-scratch', 'add chain ip rollcall-scratch c { type nat hook output priority -100; policy accept; }',
      'add map ip rollcall-scratch m { typeof ip daddr . sctp dport . numgen random mod 65536 : ip daddr . sctp dport; }',
      'add rule ip rollcall-scratch c meta l4proto sctp dnat ip addr . port to ip daddr . sctp dport . numgen random mod 2 map @m'
    ].join('\n')
  })
  return ran.code === 0
}
