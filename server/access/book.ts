// All that is permitted, as this node knows it: policies and tokens of the store, as the feed tells of them, and tokens of a file. Every
// change gives the whole a new version: what was decided before it is decided anew.
import { hash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { isPattern } from '../model/policy/pattern.ts'
import { groupSubject, isAbout } from '../model/policy/subject.ts'
import type { Policy, PolicyRule } from '../model/service/types.ts'
import type { AppliedChange, Feed } from '../registry/core.ts'
import type { Identity } from './identity.ts'
import { type Granted, Rights } from './rights.ts'
import { hashOf, newToken } from './token-text.ts'
import { type KnownToken, idOf, isSame, isToken, readToken } from './token.ts'

const policyPrefix = 'policy/'
const tokenPrefix = 'secret/token/'
/** Rights of identities that are kept. */
const maxRights = 10_000
/** A timer waits no longer: the clock may be set meanwhile. */
const maxWaitMs = 60_000

export interface BookOptions {
  readonly feed: Pick<Feed, 'listen' | 'heldObjects' | 'loaded' | 'history' | 'revision'>
  readonly clock: Clock
  readonly warn: (message: string) => void
}

/** A place where others listen for changes of what is permitted. */
export type BookListener = () => void

export class Book {
  readonly #options: BookOptions
  readonly #policies = new Map<string, Policy>()
  /** Policies by the subjects that they write out. */
  readonly #bySubject = new Map<string, Set<string>>()
  /** Those that are about whom a pattern fits. */
  readonly #byPattern = new Set<string>()
  readonly #stored = new Map<string, KnownToken>()
  #filed: ReadonlyMap<string, KnownToken> = new Map()
  /** Of programs that this process starts itself: known here, while it lives. */
  readonly #own = new Map<string, KnownToken>()
  readonly #rights = new Map<string, Rights>()
  readonly #listeners = new Set<BookListener>()
  readonly #stop: () => void
  #version = 1
  #changedRevision = 0
  /** When tokens of others end that were shown here. */
  readonly #ends = new Set<number>()
  #cancel: (() => void) | undefined

  constructor (options: BookOptions) {
    this.#options = options
    const { feed } = options
    this.#stop = feed.listen({
      name: 'access',
      changed: (change) => this.#changed(change),
      loaded: () => this.#load()
    })
    if (feed.loaded) this.#load()
  }

  close (): void {
    this.#stop()
    this.#cancel?.()
    this.#listeners.clear()
  }

  /** Another one after each change of what is permitted. */
  get version (): number {
    return this.#version
  }

  /** What a cursor of before stands for may have been seen with other rights. */
  get changedRevision (): number {
    return this.#changedRevision
  }

  get policies (): Iterable<Policy> {
    return this.#policies.values()
  }

  get policyCount (): number {
    return this.#policies.size
  }

  /** Of the store and of the file, in no particular order. */
  get tokens (): readonly KnownToken[] {
    return [...this.#stored.values(), ...this.#filed.values()]
  }

  /** Calls back after each change. Gives a function that ends it. */
  onChange (listener: BookListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** A token of others ends then, and with it what goes on with it. */
  expiresAt (atMs: number): void {
    if (this.#ends.size >= maxRights) this.#ends.clear()
    this.#ends.add(atMs)
    this.#waitForExpiry()
  }

  /** The tokens of the file, in place of those before. */
  setFiled (tokens: readonly KnownToken[]): void {
    this.#filed = new Map(tokens.map((token) => [token.id, token]))
    this.#changedRevision = this.#options.feed.revision
    this.#bump()
  }

  /** Makes a token for a program that this process starts; gives its text. Other nodes do not know it. */
  issue (name: string, rules: readonly PolicyRule[]): string {
    const text = newToken()
    const tokenHash = hashOf(text)
    const id = idOf(tokenHash)
    this.#own.set(id, { id, hash: tokenHash, name, rules, place: 'file', createdAtMs: undefined, createdBy: undefined, expiresAtMs: undefined, usedAtMs: undefined, revision: 0 })
    return text
  }

  /** The token of a text, expired or not; undefined = it is none that is known. */
  find (text: string): KnownToken | undefined {
    if (!isToken(text)) return undefined
    const tokenHash = hashOf(text)
    const found = this.token(idOf(tokenHash))
    return found !== undefined && isSame(found.hash, tokenHash) ? found : undefined
  }

  token (id: string): KnownToken | undefined {
    return this.#stored.get(id) ?? this.#filed.get(id) ?? this.#own.get(id)
  }

  /** Why what an identity has shown is no good any more; undefined = it is. */
  endOf ({ tokenId, expiresAtMs }: Identity): string | undefined {
    if (tokenId !== undefined && this.token(tokenId) === undefined) return 'the token was revoked'
    return expiresAtMs !== undefined && expiresAtMs <= this.#options.clock.now() ? 'the token has expired' : undefined
  }

  /** What an identity may do now. The same object until something changes. */
  rightsOf (identity: Identity): Rights {
    const { subject, tokenId = '', groups = [] } = identity
    const key = `${subject} ${tokenId}${groups.length === 0 ? '' : ` ${hash('sha1', groups.join(' '), 'base64url')}`}` // no name has a blank
    let rights = this.#rights.get(key)
    if (rights === undefined) {
      if (this.#rights.size >= maxRights) this.#rights.clear()
      this.#rights.set(key, rights = this.#made(identity))
    }
    return rights
  }

  /** Whether somebody may administer the registry, if these policies and tokens are as given; undefined = gone. */
  hasAdmin (without: { readonly policies?: ReadonlyMap<string, Policy | undefined>, readonly tokens?: ReadonlySet<string> } = {}): boolean {
    const now = this.#options.clock.now()
    const administers = (granted: Granted): boolean => new Rights([granted]).everywhere('admin')
    for (const token of this.tokens) {
      if (without.tokens?.has(token.id) === true || (token.expiresAtMs !== undefined && token.expiresAtMs <= now)) continue
      if (administers({ source: '', rules: token.rules })) return true
    }
    const { policies: changed = new Map<string, Policy | undefined>() } = without
    const after = [...this.#policies].filter(([name]) => !changed.has(name)).map(([, policy]) => policy)
    for (const policy of changed.values()) if (policy !== undefined) after.push(policy)
    return after.some(({ spec }) => administers({ source: '', rules: spec.rules }) && spec.subjects.some((subject) => this.#exists(subject, without.tokens)))
  }

  /** Whether somebody can be whom a policy names: a token that is there; of others nobody here knows. */
  #exists (subject: string, without: ReadonlySet<string> | undefined): boolean {
    if (!subject.startsWith('token:')) return true
    return this.tokens.some((token) => without?.has(token.id) !== true && isAbout(subject, `token:${token.name}`))
  }

  #made ({ subject, tokenId, groups = [] }: Identity): Rights {
    const subjects = [subject, ...groups.map(groupSubject)]
    const granted: Granted[] = []
    const token = tokenId === undefined ? undefined : this.token(tokenId)
    if (token !== undefined && token.rules.length > 0) granted.push({ source: `token ${token.id}`, rules: token.rules })
    for (const name of new Set([...subjects.flatMap((each) => [...this.#bySubject.get(each) ?? []]), ...this.#byPattern])) {
      const policy = this.#policies.get(name)
      if (policy?.spec.subjects.some((about) => subjects.some((each) => isAbout(about, each))) === true) granted.push({ source: `policy ${name}`, rules: policy.spec.rules })
    }
    return new Rights(granted)
  }

  #load (): void {
    this.#policies.clear()
    this.#bySubject.clear()
    this.#byPattern.clear()
    this.#stored.clear()
    const { feed } = this.#options
    for (const { key, body, revision } of feed.heldObjects()) {
      if (!isOurs(key)) continue
      this.#put(key, body, revision)
      this.#changedRevision = Math.max(this.#changedRevision, revision)
    }
    for (const { object, revision } of feed.history()) { // those that went
      if (object !== undefined && isOurs('deletedKey' in object ? object.deletedKey : object.key)) this.#changedRevision = Math.max(this.#changedRevision, revision)
    }
    this.#bump()
  }

  #changed ({ object, revision }: AppliedChange): void {
    if (object === undefined) return
    const key = 'deletedKey' in object ? object.deletedKey : object.key
    if (!isOurs(key)) return
    const before = key.startsWith(tokenPrefix) ? this.#stored.get(key.slice(tokenPrefix.length)) : undefined
    if ('deletedKey' in object) this.#drop(key)
    else this.#put(key, object.body, object.revision)
    const after = before === undefined ? undefined : this.#stored.get(before.id)
    if (before === undefined || after === undefined || !permitsTheSame(before, after)) {
      this.#changedRevision = revision
      this.#bump()
    }
  }

  #put (key: string, body: string, revision: number): void {
    if (key.startsWith(policyPrefix)) {
      this.#drop(key)
      const policy = JSON.parse(body) as Policy // the catalog has read it
      const { name } = policy.metadata
      this.#policies.set(name, policy)
      for (const subject of policy.spec.subjects) {
        if (isPattern(subject)) this.#byPattern.add(name)
        else this.#bySubject.set(subject, (this.#bySubject.get(subject) ?? new Set()).add(name))
      }
    } else if (key.startsWith(tokenPrefix)) {
      const token = readToken(JSON.parse(body), 'store', revision)
      if (typeof token === 'string') {
        this.#stored.delete(key.slice(tokenPrefix.length))
        this.#options.warn(`the token ${key.slice(tokenPrefix.length)} of the store cannot be read, and opens nothing: ${token}`)
      } else this.#stored.set(token.id, token)
    }
  }

  #drop (key: string): void {
    if (key.startsWith(tokenPrefix)) return void this.#stored.delete(key.slice(tokenPrefix.length))
    const name = key.slice(policyPrefix.length, -1) // `policy/NAME/`
    const policy = this.#policies.get(name)
    this.#policies.delete(name)
    this.#byPattern.delete(name)
    for (const subject of policy?.spec.subjects ?? []) {
      const names = this.#bySubject.get(subject)
      names?.delete(name)
      if (names?.size === 0) this.#bySubject.delete(subject)
    }
  }

  #bump (): void {
    this.#version++
    this.#rights.clear()
    this.#waitForExpiry()
    for (const listener of this.#listeners) listener()
  }

  /** A token that expires ends what goes on with it. */
  #waitForExpiry (): void {
    const { clock } = this.#options
    this.#cancel?.()
    const now = clock.now()
    let next = Infinity
    for (const { expiresAtMs = Infinity } of this.tokens) if (expiresAtMs > now) next = Math.min(next, expiresAtMs)
    for (const atMs of this.#ends) {
      if (atMs > now) next = Math.min(next, atMs)
      else this.#ends.delete(atMs)
    }
    this.#cancel = next === Infinity ? undefined : clock.after(Math.min(next - now, maxWaitMs), () => {
      if (next <= clock.now()) this.#bump()
      else this.#waitForExpiry()
    })
  }
}

/** That a token was used changes nothing of what it permits. */
function permitsTheSame (one: KnownToken, other: KnownToken): boolean {
  return one.name === other.name && one.expiresAtMs === other.expiresAtMs && JSON.stringify(one.rules) === JSON.stringify(other.rules)
}

function isOurs (key: string): boolean {
  return key.startsWith(policyPrefix) || key.startsWith(tokenPrefix)
}
