// Where a command's words go, and what it may know of its surroundings: everything that tests replace.
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { hostname, userInfo } from 'node:os'
import type { RollcallOptions } from '../../client-sdk/src/index.ts'

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly hostname: string
  /** Who is at the keyboard. */
  readonly user: string
  /** True if standard output understands colours and they are not switched off. */
  readonly colours: boolean
  readonly now: () => number
  /** Aborts at SIGINT, SIGTERM or SIGHUP (the terminal is gone). A command that uses it must end the process itself. */
  readonly signal: AbortSignal
  readonly readFile: (path: string) => string
  /** The names in a directory, or undefined if the path is not a directory. */
  readonly readDirectory: (path: string) => readonly string[] | undefined
  /** Files that only their owner may read; absent: nothing is kept. */
  readonly privateFile?: {
    /** undefined = there is none. */
    read (path: string): { readonly text: string, readonly mode: number } | undefined
    /** Whole or not at all, with its directory. */
    write (path: string, text: string): void
  }
  /** All of standard input, at most `limit` octets and some more. */
  readonly readInput: (limit: number) => Promise<string>
  /** What the SDK should use instead of the network; absent in a real process. */
  readonly network?: Pick<RollcallOptions, 'fetch' | 'WebSocket' | 'clock'>
  /** Writes one line as it is. Commands write through a `Screen`. */
  out (text: string): void
  err (text: string): void
}

/** The terminal of this process. */
export function processTerminal (): Terminal {
  const env = takenEnvironment()
  let controller: AbortController | undefined
  return {
    env,
    hostname: hostname(),
    user: userName(),
    colours: wantsColours(process.env, process.stdout.isTTY),
    now: Date.now,
    get signal () {
      if (controller === undefined) {
        const created = controller = new AbortController()
        for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => { created.abort() })
      }
      return controller.signal
    },
    readFile: (path) => readFileSync(path, 'utf8'),
    readDirectory: (path) => (statSync(path).isDirectory() ? readdirSync(path) : undefined),
    privateFile: { read: readPrivate, write: writePrivate },
    readInput: async (limit) => {
      const chunks: Buffer[] = []
      let length = 0
      for await (const chunk of process.stdin as AsyncIterable<Buffer>) { // no encoding is set
        chunks.push(chunk)
        length += chunk.length
        if (length > limit) break
      }
      return Buffer.concat(chunks).toString()
    },
    out: (text) => { process.stdout.write(`${text}\n`) },
    err: (text) => { process.stderr.write(`${text}\n`) }
  }
}

function readPrivate (path: string): { readonly text: string, readonly mode: number } | undefined {
  try {
    return { mode: statSync(path).mode, text: readFileSync(path, 'utf8') }
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined
    throw error
  }
}

function writePrivate (path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const aside = `${path}.${process.pid}.part`
  writeFileSync(aside, text, { mode: 0o600, flag: 'wx' })
  renameSync(aside, path)
}

/** The name of the user, or its number: in a container the number may have no name. */
function userName (): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}

const longestTimerMs = 2 ** 31 - 1

/** Keeps the process alive until `end` is called: the SDK's own timers let it end, since they are guests in other programs. */
export function stayAlive (): { readonly end: () => void } {
  const timer = setInterval(() => {}, longestTimerMs)
  return { end: () => { clearInterval(timer) } }
}

/** no-color.org: NO_COLOR, if not empty, forbids them; FORCE_COLOR, if not empty or 0, demands them; else only for a terminal. */
export function wantsColours (env: Terminal['env'], isTerminal: boolean): boolean {
  if ((env['NO_COLOR'] ?? '') !== '') return false
  const forced = env['FORCE_COLOR'] ?? ''
  return forced === '' ? isTerminal && env['TERM'] !== 'dumb' : forced !== '0'
}

/** The environment, from which the token is taken out: programs that are started, and whoever lists it, do not see it any more. */
export function takenEnvironment (): Terminal['env'] {
  const env = { ...process.env }
  delete process.env['ROLLCALL_TOKEN']
  return env
}
