// Versions of zones: the newest, and the last ones that were transferred, so that a secondary that has one of them gets what changed
// since. Versions share what did not change, and what differs between two is found by what they don't share.
import { type Beside, beside } from '../../beside.ts'
import type { AnswerCacheOptions } from '../answers/answer-cache.ts'
import { joinedBytes } from '../wire/wire.ts'
import { nameEnd } from '../wire/name.ts'
import type { Zone } from '../names/zone.ts'
import { Slice, inSlices } from '../../slice.ts'
import type { TransferSource } from '../source.ts'
import { type ContentPart, soaRecord, zoneParts } from './zone-content.ts'

/** A transfer of more would take a secondary minutes and this node some hundred megabytes. */
export const maxZoneRecords = 2_000_000
/** In all versions that are kept, shared ones counted once; a record has about 80 octets. The oldest version goes first. */
export const maxHeldRecords = 2_000_000
/** Of one zone. A secondary asks once a change, or it has been away for long. */
export const maxHeldVersions = 8
/** Endpoints that are made without a pause: some milliseconds. */
const madeAtOnce = 5_000
/** Between two looks at the clock: some tens of microseconds. */
const workPerLook = 20

/** The records of a part in one piece of memory. */
export interface Block {
  readonly bytes: Buffer
  readonly count: number
  /** Sets that had more records than they may have. */
  readonly cutSets: number
}

export interface ZoneVersion {
  readonly zone: Zone
  /** The registry's revision, modulo 2^32. */
  readonly serial: number
  readonly soa: Buffer
  /** By the keys of the parts, in their order. */
  readonly blocks: ReadonlyMap<string, Block>
  /** Without the SOA. */
  readonly count: number
  readonly cutSets: number
}

export interface Difference {
  readonly deleted: readonly Buffer[]
  readonly added: readonly Buffer[]
}

/** A zone has more records than a transfer may have. */
export class TooManyRecords extends Error {
  override readonly name = 'TooManyRecords'
}

interface MadeBlock {
  readonly others: ContentPart['others']
  readonly block: Block
}

interface Held {
  readonly version: ZoneVersion
  /** Of the newest version of a zone everything; of an older one what the next one has not. */
  weight: number
}

interface Limits {
  readonly zoneRecords: number
  readonly heldRecords: number
}

export class ZoneVersions {
  readonly #source: TransferSource
  readonly #options: AnswerCacheOptions
  readonly #limits: Limits
  /** The oldest first. */
  #held: Held[] = []
  #epoch = ''
  readonly #making = new Map<Zone, { readonly revision: number, readonly version: Promise<ZoneVersion> }>()
  /** What parts were made into, for as long as the registry has what they were made from. */
  readonly #blocks = new Map<Zone, Beside<object, MadeBlock>>()

  constructor (source: TransferSource, options: AnswerCacheOptions, limits: Limits = { zoneRecords: maxZoneRecords, heldRecords: maxHeldRecords }) {
    this.#source = source
    this.#options = options
    this.#limits = limits
  }

  /** The version of an earlier transfer. */
  held (zone: Zone, serial: number): ZoneVersion | undefined {
    this.#forgetOtherEpochs()
    return this.#held.find(({ version }) => version.zone === zone && version.serial === serial)?.version
  }

