// Announces load-balancer addresses on the networks of this machine: the kernel answers ARP and neighbour discovery for
// an address that is there, so that to own one is to add it, with a lifetime that ends by itself when this agent does.
import type { Clock } from '../../clock.ts'
import { parseIp } from '../../model/address/ranges.ts'
import { agentNamespace, agentService } from '../../model/agent-name.ts'
import type { EndpointsEvent } from '../../../client-sdk/src/index.ts'
import type { ServiceEndpoints } from '../../../client-sdk/src/wire.ts'
import type { Condition } from '../front-end.ts'
import { failure, type Run } from '../program.ts'
import { maxAnnounced, type Said } from './agent-metadata.ts'
import { addAddress, prolongAddresses, removeAddresses } from './addresses.ts'
import { type Decision, decide, fenceMs, type View } from './election.ts'
import { type Announceable, announceableOf, interfaceFor, lifetimeSeconds, type NetworkInterface, readInterfaces } from './interfaces.ts'
import { announce, type LanTool, lanTool, type Place, probe } from './lan.ts'
import { Peers } from './peers.ts'
import { type Wanted, mayAnnounce, wantedOf } from './wanted.ts'

/** How often this agent looks at its addresses. */
const lookMs = 1_000
/** How often it prolongs them: two may fail. */
const prolongMs = 2_000
/** An address is announced at once, so often again, and then once a minute: switches forget (MetalLB's times). */
const announceAgainMs = 1_100
const announceTimes = 5
const announceIdleMs = 60_000
/** An address that somebody else has is asked for again. */
const retryMs = { known: 1_000, foreign: 10_000 } as const
/** Addresses of services that are looked at: others get a condition. */
const maxWanted = 4_096

export interface AnnouncerOptions {
  readonly node: string
  readonly run: Run
  readonly clock: Clock
  /** Monotonic milliseconds, of the same clock as `confirmedAtMs`. */
  readonly now: () => number
  readonly allowed: Announceable
  /** Takes over from a lost owner at once: two may have the address for its lifetime. */
  readonly isFast: boolean
  /** When the heartbeat was sent that the registry has stored last. */
  readonly confirmedAtMs: () => number
  /** How long the registry takes this agent for alive after it. */
  readonly ttlMs: number
  /** Tells the registry. Never rejects. */
  readonly publish: (said: Said) => Promise<void>
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

export class Announcer {
  readonly #options: AnnouncerOptions
  readonly #peers = new Peers()
  /** By service, and by address. */
  readonly #services = new Map<string, readonly Wanted[]>()
  readonly #wanted = new Map<string, Wanted[]>()
  readonly #held = new Map<string, Held>()
  /** Addresses that this agent, or an earlier life of it, has ever put on the machine: never the machine's own. */
  readonly #lent = new Set<string>()
  readonly #foreign = new Map<string, string>()
  readonly #faults = new Map<string, string>()
  readonly #retryAtMs = new Map<string, number>()
  readonly #occupiedSinceMs = new Map<string, number>()
  readonly #probing = new Set<string>()
  #interfaces: readonly NetworkInterface[] = []
  #tool: LanTool = 'none'
  #prolongedAtMs = -Infinity
  #isQueued = false
  #isEnded = false
  #work: Promise<void> = Promise.resolve()
  #looking: (() => void) | undefined
  #said = ''
  #reported = ''
  /** How often this agent has taken an address, and put one back that somebody had removed. */
  taken = 0
  repairs = 0

  constructor (options: AnnouncerOptions) {
    this.#options = options
  }

