// The ledger as it would be after a write: what its services give up, and what they get. The slots of the real ledger are marked
// meanwhile, and put back by `undo`.
import type { Reason } from '../../../client-sdk/src/wire.ts'
import type { ObjectWrite } from '../../store/store.ts'
import { type Claim, type ClaimTarget, type Holder, claimBody, claimKey, isSameHolder } from './claims.ts'
import { type Ledger, numberOf } from './ledger.ts'
import type { Segment } from './pool.ts'

/** Where a value stands in the ranges of this node. */
export interface Place {
  readonly segment: Segment
  readonly slot: number
}

export class DraftLedger {
  readonly #ledger: Ledger
  readonly #released = new Map<string, Claim>()
  readonly #reserved = new Map<string, { readonly target: ClaimTarget, readonly holder: Holder }>()
  readonly #undo: (() => void)[] = []

  constructor (ledger: Ledger) {
    this.#ledger = ledger
  }

  /** Puts the ledger back as it was. */
  undo (): void {
    for (const step of this.#undo.reverse()) step()
  }

  /** Gives up all claims of a service but those that it keeps. @param kept their keys */
  release (holder: Holder, kept: ReadonlySet<string>): void {
    for (const claim of this.#ledger.heldBy(holder)) {
      if (kept.has(claim.key)) continue
      this.#released.set(claim.key, claim)
      if (this.holderOf(claim) === undefined) this.#unmark(claim)
    }
  }

  /** A claim that was given up stays after all. */
  takeBack (claim: Claim): void {
    if (this.#released.delete(claim.key)) this.mark(claim)
  }

  /** A service gets a value. @param place where it is, if that is known */
  reserve (holder: Holder, target: ClaimTarget, place?: Place): void {
    this.#reserved.set(claimKey(target), { target, holder })
    this.#mark(place ?? this.#placeOf(target))
  }

  /** Who has a value in this write; undefined = no service of this one. */
  reservedFor (target: ClaimTarget): Holder | undefined {
    return this.#reserved.get(claimKey(target))?.holder
  }

  isReserved ({ key }: Claim): boolean {
    return this.#reserved.has(key)
  }

  /** Who has a value by the claims in the store, those given up left out. */
  holderOf (target: ClaimTarget): Holder | undefined {
    const claim = this.#ledger.claim(target)
    return claim === undefined || this.#released.has(claim.key) ? undefined : claim.holder
  }

  /** The value is not chosen for another service of this write. */
  mark (target: ClaimTarget): void {
    this.#mark(this.#placeOf(target))
  }

  #mark (place: Place | undefined): void {
    if (place?.segment.slots.add(place.slot) === true) this.#undo.push(() => place.segment.slots.delete(place.slot))
  }

  #unmark (target: ClaimTarget): void {
    const place = this.#placeOf(target)
    if (place?.segment.slots.delete(place.slot) === true) this.#undo.push(() => place.segment.slots.add(place.slot))
  }

  #placeOf (target: ClaimTarget): Place | undefined {
    const segment = this.#ledger.segmentOf(target)?.segment
    const slot = segment?.slotOf(numberOf(target))
    return segment === undefined || slot === undefined ? undefined : { segment, slot }
  }

  /** What the write changes of the claims in the store. */
  writes (reason: Reason): ObjectWrite[] {
    const writes: ObjectWrite[] = []
    const written = new Set<string>()
    for (const { target, holder } of this.#reserved.values()) {
      const key = claimKey(target)
      const released = this.#released.get(key)
      written.add(key)
      if (released !== undefined && isSameHolder(released.holder, holder)) continue // given up and chosen again: it stays
      // One write for each key: what changes hands is overwritten, not removed and made anew.
      writes.push({ type: 'put', key, body: claimBody(holder), endsAtMs: 0, reason, expected: released?.revision ?? 0 })
    }
    for (const { key, revision } of this.#released.values()) {
      if (!written.has(key)) writes.push({ type: 'delete', key, reason, expected: revision })
    }
    return writes
  }
}
