// Deadlines of very many leases, in memory. Accuracy: exact to the millisecond at each sweep; nothing happens between sweeps.
//
// A ring of buckets, each a linked list threaded through typed arrays: about 45 octets per lease beside its name. A renewal
// writes one number and leaves the lease in its bucket; when the bucket's turn comes, the lease moves on to where its
// deadline is by then. So a renewal costs one look-up, and a lease is moved once per TTL instead of once per heartbeat.

import { pulledIn } from '../expiry-rules.ts'

/** How many leases of one service there are, and how many of them are suspect. */
export interface ServiceLeases {
  /** `namespace/service` */
  readonly name: string
  total: number
  suspects: number
  /** Since when the service's brake holds; 0 = it does not. */
  protectedSinceMs: number
}

/** Sweeps come four times a second: finer buckets would be visited empty, coarser ones twice. */
const tickMs = 250
/** One turn is 17 minutes, longer than nearly every TTL, so a long lease is met a few times before it is due. A power of two. */
const bucketCount = 4_096
/** Leases touched in one call, due or not: 100,000 take some ten milliseconds; the rest waits for the next call. */
const maxVisits = 100_000
const initialCapacity = 1_024
const none = -1

export class LeaseWheel {
  readonly #slots = new Map<string, number>()
  readonly #services = new Map<string, ServiceLeases>()
  readonly #sickServices = new Set<ServiceLeases>()
  readonly #heads = new Int32Array(bucketCount).fill(none)
  #names: string[] = []
  #owners: ServiceLeases[] = []
  #deadlines = new Float64Array(initialCapacity)
  #ttls = new Float64Array(initialCapacity)
  /** TTL -> how many leases have it. */
  readonly #ttlCounts = new Map<number, number>()
  #longestTtl: number | undefined = 0
  #next = new Int32Array(initialCapacity)
  #previous = new Int32Array(initialCapacity)
  #bucketOf = new Int16Array(initialCapacity)
  #suspect = new Uint8Array(initialCapacity)
  #used = 0
  #firstFree = none
  #suspects = 0
  #cursor: number
  #farthestMs = 0

  constructor (nowMs: number) {
    this.#cursor = tickOf(nowMs)
  }

  get size (): number {
    return this.#slots.size
  }

  get suspects (): number {
    return this.#suspects
  }

  /** The services that have suspects now or whose brake has not been taken off. */
  get sickServices (): ReadonlySet<ServiceLeases> {
    return this.#sickServices
  }

  /** The slot of a lease, which stays its own until it is removed; undefined = unknown. */
  find (lease: string): number | undefined {
    return this.#slots.get(lease)
  }

  nameOf (slot: number): string {
    return this.#names[slot] ?? ''
  }

  serviceOf (slot: number): ServiceLeases {
    const service = this.#owners[slot]
    if (service === undefined) throw new RangeError(`slot ${slot} holds no lease`)
    return service
  }

  deadlineOf (slot: number): number {
    return this.#deadlines[slot] ?? 0
  }

  /** The TTL that the lease was granted with. */
  ttlOf (slot: number): number {
    return this.#ttls[slot] ?? 0
  }

  setTtl (slot: number, ttlMs: number): void {
    this.#countTtl(this.ttlOf(slot), -1)
    this.#ttls[slot] = ttlMs
    this.#countTtl(ttlMs, 1)
  }

  /** Of all leases; 0 = there are no leases. */
  get longestTtlMs (): number {
    return this.#longestTtl ??= [...this.#ttlCounts.keys()].reduce((longest, ttlMs) => Math.max(longest, ttlMs), 0)
  }

  isSuspect (slot: number): boolean {
    return this.#suspect[slot] === 1
  }

