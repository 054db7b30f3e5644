// The addresses that this machine announces: put on its interfaces, told to the neighbours again and again, prolonged, and taken away. Whether
// one is to be here is not decided here (announcer.ts).
import { parseIp } from '../../model/address/ranges.ts'
import { failure, type Run } from '../program.ts'
import { addAddress, prolongAddresses, removeAddresses } from './addresses.ts'
import { type Announceable, announceableOf, interfaceFor, lifetimeSeconds, type NetworkInterface, readInterfaces } from './interfaces.ts'
import { announce, type LanTool, lanTool, type Place, probe } from './lan.ts'

/** How often they are prolonged: two may fail. */
const prolongMs = 2_000
/** The looks in between come as late as the machine is busy. */
const earlyMs = 500
/** An address is announced at once, so often again, and then once a minute: switches forget (MetalLB's times). */
const announceAgainMs = 1_100
const announceTimes = 5
const announceIdleMs = 60_000

export interface OwnAddressesOptions {
  readonly run: Run
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly allowed: Announceable
  /** An address came or went. */
  readonly onChange: () => void
  readonly log: { info (fields: object, message: string): void, warn (fields: object, message: string): void }
}

interface Held {
  readonly at: NetworkInterface
  /** The registry did not know this agent for a time since it took the address. */
  hasLapsed: boolean
  announced: number
  announceAtMs: number
}

export class OwnAddresses {
  readonly #options: OwnAddressesOptions
  readonly #held = new Map<string, Held>()
  /** Addresses that this agent, or an earlier life of it, has ever put on the machine: never the machine's own. */
  readonly #lent = new Set<string>()
  #interfaces: readonly NetworkInterface[] = []
  #tool: LanTool = 'none'
  #prolongedAtMs = -Infinity
  /** How often this agent has taken an address, and put one back that somebody had removed. */
  taken = 0
  repairs = 0

  constructor (options: OwnAddressesOptions) {
    this.#options = options
  }

  /** Reads the interfaces, and goes on with what an earlier life has left there. */
  async start (): Promise<void> {
    await this.look()
    const at = this.#interfaces.find((each) => announceableOf(each, this.#options.allowed).length > 0)
    this.#tool = await lanTool(this.#options.run, at)
    const nowMs = this.#options.now()
    for (const each of this.#interfaces) {
      for (const address of each.lent) this.#held.set(address, { at: each, hasLapsed: true, announced: 0, announceAtMs: nowMs })
    }
    this.#prolongedAtMs = nowMs
  }

