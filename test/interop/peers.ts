// Programs that other people wrote, started for one test on free ports of the loopback and ended with it.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'

export interface Closable {
  teardown (callback: () => unknown): void
}

/** A program of the system, or undefined. Servers are in /usr/sbin, which is not in everybody's PATH. */
export function programPath (name: string): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return directories.map((directory) => join(directory, name)).find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** For `skip`: false if all of them are there, else the sentence that says what is not. */
export function lacking (...names: readonly string[]): string | false {
  const missing = names.filter((name) => programPath(name) === undefined)
  return missing.length > 0 && `${missing.join(', ')} not installed: npm run test:setup`
}

export interface Output {
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end, thirty seconds at most. @throws if it can't be run, or says by its exit code that it failed */
export function output (name: string, ...args: readonly string[]): Promise<Output> {
  return promisify(execFile)(programPath(name) ?? name, args, { timeout: 30_000, env: { ...process.env, LC_ALL: 'C' } })
}

export async function temporaryDirectory (t: Closable): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'rollcall-interop-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

/** A port that is free for UDP and for TCP. Somebody else may be faster, which is why `startPeer` tries again. */
export async function freePort (): Promise<number> {
  for (let attempt = 1; attempt <= 32; attempt++) {
    const udp = createSocket('udp4').bind(0, '127.0.0.1')
    await once(udp, 'listening')
    const { port } = udp.address()
    const tcp = createServer().listen(port, '127.0.0.1')
    const isFree = await once(tcp, 'listening').then(() => true, () => false)
    await Promise.all([new Promise<void>((resolve) => udp.close(() => resolve())), isFree && new Promise<void>((resolve) => tcp.close(() => resolve()))])
    if (isFree) return port
  }
  throw new Error('no port is free for UDP and TCP alike')
}

/** Asks until there is an answer. Thirty seconds are plenty for a program that needs a tenth of one, on a busy machine too. */
export async function until<Answer> (what: string, ask: () => Promise<Answer | undefined>): Promise<Answer> {
  const deadlineMs = performance.now() + 30_000
  for (;;) {
    let last: unknown
    try {
      const answer = await ask()
      if (answer !== undefined) return answer
    } catch (error) {
      last = error
    }
    if (performance.now() > deadlineMs) throw new Error(`${what}: not within thirty seconds`, { cause: last })
    await setImmediate() // asking takes its time
  }
}

export class Peer {
  readonly pid: number
  readonly #child: ChildProcess
  readonly #name: string
  readonly #exit: Promise<unknown>
  #output = ''

  constructor (name: string, args: readonly string[]) {
    this.#name = name
    const path = programPath(name) ?? name
    // A test that is killed tears nothing down: where there is setpriv, the kernel then ends what it started.
    const setpriv = programPath('setpriv')
    const [command, ...rest] = setpriv === undefined ? [path] : [setpriv, '--pdeathsig', 'TERM', path]
    const child = spawn(command, [...rest, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { this.#output += text })
    this.#exit = new Promise((resolve) => child.once('exit', resolve).once('error', resolve))
    this.#child = child
    this.pid = child.pid ?? 0
  }

  /** What it has printed. */
  get output (): string {
    return this.#output
  }

  get hasEnded (): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null || this.pid === 0
  }

  /** Waits until it answers. @throws with what it printed, if it ended instead */
  ready (isReady: () => Promise<boolean>): Promise<true> {
    return until(`${this.#name} is ready`, async () => this.hasEnded || await isReady() || undefined).then(
      () => {
        if (this.hasEnded) throw new Error(`${this.#name} ended:\n${this.#output}`)
        return true
      },
      (error: unknown) => { throw new Error(`${this.#name} does not answer:\n${this.#output}`, { cause: error }) }
    )
  }

  /** Asks it to end, and ends it if it does not. */
  async end (): Promise<void> {
    if (this.hasEnded) return
    this.#child.kill('SIGTERM')
    AbortSignal.timeout(5_000).addEventListener('abort', () => this.#child.kill('SIGKILL')) // no longer there: no harm
    await this.#exit
  }
}

export interface PeerPlan {
  readonly program: string
  /** The text of its configuration, and its arguments when that is in `path`. */
  readonly config: (port: number, directory: string) => string
  readonly args: (path: string) => readonly string[]
  readonly isReady: (port: number) => Promise<boolean>
  /** Where it is to answer, if others have to know beforehand; default: a free one. */
  readonly port?: number
}

/** Starts a program with a configuration file, waits until it answers, and ends it with the test. */
export async function startPeer (t: Closable, plan: PeerPlan): Promise<{ readonly peer: Peer, readonly port: number }> {
  const { program, config, args, isReady } = plan
  const directory = await temporaryDirectory(t)
  const path = join(directory, `${program}.conf`)
  for (let attempt = 1; ; attempt++) {
    const port = plan.port ?? await freePort()
    await writeFile(path, config(port, directory))
    const peer = new Peer(program, args(path))
    t.teardown(() => peer.end())
    try {
      await peer.ready(() => isReady(port))
      return { peer, port }
    } catch (error) {
      await peer.end()
      if (attempt === 3 || !/address (?:already )?in use/i.test(peer.output)) throw error
    }
  }
}