  /** Addresses that it announces now, sorted. */
  get announces (): readonly string[] {
    return [...this.#held.keys()].sort()
  }

  /** Addresses of services that are, or were lately, on the interfaces of this machine. */
  get lent (): ReadonlySet<string> {
    return this.#lent
  }

  get said (): Said {
    return {
      announces: this.announces, networks: this.#interfaces.flatMap((each) => announceableOf(each, this.#options.allowed)),
      macs: this.#interfaces.map(({ mac }) => mac), problems: this.conditions().map(({ message }) => message)
    }
  }

  /** Reads the interfaces, and goes on with what an earlier life has left there. */
  async start (): Promise<void> {
    await this.#readInterfaces()
    const at = this.#interfaces.find((each) => announceableOf(each, this.#options.allowed).length > 0)
    this.#tool = await lanTool(this.#options.run, at)
    const nowMs = this.#options.now()
    for (const each of this.#interfaces) {
      for (const address of each.lent) this.#held.set(address, { at: each, hasLapsed: true, announced: 0, announceAtMs: nowMs })
    }
    this.#prolongedAtMs = nowMs
    this.#lookLater()
  }

  /** Takes what the registry tells. */
  take (event: EndpointsEvent): void {
    switch (event.type) {
      case 'endpoints-snapshot': {
        const names = new Set(event.services.map(nameOf))
        for (const name of [...this.#services.keys()]) if (!names.has(name)) this.#services.delete(name)
        for (const service of event.services) this.#put(service)
        if (!names.has(`${agentNamespace}/${agentService}`)) this.#peers.replace([], this.#options.now())
        break
      }
      case 'endpoints':
        this.#put(event.endpoints)
        break
      case 'endpoints-gone':
        this.#services.delete(`${event.namespace}/${event.service}`)
        if (event.namespace === agentNamespace && event.service === agentService) this.#peers.replace([], this.#options.now())
        break
      case 'bookmark':
      case 'reset':
        return
    }
    this.#index()
    this.#evaluateSoon()
  }

  /** What was kept before the registry has answered: addresses that an earlier life had stay. */
  resume (services: readonly ServiceEndpoints[]): void {
    for (const service of services) if (nameOf(service) !== `${agentNamespace}/${agentService}`) this.#put(service)
    this.#index()
  }

  /** What it can't announce, and what nobody announces. */
  conditions (): Condition[] {
    const conditions: Condition[] = []
    for (const [address, all] of this.#wanted) {
      const problem = this.#problemOf(address, all)
      const [first] = all
      if (problem !== undefined && first !== undefined) conditions.push({ service: first.service, ...problem })
    }
    return conditions
  }

  /** Lets go of what another machine may announce, in order. What nobody else may stays for its lifetime: a restart is quicker. */
  async stop (): Promise<void> {
    this.#isEnded = true
    this.#looking?.()
    await this.#work
    const others = Array.from(this.#peers.all()).filter(({ node, isLive }) => isLive && node !== this.#options.node)
    const gone = this.announces.filter((address) => others.some((peer) => this.#wanted.get(address)?.some((each) => mayAnnounce(each, peer))))
    await this.#release(gone, 'this agent ends')
    await prolongAddresses(this.#options.run, this.#places())
    const { macs } = this.said
    await this.#options.publish({ announces: [], networks: [], macs, problems: [] })
  }

  #problemOf (address: string, all: readonly Wanted[]): Pick<Condition, 'reason' | 'message'> | undefined {
    const mac = this.#foreign.get(address)
    if (mac !== undefined) return { reason: 'AddressForeign', message: `${address} is used on the network by ${mac}, which is no agent's machine` }
    const fault = this.#faults.get(address)
    if (fault !== undefined) return { reason: 'NotAnnounced', message: `${address} is not announced: ${fault}` }
    if (this.#held.has(address)) {
      return this.#tool === 'none' ? { reason: 'NotAnnounced', message: `${address} is here, but the neighbours are not told: perl or arping with CAP_NET_RAW is needed` } : undefined
    }
    const peers = [...this.#peers.all()]
    if (peers.some(({ announces, isLost }) => !isLost && announces.has(address))) return undefined
    const inNetwork = peers.filter((peer) => peer.isLive && all.some(({ ip }) => mayAnnounce({ ip, service: '' }, peer)))
    if (inNetwork.length === 0) return { reason: 'NotAnnounced', message: `no machine announces ${address}: no live agent may announce addresses of its network` }
    if (inNetwork.some((peer) => all.some((each) => mayAnnounce(each, peer)))) return undefined // one takes it in a moment
    const why = all.some(({ onlyNear }) => onlyNear !== undefined) ? 'none of the machines that may has an endpoint (externalTrafficPolicy: Local)' : 'no machine has the labels that the service asks for'
    return { reason: 'NotAnnounced', message: `no machine announces ${address}: ${why}` }
  }

  #put (service: ServiceEndpoints): void {
    const name = nameOf(service)
    if (name === `${agentNamespace}/${agentService}`) this.#peers.replace(service.endpoints, this.#options.now())
    const wanted = wantedOf(service)
    if (wanted.length === 0) this.#services.delete(name)
    else this.#services.set(name, wanted)
  }

  #index (): void {
    this.#wanted.clear()
    for (const all of this.#services.values()) {
      for (const wanted of all) {
        const { text } = wanted.ip
        const known = this.#wanted.get(text)
        if (known !== undefined) known.push(wanted)
        else if (this.#wanted.size < maxWanted) this.#wanted.set(text, [wanted])
      }
    }
    for (const memory of [this.#foreign, this.#faults, this.#retryAtMs, this.#occupiedSinceMs]) {
      for (const address of memory.keys()) if (!this.#wanted.has(address)) memory.delete(address)
    }
  }

  /** One after the other; never rejects. */
  #queue (act: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(act).catch((error: unknown) => this.#options.log.warn({ err: error }, 'an address could not be looked after'))
    return this.#work
  }

  #evaluateSoon (): void {
    if (this.#isQueued || this.#isEnded) return
    this.#isQueued = true
    void this.#queue(async () => {
      this.#isQueued = false
      await this.#evaluate()
    })
  }

  #lookLater (): void {
    if (this.#isEnded) return
    this.#looking = this.#options.clock.after(lookMs, () => {
      void this.#queue(() => this.#look()).finally(() => this.#lookLater())
    })
  }

  async #look (): Promise<void> {
    if (this.#isEnded || (this.#wanted.size === 0 && this.#held.size === 0)) return
    await this.#readInterfaces()
    await this.#prolong()
    await this.#evaluate()
    await this.#announceDue()
  }

  async #readInterfaces (): Promise<void> {
    this.#interfaces = await readInterfaces(this.#options.run) ?? this.#interfaces
    for (const { lent } of this.#interfaces) for (const address of lent) this.#lent.add(address)
  }

  get #isConfirmed (): boolean {
    return this.#options.now() - this.#options.confirmedAtMs() < this.#options.ttlMs
  }

  #decide (address: string): Decision {
    const { node, isFast, now } = this.#options
    const held = this.#held.get(address)
    const view: View = { node, nowMs: now(), peers: this.#peers, isConfirmed: this.#isConfirmed, hasLapsed: held?.hasLapsed === true, isFast }
    return decide(address, this.#wanted.get(address) ?? [], held !== undefined, view)
  }

  async #evaluate (): Promise<void> {
    if (this.#isEnded) return
    const gone: string[] = []
    const sure: string[] = []
    const asked: string[] = []
    const nowMs = this.#options.now()
    for (const address of new Set([...this.#wanted.keys(), ...this.#held.keys()])) {
      const decision = this.#decide(address)
      if (decision.action === 'release') gone.push(address)
      if (decision.action !== 'take') continue
      if (this.#held.size + sure.length >= maxAnnounced) this.#faults.set(address, `this machine announces ${maxAnnounced} addresses already`)
      else if (decision.isSure && !this.#foreign.has(address)) sure.push(address)
      else if (!this.#probing.has(address) && (this.#retryAtMs.get(address) ?? 0) <= nowMs) asked.push(address)
    }
    await this.#release(gone, 'another machine is to announce it, or none')
    await this.#add(sure)
    if (asked.length > 0) this.#ask(asked)
    await this.#publish()
  }

  /** Beside the other work: it takes a while. */
  #ask (addresses: readonly string[]): void {
    for (const address of addresses) this.#probing.add(address)
    const { run, allowed } = this.#options
    const places = addresses.flatMap((address): Place[] => {
      const [wanted] = this.#wanted.get(address) ?? []
      const at = wanted === undefined ? undefined : interfaceFor(wanted.ip, this.#interfaces, allowed)
      return at === undefined ? [] : [{ address, at }]
    })
    void probe(run, this.#tool, places).then((found) => this.#queue(async () => {
      for (const address of addresses) this.#probing.delete(address)
      await this.#add(addresses.filter((address) => this.#isFree(address, found)))
      await this.#publish()
    }))
  }

  /** Whether an address may be taken, after the neighbours were asked. @param found undefined: they could not be asked */
  #isFree (address: string, found: ReadonlyMap<string, string> | undefined): boolean {
    const decision = this.#decide(address)
    if (decision.action !== 'take' || this.#isEnded) return false
    const nowMs = this.#options.now()
    const mac = found?.get(address)
    const isFenced = decision.fencedUntilMs !== undefined && nowMs < decision.fencedUntilMs
    if (mac === undefined && !(found === undefined && isFenced)) {
      this.#foreign.delete(address)
      this.#occupiedSinceMs.delete(address)
      return true
    }
    if (mac !== undefined && this.#peers.ownerOf(mac) === undefined && !this.#interfaces.some((each) => each.mac === mac)) {
      if (!this.#foreign.has(address)) this.#options.log.warn({ address, mac }, `${address} is not announced: ${mac} uses it on the network, which is no agent's machine`)
      this.#foreign.set(address, mac)
      this.#retryAtMs.set(address, nowMs + retryMs.foreign)
      return false
    }
    this.#foreign.delete(address)
    // An agent's machine still has it. If its kernel is not told otherwise, it drops the address by itself; what it has beyond that it
    // prolongs although its lease is gone, cut off from the registry: then this machine, which has the registry's word, takes it.
    const sinceMs = this.#occupiedSinceMs.get(address) ?? nowMs
    this.#occupiedSinceMs.set(address, sinceMs)
    if (nowMs >= (decision.fencedUntilMs ?? sinceMs + fenceMs)) {
      this.#occupiedSinceMs.delete(address)
      return true
    }
    this.#retryAtMs.set(address, nowMs + retryMs.known)
    return false
  }

  async #add (addresses: readonly string[]): Promise<void> {
    if (addresses.length === 0) return
    const { run, allowed, now, log, onChange } = this.#options
    const places: Place[] = []
    for (const address of addresses) {
      const [wanted] = this.#wanted.get(address) ?? []
      const at = wanted === undefined ? undefined : interfaceFor(wanted.ip, this.#interfaces, allowed)
      if (at === undefined) continue // the interface went a moment ago: it is told soon
      this.#lent.add(address)
      const ran = await addAddress(run, { address, at }, this.#tool)
      if (ran.code !== 0) {
        this.#faults.set(address, `ip: ${failure(ran)}`)
        this.#retryAtMs.set(address, now() + retryMs.foreign)
        continue
      }
      this.#faults.delete(address)
      places.push({ address, at })
    }
    if (places.length === 0) return
    const nowMs = now()
    if (this.#held.size === 0) this.#prolongedAtMs = nowMs
    for (const { address, at } of places) this.#held.set(address, { at, hasLapsed: false, announced: 1, announceAtMs: nowMs + announceAgainMs })
    this.taken += places.length
    await announce(run, this.#tool, places)
    for (const { address, at } of places) log.info({ address, interface: at.name }, `announces ${address} on ${at.name}`)
    onChange()
  }

  async #release (addresses: readonly string[], why: string): Promise<void> {
    if (addresses.length === 0) return
    const { run, log, onChange } = this.#options
    await removeAddresses(run, this.#places(addresses))
    for (const address of addresses) {
      this.#held.delete(address)
      log.info({ address }, `announces ${address} no more: ${why}`)
    }
    onChange()
  }

  #places (addresses: Iterable<string> = this.#held.keys()): Place[] {
    return Array.from(addresses).flatMap((address) => {
      const held = this.#held.get(address)
      return held === undefined ? [] : [{ address, at: held.at }]
    })
  }

  /** Gives the kernel another lifetime's word, as far as this agent may count on its addresses. */
  async #prolong (): Promise<void> {
    const { run, now, log } = this.#options
    const nowMs = now()
    if (this.#held.size === 0) return
    if (nowMs - this.#prolongedAtMs > lifetimeSeconds * 1_000) {
      // This process was frozen: the kernel has dropped them, or does in this second, and others may have them.
      log.warn({ ms: Math.round(nowMs - this.#prolongedAtMs) }, 'this agent stood still for longer than its addresses live: it lets go of them')
      await this.#release(this.announces, 'this agent stood still')
      return
    }
    if (nowMs - this.#prolongedAtMs < prolongMs - lookMs / 2) return
    const isKnown = this.#isConfirmed
    if (!isKnown && !await this.#mayGoOn()) return
    for (const held of this.#held.values()) held.hasLapsed ||= !isKnown
    const places = this.#places()
    const missing = places.filter(({ address }) => !this.#interfaces.some(({ lent }) => lent.includes(address)))
    if (await prolongAddresses(run, places)) this.#prolongedAtMs = now()
    if (missing.length === 0) return
    this.repairs += missing.length
    log.warn({ addresses: missing.map(({ address }) => address) }, 'put addresses back that somebody else had removed')
    await announce(run, this.#tool, missing)
  }

  /**
   * The registry does not answer. If it is away for all, everybody keeps what he has; if this machine alone is cut off from it,
   * another one will announce the addresses, which is heard on the network. Who hears no other machine either lets go.
   */
  async #mayGoOn (): Promise<boolean> {
    const { run, node, allowed } = this.#options
    const held = this.#places()
    const others = Array.from(this.#peers.all()).filter((peer) => peer.node !== node && held.some(({ address }) => this.#wanted.get(address)?.some((each) => mayAnnounce(each, peer))))
    const neighbours = others.flatMap(({ addresses }) => [...addresses]).slice(0, maxAnnounced).flatMap((address): Place[] => {
      const ip = parseIp(address)
      const at = 'problem' in ip ? undefined : interfaceFor(ip, this.#interfaces, allowed)
      return at === undefined ? [] : [{ address, at }]
    })
    const found = await probe(run, this.#tool, [...held, ...neighbours])
    if (found === undefined) return false
    await this.#release(held.filter(({ address }) => found.has(address)).map(({ address }) => address), 'another machine announces it, and the registry does not answer')
    return others.length === 0 || neighbours.some(({ address }) => found.has(address))
  }

  async #announceDue (): Promise<void> {
    const { run, now } = this.#options
    const nowMs = now()
    const due = this.#places().filter(({ address }) => (this.#held.get(address)?.announceAtMs ?? Infinity) <= nowMs)
    if (due.length === 0) return
    const idle = due.filter(({ address }) => (this.#held.get(address)?.announced ?? 0) > announceTimes)
    const found = await probe(run, this.#tool, idle) // whether somebody else has it as well
    await announce(run, this.#tool, due)
    for (const { address } of due) {
      const held = this.#held.get(address)
      if (held === undefined) continue
      held.announced++
      held.announceAtMs = nowMs + (held.announced > announceTimes ? announceIdleMs : announceAgainMs)
      const mac = found?.get(address)
      if (mac !== undefined && this.#peers.ownerOf(mac) === undefined) {
        if (!this.#foreign.has(address)) this.#options.log.warn({ address, mac }, `${address} is announced here, and used by ${mac} as well`)
        this.#foreign.set(address, mac)
      } else if (idle.some((place) => place.address === address)) this.#foreign.delete(address)
    }
  }

  /** Says what has changed. */
  async #publish (): Promise<void> {
    const { said } = this
    const text = JSON.stringify({ ...said, networks: said.networks.map((network) => network.text) })
    if (text === this.#said) return
    this.#said = text
    const problems = said.problems.join('; ')
    if (problems !== this.#reported && problems !== '') this.#options.log.warn({}, problems)
    this.#reported = problems
    void this.#options.publish(said) // not waited for: while the registry is away that would hold up the addresses
  }
}

function nameOf ({ namespace, service }: Pick<ServiceEndpoints, 'namespace' | 'service'>): string {
  return `${namespace}/${service}`
}
