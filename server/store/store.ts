// The Store contract, in the registry's words: no key names, no client types. One contract test runs against every store.
//
// A store keeps leased instances and lasting objects, orders every change by one revision, and tells a follower of each.
// It throws RegistryError only: REG_STORE_UNAVAILABLE (nothing happened), REG_OUTCOME_UNKNOWN (it may have), REG_STORE_FULL.
import type { Readable } from 'node:stream'
import { RegistryError } from '../errors.ts'
import type { Reason } from '../../client-sdk/src/wire.ts'

/** An instance as the store keeps it. `lease` names one life: a new registration by another generation has a new one. */
export interface InstanceRecord {
  /** `namespace/service/id` */
  readonly key: string
  readonly lease: string
  readonly generation: string
  readonly ttlMs: number
  readonly createdRevision: number
  /** The revision of the last `put`; suspicion does not count. It is what a write must have seen. */
  readonly revision: number
  /** The revision of the last change that touched it: its content, its suspicion, an override of it (`subjectOf`). Never below `revision`. */
  readonly shownRevision: number
  /** Times of the store's own clock. */
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly suspect: boolean
  /** Canonical JSON, opaque to the store: equal texts are equal content. No newline in it. */
  readonly body: string
  /** In a snapshot only: the store knows that this is not what was written, and why. It is in no answer. */
  readonly fault?: string
}

/** Something declared, without a lease: an operator's override, a service, what is allocated to it. */
export interface ObjectRecord {
  /** `kind/namespace/name`, unique in the store. No newline in it. */
  readonly key: string
  readonly createdRevision: number
  readonly revision: number
  readonly createdAtMs: number
  readonly updatedAtMs: number
  /** When it goes by itself, on the store's clock; 0 = never. */
  readonly endsAtMs: number
  readonly body: string
  /** As of an instance. */
  readonly fault?: string
}

/** Objects under this prefix, followed by an instance's key, say something about that instance: each change of one touches it. */
export const overridePrefix = 'override/'

/** The key of the instance that an object says something about; undefined = it says nothing about one. */
export function subjectOf (objectKey: string): string | undefined {
  return objectKey.startsWith(overridePrefix) ? objectKey.slice(overridePrefix.length) : undefined
}

/** Who an instance belongs to, by its body: the last member of it, if it says so; undefined = it is nobody's. */
export function ownerOf (body: string): string | undefined {
  return /,"owner":"([^"\\]*)"\}$/.exec(body)?.[1]
}

/**
 * One entry of the log. Revisions are dense: each change is the one before plus one, but for the jump at a new term. `last` is what was there
 * before it went, so that a log that begins later says what; absent = an older version wrote the entry, or the record could not be read.
 */
export type Change = { readonly revision: number, readonly atMs: number, readonly by: string } & (
  | { readonly type: 'put', readonly reason: Reason, readonly record: InstanceRecord }
  | { readonly type: 'delete', readonly reason: Reason, readonly key: string, readonly lease: string, readonly last?: InstanceRecord }
  | { readonly type: 'suspect', readonly reason: Reason, readonly key: string, readonly lease: string }
  /** A suspect was renewed. */
  | { readonly type: 'trusted', readonly reason: Reason, readonly key: string, readonly lease: string }
  | { readonly type: 'put-object', readonly reason: Reason, readonly object: ObjectRecord }
  | { readonly type: 'delete-object', readonly reason: Reason, readonly key: string, readonly last?: ObjectRecord }
  /** Nothing changed, but a node loaded everything: what is derived is shown at this revision from here on (`Floors`). */
  | { readonly type: 'raise' }
)

/** A change after which a lease or an object is not there any more. */
export type EndChange = Extract<Change, { readonly type: 'delete' | 'delete-object' }>

/** A change of a record; not a `raise`. */
export type RecordChange = Exclude<Change, { readonly type: 'raise' }>

/**
 * What a node derives from the records (services, endpoints) has a revision that no record holds: that of the last change, which may have
 * been a deletion. A node that loads cannot know it, so that all nodes raise what they derive to one revision when one of them loads.
 */
export interface Floors {
  /** Services and endpoints are shown at least at this revision. */
  readonly derived: number
  /** Instances too: the first revision of the last term that may have lost changes. */
  readonly instances: number
}

