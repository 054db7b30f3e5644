// Runs a program of the system (nft, ip, conntrack, arping) without a shell, with a limit of time and of output.
import { spawn } from 'node:child_process'
import type { Guard } from '../guard.ts'

export interface Ran {
  /** The exit code; undefined if it could not be started, or was ended by the limit. */
  readonly code: number | undefined
  readonly out: string
  readonly err: string
}

/** What a program may print, in bytes: the elements of the largest map in JSON. */
const maxOutputBytes = 64 * 1_048_576
const defaultLimitMs = 10_000

export interface RunOptions {
  readonly input?: string
  readonly limitMs?: number
}

export type Run = (program: string, args: readonly string[], options?: RunOptions) => Promise<Ran>

function started (program: string, args: readonly string[], timeout: number) {
  return spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], timeout, killSignal: 'SIGKILL' })
}

/** Never rejects. */
export function programRunner (guard: Guard): Run {
  return (program, args, { input = '', limitMs = defaultLimitMs } = {}) => new Promise((resolve) => {
    let child: ReturnType<typeof started>
    try {
      child = started(program, args, limitMs)
    } catch (error) {
      // Most errors of a start come as an event; some (EPERM: it has capabilities that may not be had here) are thrown.
      return resolve({ code: undefined, out: '', err: error instanceof Error ? error.message : String(error) })
    }
    const out: Buffer[] = []
    const err: Buffer[] = []
    let bytes = 0
    const collect = (chunks: Buffer[]) => (chunk: Buffer): void => {
      bytes += chunk.length
      if (bytes > maxOutputBytes) child.kill('SIGKILL')
      else chunks.push(chunk)
    }
    const end = (code: number | undefined, problem?: string): void => {
      resolve({ code, out: Buffer.concat(out).toString(), err: problem ?? Buffer.concat(err).toString() })
    }
    child.stdout.on('data', guard.around('proxy-program', collect(out)))
    child.stderr.on('data', guard.around('proxy-program', collect(err)))
    child.stdin.on('error', guard.around('proxy-program', () => undefined)) // it ended before it had read all: its exit code tells
    child.once('error', guard.around('proxy-program', (error: Error) => end(undefined, error.message)))
    child.once('close', guard.around('proxy-program', (code: number | null, signal: NodeJS.Signals | null) => {
      end(code ?? undefined, signal === null ? undefined : `${program} was ended by ${signal} after ${limitMs} ms or ${maxOutputBytes} bytes`)
    }))
    child.stdin.end(input)
  })
}

/** The first line of what went wrong, for a sentence. */
export function failure ({ code, err }: Ran): string {
  const [line = ''] = err.trim().split('\n')
  return line === '' ? `exit code ${code ?? 'none'}` : line.slice(0, 300)
}
