// What Redis and the network say, in the registry's words.
import { tlsFaultOf } from '../../../client-sdk/src/rules.ts'
import { RegistryError } from '../../errors.ts'

/** Waiting does not help: a person must change a setting. `open()` rejects with it at once. */
export class SettingFault extends Error {
  override readonly name = 'SettingFault'
}

/** The session is over; the store reconnects. */
export class SessionFault extends Error {
  override readonly name = 'SessionFault'
}

/** How long a caller should wait: a reconnect takes a few hundred milliseconds. */
const retryAfterSeconds = 1

interface Refusal {
  readonly says: string
  /** True if another connection may fare better. */
  readonly endsSession: boolean
}

/** Replies that mean: nothing was written. Redis checks them before a script begins. */
const refusals: Readonly<Record<string, Refusal>> = {
  LOADING: { says: 'Redis is loading its data', endsSession: true },
  READONLY: { says: 'Redis has become a replica', endsSession: true },
  MASTERDOWN: { says: 'Redis is a replica without its master', endsSession: true },
  MOVED: { says: 'the slot has moved to another node of the Cluster', endsSession: true },
  ASK: { says: 'the slot is moving to another node of the Cluster', endsSession: true },
  TRYAGAIN: { says: 'the slot is moving to another node of the Cluster', endsSession: false },
  CLUSTERDOWN: { says: 'the Cluster is down', endsSession: true },
  NOAUTH: { says: 'Redis asks for a password', endsSession: true },
  WRONGPASS: { says: 'Redis refuses the user name or password', endsSession: true },
  NOPERM: { says: 'the Redis user lacks a permission', endsSession: true },
  BUSY: { says: 'Redis is busy with a script of another program', endsSession: false },
  MISCONF: { says: 'Redis cannot write to its disk and refuses writes', endsSession: false },
  NOREPLICAS: { says: 'Redis has too few replicas (min-replicas-to-write) and refuses writes', endsSession: false },
  OOM: { says: 'Redis has reached its maxmemory', endsSession: false }
}

/** Redis' word for a key of another type than the command is for. */
export function isForeignKey (error: unknown): boolean {
  return /\bWRONGTYPE\b/.test(messageOf(error))
}

function refusalOf (message: string): [word: string, refusal: Refusal] | undefined {
  const word = /^-?([A-Z]+)\b/.exec(message)?.[1] ?? ''
  if (Object.hasOwn(refusals, word)) {
    const refusal = refusals[word]
    if (refusal !== undefined) return [word, refusal]
  }
  // From inside a script the reply is wrapped; the words are Redis'.
  if (/NOPERM|ACL failure|can't run this command/.test(message)) return ['NOPERM', { says: 'the Redis user lacks a permission', endsSession: true }]
  return undefined
}

/**
 * For a call that was sent: REG_STORE_UNAVAILABLE or REG_STORE_FULL if Redis refused it, REG_OUTCOME_UNKNOWN if it is
 * not known.
 */
export function callFault (error: unknown): RegistryError {
  if (error instanceof RegistryError) return error
  forgetCommand(error)
  const message = messageOf(error)
  const refusal = refusalOf(message)
  if (refusal?.[0] === 'OOM') return new RegistryError('REG_STORE_FULL', `The store is full: ${refusal[1].says} (${message})`, undefined, { cause: error })
  if (refusal !== undefined) return unavailable(`${refusal[1].says} (${message})`, error)
  if (/isn't writeable/.test(message)) return unavailable('the connection to Redis is closed', error)
  return new RegistryError('REG_OUTCOME_UNKNOWN', `The store did not answer, the write may or may not have happened: ${message}`, undefined, { cause: error, retryAfterSeconds })
}

/** True if the connection should be given up after this error. */
export function endsSession (error: unknown): boolean {
  if (error instanceof RegistryError) return false
  const refusal = refusalOf(messageOf(error))
  if (refusal !== undefined) return refusal[1].endsSession
  if (isForeignKey(error)) return true // the next session finds out which key it is
  // Any other error reply is a fault of one call; any other error is the network's.
  return !(error instanceof Error && error.name === 'ReplyError')
}

export function unavailable (reason: string, cause?: unknown): RegistryError {
  return new RegistryError('REG_STORE_UNAVAILABLE', `The store is away: ${reason}`, undefined, { cause, retryAfterSeconds })
}

export function overloaded (reason: string): RegistryError {
  return new RegistryError('REG_OVERLOADED', reason, undefined, { retryAfterSeconds })
}

const tlsHints = { ca: '--redis-ca', pair: '--redis-cert and --redis-key' }

/** An error of connecting, as a SettingFault if only a person can help. */
export function connectFault (error: unknown): Error {
  if (error instanceof SettingFault) return error
  forgetCommand(error)
  const message = messageOf(error)
  const refusal = refusalOf(message)
  if (refusal !== undefined) {
    const says = `${refusal[1].says} (${message})`
    return ['NOAUTH', 'WRONGPASS', 'NOPERM'].includes(refusal[0]) ? new SettingFault(says, { cause: error }) : new Error(says, { cause: error })
  }
  if (/invalid password|without any password configured/i.test(message)) return new SettingFault(`Redis refuses the user name or password (${message})`, { cause: error })
  if (/DB index is out of range|SELECT is not allowed/.test(message)) return new SettingFault(`Redis has no such database (${message})`, { cause: error })
  const tls = tlsFaultOf(error, tlsHints)
  if (tls !== undefined) return new SettingFault(`Redis cannot be reached by TLS: ${tls.says}`, { cause: error })
  return error instanceof Error ? error : new Error(message)
}

/**
 * ioredis hangs the command with its arguments on an error: a password, or a megabyte of bodies, would be in the log
 * with the cause.
 */
function forgetCommand (error: unknown): void {
  if (error instanceof Error && 'command' in error) error.command = undefined
}

/** An attempt that got no answer within its time: with more time it may. */
export function isTimeout (error: unknown): boolean {
  return /does not answer|ETIMEDOUT|timed out/i.test(messageOf(error))
}

/** Never empty: Node's error for a name with several addresses has only a code. */
export function messageOf (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.message === 'Command timed out') return 'Redis does not answer'
  if (error.message !== '') return error.message
  return 'code' in error ? String(error.code) : error.name
}
