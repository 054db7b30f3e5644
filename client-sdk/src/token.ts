// The token of a client: a text, or a function that gives the one that is good now, asked for each call and each connection.
import { RollcallError } from './errors.ts'

/** A text, or a function that gives it, so that tokens can be replaced while a program runs. The function should keep what is still good. */
export type TokenSource = string | (() => string | undefined | Promise<string | undefined>)

export function isToken (value: unknown): value is string {
  return typeof value === 'string' && /^[!-~]+$/.test(value)
}

/** @throws RollcallError REGISTRY_INVALID_ARGUMENT for what a function gives and no header can carry; what it throws itself is passed on */
export async function tokenOf (source: TokenSource | undefined): Promise<string | undefined> {
  if (typeof source !== 'function') return source
  const token: unknown = await source()
  if (token === undefined || isToken(token)) return token
  throw new RollcallError('REGISTRY_INVALID_ARGUMENT', 'the function token must give a text of visible ASCII characters, or undefined; what it gave is not shown')
}

/** Taken once for the whole process: the environment does not have it any more, and clients that are made later still get it. */
let taken: string | undefined

/** The token of the environment, which is taken out of it: neither a child process nor a listing of it sees it any more. */
export function tokenOfEnvironment (): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } } // absent in browsers and edge runtimes
  const found = process?.env?.['ROLLCALL_TOKEN']
  if (found === undefined || found === '') return taken
  try {
    delete process?.env?.['ROLLCALL_TOKEN']
  } catch {} // an environment that cannot be changed
  return taken = found
}
