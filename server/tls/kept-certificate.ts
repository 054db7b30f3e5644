// The certificate of a listener while it listens: read anew when its files change, or when somebody says so (SIGHUP). A new one that is no
// use changes nothing. Before it expires the log says so, and a metric does all the time.
import { stat } from 'node:fs/promises'
import type { Clock } from '../clock.ts'
import { invalid } from '../errors.ts'
import { type Certificate, type CertificateFiles, openKey, readCertificate } from './certificate.ts'

/** How often it looks at the files. Not by inotify: certificates are swapped by links, some of them of directories above. */
export const lookMs = 1_000
/** How often it looks at the calendar. */
export const calendarMs = 3_600_000
const dayMs = 86_400_000
/** Days before the end at which it is said. Let's Encrypt renews at 30: at 21 a renewal has failed for a week. */
const warnedDays = [21, 7, 1, 0] as const

export interface KeptCertificateOptions {
  readonly files: CertificateFiles
  readonly clock: Clock
  readonly log: {
    info (fields: object, message: string): void
    warn (fields: object, message: string): void
    error (fields: object, message: string): void
  }
}

export class KeptCertificate {
  readonly #options: KeptCertificateOptions
  #files: CertificateFiles
  #current: Certificate
  #use: (certificate: Certificate) => void = () => undefined
  /** What the files looked like when they were last read. */
  #read: string | undefined
  /** And when they were last looked at. */
  #seen: string | undefined
  /** The days of the last warning. */
  #warned: number = Infinity
  #cancel: (() => void)[] = []
  #isClosed = false

  /** @throws RegistryError REG_INVALID naming the setting whose file is no use */
  constructor (options: KeptCertificateOptions) {
    this.#options = options
    this.#files = options.files
    this.#current = readCertificate(options.files)
    this.#warnOfKey()
  }

  get name (): string {
    return this.#files.name
  }

  get current (): Certificate {
    return this.#current
  }

  /** Begins to watch the files. @param use is given each new certificate */
  async watch (use: (certificate: Certificate) => void): Promise<void> {
    this.#use = use
    this.#seen = await looksOf(this.#files) // and not read: they may have changed since
    this.#lookAgain()
    this.#warnOfEnd()
  }

  /**
   * Reads the certificate, from other files if there are others. Nothing is changed before the function that it gives is called.
   * @throws RegistryError REG_INVALID naming the setting whose file is no use
   */
  prepare (files: CertificateFiles = this.#files): () => void {
    const certificate = readCertificate(files)
    this.#checkDates(certificate)
    return () => {
      this.#files = files
      this.#read = undefined
      this.#take(certificate)
    }
  }

  close (): void {
    this.#isClosed = true
    for (const cancel of this.#cancel.splice(0)) cancel()
  }

  #take (certificate: Certificate): void {
    if (certificate.cert === this.#current.cert && certificate.key === this.#current.key && certificate.ca === this.#current.ca) return
    this.#use(certificate)
    this.#current = certificate
    this.#warned = Infinity
    this.#warnOfKey()
    this.#warnOfEnd()
  }

  /** One that is not valid now does not take the place of one that is. */
  #checkDates ({ beginsAtMs, expiresAtMs }: Certificate): void {
    const nowMs = this.#options.clock.now()
    if (this.#current.beginsAtMs > nowMs || this.#current.expiresAtMs <= nowMs) return
    const field = `${this.#files.name}-cert`
    if (expiresAtMs <= nowMs) throw invalid([{ field, rule: `must be valid, and has expired at ${new Date(expiresAtMs).toISOString()}` }])
    if (beginsAtMs > nowMs) throw invalid([{ field, rule: `must be valid, and is so from ${new Date(beginsAtMs).toISOString()} only` }])
  }

  // The files -----------------------------------------------------------------------------------------------------------

  #lookAgain (): void {
    if (this.#isClosed) return
    this.#cancel[0] = this.#options.clock.after(lookMs, async () => {
      await this.#look()
      this.#lookAgain()
    })
  }

  /** Files that are still being written look different at the next look: they are read when they have stood still in between. */
  async #look (): Promise<void> {
    const looks = await looksOf(this.#files)
    const isStill = looks === this.#seen
    this.#seen = looks
    if (!isStill || looks === this.#read) return
    this.#read = looks
    const { log } = this.#options
    const { name } = this.#files
    try {
      const take = this.prepare()
      const before = this.#current
      take()
      this.#read = looks
      if (this.#current !== before) log.info({ subject: this.#current.subject, expires: new Date(this.#current.expiresAtMs).toISOString() }, `the new certificate of ${name} is taken`)
    } catch (error) {
      log.error({}, `the files of ${name} have changed, and the certificate from before stays in use: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  // What is said of it -------------------------------------------------------------------------------------------------

  #warnOfKey (): void {
    const warning = openKey(this.#files)
    if (warning !== undefined) this.#options.log.warn({}, warning)
  }

  #warnOfEnd (): void {
    if (this.#isClosed) return
    this.#cancel[1]?.()
    this.#cancel[1] = this.#options.clock.after(calendarMs, () => this.#warnOfEnd())
    const { clock, log } = this.#options
    const { name } = this.#files
    const { subject, beginsAtMs, expiresAtMs } = this.#current
    const left = (expiresAtMs - clock.now()) / dayMs
    const due = warnedDays.findLast((days) => left <= days)
    const facts = { subject, expires: new Date(expiresAtMs).toISOString() }
    if (beginsAtMs > clock.now()) log.error(facts, `the certificate of ${name} is not valid before ${new Date(beginsAtMs).toISOString()}: clients refuse it`)
    if (due === undefined || due >= this.#warned) return
    this.#warned = due
    if (left <= 0) log.error(facts, `the certificate of ${name} has expired: clients refuse it`)
    else log.warn(facts, `the certificate of ${name} expires in ${left < 2 ? `${Math.ceil(left * 24)} hours` : `${Math.floor(left)} days`}`)
  }
}

/** When the files were last written, as a text that differs after each change. A file that is away looks like none. */
async function looksOf ({ certFile, keyFile, caFile }: CertificateFiles): Promise<string> {
  const looks = await Promise.all([certFile, keyFile, ...(caFile === undefined ? [] : [caFile])].map(async (path) => {
    try {
      const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
      return `${ino} ${size} ${mtimeNs} ${ctimeNs}`
    } catch {
      return 'away'
    }
  }))
  return looks.join()
}
