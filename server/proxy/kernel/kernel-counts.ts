// What the kernel has counted (kernel/ruleset.ts): named counters of our tables, a handful for each family, read by one `nft` for each scrape.
// The ruleset is replaced as a whole now and then, and its counters begin anew with it: what they had is added up here.
import type { Run } from '../program.ts'
import { type TrafficCounts, noTraffic } from '../traffic-counts.ts'
import { counterNames } from './counter-names.ts'
import { tableName } from './ruleset.ts'
import { stickyTableName } from './sticky.ts'

const ours: ReadonlySet<unknown> = new Set([tableName, stickyTableName])

interface Counter {
  readonly table: string
  readonly name: string
  /** Of lives of the counter that are over. */
  past: number
  /** As it was read last. */
  value: number
}

export class KernelCounts {
  readonly #run: Run
  readonly #counters = new Map<string, Counter>()
  /** How often tables were replaced: what was read before and comes after that is of an old table. */
  #replaced = 0

  constructor (run: Run) {
    this.#run = run
  }

  /** Reads them now. Where nft cannot be asked, they are as they were. */
  async read (): Promise<TrafficCounts> {
    const replaced = this.#replaced
    const ran = await this.#run('nft', ['-j', 'list', 'counters'])
    const found = ran.code === 0 ? countersIn(ran.out) : undefined
    if (found !== undefined && replaced === this.#replaced) this.#take(found)
    const counts = noTraffic()
    for (const { name, past, value } of this.#counters.values()) {
      for (const [count, of] of Object.entries(counterNames)) if (of === name) counts[count as keyof TrafficCounts] += past + value
    }
    return counts
  }

  /** The tables of these names were made anew: their counters begin at 0. */
  replaced (tables: readonly string[]): void {
    this.#replaced++
    for (const counter of this.#counters.values()) if (tables.includes(counter.table)) this.#begin(counter, 0)
  }

  #take (found: ReadonlyMap<string, Omit<Counter, 'past'>>): void {
    for (const [key, { table, name, value }] of found) {
      const known = this.#counters.get(key)
      if (known === undefined) this.#counters.set(key, { table, name, past: 0, value })
      else if (value < known.value) this.#begin(known, value) // somebody else has deleted the table
      else known.value = value
    }
    for (const [key, counter] of this.#counters) if (!found.has(key)) this.#begin(counter, 0)
  }

  #begin (counter: Counter, value: number): void {
    counter.past += counter.value
    counter.value = value
  }
}

/** Reads `nft -j list counters`: family, table and name -> counter. Undefined: it is no such text. */
function countersIn (json: string): Map<string, Omit<Counter, 'past'>> | undefined {
  let listed: unknown
  try {
    listed = (JSON.parse(json) as { readonly nftables?: unknown } | null)?.nftables
  } catch {
    return undefined
  }
  if (!Array.isArray(listed)) return undefined
  const counters = new Map<string, Omit<Counter, 'past'>>()
  for (const { counter } of listed as readonly { readonly counter?: Readonly<Record<string, unknown>> }[]) {
    const { family, table, name, packets, bytes } = counter ?? {}
    if (typeof table !== 'string' || typeof name !== 'string' || !ours.has(table)) continue
    const value = name.startsWith('bytes') ? bytes : packets
    if (typeof value === 'number') counters.set(`${String(family)} ${table} ${name}`, { table, name, value })
  }
  return counters
}