/** The whole keyspace at `revision`, whose later changes follow by `apply` without a gap. */
export interface Snapshot {
  readonly epoch: string
  readonly revision: number
  readonly instances: Iterable<InstanceRecord>
  readonly objects: Iterable<ObjectRecord>
  /** Absent = nothing is raised. */
  readonly floors?: Floors
  /** The newest entries of the log up to `revision`, oldest first, dense but for `lost` ranges: history for events and resumed watches. */
  readonly recent: readonly Change[]
  /** Entries of the log that the store itself could not read: the history begins after the last of them. */
  readonly unreadable?: readonly { readonly key: string, readonly reason: string }[]
  /** Revisions r with `after < r < until` belong to no history any more: a cursor in there must be reset. */
  readonly lost: readonly { readonly after: number, readonly until: number }[]
}

/** A term whose beginning a node has reached in the log: nothing is lost that it has seen. */
export interface PassedTerm {
  readonly revision: number
  readonly lost: Snapshot['lost']
}

export interface StoreHealth {
  readonly available: boolean
  /** Why not, for people; empty when available. */
  readonly reason: string
  /** Since when, on this process' clock. */
  readonly sinceMs: number
}

/** Who listens to a store: the registry's catalog. Calls come one at a time and never throw. */
export interface Follower {
  /**
   * At the first load, and after each resynchronisation: what differs is the follower's to find. The store waits for it, so that a large
   * keyspace can be taken in slices, and calls nothing else but `health` meanwhile.
   */
  load (snapshot: Snapshot): void | PromiseLike<void>
  /**
   * A new term began, and the follower has all that is of it: what is shown, is shown at this revision at least from here on, the first of the
   * term. The store waits for it as for a load.
   */
  passTerm (term: PassedTerm): void | PromiseLike<void>
  /** In revision order. A store calls it before it resolves the write that made the change, on the node that wrote. */
  apply (changes: readonly Change[]): void | PromiseLike<void>
  health (health: StoreHealth): void
  /** What this node holds, so that a store that lost everything can be refilled. */
  heldInstances (): Iterable<InstanceRecord>
  heldObjects (): Iterable<ObjectRecord>
  /**
   * The ends of leases and objects since a revision, newest last, as far as the node remembers. Others may go on between two of them. An end that
   * only the difference of two loads has shown has the revision at which its lease was still there.
   */
  endsSince (revision: number): Iterable<EndChange>
}

export interface Grant {
  readonly key: string
  /** Used if the registration begins a new life. */
  readonly lease: string
  /** undefined = the life that is registered now, or `newGeneration` if no life is registered. */
  readonly generation: string | undefined
  readonly newGeneration: string
  /** The caller knows of no instance under this key: a hint, the store decides. */
  readonly isNew?: boolean
  readonly ttlMs: number
  readonly body: string
  readonly by: string
  /**
   * While a life of another owner (`ownerOf`) is registered, the grant is refused as REG_FORBIDDEN; '' = it is nobody's, and so of another
   * than every owner. Absent: nobody looks.
   */
  readonly owner?: string | undefined
}

export interface Granted {
  readonly outcome: 'created' | 'updated' | 'replaced' | 'unchanged'
  readonly lease: string
  readonly generation: string
  /** The revision of the change, or of the record if nothing changed. */
  readonly revision: number
}

export interface Revision {
  readonly lease: string
  /** The record's revision that the new body was made from. */
  readonly expected: number
  readonly body: string
  readonly reason: Reason
  readonly by: string
}

export type Revised =
  | { readonly outcome: 'updated', readonly revision: number }
  /** Another write came in between: read again, try again. */
  | { readonly outcome: 'conflict' }
  | { readonly outcome: 'unknown' }

/** `expected` 0 = the object must not exist; another number = the revision it must have; absent = any. */
export type ObjectWrite =
  | { readonly type: 'put', readonly key: string, readonly body: string, readonly endsAtMs: number, readonly reason: Reason, readonly expected?: number }
  | { readonly type: 'delete', readonly key: string, readonly reason: Reason, readonly expected?: number }

