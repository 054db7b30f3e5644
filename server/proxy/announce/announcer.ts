// Announces load-balancer addresses on the networks of this machine: the kernel answers ARP and neighbour discovery for
// an address that is there, so that to own one is to add it, with a lifetime that ends by itself when this agent does.
// Here stands which ones are to be here; own-addresses.ts keeps them.
import type { Clock } from '../../clock.ts'
import { agentNamespace, agentService } from '../../model/agent-name.ts'
import type { EndpointsEvent } from '../../../client-sdk/src/index.ts'
import type { ServiceEndpoints } from '../../../client-sdk/src/wire.ts'
import type { Condition } from '../front-end.ts'
import type { Run } from '../program.ts'
import { maxAnnounced, type Said } from './agent-metadata.ts'
import { type Decision, decide, fenceMs, type View } from './election.ts'
import type { Announceable } from './interfaces.ts'
import { OwnAddresses } from './own-addresses.ts'
import { type Peer, Peers } from './peers.ts'
import { problemOf } from './problems.ts'
import { mayAnnounce } from './wanted.ts'
import { WantedAddresses } from './wanted-addresses.ts'

/** How often this agent looks at its addresses. */
const lookMs = 1_000
/** An address that somebody else has is asked for again. */
const retryMs = { known: 1_000, foreign: 10_000 } as const

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
  /** How often the registry may have taken this agent for lost. */
  readonly interruptions: () => number
  /** How long the registry takes this agent for alive after it. */
  readonly ttlMs: number
  /** Tells the registry. Never rejects. */
  readonly publish: (said: Said) => Promise<void>
  /** An address came or went. */
  readonly onChange: () => void
  readonly log: { info (fields: object, message: string): void, warn (fields: object, message: string): void }
}

export class Announcer {
  readonly #options: AnnouncerOptions
  readonly #peers = new Peers()
  readonly #wanted = new WantedAddresses()
  readonly #own: OwnAddresses
  readonly #foreign = new Map<string, string>()
  readonly #faults = new Map<string, string>()
  readonly #retryAtMs = new Map<string, number>()
  readonly #occupiedSinceMs = new Map<string, number>()
  readonly #probing = new Set<string>()
  /** Of this process, so that no two have the same turn. */
  readonly #life = Date.now().toString(36)
  #interruptions = 0
  #isQueued = false
  #isEnded = false
  #work: Promise<void> = Promise.resolve()
  #looking: (() => void) | undefined
  #said = ''
  #reported = ''

  constructor (options: AnnouncerOptions) {
    this.#options = options
    this.#own = new OwnAddresses(options)
  }

  /** How often this agent has taken an address. */
  get taken (): number {
    return this.#own.taken
  }

  /** How often it put one back that somebody had removed. */
  get repairs (): number {
    return this.#own.repairs
  }

  /** Addresses that it announces now, sorted. */
  get announces (): readonly string[] {
    return this.#own.list
  }

  /** Addresses of services that are, or were lately, on the interfaces of this machine. */
  get lent (): ReadonlySet<string> {
    return this.#own.lent
  }

  get said (): Said {
    return {
      announces: this.announces, turn: `${this.#life}.${this.taken}`, networks: this.#own.networks, macs: this.#own.macs,
      problems: this.conditions().map(({ message }) => message)
    }
  }

  /** Reads the interfaces, and goes on with what an earlier life has left there. */
  async start (): Promise<void> {
    await this.#own.start()
    this.#lookLater()
  }

