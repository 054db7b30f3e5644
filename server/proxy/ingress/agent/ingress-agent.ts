// The ingress of one machine: it follows the registry, keeps the state that its workers answer by, their certificates and their sockets, and
// says to the registry where it answers and what it cannot serve. It goes on with the last state while the registry is away.
import { randomBytes } from 'node:crypto'
import type { EndpointsEvent } from '../../../../client-sdk/src/index.ts'
import type { IngressCertificate } from '../../../../client-sdk/src/wire.ts'
import type { Clock } from '../../../clock.ts'
import type { Guard } from '../../../guard.ts'
import type { KeptCertificate } from '../../../tls/kept-certificate.ts'
import { IngressEngine } from '../engine.ts'
import type { Engine, IngressTimeouts } from '../ports.ts'
import type { ServerLimits } from '../listen/ingress-servers.ts'
import type { Machine } from '../../machine.ts'
import type { PlaceSocket } from '../workers/place-sockets.ts'
import type { ChangedNames } from '../workers/state-changes.ts'
import { sumFigures } from '../workers/worker-figures.ts'
import { WorkerPool, type WorkerPoolOptions } from '../workers/worker-pool.ts'
import type { WorkerSettings } from '../workers/worker-messages.ts'
import { CertificateBook, type Material } from './certificate-book.ts'
import { CertificateFiles } from './certificate-files.ts'
import { ingressMetricsText } from './ingress-metrics.ts'
import { certificateNotices, type Notice } from './ingress-notices.ts'
import { type KeptIngress, writeIngress } from './ingress-state-file.ts'
import { IngressStore } from './ingress-store.ts'
import type { IngressObjects } from './object-follower.ts'

/** The state is written at most this often. */
const keepMs = 2_000
/** Problems are told at most this often: each is a change in the registry. */
const tellMs = 1_000
/** Notices that the log tells of at once: the status and the metrics have all. */
const maxSaid = 200
/** Session tickets are of no use to who has recorded traffic, once their keys are gone. */
const ticketMs = 12 * 3_600_000

export interface IngressAgentOptions {
  readonly machine: Machine
  readonly sockets: readonly (readonly PlaceSocket[])[]
  readonly classes: readonly string[]
  readonly trusted: readonly string[]
  readonly proxied: readonly string[]
  readonly allowExternalNames: boolean
  readonly timeouts: Partial<IngressTimeouts>
  readonly limits: ServerLimits
  readonly accessSample: number | undefined
  readonly logLevel: string
  /** Where certificates in files may be; undefined: none are read. */
  readonly certificateDirectory: string | undefined
  /** Of every name that no secret is for; undefined: such handshakes fail. */
  readonly defaultCertificate: KeptCertificate | undefined
  /** Where the state is kept; undefined: nowhere. */
  readonly stateFile: string | undefined
  readonly clock: Clock
  readonly guard: Guard
  readonly log: WorkerPoolOptions['log'] & { error (fields: object, message: string): void }
  /** Told what is not served as it says, each time that this may have changed. */
  readonly tell?: (problems: readonly Notice[]) => void
  readonly start?: WorkerPoolOptions['start']
}

export class IngressAgent {
  readonly #options: IngressAgentOptions
  readonly #store: IngressStore
  readonly #book: CertificateBook
  readonly #files: CertificateFiles
  readonly #pool: WorkerPool
  /** It answers nothing: it knows what is wrong with the state, and which secrets are named. */
  readonly #engine: Engine
  #certificates: readonly IngressCertificate[] = []
  /** Why the registry gives none. */
  #withheld: string | undefined
  #ticketKeys = randomBytes(48)
  #hasObjects = false
  #hasServices = false
  #cancelKeep: (() => void) | undefined
  #cancelTell: (() => void) | undefined
  #cancelTickets: (() => void) | undefined
  #keepFault = ''
  /** Notices that the log has told of. */
  #said: ReadonlySet<string> = new Set()
  #isEnded = false