/**
 * Writes of one commit: a thousand load balancers of two ports with all that they claim. Measured on Redis 7, with records of a
 * service's size: 20 us a write, during which nothing else is done, and several times that on a machine that is busy with other
 * things, where twice as many met the second after which every caller of the Redis store gives up.
 */
export const maxCommitWrites = 5_000

export type Committed =
  /** One revision for each write, 0 where nothing changed. */
  | { readonly outcome: 'committed', readonly revisions: readonly number[] }
  /** The writes whose expectation failed; nothing was written. */
  | { readonly outcome: 'conflict', readonly failed: readonly number[] }

export interface Renewed {
  readonly unknown: readonly string[]
  /**
   * `ttlMs` -> the deadline that its leases have now, in ms of the store's clock. Where a store has several nodes it has a fraction: no two
   * renewals give a lease the same deadline, so that the store knows by it who was the last.
   */
  readonly deadlines: ReadonlyMap<number, number>
}

/** A lease whose session broke, with the deadline that this node's last renewal gave it. */
export interface LostLease {
  readonly lease: string
  readonly deadlineMs: number
}

/** Rules of expiry; the numbers and their reasons stand in registry/protection.ts. */
export interface ExpiryPolicy {
  /** At most so many leases are looked at in one call. */
  readonly limit: number
  /** A pause between two sweeps longer than this means that the store was deaf, not that the instances died. */
  readonly gapMs: number
  /** How long nothing expires after such a pause, a restart or a new term. */
  readonly holdMs: number
  /** From suspect to removed. */
  readonly graceMs: number
  /** Deadlines farther away than this are the work of a clock step, and are pulled in. */
  readonly maxTtlMs: number
  /** Removal is held back while `suspects >= atLeast && suspects > ratio * all`, for at most `maxMs` since it began. */
  readonly registryBrake: Brake
  readonly serviceBrake: Brake
}

export interface Brake {
  readonly ratio: number
  readonly atLeast: number
  readonly maxMs: number
}

export interface Sweep {
  readonly suspected: number
  readonly expired: number
  /** Due, and kept by a brake. */
  readonly kept: number
  /** How long nothing expires yet; 0 = expiry runs. */
  readonly holdMs: number
  /** Since when the registry brake holds, 0 = it does not. Times of the store's clock. */
  readonly protectedSinceMs: number
  /** `namespace/service` -> since when its brake holds. */
  readonly protectedServices: ReadonlyMap<string, number>
  /** True if more is due than `limit`: sweep again soon. */
  readonly more: boolean
}

/** Everything that a store holds at one moment, as octets: what `rollcall restore` takes. It is destroyed by who gives it up. */
export interface Backup {
  readonly media: string
  /** Of a file that it is put into, without a dot. */
  readonly extension: string
  /** undefined = not known before its end */
  readonly bytes: number | undefined
  readonly content: Readable
}

/** What an instance reported last of its load, as text that is opaque to the store. */
export interface StoredLoad {
  readonly lease: string
  /** When it was kept, on the store's clock. */
  readonly atMs: number
  readonly body: string
}

export interface LoadPage {
  readonly loads: readonly StoredLoad[]
  /** Where the next reading begins. */
  readonly place: string
  /** True if there are more after it already. */
  readonly more: boolean
  /** The store's clock. */
  readonly nowMs: number
}

/** A text that is kept beside the records, for nodes only. */
export interface Note {
  /** Parts with `/` between them. No newline in it. */
  readonly key: string
  readonly body: string
  /** When it was written, on the store's clock. */
  readonly atMs: number
  /** When it goes by itself, on the store's clock; 0 = never. */
  readonly endsAtMs: number
}

export interface NoteWrite {
  readonly key: string
  /** Empty = it is removed. */
  readonly body: string
  /** 0 = until it is removed. */
  readonly keepMs: number
}

export interface Holder {
  /** Of the claim. */
  readonly claim: string
  readonly holder: string
}

/** Loads in one call: about two milliseconds of Redis. */
export const maxLoadsAtOnce = 1_000
/** A load has at most sixteen measures of at most 63 characters. */
export const maxLoadText = 4_096
/** All notes: two for each of the autoscalers and external metrics that a large registry has. */
export const maxNotes = 20_000
/** Notes in one call. */
export const maxNotesAtOnce = 500
/** Of one note: what an autoscaler remembers of an hour. */
export const maxNoteText = 64 * 1024
/** A claim is renewed many times within it. */
export const maxClaimMs = 600_000

