// The rules of expiry as tables of numbers. Both languages that say them must give the same: TypeScript for SQLite, Lua for Redis.
import * as rules from '../../server/store/expiry-rules.ts'

export interface Case {
  readonly title: string
  /** The rule's name, which is the same in both. */
  readonly rule: 'holdUntil' | 'pulledIn' | 'brakeSince' | 'brakeHolds'
  readonly numbers: readonly number[]
  /** A time, or whether it holds. */
  readonly gives: number | boolean
}

const now = 1_000_000
const rows = (rule: Case['rule'], lines: readonly (readonly [string, readonly number[], number | boolean])[]): Case[] =>
  lines.map(([title, numbers, gives]) => ({ title, rule, numbers, gives }))

/**
 * holdUntil(until, gap, maxGap, length, now); pulledIn(deadline, period, now); brakeSince(ratio, atLeast, suspects, all, since, now);
 * brakeHolds(max, since, now)
 */
export const cases: readonly Case[] = [
  ...rows('holdUntil', [
    ['sweeps that follow each other hold nothing', [0, 250, 3_000, 2_000, now], 0],
    ['a pause as long as it may be is none', [0, 3_000, 3_000, 2_000, now], 0],
    ['a longer pause holds for the length', [0, 3_001, 3_000, 2_000, now], now + 2_000],
    ['a step back holds', [0, -1_001, 3_000, 2_000, now], now + 2_000],
    ['a slewed clock does not', [0, -1_000, 3_000, 2_000, now], 0],
    ['a hold that runs goes on', [now + 500, 250, 3_000, 2_000, now], now + 500],
    ['a hold that is over stays over', [now - 500, 250, 3_000, 2_000, now], now - 500],
    ['a pause within a hold begins it anew', [now + 500, 5_000, 3_000, 2_000, now], now + 2_000],
    ['one further ahead than it is long is pulled in', [now + 3_600_000, 250, 3_000, 2_000, now], now + 2_000],
    ['nobody to wait for: no hold', [0, 5_000, 3_000, 0, now], now]
  ]),
  ...rows('pulledIn', [
    ['a deadline within its period stays', [now + 1_000, 15_000, now], now + 1_000],
    ['one that is over stays', [now - 1_000, 15_000, now], now - 1_000],
    ['exactly its period ahead stays', [now + 15_000, 15_000, now], now + 15_000],
    ['one an hour ahead comes to its own period', [now + 3_600_000, 15_000, now], now + 15_000],
    ['a day is the period of a day', [now + 86_400_000, 86_400_000, now], now + 86_400_000]
  ]),
  ...rows('brakeSince', [
    ['too few suspects', [0.3, 10, 9, 10, 0, now], 0],
    ['enough, and more than the ratio', [0.3, 10, 10, 33, 0, now], now],
    ['exactly the ratio is not more', [0.5, 3, 5, 10, 0, now], 0],
    ['it is kept since it began', [0.3, 10, 10, 33, now - 700_000, now], now - 700_000],
    ['it ends when they are fewer', [0.3, 10, 3, 33, now - 5_000, now], 0],
    ['a beginning ahead of the clock is now', [0.3, 10, 10, 33, now + 3_600_000, now], now],
    ['ratio 1 never brakes', [1, 10, 50, 50, 0, now], 0],
    ['ratio 0 brakes at the least number', [0, 3, 3, 1_000, 0, now], now]
  ]),
  ...rows('brakeHolds', [
    ['one that is not on', [600_000, 0, now], false],
    ['one that has just begun', [600_000, now, now], true],
    ['until its time is over', [600_000, now - 600_000, now], true],
    ['and not longer', [600_000, now - 600_001, now], false],
    ['no time at all: for the moment that it begins', [0, now, now], true]
  ])
]

/** What TypeScript gives. */
export function given ({ rule, numbers }: Case): number | boolean {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = numbers
  switch (rule) {
    case 'holdUntil': return rules.holdUntil(a, b, c, d, e)
    case 'pulledIn': return rules.pulledIn(a, b, c)
    case 'brakeSince': return rules.brakeSince({ ratio: a, atLeast: b, maxMs: 0 }, c, d, e, f)
    case 'brakeHolds': return rules.brakeHolds({ ratio: 0, atLeast: 0, maxMs: a }, b, c)
  }
}