  /** Reads the interfaces. */
  async look (): Promise<void> {
    this.#interfaces = await readInterfaces(this.#options.run) ?? this.#interfaces
    for (const { lent } of this.#interfaces) for (const address of lent) this.#lent.add(address)
  }

  /** Those that are announced now, sorted. */
  get list (): readonly string[] {
    return [...this.#held.keys()].sort()
  }

  get size (): number {
    return this.#held.size
  }

  /** Addresses of services that are, or were lately, on the interfaces of this machine. */
  get lent (): ReadonlySet<string> {
    return this.#lent
  }

  get networks (): ReturnType<typeof announceableOf> {
    return this.#interfaces.flatMap((each) => announceableOf(each, this.#options.allowed))
  }

  get macs (): readonly string[] {
    return this.#interfaces.map(({ mac }) => mac)
  }

  /** Whether the neighbours can be told. */
  get canTell (): boolean {
    return this.#tool !== 'none'
  }

  has (address: string): boolean {
    return this.#held.has(address)
  }

  /** Whether the registry did not know this agent for a time since it took the address. */
  hasLapsed (address: string): boolean {
    return this.#held.get(address)?.hasLapsed === true
  }

  lapse (): void {
    for (const held of this.#held.values()) held.hasLapsed = true
  }

  /** Where those are that are here. */
  places (addresses: Iterable<string> = this.#held.keys()): Place[] {
    return Array.from(addresses).flatMap((address) => {
      const held = this.#held.get(address)
      return held === undefined ? [] : [{ address, at: held.at }]
    })
  }

  /** Where addresses would be on this machine; without those that are in no network of it. */
  placesFor (addresses: readonly string[]): Place[] {
    return addresses.flatMap((address) => {
      const ip = parseIp(address)
      const at = 'problem' in ip ? undefined : interfaceFor(ip, this.#interfaces, this.#options.allowed)
      return at === undefined ? [] : [{ address, at }]
    })
  }

  /** Asks the neighbours who has addresses: the MAC of each that somebody has. undefined = they cannot be asked. */
  probe (places: readonly Place[]): ReturnType<typeof probe> {
    return probe(this.#options.run, this.#tool, places)
  }

  /** Takes addresses, and says so. @returns of each that is in a network of this machine why it could not be taken; undefined = it was */
  async add (addresses: readonly string[]): Promise<ReadonlyMap<string, string | undefined>> {
    const { run, now, log, onChange } = this.#options
    const faults = new Map<string, string | undefined>()
    const places: Place[] = []
    for (const { address, at } of this.placesFor(addresses)) {
      this.#lent.add(address)
      const ran = await addAddress(run, { address, at }, this.#tool)
      faults.set(address, ran.code === 0 ? undefined : `ip: ${failure(ran)}`)
      if (ran.code === 0) places.push({ address, at })
    }
    if (places.length === 0) return faults
    const nowMs = now()
    if (this.#held.size === 0) this.#prolongedAtMs = nowMs
    for (const { address, at } of places) this.#held.set(address, { at, hasLapsed: false, announced: 1, announceAtMs: nowMs + announceAgainMs })
    this.taken += places.length
    await announce(run, this.#tool, places)
    for (const { address, at } of places) log.info({ address, interface: at.name }, `announces ${address} on ${at.name}`)
    onChange()
    return faults
  }

  async release (addresses: readonly string[], why: string): Promise<void> {
    if (addresses.length === 0) return
    const { run, log, onChange } = this.#options
    await removeAddresses(run, this.places(addresses))
    for (const address of addresses) {
      this.#held.delete(address)
      log.info({ address }, `announces ${address} no more: ${why}`)
    }
    onChange()
  }

  /** Gives the kernel another lifetime's word for all of them, now. */
  async prolongAll (): Promise<boolean> {
    return prolongAddresses(this.#options.run, this.places())
  }

  /**
   * Gives the kernel another lifetime's word, if it is time.
   * @param isKnown the registry knows this agent; else `mayGoOn` decides, which may let go of some
   */
  async prolong (isKnown: boolean, mayGoOn: () => Promise<boolean>): Promise<void> {
    const { run, now, log } = this.#options
    const nowMs = now()
    if (this.#held.size === 0) return
    if (nowMs - this.#prolongedAtMs > lifetimeSeconds * 1_000) {
      // This process was frozen: the kernel has dropped them, or does in this second, and others may have them.
      log.warn({ ms: Math.round(nowMs - this.#prolongedAtMs) }, 'this agent stood still for longer than its addresses live: it lets go of them')
      await this.release(this.list, 'this agent stood still')
      return
    }
    if (nowMs - this.#prolongedAtMs < prolongMs - earlyMs) return
    if (!isKnown && !await mayGoOn()) return
    if (!isKnown) this.lapse()
    const places = this.places()
    const missing = places.filter(({ address }) => !this.#interfaces.some(({ lent }) => lent.includes(address)))
    if (await prolongAddresses(run, places)) this.#prolongedAtMs = now()
    if (missing.length === 0) return
    this.repairs += missing.length
    log.warn({ addresses: missing.map(({ address }) => address) }, 'put addresses back that somebody else had removed')
    await announce(run, this.#tool, missing)
  }

  /** Tells the neighbours again, where it is time. @returns of each that was told often enough who else has it: a MAC, undefined = nobody */
  async announceDue (): Promise<ReadonlyMap<string, string | undefined>> {
    const nowMs = this.#options.now()
    const due = this.places().filter(({ address }) => (this.#held.get(address)?.announceAtMs ?? Infinity) <= nowMs)
    if (due.length === 0) return new Map()
    const idle = due.filter(({ address }) => (this.#held.get(address)?.announced ?? 0) > announceTimes)
    const found = await this.probe(idle)
    await announce(this.#options.run, this.#tool, due)
    for (const { address } of due) {
      const held = this.#held.get(address)
      if (held === undefined) continue
      held.announced++
      held.announceAtMs = nowMs + (held.announced > announceTimes ? announceIdleMs : announceAgainMs)
    }
    return new Map(idle.filter(({ address }) => this.has(address)).map(({ address }) => [address, found?.get(address)]))
  }
}