export interface Store {
  readonly kind: 'sqlite' | 'redis'
  /** Its leases are in this process: a renewal costs the same alone as among others, and need not wait for company. Default: it does. */
  readonly renewsAlone?: boolean
  /** Where it is, for people: a file, an address without its password. */
  readonly location: string
  /** Loads and begins to follow. Resolves when `follower.load` has been called for the first time. */
  open (follower: Follower): Promise<void>
  /** Registers: the same generation and content renews only, another generation replaces. */
  grant (grant: Grant): Promise<Granted>
  /** Changes the body of a living lease if it was not changed meanwhile. */
  revise (revision: Revision): Promise<Revised>
  /** Ends leases on request. Gives the revision of each, 0 for an unknown one. */
  revoke (leases: readonly string[], by: string): Promise<readonly number[]>
  /** Renews many: `ttlMs` -> at most 10,000 leases. Renewals are no changes, but a suspect comes back by one (`trusted`). */
  renew (batches: ReadonlyMap<number, readonly string[]>): Promise<Renewed>
  /**
   * A session broke: its leases turn suspect now and are due after `graceMs`, except those whose deadline is another
   * one by now, because they were renewed through another node. Gives how many turned suspect.
   */
  lose (leases: readonly LostLease[], graceMs: number): Promise<number>
  /** Turns due leases suspect, removes due suspects, ends due objects. Many nodes may call it at once. */
  expire (policy: ExpiryPolicy): Promise<Sweep>
  /** Resolves when everything that was committed before this call, on whichever node, has been applied by the follower. */
  sync (): Promise<void>
  /** Writes objects, at most `maxCommitWrites`, all or nothing, each under its expectation. */
  commit (writes: readonly ObjectWrite[], by: string): Promise<Committed>
  /** A whole copy, while everything goes on. @throws RegistryError as writes do */
  backup (): Promise<Backup>
  /**
   * What the log still has behind a revision, oldest first, or before one, newest first, at most `limit` entries: none, if nothing is left there
   * or the next one cannot be read. Whoever asks looks whether one follows the other. Only what the follower was told is asked for.
   * @throws RegistryError REG_STORE_UNAVAILABLE
   */
  readLog (from: LogPlace, limit: number): Promise<readonly Change[]>
  /**
   * Keeps the last load of each lease, at most `maxLoadsAtOnce`. It is no change: no revision, no entry in the log, nobody is told. It goes
   * with its lease, that of an unknown one is dropped, and all of them may be lost at a restart of the store: the next heartbeats say them again.
   */
  keepLoads (loads: ReadonlyMap<string, string>): Promise<void>
  /** The loads that were kept after a place, each lease once with its last, at most some thousands. @param place '' = from the beginning */
  readLoads (place: string): Promise<LoadPage>
  /**
   * Keeps notes, at most `maxNotesAtOnce`, all or none. They are no changes either, but as lasting as records. False: the claim that they are
   * written under is another's, and nothing was written. @throws RegistryError REG_LIMIT_REACHED beyond `maxNotes`
   */
  writeNotes (notes: readonly NoteWrite[], under?: Holder): Promise<boolean>
  /** Those whose keys begin so, in no particular order, without those whose end has come. */
  readNotes (prefix: string): Promise<{ readonly notes: readonly Note[], readonly nowMs: number }>
  /**
   * Takes or renews a claim, which one holder at a time has. False: another one has it.
   * @param keepMs it ends by itself then, at most `maxClaimMs`; 0 = it is given up
   */
  claim (holder: Holder, keepMs: number): Promise<boolean>
  close (): Promise<void>
}

/** Where a reading of the log begins; the entry of this revision is not part of it. */
export type LogPlace = { readonly after: number } | { readonly before: number }

/** The refusal of a grant. @param key of the instance */
export function grantRefused (key: string, owner: string): RegistryError {
  return new RegistryError('REG_FORBIDDEN', `instance ${key} is registered by ${owner}: nobody else may register it until it is gone`)
}
