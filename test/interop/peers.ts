// Programs that other people wrote, started for one test on free ports of the loopback and ended with it.
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { type Closable, temporaryDirectory } from '../support/closable.ts'
import { freePort } from '../support/free-port.ts'
import { programPath } from '../support/programs.ts'

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
