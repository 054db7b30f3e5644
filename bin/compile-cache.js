// Keeps compiled modules between starts (Node's own compile cache): a command then starts in a third of the time, a server in half.
//
// What lies in the directory is executed. So it is the user's own, and never one directly in the temporary directory that all share; where
// there is none that can be trusted, Rollcall starts without it. Nothing is said then, since nothing but time is lost.
import { chmodSync, lstatSync, mkdirSync, statSync } from 'node:fs'
import { enableCompileCache, getCompileCacheDir } from 'node:module'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'

const writableByOthers = 0o022
const readableByOthers = 0o077

/** Where it is, by the XDG Base Directory Specification (a relative path counts as unset); undefined = nowhere. */
export function cacheDirectory (env = process.env) {
  const base = env.XDG_CACHE_HOME ?? ''
  if (isAbsolute(base)) return join(base, 'rollcall')
  try {
    const home = homedir() // of HOME, else of the system's list of users: in a container there may be neither
    return isAbsolute(home) && home !== '/' ? join(home, '.cache', 'rollcall') : undefined
  } catch {
    return undefined
  }
}

/**
 * Makes the directory if it is missing. True if nobody but this user (and root) can put anything into it.
 * @param uid of this process; on Windows there is none, and whose a directory is cannot be seen
 */
export function isOwn (directory, uid = process.getuid?.()) {
  if (uid === undefined) return false
  try {
    // First, so that nothing is made in a directory of another: as root with the HOME of a user (sudo), in the shared temporary one.
    // And no more than these two: who has no home (/nonexistent) gets none from here.
    const base = dirname(directory)
    makeDirectory(base)
    const { uid: owner, mode } = statSync(base)
    if ((owner !== uid && owner !== 0) || (mode & writableByOthers) !== 0) return false
  } catch {
    return false
  }
  makeDirectory(directory)
  try {
    const found = lstatSync(directory) // not through a link, which may lead anywhere
    if (!found.isDirectory() || found.uid !== uid || (found.mode & writableByOthers) !== 0) return false
    if ((found.mode & readableByOthers) !== 0) chmodSync(directory, 0o700)
    return true
  } catch {
    return false
  }
}

function makeDirectory (path) {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch {
    // It is there, or it cannot be made: what is found says which.
  }
}

/** For this thread, before anything else is loaded. Who has set one of Node's own variables has chosen already. */
export function useCompileCache (env = process.env) {
  if (env.NODE_DISABLE_COMPILE_CACHE !== undefined || getCompileCacheDir() !== undefined) return
  const directory = cacheDirectory(env)
  // On a read-only disk Node reads what is there and writes nothing; what else goes wrong it keeps to itself.
  if (directory !== undefined && isOwn(directory)) enableCompileCache(directory)
}
