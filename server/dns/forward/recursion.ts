// Names outside our zones, for clients that may ask for them.
import type { AccessList } from '../protect/access-list.ts'
import type { Forwarded, Forwarder, ForwardQuestion } from './forwarder.ts'

export class Recursion {
  readonly #forwarder: Forwarder
  readonly #clients: AccessList

  /** @param clients for whom others are asked */
  constructor (forwarder: Forwarder, clients: AccessList) {
    this.#forwarder = forwarder
    this.#clients = clients
  }

  /** @param address as the socket gives it */
  permits (address: string): boolean {
    return this.#clients.permits(address)
  }

  /** What is known by now. undefined = an upstream has to be asked. */
  lookup (question: ForwardQuestion): Forwarded | undefined {
    return this.#forwarder.lookup(question)
  }

  /** Ends within seconds. Never rejects because of the network or of what others sent. @param client whose share it is */
  resolve (question: ForwardQuestion, client: string): Promise<Forwarded> {
    return this.#forwarder.resolve(question, client)
  }

  close (): void {
    this.#forwarder.close()
  }
}