  constructor (options: IngressAgentOptions) {
    this.#options = options
    const { classes, machine, clock, guard, log, sockets, start } = options
    this.#store = new IngressStore({
      classes, certificates: () => ({ bySecret: this.#book.served(), other: this.#default, ticketKeys: this.#ticketKeys })
    })
    this.#book = new CertificateBook({ clock, log, changed: () => this.#changed({ certificates: true }) })
    this.#files = new CertificateFiles({ directory: options.certificateDirectory, clock, changed: () => this.#takeCertificates() })
    this.#engine = new IngressEngine({ clock, guard, machine, random: () => 0, trusted: [], allowExternalNames: options.allowExternalNames })
    this.#pool = new WorkerPool({
      sockets, settings: (place) => this.#settings(place), source: this.#store, clock, guard, log, ...(start === undefined ? {} : { start })
    })
  }

  /** Whether a registry has said what there is, now or before a restart. */
  get isTold (): boolean {
    return this.#hasObjects && this.#hasServices
  }

  /** Whether it answers by that. */
  get isReady (): boolean {
    return this.isTold && this.#pool.working > 0
  }

  /** What is not served as it says. */
  get notices (): readonly Notice[] {
    return [...certificateNotices(this.#store.ingresses, this.#book), ...this.#engine.notices()]
  }

  get pids (): readonly number[] {
    return this.#pool.pids
  }

  get status (): object {
    return { ingresses: this.#store.ingresses.length, workers: this.#pool.pids, restarts: this.#pool.restarts, notices: this.notices.slice(0, 200) }
  }

  /** Begins with what was kept. */
  async resume ({ ingresses, classes, services, certificates }: KeptIngress): Promise<void> {
    this.takeServices(services)
    await this.takeObjects({ ingresses, classes, certificates })
  }

  /** Resolves when its workers listen. */
  async start (): Promise<void> {
    await this.#options.defaultCertificate?.watch(() => this.#options.clock.after(0, () => this.#changed({ certificates: true })))
    this.#rotateLater()
    await this.#pool.start()
  }

  /** Takes what the registry tells of services. */
  takeEvent (event: EndpointsEvent): void {
    switch (event.type) {
      case 'endpoints-snapshot': return this.takeServices(event.services)
      case 'endpoints':
        return this.#serviceChanged(this.#store.putService(event.endpoints), () => this.#engine.putService(event.endpoints))
      case 'endpoints-gone':
        return this.#serviceChanged(this.#store.removeService(`${event.namespace}/${event.service}`), () => this.#engine.removeService(event.namespace, event.service))
      case 'bookmark':
      case 'reset': // a snapshot follows; until then the last state stands
    }
  }

  takeServices (services: KeptIngress['services']): void {
    this.#hasServices = true
    const names = this.#store.setServices(services)
    this.#engine.setState(this.#store.state)
    this.#changed(names)
  }

  /** Takes all ingresses, classes and certificates that there are. */
  async takeObjects ({ ingresses, classes, certificates, certificatesWithheld }: Omit<IngressObjects, 'revision'>): Promise<void> {
    this.#hasObjects = true
    this.#certificates = certificates
    if (certificatesWithheld !== undefined && this.#withheld === undefined) this.#options.log.warn({}, `no certificates: ${certificatesWithheld}`)
    this.#withheld = certificatesWithheld
    // First, so that no worker routes a host whose certificate it lacks.
    await this.#files.set(new Map(certificates.flatMap(({ namespace, name, certificateFile, keyFile }) =>
      (certificateFile === undefined || keyFile === undefined ? [] : [[`${namespace}/${name}`, { certificateFile, keyFile }] as const]))))
    const names = this.#store.setObjects(ingresses, classes)
    this.#engine.setState(this.#store.state)
    const isOther = this.#book.set(this.#materials())
    this.#changed({ ...names, certificates: isOther })
  }

  /** Resolves when each worker has taken what was told so far. */
  whenTaken (): Promise<void> {
    return this.#pool.whenTaken()
  }

  async metricsText (): Promise<string> {
    const certificateSeconds = this.#book.expirySeconds()
    const other = this.#options.defaultCertificate?.current.expiresAtMs
    if (other !== undefined) certificateSeconds.set('default', (other - this.#options.clock.now()) / 1_000)
    return ingressMetricsText(sumFigures(await this.#pool.figures()), {
      workers: this.#pool.working, restarts: this.#pool.restarts, ingresses: this.#store.ingresses.length, notices: this.notices.length, certificateSeconds
    })
  }

  /** Replaces its workers, one after the other: nobody is refused. */
  replaceWorkers (graceMs: number): Promise<void> {
    return this.#pool.replace(graceMs)
  }

  /** Accepts no more, lets each client have its answer, and cuts what is left after the grace. */
  async stop (graceMs: number): Promise<void> {
    this.#isEnded = true
    for (const cancel of [this.#cancelKeep, this.#cancelTell, this.#cancelTickets]) cancel?.()
    await this.#pool.end(graceMs)
    await this.#keep()
    this.#book.close()
    this.#files.close()
    this.#options.defaultCertificate?.close()
    await this.#engine.close(0)
  }

  get #default (): { readonly cert: string, readonly key: string } | undefined {
    const current = this.#options.defaultCertificate?.current
    return current === undefined ? undefined : { cert: current.cert, key: current.key }
  }

  #settings (place: number): WorkerSettings {
    const { machine, trusted, proxied, allowExternalNames, timeouts, limits, accessSample, logLevel } = this.#options
    return { place, machine, trusted, proxied, allowExternalNames, timeouts, limits, accessSample, logLevel }
  }

  /** Of secrets that served ingresses name, as they are now. */
  #materials (): Map<string, Material> {
    const named = this.#engine.secrets()
    if (this.#withheld !== undefined) return new Map(Array.from(named, (secret) => [secret, { problem: `is withheld by the registry: ${this.#withheld}` }]))
    return new Map(this.#certificates.flatMap(({ namespace, name, certificate: cert, key }): [string, Material][] => {
      const secret = `${namespace}/${name}`
      if (!named.has(secret)) return []
      return [[secret, cert !== undefined && key !== undefined ? { cert, key } : this.#files.material(secret) ?? { problem: 'is not there' }]]
    }))
  }

  #serviceChanged (names: ChangedNames, pass: () => void): void {
    if ([...names.services ?? []].length === 0) return // of a namespace without an ingress
    pass()
    this.#changed(names)
  }

  #takeCertificates (): void {
    this.#changed({ certificates: this.#book.set(this.#materials()) })
  }

  #changed (names: ChangedNames): void {
    this.#pool.changed(names)
    if (this.#isEnded) return
    const { clock, tell } = this.#options
    this.#cancelTell ??= clock.after(tellMs, () => {
      this.#cancelTell = undefined
      const { notices } = this
      this.#say(notices)
      tell?.(notices)
    })
    this.#cancelKeep ??= clock.after(keepMs, async () => {
      await this.#keep()
      this.#cancelKeep = undefined
    })
  }

  /** Each once, until it is over: what comes again after that is said again. */
  #say (notices: readonly Notice[]): void {
    const now = new Set<string>()
    for (const { ingress, reason, message } of notices.slice(0, maxSaid)) {
      const text = `${ingress}: ${message}`
      if (!this.#said.has(text)) this.#options.log.warn({ ingress, reason }, `the ingress ${ingress} is not served as it says: ${message}`)
      now.add(text)
    }
    this.#said = now
  }

  #rotateLater (): void {
    this.#cancelTickets = this.#options.clock.after(ticketMs, () => {
      this.#ticketKeys = randomBytes(48)
      this.#changed({ certificates: true })
      this.#rotateLater()
    })
  }

  async #keep (): Promise<void> {
    const { stateFile, log } = this.#options
    if (stateFile === undefined || !this.#hasObjects || !this.#hasServices) return
    try {
      const { ingresses, classes } = this.#store.state
      await writeIngress(stateFile, { ingresses, classes, services: this.#store.services(), certificates: this.#certificates })
      this.#keepFault = ''
    } catch (error) {
      const fault = error instanceof Error ? error.message : String(error)
      if (fault !== this.#keepFault) log.warn({ fault }, `the state of the ingress cannot be kept (${fault}): after a restart it answers 503 until the registry does`)
      this.#keepFault = fault
    }
  }
}