  /** Takes what the registry tells. */
  take (event: EndpointsEvent): void {
    switch (event.type) {
      case 'endpoints-snapshot':
        this.#wanted.replace(event.services)
        this.#peers.replace(event.services.find(isAgents)?.endpoints ?? [], this.#options.now())
        break
      case 'endpoints':
        this.#wanted.put([event.endpoints])
        if (isAgents(event.endpoints)) this.#peers.replace(event.endpoints.endpoints, this.#options.now())
        break
      case 'endpoints-gone':
        this.#wanted.remove(`${event.namespace}/${event.service}`)
        if (isAgents(event)) this.#peers.replace([], this.#options.now())
        break
      case 'bookmark':
      case 'reset':
        return
    }
    for (const memory of [this.#foreign, this.#faults, this.#retryAtMs, this.#occupiedSinceMs]) {
      for (const address of memory.keys()) if (this.#wanted.of(address).length === 0) memory.delete(address)
    }
    this.#evaluateSoon()
  }

  /** What was kept before the registry has answered: addresses that an earlier life had stay. */
  resume (services: readonly ServiceEndpoints[]): void {
    this.#wanted.replace(services)
  }

  /** What it can't announce, and what nobody announces. */
  conditions (): Condition[] {
    const { node } = this.#options
    return Array.from(this.#wanted.all()).flatMap(([address, wanted]) => {
      const problem = problemOf({
        address, wanted, node, peers: this.#peers, foreignMac: this.#foreign.get(address), fault: this.#faults.get(address),
        isMine: this.#own.has(address), canTell: this.#own.canTell
      })
      return problem === undefined ? [] : [{ service: wanted[0]?.service ?? '', ...problem }]
    })
  }

  /** Lets go of what another machine may announce, in order. What nobody else may stays for its lifetime: a restart is quicker. */
  async stop (): Promise<void> {
    this.#isEnded = true
    this.#looking?.()
    await this.#work
    const others = Array.from(this.#peers.all()).filter(({ node, isLive }) => isLive && node !== this.#options.node)
    const gone = this.announces.filter((address) => others.some((peer) => this.#wanted.of(address).some((each) => mayAnnounce(each, peer))))
    await this.#own.release(gone, 'this agent ends')
    await this.#own.prolongAll()
    await this.#options.publish({ ...this.said, announces: [], networks: [], problems: [] })
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
    if (this.#isEnded || (this.#wanted.size === 0 && this.#own.size === 0)) return
    await this.#own.look()
    await this.#own.prolong(this.#isConfirmed, () => this.#mayGoOn())
    await this.#evaluate()
    await this.#announceDue()
  }

  get #isConfirmed (): boolean {
    return this.#options.now() - this.#options.confirmedAtMs() < this.#options.ttlMs
  }

  #decide (address: string): Decision {
    const { node, isFast, now } = this.#options
    const view: View = { node, nowMs: now(), peers: this.#peers, isConfirmed: this.#isConfirmed, hasLapsed: this.#own.hasLapsed(address), isFast }
    return decide(address, this.#wanted.of(address), this.#own.has(address), view)
  }

  async #evaluate (): Promise<void> {
    if (this.#isEnded) return
    const gone: string[] = []
    const sure: string[] = []
    const asked: string[] = []
    const nowMs = this.#options.now()
    const interruptions = this.#options.interruptions()
    if (interruptions !== this.#interruptions) this.#own.lapse()
    this.#interruptions = interruptions
    for (const address of new Set([...this.#wanted.all().keys(), ...this.#own.list])) {
      const decision = this.#decide(address)
      if (decision.action === 'release') gone.push(address)
      if (decision.action !== 'take') continue
      if (this.#own.size + sure.length >= maxAnnounced) this.#faults.set(address, `this machine announces ${maxAnnounced} addresses already`)
      else if (decision.isSure && !this.#foreign.has(address)) sure.push(address)
      else if (!this.#probing.has(address) && (this.#retryAtMs.get(address) ?? 0) <= nowMs) asked.push(address)
    }
    await this.#own.release(gone, 'another machine is to announce it, or none')
    await this.#add(sure)
    if (asked.length > 0) this.#ask(asked)
    await this.#publish()
  }

  /** Beside the other work: it takes a while. */
  #ask (addresses: readonly string[]): void {
    for (const address of addresses) this.#probing.add(address)
    void this.#own.probe(this.#own.placesFor(addresses)).then((found) => this.#queue(async () => {
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
    if (mac !== undefined && this.#peers.ownerOf(mac) === undefined && !this.#own.macs.includes(mac)) {
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
    for (const [address, fault] of await this.#own.add(addresses)) {
      if (fault === undefined) this.#faults.delete(address)
      else {
        this.#faults.set(address, fault)
        this.#retryAtMs.set(address, this.#options.now() + retryMs.foreign)
      }
    }
  }

  /**
   * The registry does not answer. If it is away for all, everybody keeps what he has; if this machine alone is cut off from it,
   * another one will announce the addresses, which is heard on the network. Who hears no other machine either lets go.
   */
  async #mayGoOn (): Promise<boolean> {
    const { node } = this.#options
    const held = this.#own.places()
    const may = (peer: Peer): boolean => held.some(({ address }) => this.#wanted.of(address).some((each) => mayAnnounce(each, peer)))
    const others = Array.from(this.#peers.all()).filter((peer) => peer.node !== node && may(peer))
    const neighbours = this.#own.placesFor(others.flatMap(({ addresses }) => [...addresses]).slice(0, maxAnnounced))
    const found = await this.#own.probe([...held, ...neighbours])
    if (found === undefined) return false
    await this.#own.release(held.filter(({ address }) => found.has(address)).map(({ address }) => address), 'another machine announces it, and the registry does not answer')
    return others.length === 0 || neighbours.some(({ address }) => found.has(address))
  }

  async #announceDue (): Promise<void> {
    for (const [address, mac] of await this.#own.announceDue()) {
      if (mac !== undefined && this.#peers.ownerOf(mac) === undefined) {
        if (!this.#foreign.has(address)) this.#options.log.warn({ address, mac }, `${address} is announced here, and used by ${mac} as well`)
        this.#foreign.set(address, mac)
      } else this.#foreign.delete(address)
    }
  }

  /** Says what has changed. */
  async #publish (): Promise<void> {
    const { said } = this
    const text = JSON.stringify({ ...said, networks: said.networks.map((network) => network.text) }) // a range has numbers that JSON has not
    if (text === this.#said) return
    this.#said = text
    const problems = said.problems.join('; ')
    if (problems !== this.#reported && problems !== '') this.#options.log.warn({}, problems)
    this.#reported = problems
    void this.#options.publish(said) // not waited for: while the registry is away that would hold up the addresses
  }
}

function isAgents ({ namespace, service }: Pick<ServiceEndpoints, 'namespace' | 'service'>): boolean {
  return namespace === agentNamespace && service === agentService
}
