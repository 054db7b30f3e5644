// Tokens of others: JWT of an OpenID Connect issuer, checked with its published keys (JWKS) by `jose`. The keys are fetched with limits on
// time and size, kept in the store, so that a node starts with the last ones where the issuer is away, and fetched anew when a token names
// one that is not known, seldom.
import { hash } from 'node:crypto'
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose'
import type { Clock } from '../clock.ts'
import { RegistryError } from '../errors.ts'
import { isIdentityName } from '../model/policy/subject.ts'
import type { Access } from '../registry/core.ts'
import type { Verifier } from './credentials.ts'
import type { Identity } from './identity.ts'

/** An issuer, and where its keys are; undefined = where its configuration says (OpenID Connect Discovery 4). */
export interface Issuer {
  readonly issuer: string
  readonly keysUrl: string | undefined
}

export interface JwtOptions {
  readonly issuers: readonly Issuer[]
  readonly audience: string
  /** The claim that is the name of the identity. */
  readonly claim: string
  /** The claim with the groups of the identity; undefined = they are not looked at. */
  readonly groupsClaim?: string | undefined
  readonly clock: Pick<Clock, 'now'>
  /** Where the last keys are kept: the core as the node itself has it. */
  readonly kept: Pick<Access, 'secret' | 'keepSecret'>
  readonly log: { info (message: string): void, warn (message: string): void }
  /** What goes on with a token ends with it. */
  readonly expiresAt: (atMs: number) => void
  readonly fetch?: typeof fetch
}

/** Signatures by keys that only the issuer has: `none` and the symmetric ones are not among them. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
/** Header, claims and signature, nothing nested (RFC 7516 has five parts). */
const compact = /^[A-Za-z0-9_-]{2,2048}\.[A-Za-z0-9_-]{2,8192}\.[A-Za-z0-9_-]{2,1400}$/
const fetchMs = 3_000
const maxDocumentBytes = 512 * 1024
/** An issuer has a few; each is a key that may be tried. */
const maxKeys = 100
/** A token that names an unknown key makes a node ask for the keys at most so often. */
const refetchMs = 30_000
const clockToleranceSeconds = 60
const maxKnown = 10_000
/** Groups of one token. Issuers with more than 200 leave them out of a token (Entra ID), or let the groups be chosen. */
const maxGroups = 256
/** Of one token after the other: a checked signature costs some tenths of a millisecond. */
const maxChecksAtOnce = 64

interface Known {
  readonly identity: Identity
  readonly untilMs: number
}

class IssuerKeys {
  readonly #issuer: Issuer
  readonly #options: JwtOptions
  #keys: JWTVerifyGetKey | undefined
  #fetching: Promise<void> | undefined
  #fetchedAtMs = -Infinity

  constructor (issuer: Issuer, options: JwtOptions) {
    this.#issuer = issuer
    this.#options = options
  }

