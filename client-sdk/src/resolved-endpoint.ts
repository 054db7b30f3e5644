// What `resolve` gives: an address to call, and what is known of who is there.
import type { Candidate } from './balancer.ts'
import type { Endpoint } from './wire.ts'

/** One endpoint to call. */
export class ResolvedEndpoint implements Disposable {
  readonly namespace: string
  readonly service: string
  /** IPv4 or IPv6, as it is. For a URL use `host` or `url()`. */
  readonly address: string
  readonly port: number
  /** All that is known of it. */
  readonly instance: Endpoint
  #release: (() => void) | undefined

  /** @internal */
  constructor (namespace: string, service: string, { endpoint, port }: Candidate, release?: () => void) {
    this.namespace = namespace
    this.service = service
    this.address = endpoint.address
    this.port = port.port
    this.instance = endpoint
    this.#release = release
  }

  get id (): string {
    return this.instance.id
  }

  /** `10.0.0.7:8080` or `[2001:db8::7]:8080` */
  get host (): string {
    return `${this.address.includes(':') ? `[${this.address}]` : this.address}:${this.port}`
  }

  /** @example endpoint.url() // 'http://10.0.0.7:8080' */
  url (protocol = 'http'): string {
    return `${protocol}://${this.host}`
  }

  /** Tells `least-outstanding` that the call is over. Twice is fine; with `round-robin` it does nothing. */
  release (): void {
    this.#release?.()
    this.#release = undefined
  }

  [Symbol.dispose] (): void {
    this.release()
  }
}
