// One range that values are given from, and a pool: one or several of them under a name.
import { type AddressRange, type Family, type PortRange, showIp } from '../../model/address/ranges.ts'
import type { ClaimTarget } from './claims.ts'
import { type Bands, clusterIpBands, loadBalancerBands, nodePortBands } from './bands.ts'
import { SlotSet } from './slots.ts'

export type PoolKind = 'cluster-ip' | 'node-port' | 'load-balancer'

/** The state of a pool, for `rollcall get pools`, REST and metrics. Sizes of IPv6 networks beyond 2^53 are rounded. */
export interface PoolState {
  readonly kind: PoolKind
  readonly name: string
  readonly ranges: readonly string[]
  readonly autoAssign: boolean
  /** What can be given, network and broadcast address of a service network not counted. */
  readonly size: number
  readonly used: number
  readonly free: number
  /** Absent where the range has no bands. */
  readonly bands?: { readonly static: BandState, readonly dynamic: BandState }
  /** Of a pool named `(outside)`: values that services have and no range of this node holds, the first 20 that were given. */
  readonly outside?: readonly string[]
}

export interface BandState {
  readonly size: number
  readonly used: number
}

export class Segment {
  /** undefined = ports. */
  readonly family: Family | undefined
  readonly text: string
  readonly bands: Bands
  readonly slots: SlotSet
  readonly #last: bigint
  #staticUsed = 0
  #beyond = 0

  constructor (family: Family | undefined, text: string, bands: Bands, last: bigint) {
    this.family = family
    this.text = text
    this.bands = bands
    this.slots = new SlotSet(bands.size)
    this.#last = last
  }

  get size (): bigint {
    return this.#last < this.bands.first ? 0n : this.#last - this.bands.first + 1n
  }

  get used (): number {
    return this.slots.taken + this.#beyond
  }

  get staticUsed (): number {
    return this.#staticUsed
  }

  contains (value: bigint): boolean {
    return this.bands.first <= value && value <= this.#last
  }

  add (value: bigint): void {
    const slot = this.slotOf(value)
    if (slot === undefined) this.#beyond += 1
    else if (this.slots.add(slot) && slot < this.bands.staticSize) this.#staticUsed += 1
  }

  delete (value: bigint): void {
    const slot = this.slotOf(value)
    if (slot === undefined) this.#beyond -= 1
    else if (this.slots.delete(slot) && slot < this.bands.staticSize) this.#staticUsed -= 1
  }

  /** The canonical text of the value of a slot. */
  valueOf (slot: number): string {
    const value = this.bands.first + BigInt(slot)
    return this.family === undefined ? String(value) : showIp(this.family, value)
  }

  /** undefined = beyond what is chosen from, see bands.ts: such a value is asked for, and only its claim says that it is taken. */
  slotOf (value: bigint): number | undefined {
    const slot = value - this.bands.first
    return slot < BigInt(this.bands.size) ? Number(slot) : undefined
  }
}

export interface Pool {
  readonly kind: PoolKind
  readonly name: string
  readonly autoAssign: boolean
  readonly segments: readonly Segment[]
}

export function clusterIpPool (range: AddressRange): Pool {
  const last = range.family === 4 ? range.last - 1n : range.last
  const segment = new Segment(range.family, range.text, clusterIpBands(range), last)
  return { kind: 'cluster-ip', name: `ipv${range.family}`, autoAssign: true, segments: [segment] }
}

export function nodePortPool (range: PortRange): Pool {
  return { kind: 'node-port', name: 'node-ports', autoAssign: true, segments: [new Segment(undefined, range.text, nodePortBands(range), BigInt(range.last))] }
}

export function loadBalancerPool (name: string, ranges: readonly AddressRange[], autoAssign: boolean): Pool {
  const segments = ranges.map((range) => new Segment(range.family, range.text, loadBalancerBands(range), range.last))
  return { kind: 'load-balancer', name, autoAssign, segments }
}

/** No pool of the configuration can have this name. */
export const outsideName = '(outside)'
const maxOutsideValues = 20
const kinds = { ip: 'cluster-ip', port: 'node-port', lb: 'load-balancer' } as const

/** What is given that no range of this node holds, as a pool of each kind that gives nothing. */
export function outsideStates (claims: Iterable<ClaimTarget>): PoolState[] {
  const byKind = Map.groupBy(claims, ({ kind }) => kind)
  return (['ip', 'port', 'lb'] as const).flatMap((kind): PoolState[] => {
    const values = byKind.get(kind)?.map(({ value }) => value) ?? []
    if (values.length === 0) return []
    const { length } = values
    const outside = values.slice(0, maxOutsideValues)
    return [{ kind: kinds[kind], name: outsideName, ranges: [], autoAssign: false, size: length, used: length, free: 0, outside }]
  })
}

export function poolState ({ kind, name, autoAssign, segments }: Pool): PoolState {
  const size = segments.reduce((sum, segment) => sum + segment.size, 0n)
  const used = segments.reduce((sum, segment) => sum + segment.used, 0)
  const [first] = segments
  const staticSize = first?.bands.staticSize ?? 0
  return {
    kind,
    name,
    ranges: segments.map(({ text }) => text),
    autoAssign,
    size: Number(size),
    used,
    free: Number(size - BigInt(used)),
    // Only the kinds of one range have bands.
    ...(first === undefined || staticSize === 0
      ? {}
      : {
        bands: {
          static: { size: staticSize, used: first.staticUsed },
          dynamic: { size: Number(size) - staticSize, used: used - first.staticUsed }
        }
      })
  }
}
