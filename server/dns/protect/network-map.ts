// Networks to what is known of them; the longest prefix that has an address counts.
import type { AddressRange, Family, Ip } from '../../model/address/ranges.ts'

const addressBits = { 4: 32n, 6: 128n } as const

/** The networks of one prefix length, by their first address without what is behind the prefix. */
interface Level<Value> {
  readonly shift: bigint
  readonly values: Map<bigint, Value>
}

export class NetworkMap<Value> {
  /** By family, the longest prefix first. */
  readonly #levels: Readonly<Record<Family, Level<Value>[]>> = { 4: [], 6: [] }

  /** Of one network the first word stands. */
  add (network: AddressRange & { readonly prefix: number }, value: Value): void {
    const shift = addressBits[network.family] - BigInt(network.prefix)
    const levels = this.#levels[network.family]
    let level = levels.find((each) => each.shift === shift)
    if (level === undefined) {
      levels.push(level = { shift, values: new Map() })
      levels.sort((a, b) => Number(a.shift - b.shift))
    }
    if (!level.values.has(network.first >> shift)) level.values.set(network.first >> shift, value)
  }

  find ({ family, value }: Pick<Ip, 'family' | 'value'>): Value | undefined {
    for (const { shift, values } of this.#levels[family]) {
      const found = values.get(value >> shift)
      if (found !== undefined) return found
    }
    return undefined
  }
}
