// Where a command's words go, and what it may know of its surroundings: everything that tests replace.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { styleText } from 'node:util'
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
  /** All of standard input, at most `limit` octets and some more. */
  readonly readInput: (limit: number) => Promise<string>
  /** What the SDK should use instead of the network; absent in a real process. */
  readonly network?: Pick<RollcallOptions, 'fetch' | 'WebSocket' | 'clock'>
  out (text: string): void
  err (text: string): void
}

/** The terminal of this process. */
export function processTerminal (): Terminal {
  let controller: AbortController | undefined
  return {
    env: process.env,
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

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'gray' | 'bold'

export function coloured (text: string, colour: Colour | undefined, colours: boolean): string {
  return !colours || colour === undefined ? text : styleText(colour, text, { validateStream: false })
}

// C0, DEL and C1 controls; line and paragraph separators; the marks that turn the direction of writing (Trojan Source).
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** A text from the registry with its control characters written out: metadata must not control a terminal. */
export function harmless (text: string): string {
  return text.replaceAll(control, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
