// What can go wrong with a command, and the exit code that scripts see. docs/reference/cli.md lists them.
import type { FieldError, RollcallError } from '../../client-sdk/src/index.ts'
import { harmless } from './line.ts'

export const exitCodes = {
  ok: 0,
  /** The registry said no, or there is no such thing. */
  failure: 1,
  /** The command line cannot be read. */
  usage: 2,
  /** No registry answered. */
  unreachable: 3
} as const

/** An error that a person should see as one sentence, without a stack. */
export class CommandError extends Error {
  override readonly name: string = 'CommandError'
  readonly exitCode: number
  /** What stands below the sentence, a line each: every fault of a stream. */
  readonly details: readonly string[]

  constructor (message: string, exitCode: number,
    { details = [], ...options }: ErrorOptions & { readonly details?: readonly string[] } = {}) {
    super(message, options)
    this.exitCode = exitCode
    this.details = details
  }
}

export class UsageError extends CommandError {
  override readonly name = 'UsageError'

  constructor (message: string) {
    super(message, exitCodes.usage)
  }
}

/** No registry answered: the message names every URL that was tried. */
export class UnreachableError extends CommandError {
  override readonly name = 'UnreachableError'

  constructor (addresses: readonly string[], last: Error) {
    const message = `cannot reach the registry at ${addresses.join(' or ')} (${last.message}): is it running? --address or ROLLCALL_ADDRESS says where it is`
    super(message, exitCodes.unreachable, { cause: last })
  }
}

/** The registry answered, and said no. */
export class RefusedError extends CommandError {
  override readonly name = 'RefusedError'
  readonly status: number | undefined
  readonly code: string
  /** Each fault of the input, if the registry listed them. */
  readonly errors: readonly FieldError[]
  /** How many there are beside those. */
  readonly moreErrors: number

  constructor (cause: RollcallError) {
    super(harmless(`${cause.message} (${cause.code})`), exitCodes.failure,
      { cause }) // a library's message may hold anything
    this.status = cause.status
    this.code = cause.code
    const errors: unknown = cause.errors // whatever answered says that they are faults
    this.errors = Array.isArray(errors) ? errors.filter(isFieldError) : []
    this.moreErrors = Number.isSafeInteger(cause.moreErrors) ? cause.moreErrors : 0
  }
}

function isFieldError (value: unknown): value is FieldError {
  if (typeof value !== 'object' || value === null || !('field' in value) || !('rule' in value)) return false
  const isNumberOrAbsent =
    (name: string): boolean =>
      ['undefined', 'number'].includes(typeof (value as Readonly<Record<string, unknown>>)[name])
  return typeof value.field === 'string' && typeof value.rule === 'string' && isNumberOrAbsent('line') &&
    isNumberOrAbsent('document')
}