  add (lease: string, serviceName: string, ttlMs: number, deadlineMs: number, suspect = false): number {
    const slot = this.#takeSlot()
    this.#slots.set(lease, slot)
    this.#names[slot] = lease
    let service = this.#services.get(serviceName)
    if (service === undefined) {
      service = { name: serviceName, total: 0, suspects: 0, protectedSinceMs: 0 }
      this.#services.set(serviceName, service)
    }
    this.#owners[slot] = service
    service.total += 1
    this.#suspect[slot] = 0
    this.#deadlines[slot] = deadlineMs
    this.#ttls[slot] = ttlMs
    this.#countTtl(ttlMs, 1)
    if (deadlineMs > this.#farthestMs) this.#farthestMs = deadlineMs
    this.#link(slot, this.#bucketFor(deadlineMs))
    if (suspect) this.setSuspect(slot, true)
    return slot
  }

  remove (slot: number): void {
    const service = this.serviceOf(slot)
    this.setSuspect(slot, false)
    this.#countTtl(this.ttlOf(slot), -1)
    this.#unlink(slot)
    this.#slots.delete(this.nameOf(slot))
    this.#names[slot] = ''
    service.total -= 1
    if (service.total === 0) {
      this.#services.delete(service.name)
      this.#sickServices.delete(service)
    }
    this.#next[slot] = this.#firstFree
    this.#firstFree = slot
  }

  setDeadline (slot: number, deadlineMs: number): void {
    const earlier = deadlineMs < this.deadlineOf(slot)
    this.#deadlines[slot] = deadlineMs
    if (deadlineMs > this.#farthestMs) this.#farthestMs = deadlineMs
    if (earlier) this.#move(slot, this.#bucketFor(deadlineMs))
  }

  setSuspect (slot: number, suspect: boolean): void {
    if (this.isSuspect(slot) === suspect) return
    const service = this.serviceOf(slot)
    this.#suspect[slot] = suspect ? 1 : 0
    const step = suspect ? 1 : -1
    this.#suspects += step
    service.suspects += step
    if (suspect) this.#sickServices.add(service)
    else if (service.suspects === 0 && service.protectedSinceMs === 0) this.#sickServices.delete(service)
  }

  /** Takes the brake off a service that has recovered. */
  release (service: ServiceLeases): void {
    service.protectedSinceMs = 0
    if (service.suspects === 0) this.#sickServices.delete(service)
  }

  /** Pulls in deadlines that lie beyond `latestMs`: only a clock that stepped back makes such. */
  clamp (latestMs: number): void {
    if (this.#farthestMs <= latestMs) return
    this.#farthestMs = latestMs
    for (const slot of this.#slots.values()) if (this.deadlineOf(slot) > latestMs) this.setDeadline(slot, latestMs)
  }

  /** Looks at each lease's deadline, as after a clock that stepped back or a start. `period` gives what it may lie ahead at most. */
  pullIn (nowMs: number, period: (slot: number) => number): void {
    for (const slot of this.#slots.values()) {
      const deadlineMs = pulledIn(this.deadlineOf(slot), period(slot), nowMs)
      if (deadlineMs !== this.deadlineOf(slot)) this.setDeadline(slot, deadlineMs)
    }
  }

  /** The slots of all suspects. Cost follows the number of leases. */
  * suspectSlots (): Generator<number> {
    if (this.#suspects === 0) return
    for (const slot of this.#slots.values()) if (this.isSuspect(slot)) yield slot
  }

  #countTtl (ttlMs: number, by: 1 | -1): void {
    const count = (this.#ttlCounts.get(ttlMs) ?? 0) + by
    if (count > 0) {
      this.#ttlCounts.set(ttlMs, count)
      if (this.#longestTtl !== undefined && ttlMs > this.#longestTtl) this.#longestTtl = ttlMs
    } else {
      this.#ttlCounts.delete(ttlMs)
      if (ttlMs === this.#longestTtl) this.#longestTtl = undefined // the next longest is looked for when it is asked for
    }
  }

  /**
   * The slots whose deadline has come, at most `limit`, oldest bucket first. They stay due until their deadline is set or
   * they are removed. `more` = there may be others.
   */
  due (nowMs: number, limit: number): { slots: number[], more: boolean } {
    const current = tickOf(nowMs)
    if (current < this.#cursor) this.#rewind(current)
    const found: number[] = []
    let visits = 0
    let tick = Math.max(this.#cursor, current - bucketCount + 1)
    let more = false
    for (; tick <= current && !more; tick += 1) {
      const bucket = bucketAt(tick)
      let slot = this.#heads[bucket] ?? none
      while (slot !== none) {
        if (found.length >= limit || visits >= maxVisits) {
          more = true
          break
        }
        const following = this.#next[slot] ?? none
        visits += 1
        const deadlineMs = this.deadlineOf(slot)
        if (deadlineMs <= nowMs) found.push(slot)
        else this.#move(slot, bucketAt(tickOf(deadlineMs)))
        slot = following
      }
    }
    this.#cursor = tick - 1
    // Back to where the next call begins: if the write that should follow fails, they are met again.
    for (const slot of found) this.#move(slot, bucketAt(this.#cursor))
    return { slots: found, more }
  }

  /** The clock stepped back: what lies where the cursor was to come next would wait until it is there again. */
  #rewind (tick: number): void {
    this.#cursor = tick
    for (const slot of this.#slots.values()) this.#move(slot, this.#bucketFor(this.deadlineOf(slot)))
  }

  #bucketFor (deadlineMs: number): number {
    return bucketAt(Math.max(tickOf(deadlineMs), this.#cursor))
  }

  #move (slot: number, bucket: number): void {
    if (this.#bucketOf[slot] === bucket) return
    this.#unlink(slot)
    this.#link(slot, bucket)
  }

  #link (slot: number, bucket: number): void {
    const head = this.#heads[bucket] ?? none
    this.#next[slot] = head
    this.#previous[slot] = none
    if (head !== none) this.#previous[head] = slot
    this.#heads[bucket] = slot
    this.#bucketOf[slot] = bucket
  }

  #unlink (slot: number): void {
    const following = this.#next[slot] ?? none
    const previous = this.#previous[slot] ?? none
    if (previous === none) this.#heads[this.#bucketOf[slot] ?? 0] = following
    else this.#next[previous] = following
    if (following !== none) this.#previous[following] = previous
  }

  #takeSlot (): number {
    if (this.#firstFree !== none) {
      const slot = this.#firstFree
      this.#firstFree = this.#next[slot] ?? none
      return slot
    }
    if (this.#used === this.#deadlines.length) this.#grow()
    this.#used += 1
    return this.#used - 1
  }

  #grow (): void {
    const capacity = this.#deadlines.length * 2
    const deadlines = new Float64Array(capacity)
    deadlines.set(this.#deadlines)
    this.#deadlines = deadlines
    this.#ttls = wider(this.#ttls, new Float64Array(capacity))
    this.#next = wider(this.#next, new Int32Array(capacity))
    this.#previous = wider(this.#previous, new Int32Array(capacity))
    this.#bucketOf = wider(this.#bucketOf, new Int16Array(capacity))
    this.#suspect = wider(this.#suspect, new Uint8Array(capacity))
  }
}

function wider<Numbers extends { set (from: Numbers): void }> (from: Numbers, into: Numbers): Numbers {
  into.set(from)
  return into
}

function tickOf (ms: number): number {
  return Math.floor(ms / tickMs)
}

// Not `&`: a tick of today's wall clock has more than 32 bits.
function bucketAt (tick: number): number {
  return ((tick % bucketCount) + bucketCount) % bucketCount
}
