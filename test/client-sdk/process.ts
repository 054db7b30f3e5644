// A child process that a test talks to by its lines.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const repository = fileURLToPath(new URL('../..', import.meta.url))

export interface Child {
  readonly process: ChildProcess
  readonly lines: string[]
  /** What it wrote to stderr so far. */
  readonly errors: () => string
  /** Resolves with the first line, also a past one, that matches; rejects if the process ends before. */
  readonly line: (pattern: RegExp) => Promise<string>
  /** Resolves when so many lines match. */
  readonly lineCount: (pattern: RegExp, count: number) => Promise<void>
  readonly ended: Promise<{ code: number | null, signal: NodeJS.Signals | null }>
}

/** Starts a node that runs the repository's TypeScript. */
export function run (args: readonly string[], environment: Record<string, string> = {}, cwd = repository): Child {
  const child = spawn(process.execPath, ['--conditions=rollcall-source', ...args], {
    cwd, env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe']
  })
  const lines: string[] = []
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => { errors += chunk.toString() })
  const reader = createInterface({ input: child.stdout })
  reader.on('line', (line) => lines.push(line))
  const ended = once(child, 'close').then(([code, signal]) => ({ code: code as number | null, signal: signal as NodeJS.Signals | null }))
  const line = (pattern: RegExp): Promise<string> => new Promise((resolve, reject) => {
    const look = (text: string): void => { if (pattern.test(text)) resolve(text) }
    lines.forEach(look)
    reader.on('line', look)
    void ended.then(({ code, signal }) => reject(new Error(`ended with ${code ?? signal} before ${String(pattern)}: ${errors}`)))
  })
  const lineCount = (pattern: RegExp, count: number): Promise<void> => new Promise((resolve, reject) => {
    const look = (): void => { if (lines.filter((text) => pattern.test(text)).length >= count) resolve() }
    look()
    reader.on('line', look)
    void ended.then(
      ({ code, signal }) => reject(
        new Error(`ended with ${code ?? signal} before line ${count} of ${String(pattern)}: ${errors}`)
      )
    )
  })
  return { process: child, lines, errors: () => errors, line, lineCount, ended }
}
