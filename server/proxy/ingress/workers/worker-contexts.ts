// The certificates of a worker, ready for handshakes: each is made into a context when a client asks for it first, and kept until another
// takes its place. Connections that are open keep the one that they began with.
import { X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { oldestTls } from '../../../tls/certificate.ts'
import type { Pair } from '../listen/ingress-servers.ts'
import type { WorkerCertificates } from './worker-messages.ts'

/** Names that clients have asked for, of each certificate: whoever asks may ask for anything. */
const maxNames = 1_000

interface Ready {
  readonly pair: Pair
  context?: SecureContext
  certificate?: X509Certificate
  /** Whether it is valid for a name. */
  readonly names: Map<string, boolean>
}

export class WorkerContexts {
  readonly #secretOf: (host: string) => string | undefined
  readonly #log: { warn (fields: object, message: string): void }
  #bySecret = new Map<string, Ready>()
  #other: Ready | undefined

  /** @param secretOf which secret holds the certificate of a host */
  constructor (secretOf: (host: string) => string | undefined, log: { warn (fields: object, message: string): void }) {
    this.#secretOf = secretOf
    this.#log = log
  }

  set ({ bySecret, other }: Pick<WorkerCertificates, 'bySecret' | 'other'>): void {
    const next = new Map<string, Ready>()
    for (const [secret, pair] of bySecret) next.set(secret, kept(this.#bySecret.get(secret), pair))
    this.#bySecret = next
    this.#other = other === undefined ? undefined : kept(this.#other, other)
  }

  /** The context for a name: of its secret, if that is there and valid for the name, else the default one. */
  find (asked: string): SecureContext | undefined {
    const name = asked.toLowerCase()
    const secret = this.#secretOf(name)
    const ready = secret === undefined ? undefined : this.#bySecret.get(secret)
    return (ready !== undefined && isFor(ready, name) ? this.#context(ready, secret) : undefined) ?? (this.#other === undefined ? undefined : this.#context(this.#other, 'the default'))
  }

  #context (ready: Ready, of: string | undefined): SecureContext | undefined {
    try {
      return ready.context ??= createSecureContext({ cert: ready.pair.cert, key: ready.pair.key, minVersion: oldestTls })
    } catch (error) { // the agent has tried it before: this is another version of OpenSSL, or no memory
      this.#log.warn({ secret: of }, `the certificate of ${of} cannot be used: ${error instanceof Error ? error.message : String(error)}`)
      return undefined
    }
  }
}

function kept (before: Ready | undefined, pair: Pair): Ready {
  return before !== undefined && before.pair.cert === pair.cert && before.pair.key === pair.key ? before : { pair, names: new Map() }
}

function isFor (ready: Ready, name: string): boolean {
  const known = ready.names.get(name)
  if (known !== undefined) return known
  ready.certificate ??= new X509Certificate(ready.pair.cert) // the first of the chain is the host's own
  const is = ready.certificate.checkHost(name) !== undefined
  if (ready.names.size >= maxNames) ready.names.clear()
  ready.names.set(name, is)
  return is
}
