// UDP on all addresses of the machine: an answer has to leave from the address that was asked, or the resolver drops it. So each address has
// a socket of its own, and they are followed as they come and go. Where the system tells which address was asked, a socket on all addresses
// takes what comes to the others (stray-listener.ts); elsewhere those are refused at once, as where nobody listens.
import { type ListenAddress, listenOnAll } from '../../listen-addresses.ts'
import type { Response } from '../protect/client.ts'
import type { Batching } from './batching.ts'
import { type Interfaces, familiesOf, isEveryAddress, maxOwnAddresses, ownAddresses } from './own-addresses.ts'
import { type StrayHooks, StrayListener } from './stray-listener.ts'
import { type ListenerOptions, UdpListener } from './udp-listener.ts'

/** How long a new address may be without a socket of its own. */
export const followIntervalMs = 2_000

export interface EveryAddressOptions extends ListenerOptions {
  /** Default: those of the system. */
  readonly interfaces?: Interfaces | undefined
}

export class EveryAddress {
  readonly port: number
  readonly #options: EveryAddressOptions
  readonly #strays = new Map<4 | 6, StrayListener>()
  readonly #listeners = new Map<string, UdpListener>()
  /** Those that were asked, though no interface has them. */
  readonly #learned = new Set<string>()
  /** Those that are being bound, or were refused since the addresses were looked at last. */
  readonly #tried = new Set<string>()
  /** Those that the log has been told of. */
  readonly #told = new Set<string>()
  #cancel: () => void = () => undefined
  #work: Promise<unknown> = Promise.resolve()
  #closed: Promise<void> | undefined

  /** Binds. @param options of an address that is all addresses @throws the error of the system, like EADDRINUSE */
  static async listen (options: EveryAddressOptions): Promise<EveryAddress> {
    const { batching } = options
    return batching === undefined ? EveryAddress.#each(options) : EveryAddress.#beforeAll(options, batching)
  }

  static async #each (options: EveryAddressOptions): Promise<EveryAddress> {
    const own = ownAddresses(options.address, true, options.interfaces).slice(0, maxOwnAddresses)
    const listeners = await listenOnAll(own, options.port, (each, port) => UdpListener.listen({ ...options, ...each, port }))
    return new EveryAddress(options, listeners[0].port, new Map(listeners.map((listener) => [listener.address, listener])))
  }

  static async #beforeAll (options: EveryAddressOptions, batching: Batching): Promise<EveryAddress> {
    const strays: [4 | 6, StrayListener][] = []
    const of: { every?: EveryAddress } = {}
    const hooks: StrayHooks = {
      asked: (address) => { if (of.every !== undefined) of.every.#learn(address) },
      later: (asked, answers, peer) => { if (of.every !== undefined) void of.every.#later(asked, answers, peer) }
    }
    try {
      for (const family of familiesOf(options.address)) {
        const port = strays[0]?.[1].port ?? options.port
        strays.push([family, new StrayListener({ ...options, address: family === 4 ? '0.0.0.0' : '::', family, port }, batching, hooks)])
      }
    } catch (error) {
      for (const [, stray] of strays) stray.close()
      throw error
    }
    const every = of.every = new EveryAddress(options, strays[0]?.[1].port ?? options.port, new Map(), new Map(strays))
    await every.follow().catch((error: unknown) => options.report(`DNS over UDP: the addresses of this machine cannot be listed: ${String(error)}`))
    return every
  }

  private constructor (options: EveryAddressOptions, port: number, listeners: ReadonlyMap<string, UdpListener>, strays?: ReadonlyMap<4 | 6, StrayListener>) {
    this.#options = options
    this.port = port
    for (const [address, listener] of listeners) this.#listeners.set(address, listener)
    for (const [family, stray] of strays ?? []) this.#strays.set(family, stray)
    this.#again()
  }

  /** The addresses that have a socket of their own, in no order. */
  get addresses (): string[] {
    return [...this.#listeners.keys()]
  }

  /** Takes the addresses in that have come, and closes the sockets of those that went. */
  follow (): Promise<void> {
    const work = this.#work.then(async () => {
      if (this.#closed !== undefined) return
      this.#tried.clear()
      const own = new Map(this.#own().map((each) => [each.address, each]))
      for (const [address, listener] of this.#listeners) {
        if (own.has(address) || this.#learned.has(address)) continue
        this.#listeners.delete(address)
        await listener.close()
      }
      for (const each of own.values()) await this.#add(each)
    })
    this.#work = work.catch(() => undefined)
    return work
  }

  /** Answers what has arrived, and closes. */
  close (): Promise<void> {
    return this.#closed ??= this.#close()
  }

  async #close (): Promise<void> {
    this.#cancel()
    await this.#work
    // First the sockets behind the others, as their answers may leave by those.
    for (const stray of this.#strays.values()) stray.close()
    await Promise.all(Array.from(this.#listeners.values(), (listener) => listener.close()))
  }

  /** An address was asked that has no socket of its own. */
  #learn (address: string): void {
    if (this.#closed !== undefined || this.#listeners.has(address) || this.#tried.has(address) || this.#learned.size >= maxOwnAddresses) return
    this.#learned.add(address)
    this.#work = this.#work.then(() => this.#add({ address, family: address.includes(':') ? 6 : 4 }))
  }

  /** One that is refused goes on without a socket of its own: it may be gone again. */
  async #add ({ address, family }: ListenAddress): Promise<void> {
    if (this.#listeners.has(address) || this.#tried.has(address) || this.#closed !== undefined) return
    this.#tried.add(address)
    try {
      const listener = await UdpListener.listen({ ...this.#options, address, family, port: this.port }, this.#strays.get(family)?.socket)
      this.#tried.delete(address)
      this.#listeners.set(address, listener)
    } catch (error) {
      this.#learned.delete(address)
      const isAbsent = error instanceof Error && 'code' in error && error.code === 'EADDRNOTAVAIL'
      if (isAbsent || this.#told.has(address) || this.#told.size >= maxOwnAddresses) return
      this.#told.add(address)
      this.#options.report(`DNS over UDP: ${address} is left out: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  /** One that stands on all addresses takes what comes to those without a socket. */
  #own (): ListenAddress[] {
    const own = ownAddresses(this.#options.address, this.#strays.size === 0, this.#options.interfaces)
    if (own.length > maxOwnAddresses && this.#strays.size === 0 && !this.#told.has('')) {
      this.#told.add('')
      this.#options.report(`DNS over UDP: of ${own.length} addresses of this machine ${maxOwnAddresses} are answered: give --dns the one that is asked`)
    }
    return own.slice(0, maxOwnAddresses)
  }

  /** By the socket of the address that was asked: it has one by now. */
  async #later (asked: string | undefined, answers: Exclude<Response, number>, peer: { readonly address: string, readonly port: number }): Promise<void> {
    await this.#work
    const listener = asked === undefined ? undefined : this.#listeners.get(asked)
    if (listener !== undefined) return listener.later(answers, peer)
    this.#options.counters.drop('send-failed')
    await answers[Symbol.asyncIterator]().return?.() // nobody waits for it any more
  }

  #again (): void {
    this.#cancel = this.#options.clock.after(followIntervalMs, async () => {
      this.#again()
      await this.follow()
    })
  }
}

/** UDP at one address, or at all of them. */
export interface UdpSide {
  readonly port: number
  close (): Promise<void>
}

/** Binds. @throws the error of the system, like EADDRINUSE */
export function listenUdp (options: EveryAddressOptions): Promise<UdpSide> {
  return isEveryAddress(options.address) ? EveryAddress.listen(options) : UdpListener.listen(options)
}