  /** The zone as it is now. The source must be loaded. @throws TooManyRecords */
  async current (zone: Zone): Promise<ZoneVersion> {
    const known = this.#known(zone)
    if (known !== undefined) return known
    const ready = endpointsMade(this.#source)
    if (ready !== undefined) await ready
    while (this.#source.settled !== undefined) await this.#source.settled
    const meanwhile = this.#known(zone)
    if (meanwhile !== undefined) return meanwhile
    const { revision } = this.#source
    const version = this.#make(zone, revision)
    this.#making.set(zone, { revision, version })
    try {
      return await version
    } finally {
      if (this.#making.get(zone)?.version === version) this.#making.delete(zone)
    }
  }

  /** The newest version, if it is held or being made; never that of a view which is changing just now. */
  #known (zone: Zone): ZoneVersion | Promise<ZoneVersion> | undefined {
    const { revision, settled } = this.#source
    if (settled !== undefined) return undefined
    const making = this.#making.get(zone)
    return this.held(zone, serialOf(revision)) ?? (making?.revision === revision ? making.version : undefined)
  }

  async #make (zone: Zone, revision: number): Promise<ZoneVersion> {
    const { epoch } = this.#source
    // These two in one go: everything that follows works on what they took.
    const parts = zoneParts(zone, this.#source, this.#options)
    const soa = soaRecord(zone, this.#source, this.#options)
    if (soa === undefined) throw new Error(`zone ${zone.name} has no SOA`)
    const made = this.#blocks.get(zone) ?? beside<object, MadeBlock>()
    this.#blocks.set(zone, made)
    const blocks = new Map<string, Block>()
    const turn = new Turn()
    let count = 0
    let cutSets = 0
    for (const part of parts) {
      await turn.did(1)
      if (part === undefined) continue
      const known = made.get(part.stamp)
      let block = known !== undefined && isSameList(known.others, part.others) ? known.block : undefined
      if (block === undefined) {
        block = await blockOf(part, turn, this.#limits.zoneRecords - count)
        made.set(part.stamp, { others: part.others, block })
      }
      blocks.set(part.key, block)
      count += block.count
      cutSets += block.cutSets
      if (count > this.#limits.zoneRecords) throw new TooManyRecords()
    }
    const version = { zone, serial: serialOf(revision), soa, blocks, count, cutSets }
    if (epoch === this.#source.epoch) this.#hold(version, epoch)
    return version
  }

  #hold (version: ZoneVersion, epoch: string): void {
    this.#epoch = epoch
    const before = this.#held.findLast((held) => held.version.zone === version.zone)
    if (before !== undefined) {
      before.weight = before.version.blocks.size
      for (const [key, block] of before.version.blocks) if (version.blocks.get(key) !== block) before.weight += block.count
    }
    this.#held.push({ version, weight: version.count + version.blocks.size })
    const ofZone = this.#held.filter((held) => held.version.zone === version.zone)
    if (ofZone.length > maxHeldVersions) this.#held = this.#held.filter((held) => held !== ofZone[0])
    let weight = this.#held.reduce((sum, held) => sum + held.weight, 0)
    while (weight > this.#limits.heldRecords) weight -= this.#held.shift()?.weight ?? weight
  }

  #forgetOtherEpochs (): void {
    if (this.#epoch !== this.#source.epoch) this.#held = []
  }
}

/** RFC 1982: a serial is of 32 bits. */
export function serialOf (revision: number): number {
  return revision % 2 ** 32
}

/** RFC 1982 3.2. Two serials that are exactly half the circle apart are neither. */
export function isNewerOrSame (serial: number, other: number): boolean {
  return (serial - other + 2 ** 32) % 2 ** 32 < 2 ** 31
}

/** Makes the endpoints of all services, which are kept: what a version takes at once is there then, but for what changed meanwhile. */
function * endpointSets ({ catalog }: TransferSource): Generator<number, void> {
  for (const namespace of catalog.namespaces()) {
    for (const service of catalog.services(namespace)) yield 1 + (catalog.endpoints(namespace, service)?.all.length ?? 0)
  }
}

/** undefined = they are made: there are few. */
function endpointsMade (source: TransferSource): Promise<void> | undefined {
  const steps = endpointSets(source)
  for (let made = 0; made < madeAtOnce;) {
    const step = steps.next()
    if (step.done === true) return undefined
    made += step.value
  }
  return inSlices(steps)
}

/** Lets others have their turn now and then. */
class Turn {
  readonly #slice = new Slice()
  #work = 0

  async did (work: number): Promise<void> {
    this.#work += work
    if (this.#work < workPerLook) return
    this.#work = 0
    if (this.#slice.isOver()) await this.#slice.next()
  }
}

export function nextTurn (): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

async function blockOf (part: ContentPart, turn: Turn, limit: number): Promise<Block> {
  const records: Buffer[] = []
  let cutSets = 0
  for (const set of part.sets()) {
    records.push(...set.records)
    if (set.isCut) cutSets++
    if (records.length > limit) throw new TooManyRecords()
    await turn.did(1 + set.records.length)
  }
  return { bytes: joinedBytes(records), count: records.length, cutSets }
}

/** The records of a block, in order. */
export function * recordsOf ({ bytes }: Block): Generator<Buffer> {
  for (let start = 0; start < bytes.length;) {
    const fixed = nameEnd(bytes, start)
    const end = fixed + 10 + bytes.readUInt16BE(fixed + 8)
    yield bytes.subarray(start, end)
    start = end
  }
}

/** What changed between two versions of a zone; undefined if sending the whole zone is no more. */
export async function difference (from: ZoneVersion, to: ZoneVersion): Promise<Difference | undefined> {
  const deleted: Buffer[] = []
  const added: Buffer[] = []
  const turn = new Turn()
  for (const key of new Set([...from.blocks.keys(), ...to.blocks.keys()])) {
    const [before, after] = [from.blocks.get(key), to.blocks.get(key)]
    if (before === after) continue
    for (const record of missing(before, after)) deleted.push(record) // one by one: a block may have more than a call takes
    for (const record of missing(after, before)) added.push(record)
    if (deleted.length + added.length >= to.count) return undefined
    await turn.did(1 + (before?.count ?? 0) + (after?.count ?? 0))
  }
  return { deleted, added }
}

/** The records of one block that the other one has not. */
function * missing (block: Block | undefined, other: Block | undefined): Generator<Buffer> {
  if (block === undefined) return
  const known = new Set(other === undefined ? [] : Array.from(recordsOf(other), (record) => record.toString('latin1')))
  for (const record of recordsOf(block)) if (!known.has(record.toString('latin1'))) yield record
}

function isSameList (one: ContentPart['others'], other: ContentPart['others']): boolean {
  return one.length === other.length && one.every((each, index) => each === other[index])
}
