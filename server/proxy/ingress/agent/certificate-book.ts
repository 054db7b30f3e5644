// The certificates of the secrets that ingresses name: which may be served, what is wrong with the others, and when they end.
import type { Clock } from '../../../clock.ts'
import type { Pair } from '../listen/ingress-servers.ts'
import { type CheckedPair, checkPair, isValidFor, namesOf, timeProblem } from './certificate-pair.ts'

/** What a secret holds, as text: or why that could not be had. */
export type Material = { readonly cert: string, readonly key: string } | { readonly problem: string }

/** Each handshake looks one up, and each worker has all: beyond that there are machines. */
export const maxCertificates = 1_000
const dayMs = 86_400_000
/** How often it looks at the calendar. */
const calendarMs = 3_600_000
/** Days before the end at which it is said. Let's Encrypt renews at 30: at 21 a renewal has failed for a week. */
const warnedDays = [21, 7, 1, 0] as const

interface Held {
  /** As it came. */
  material: Material
  /** What is served, while it is valid. */
  served?: CheckedPair
  /** What is wrong with what came last: completes "its certificate ...". */
  problem?: string
  /** The days of the last warning. */
  warned: number
}

export interface CertificateBookOptions {
  readonly clock: Clock
  readonly log: { warn (fields: object, message: string): void, error (fields: object, message: string): void, info (fields: object, message: string): void }
  /** What is served is another: a certificate has expired, or has become valid. */
  readonly changed: () => void
}

export class CertificateBook {
  readonly #options: CertificateBookOptions
  readonly #held = new Map<string, Held>()
  readonly #tooMany = new Set<string>()
  #cancel: (() => void) | undefined

  constructor (options: CertificateBookOptions) {
    this.#options = options
  }

  /** All secrets (`namespace/name`) that are named and there. @returns whether what is served is another than before */
  set (all: ReadonlyMap<string, Material>): boolean {
    let isOther = false
    for (const [secret, held] of this.#held) {
      if (all.has(secret)) continue
      this.#held.delete(secret)
      isOther ||= held.served !== undefined
    }
    this.#tooMany.clear()
    for (const [secret, material] of all) {
      const held = this.#held.get(secret)
      if (held === undefined && this.#held.size >= maxCertificates) {
        this.#tooMany.add(secret)
        continue
      }
      if (held === undefined || !isSame(held.material, material)) isOther = this.#take(secret, material, held) || isOther
    }
    this.#look()
    return isOther
  }

  /** By secret, those that are valid now. */
  served (): Map<string, Pair> {
    return new Map(Array.from(this.#held).flatMap(([secret, { served }]) => (served === undefined ? [] : [[secret, served.pair] as const])))
  }

  /** Seconds until each ends; below 0: it has. */
  expirySeconds (): Map<string, number> {
    const nowMs = this.#options.clock.now()
    const found = new Map<string, number>()
    for (const [secret, { served }] of this.#held) if (served !== undefined) found.set(secret, (served.expiresAtMs - nowMs) / 1_000)
    return found
  }

  /** What is wrong with a secret, for the host of a rule: completes "secret NAME: ...". */
  problem (secret: string, host?: string): string | undefined {
    if (this.#tooMany.has(secret)) return `this machine serves ${maxCertificates} certificates already`
    const held = this.#held.get(secret)
    if (held === undefined) return 'there is no such secret, or it has no certificate'
    const { served, problem } = held
    if (served === undefined) return `its certificate ${problem ?? 'cannot be used'}`
    if (host !== undefined && !isValidFor(served, host)) return `its certificate is for ${namesOf(served)} and not for ${host}`
    return problem === undefined ? undefined : `its new certificate ${problem}: the one before is served`
  }

  close (): void {
    this.#cancel?.()
  }

  #take (secret: string, material: Material, before: Held | undefined): boolean {
    const { clock, log } = this.#options
    const checked = 'problem' in material ? material : checkPair(material.cert, material.key)
    const problem = 'problem' in checked ? checked.problem : timeProblem(checked, clock.now())
    const held: Held = { material, warned: Infinity }
    if (problem === undefined) held.served = checked as CheckedPair
    else {
      held.problem = problem
      // One that is no use does not take the place of one that is.
      if (before?.served !== undefined) held.served = before.served
      held.warned = before?.warned ?? Infinity
      log.error({ secret }, `the certificate of the secret ${secret} ${problem}: ${held.served === undefined ? 'it is not served' : 'the one before is served'}`)
    }
    this.#held.set(secret, held)
    if (held.served === before?.served) return false
    if (held.served !== undefined && before !== undefined) log.info({ secret, expires: new Date(held.served.expiresAtMs).toISOString() }, `the new certificate of the secret ${secret} is served`)
    return true
  }

  /** What has expired is not served any more; what has become valid is. */
  #look (): void {
    const { clock } = this.#options
    this.#cancel?.()
    const nowMs = clock.now()
    let nextMs = calendarMs
    for (const [secret, held] of this.#held) {
      this.#warn(secret, held, nowMs)
      for (const atMs of [held.served?.expiresAtMs, beginningOf(held)]) if (atMs !== undefined && atMs > nowMs) nextMs = Math.min(nextMs, atMs - nowMs)
    }
    this.#cancel = this.#held.size === 0 ? undefined : clock.after(nextMs, () => this.#turn())
  }

  #turn (): void {
    const nowMs = this.#options.clock.now()
    let isOther = false
    for (const [secret, held] of this.#held) {
      if (held.served !== undefined && timeProblem(held.served, nowMs) !== undefined) {
        held.problem = timeProblem(held.served, nowMs) as string
        delete held.served
        isOther = true
      }
      const beginsAtMs = beginningOf(held)
      if (beginsAtMs !== undefined && beginsAtMs <= nowMs) isOther = this.#take(secret, held.material, held) || isOther
    }
    this.#look()
    if (isOther) this.#options.changed()
  }

  #warn (secret: string, held: Held, nowMs: number): void {
    if (held.served === undefined) return
    const left = (held.served.expiresAtMs - nowMs) / dayMs
    const due = warnedDays.findLast((days) => left <= days)
    if (due === undefined || due >= held.warned) return
    held.warned = due
    const expires = new Date(held.served.expiresAtMs).toISOString()
    this.#options.log.warn({ secret, expires }, `the certificate of the secret ${secret} expires in ${left < 2 ? `${Math.ceil(left * 24)} hours` : `${Math.floor(left)} days`}`)
  }
}

/** When what came last becomes valid, if that is what it waits for. */
function beginningOf ({ material, problem }: Held): number | undefined {
  if (problem?.startsWith('is not valid before') !== true || 'problem' in material) return undefined
  const checked = checkPair(material.cert, material.key)
  return 'problem' in checked ? undefined : checked.beginsAtMs
}

function isSame (one: Material, other: Material): boolean {
  if ('problem' in one || 'problem' in other) return 'problem' in one && 'problem' in other && one.problem === other.problem
  return one.cert === other.cert && one.key === other.key
}
