// A program: lanes of attacks on one node, chosen by seed, until it is told to end. Its parent talks to it by messages.
import { type Attack, type Target, host } from './attack.ts'
import { attacksNamed } from './attacks.ts'
import { after, keepAlive, streamOf } from './pace.ts'

export interface AttackOptions {
  readonly target: Target
  readonly seed: number
  readonly lanes: number
  /** Attacks of each lane; undefined = until told to end. */
  readonly count?: number
  /** Part of the full size. */
  readonly size: number
  /** Only attacks whose names begin so. */
  readonly only?: string
  readonly pauseMs: number
}

export interface AttackReport {
  /** How many of each. */
  readonly attacks: Readonly<Record<string, number>>
  /** Of attacks that found what must not be, or failed themselves. */
  readonly errors: readonly string[]
  /** The last that ran, each with its lane and turn: where to look when the node ended. */
  readonly last: readonly string[]
}

/** An attack that is not over by then is cut. */
const maxMs = 20_000
const maxTold = 40

function chosen (attacks: readonly Attack[], part: number): Attack {
  let rest = part * attacks.reduce((sum, { weight }) => sum + weight, 0)
  const found = attacks.find(({ weight }) => (rest -= weight) < 0) ?? attacks[0]
  if (found === undefined) throw new RangeError('no attack of that name')
  return found
}

async function attack ({ target, seed, lanes, count = Infinity, size, only, pauseMs }: AttackOptions, end: AbortSignal): Promise<AttackReport> {
  const attacks = attacksNamed(only)
  const counts: Record<string, number> = {}
  const [errors, last]: [string[], string[]] = [[], []]
  const lane = async (which: number): Promise<void> => {
    for (let turn = 0; turn < count && !end.aborted; turn++) {
      const random = streamOf(seed, which, turn)
      const { name, run } = chosen(attacks, random.below(1e6) / 1e6)
      const from = random.below(5) === 0 ? host : `127.0.1.${1 + random.below(20)}`
      const label = `${name} (seed ${seed}, lane ${which}, turn ${turn})`
      last.push(label)
      if (last.length > maxTold) last.shift()
      counts[name] = (counts[name] ?? 0) + 1
      const over = new AbortController()
      const signal = AbortSignal.any([end, over.signal, AbortSignal.timeout(maxMs)])
      try {
        await Promise.race([run({ target, random, from, size, signal }), after(maxMs + 1_000, end)])
      } catch (error) {
        if (errors.length < maxTold && !isExpected(error)) errors.push(`${label}: ${String(error)}`)
      }
      over.abort()
      await after(random.below(2 * pauseMs + 1), end)
    }
  }
  await Promise.all(Array.from({ length: lanes }, (_none, which) => lane(which)))
  return { attacks: counts, errors, last }
}

/** The node may refuse a connection, cut it, or be slow: the honest clients say whether that is wrong. */
function isExpected (error: unknown): boolean {
  return /ECONNRESET|ECONNREFUSED|EPIPE|fetch failed|Connection is closed|aborted|EADDR|ENOBUFS/.test(String(error))
}

const end = new AbortController()
process.on('message', (message: { readonly start?: AttackOptions, readonly end?: true }) => {
  if (message.end === true) end.abort()
  if (message.start === undefined) return
  const release = keepAlive()
  void attack(message.start, end.signal).then((report) => {
    process.send?.({ report })
    release()
    process.disconnect()
  })
})
process.on('disconnect', () => process.exit())
