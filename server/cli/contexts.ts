// Contexts: registries by name, with what opens them, in a file that only its owner may read. The one in use stands in for an address that
// neither a flag nor a variable gives; its token goes to its own address and to no other.
import { UsageError } from './errors.ts'
import type { Screen } from './screen.ts'

export interface Context {
  /** One or several addresses with commas between. */
  readonly address: string
  readonly token?: string
  readonly tokenFile?: string
  readonly namespace?: string
  /** Absolute paths of the PEM files for its https addresses. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

export interface Contexts {
  readonly current: string | undefined
  readonly contexts: Readonly<Record<string, Context>>
}

export const contextName = /^[A-Za-z0-9](?:[-._A-Za-z0-9]{0,61}[A-Za-z0-9])?$/
const none: Contexts = { current: undefined, contexts: {} }

/** `$XDG_CONFIG_HOME/rollcall/contexts.json`, or below `~/.config`; undefined = there is no home. */
export function contextsPath (env: Screen['env']): string | undefined {
  const base = env['XDG_CONFIG_HOME'] || (env['HOME'] ? `${env['HOME']}/.config` : '')
  return base === '' ? undefined : `${base}/rollcall/contexts.json`
}

/** @throws UsageError if others may read the file, or it is none of ours */
export function readContexts ({ env, privateFile }: Screen): Contexts {
  const path = contextsPath(env)
  if (path === undefined || privateFile === undefined) return none
  const read = privateFile.read(path)
  if (read === undefined) return none
  if ((read.mode & 0o077) !== 0) throw new UsageError(`${path} holds tokens and may be read by others: make its mode 600 (chmod 600 ${path})`)
  try {
    const { current, contexts } = JSON.parse(read.text) as Contexts
    const isOurs = typeof contexts === 'object' && contexts !== null && Object.values(contexts).every((each) => typeof each?.address === 'string')
    if (isOurs && (current === undefined || typeof current === 'string')) return { current, contexts }
  } catch {
    // said below
  }
  throw new UsageError(`${path} is not a file of contexts: move it away, and log in again`)
}

/** @throws UsageError where there is no home to keep it in */
export function writeContexts ({ env, privateFile }: Screen, contexts: Contexts): string {
  const path = contextsPath(env)
  if (path === undefined || privateFile === undefined) throw new UsageError('there is no HOME to keep contexts in')
  privateFile.write(path, `${JSON.stringify(contexts, undefined, 2)}\n`)
  return path
}

/** The one in use; undefined = none. */
export function currentContext (screen: Screen): Context | undefined {
  const { current, contexts } = readContexts(screen)
  return current === undefined || !Object.hasOwn(contexts, current) ? undefined : contexts[current]
}
