// The data directory: created for its owner alone, with any umask, and refused with a sentence where it cannot be used.
import { accessSync, chmodSync, closeSync, constants, fchmodSync, mkdirSync, openSync, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { RegistryError } from '../../errors.ts'

/** Bodies hold what services say of themselves, and the file holds the registry's secrets: they are the owner's. */
const directoryMode = 0o700
const fileMode = 0o600
const everybodyElse = 0o077

/**
 * Makes the directory with those above it, and an empty file in it unless there is one.
 * @throws RegistryError REG_STORE_UNAVAILABLE or REG_STORE_FULL that says what is in the way
 */
export function prepareDirectory (directory: string, file: string): void {
  const path = resolve(directory)
  makeDirectory(path)
  attempt(path, 'be written', () => accessSync(path, constants.W_OK | constants.X_OK))
  // SQLite gives its log the mode of the file, so that the file must have the right one before SQLite sees it.
  if (statSync(file, { throwIfNoEntry: false }) === undefined) attempt(file, 'be made', () => create(file))
  else attempt(file, 'be written', () => accessSync(file, constants.R_OK | constants.W_OK))
}

/** Looks at a path, or at what is above it, in another thread: a network disk that is gone must not hold this one. */
export async function reachDirectory (path: string): Promise<void> {
  for (let at = resolve(path); dirname(at) !== at; at = dirname(at)) {
    try {
      await stat(at)
      return
    } catch {
      // it is made, or refused with the reason, when the store is opened
    }
  }
}

/** What other users of the machine may do with the directory and the file, as sentences; none if they may do nothing. */
export function openToOthers (directory: string, file: string): string[] {
  return [{ path: resolve(directory), wanted: directoryMode }, { path: file, wanted: fileMode }].flatMap(({ path, wanted }) => {
    const mode = (statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o777
    if (process.platform === 'win32' || (mode & everybodyElse) === 0) return []
    return [`${path} is open to other users of this machine (mode ${octal(mode)}): chmod ${octal(wanted)} ${path}`]
  })
}

/** One after the other from the first that is missing: Node's own `recursive` tries for ever where a system says ENOENT (/proc). */
export function makeDirectory (path: string): void {
  const missing: string[] = []
  for (let at = path; attempt(at, 'be looked at', () => statSync(at, { throwIfNoEntry: false })) === undefined; at = dirname(at)) {
    missing.push(at)
    if (dirname(at) === at) break
  }
  for (const each of missing.reverse()) {
    attempt(each, 'be made', () => {
      if (!makeOne(each)) return // another process has created it meanwhile
      chmodSync(each, directoryMode) // a umask may have taken the owner's own rights
    })
  }
  if (!attempt(path, 'be looked at', () => statSync(path)).isDirectory()) throw refusal(path, 'is no directory: choose another data directory')
}

function makeOne (path: string): boolean {
  try {
    mkdirSync(path, { mode: directoryMode })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST' && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return false
    throw error
  }
}

function create (file: string): void {
  const descriptor = openSync(file, constants.O_CREAT | constants.O_WRONLY, fileMode)
  try {
    fchmodSync(descriptor, fileMode)
  } finally {
    closeSync(descriptor)
  }
}

function attempt<Result> (path: string, what: string, act: () => Result): Result {
  try {
    return act()
  } catch (error) {
    if (error instanceof RegistryError) throw error
    const code = (error as NodeJS.ErrnoException).code ?? String(error) // node:fs throws errors with codes
    const because = causes[code]
    if (code === 'ENOSPC' || code === 'EDQUOT') throw refusal(path, `cannot ${what}: the disk is full (${code}). Make room, or choose another data directory`, error, 'REG_STORE_FULL')
    throw refusal(path, because === undefined ? `cannot ${what} (${code}): choose another data directory` : `cannot ${what}: ${because(path)} (${code})`, error)
  }
}

const causes: Readonly<Record<string, (path: string) => string>> = {
  EROFS: () => 'it is on a read-only file system. Mount it writable, or choose another data directory',
  EACCES: () => `this user (${process.getuid?.() ?? 'unknown'}) may not. Change its owner or its mode, or choose another data directory`,
  EPERM: () => `this user (${process.getuid?.() ?? 'unknown'}) may not. Change its owner or its mode, or choose another data directory`,
  ENOENT: (path) => `${dirname(path)} takes no new names. Choose another data directory`,
  ENOTDIR: () => 'a part of its path is a file. Choose another data directory',
  EEXIST: () => 'something that is no directory has its name. Choose another data directory',
  ELOOP: () => 'its links lead in a circle. Choose another data directory',
  ENAMETOOLONG: () => 'its name is too long. Choose a shorter data directory'
}

function refusal (path: string, says: string, cause?: unknown, code: 'REG_STORE_UNAVAILABLE' | 'REG_STORE_FULL' = 'REG_STORE_UNAVAILABLE'): RegistryError {
  return new RegistryError(code, `${path} ${says}.`, undefined, { cause, retryAfterSeconds: 1 })
}

function octal (mode: number): string {
  return `0${mode.toString(8)}`
}
