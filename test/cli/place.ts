// Runs commands against a real registry in this process, with files that are really there and a terminal that
// remembers.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import type { Test } from 'tap'
import { Rollcall } from '../../client-sdk/src/index.ts'
import { run } from '../../server/cli/run.ts'
import { readPools } from '../../server/model/address/ranges.ts'
import { defaultRanges } from '../../server/registry/allocation/ledger.ts'
import { build, type HttpWorld, type WorldOptions } from '../support/world.ts'
import type { Ran } from './helper.ts'

export interface Place {
  readonly world: HttpWorld
  readonly sdk: Rollcall
  readonly rollcall: (...argv: string[]) => Promise<Ran>
  /** Begins a command that stays. */
  readonly begin: (...argv: string[]) => { line (pattern: RegExp): Promise<void>, interrupt (): Promise<Ran> }
  /** With this text at standard input. */
  readonly piped: (input: string, ...argv: string[]) => Promise<Ran>
}

export async function place (t: Test, options: WorldOptions = {}): Promise<Place> {
  const world =
    await build(t,
      { ...options, core: { allocation: { ...defaultRanges, pools: readPools(['lan=192.168.1.240-192.168.1.250']) } } })
  const { url } = await world.listen()
  const sdk = new Rollcall({ address: url, signals: false, random: () => 0.5 })
  t.teardown(() => sdk.close())
  const ran = async (argv: string[],
    { signal, input = '',
      told = () => undefined }: { signal: AbortSignal, input?: string,
      told?: (line: string) => void }): Promise<Ran> => {
    const out: string[] = []
    const err: string[] = []
    const exitCode = await run(argv, {
      env: { ROLLCALL_ADDRESS: url },
      hostname: 'machine',
      user: 'ann',
      colours: false,
      now: () => world.clock.now(),
      signal,
      readFile: (path) => readFileSync(path, 'utf8'),
      readDirectory: (path) => (statSync(path).isDirectory() ? readdirSync(path) : undefined),
      readInput: async () => input,
      out: (text) => {
        out.push(...text.split('\n'))
        text.split('\n').forEach(told)
      },
      err: (text) => {
        err.push(...text.split('\n'))
        text.split('\n').forEach(told)
      }
    })
    return { exitCode, out, err }
  }
  const begin: Place['begin'] = (...argv) => {
    const controller = new AbortController()
    const lines: string[] = []
    const waiting = new Set<() => void>()
    const ended = ran(argv, { signal: controller.signal, told: (line) => {
      lines.push(line)
      for (const look of waiting) look()
    } })
    return {
      line: (pattern) => new Promise((resolve) => {
        const look = (): void => {
          if (!lines.some((line) => pattern.test(line))) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
      interrupt: async () => {
        controller.abort()
        return await ended
      }
    }
  }
  const piped: Place['piped'] = (input, ...argv) => ran(argv, { signal: new AbortController().signal, input })
  return { world, sdk, begin, piped, rollcall: (...argv) => piped('', ...argv) }
}
