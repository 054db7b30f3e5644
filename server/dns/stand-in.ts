// Answers in the main thread while no thread of DNS is at work: before the first is, and after the last one died until the next one is. It
// shares the port with them.
import type { Certificate, DnsServer } from './server.ts'

type Server = Pick<DnsServer, 'close' | 'renew'>

export class StandIn {
  readonly #start: () => Promise<Server>
  /** One step after the other: what is begun is whole before it ends. */
  #last: Promise<unknown> = Promise.resolve()
  #server: Server | undefined
  #isWanted = false
  #isClosed = false

  constructor (start: () => Promise<Server>) {
    this.#start = start
  }

  /** Begins to answer. Resolves when it does. @throws the error of the system if it can't bind */
  begin (): Promise<void> {
    this.#isWanted = true
    return this.#next(async () => {
      if (this.#isWanted && !this.#isClosed) this.#server ??= await this.#start()
    })
  }

  /** A thread answers: it does no more. */
  end (): Promise<void> {
    this.#isWanted = false
    return this.#next(async () => { if (!this.#isWanted) await this.#end() })
  }

  /** Resolves when what was begun or ended is. */
  get settled (): Promise<unknown> {
    return this.#last
  }

  renew (certificate: Certificate): void {
    this.#server?.renew(certificate)
  }

  close (): Promise<void> {
    this.#isClosed = true
    return this.#next(() => this.#end())
  }

  async #end (): Promise<void> {
    const server = this.#server
    this.#server = undefined
    await server?.close()
  }

  #next (step: () => Promise<void>): Promise<void> {
    const done = this.#last.then(step)
    this.#last = done.catch(() => undefined)
    return done
  }
}