  /** The keys that are known; fetched if none are. @throws RegistryError REG_UNAUTHENTICATED */
  async current (): Promise<JWTVerifyGetKey> {
    if (this.#keys === undefined) await this.#restore()
    if (this.#keys === undefined) await this.renew()
    if (this.#keys === undefined) throw new RegistryError('REG_UNAUTHENTICATED', `the keys of ${this.#issuer.issuer} cannot be had now: its tokens cannot be checked`)
    return this.#keys
  }

  /** Asks for the keys, unless it did so lately. Gives whether there may be others now. */
  async renew (): Promise<boolean> {
    const { clock, log } = this.#options
    if (this.#fetching === undefined) {
      if (clock.now() - this.#fetchedAtMs < refetchMs) return false
      this.#fetchedAtMs = clock.now()
      this.#fetching = this.#fetch().catch((error: unknown) => {
        log.warn(`the keys of ${this.#issuer.issuer} cannot be fetched: ${error instanceof Error ? error.message : String(error)}`)
      }).finally(() => { this.#fetching = undefined })
    }
    await this.#fetching
    return true
  }

  async #fetch (): Promise<void> {
    const { issuer, keysUrl } = this.#issuer
    const url = keysUrl ?? urlIn(await this.#document(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`), issuer)
    const set = keySetOf(await this.#document(url))
    await this.#take(set)
    await this.#keep(set)
  }

  async #document (url: string): Promise<unknown> {
    const answer = await (this.#options.fetch ?? fetch)(url, { redirect: 'error', signal: AbortSignal.timeout(fetchMs), headers: { accept: 'application/json' } })
    if (!answer.ok || answer.body === null) throw new Error(`${url} answered ${answer.status}`)
    let text = ''
    for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
      text += chunk
      if (text.length > maxDocumentBytes) throw new Error(`${url} answered with more than ${maxDocumentBytes} characters`)
    }
    return JSON.parse(text)
  }

  async #take (set: JSONWebKeySet): Promise<void> {
    const { createLocalJWKSet } = await import('jose')
    this.#keys = createLocalJWKSet(set)
  }

  get #secretName (): string {
    return `jwks/${hash('sha256', this.#issuer.issuer, 'hex').slice(0, 32)}`
  }

  async #restore (): Promise<void> {
    const body = this.#options.kept.secret(this.#secretName)?.body
    if (body === undefined) return
    try {
      const { keys } = JSON.parse(body) as { readonly keys: readonly string[] } // the catalog has read it
      await this.#take(keySetOf({ keys: keys.map((key) => JSON.parse(key) as unknown) }))
    } catch (error) {
      this.#options.log.warn(`the kept keys of ${this.#issuer.issuer} are of no use: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  async #keep (set: JSONWebKeySet): Promise<void> {
    const { kept } = this.#options
    const body = JSON.stringify({ keys: set.keys.map((key) => JSON.stringify(key)) })
    const known = kept.secret(this.#secretName)
    if (known?.body !== body) await kept.keepSecret(this.#secretName, body, known?.revision ?? 0).catch(() => false) // an economy, no more
  }
}

export class Jwts implements Verifier {
  readonly #options: JwtOptions
  readonly #issuers: ReadonlyMap<string, IssuerKeys>
  readonly #known = new Map<string, Known>()
  #checks = 0

  constructor (options: JwtOptions) {
    this.#options = options
    this.#issuers = new Map(options.issuers.map((issuer) => [issuer.issuer, new IssuerKeys(issuer, options)]))
  }

  mayBe (text: string): boolean {
    return compact.test(text)
  }

  known (text: string): Identity | undefined {
    const key = keyOf(text)
    const found = this.#known.get(key)
    if (found === undefined || found.untilMs > this.#options.clock.now()) return found?.identity
    this.#known.delete(key)
    return undefined
  }

  async verify (text: string): Promise<void> {
    if (this.known(text) !== undefined) return
    if (this.#checks >= maxChecksAtOnce) throw new RegistryError('REG_OVERLOADED', 'too many tokens are being checked already', undefined, { retryAfterSeconds: 1 })
    this.#checks++
    try {
      await this.#check(text)
    } finally {
      this.#checks--
    }
  }

  async #check (text: string): Promise<void> {
    const { audience, claim, groupsClaim, clock, expiresAt } = this.#options
    const { decodeJwt, jwtVerify, errors } = await import('jose')
    try {
      const { iss } = decodeJwt(text) // not believed yet: it says whose keys to try
      const keys = this.#issuers.get(String(iss))
      if (keys === undefined) throw refused('its issuer is not one that is trusted here (--jwt-issuer)')
      const check = async (): Promise<Readonly<Record<string, unknown>>> => (await jwtVerify(text, await keys.current(), {
        issuer: String(iss), audience, algorithms, clockTolerance: clockToleranceSeconds, currentDate: new Date(clock.now()), requiredClaims: ['exp']
      })).payload
      const payload = await check().catch(async (error: unknown) => {
        // Keys are rotated: one that is not known may be new.
        if (!(error instanceof errors.JWKSNoMatchingKey) || !await keys.renew()) throw error
        return await check()
      })
      const name = payload[claim]
      if (typeof name !== 'string' || !isIdentityName(name)) throw refused(`its claim ${claim} is no name of an identity (--jwt-claim)`)
      const groups = groupsClaim === undefined ? [] : groupsOf(payload[groupsClaim])
      if (groups === undefined) throw refused(`its claim ${groupsClaim} must be a list of at most ${maxGroups} names (--jwt-groups-claim)`)
      const untilMs = (Number(payload['exp']) + clockToleranceSeconds) * 1_000
      if (this.#known.size >= maxKnown) this.#known.clear()
      this.#known.set(keyOf(text), { identity: { kind: 'jwt', subject: `jwt:${name}`, expiresAtMs: untilMs, ...(groups.length === 0 ? {} : { groups }) }, untilMs })
      expiresAt(untilMs)
    } catch (error) {
      if (error instanceof RegistryError) throw error
      throw refused(error instanceof errors.JOSEError ? error.message.slice(0, 200) : 'it cannot be read')
    }
  }
}

/** The names of a claim, one or a list, that a policy can be about; undefined = it is no such claim. */
function groupsOf (claim: unknown): readonly string[] | undefined {
  const names: unknown = typeof claim === 'string' ? [claim] : claim ?? []
  if (!Array.isArray(names) || names.length > maxGroups || !names.every((name) => typeof name === 'string')) return undefined
  return [...new Set(names)].filter(isIdentityName).sort() // of others no policy can say anything
}

/** Reads `ISSUER` or `ISSUER=JWKS-URL`; a text is the rule that it breaks. */
export function readIssuer (text: string): Issuer | string {
  const at = text.indexOf('=http')
  const [issuer, keysUrl] = at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
  return isSafeUrl(issuer) && (keysUrl === undefined || isSafeUrl(keysUrl)) ? { issuer, keysUrl }
    : 'must be the https URL of an issuer, or ISSUER=JWKS-URL; http is for loopback alone'
}

/** Whoever stands between could give keys of his own. */
function isSafeUrl (text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username } = new URL(text)
  return username === '' && (protocol === 'https:' || (protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname)))
}

function urlIn (configuration: unknown, issuer: string): string {
  const { jwks_uri: url, issuer: said } = typeof configuration === 'object' && configuration !== null ? configuration as Readonly<Record<string, unknown>> : {}
  if (said !== issuer) throw new Error('its configuration is of another issuer')
  if (typeof url !== 'string' || !isSafeUrl(url)) throw new Error('its configuration has no https URL of keys')
  return url
}

function keySetOf (value: unknown): JSONWebKeySet {
  const keys = typeof value === 'object' && value !== null && 'keys' in value ? value.keys : undefined
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > maxKeys) throw new Error(`its keys must be a list of 1-${maxKeys}`)
  const isPublic = keys.every((key: unknown) => typeof key === 'object' && key !== null && 'kty' in key && key.kty !== 'oct' && !('d' in key))
  if (!isPublic) throw new Error('its keys must be public ones')
  return { keys: keys as JSONWebKeySet['keys'] } // jose looks at each when it is used
}

function refused (why: string): RegistryError {
  return new RegistryError('REG_UNAUTHENTICATED', `the token is refused: ${why}`)
}

function keyOf (text: string): string {
  return hash('sha256', text, 'base64url')
}
