// What a figure is: a number of each run, told by its least, its median and its most.
import { setTimeout as pause } from 'node:timers/promises'

/** A number of one run, under a name that says what it is and in what unit. */
export type Figures = Readonly<Record<string, number>>

export interface Options {
  /** Instances in the registry. */
  readonly size: number
  readonly runs: number
}

const whole = (value: number): string => (Number.isNaN(value) ? 'none' : value >= 100 ? Math.round(value).toLocaleString('en') : String(Math.round(value * 10) / 10))

/** Runs it so often and prints a line for each figure. */
export async function repeat (title: string, runs: number, once: (run: number) => Promise<Figures>): Promise<void> {
  const all: Figures[] = []
  for (let run = 0; run < runs; run++) {
    all.push(await once(run))
    process.stderr.write('.')
  }
  process.stderr.write('\n')
  console.log(`\n${title}, ${runs} runs\n\n| figure | least | median | most |\n|---|---|---|---|`)
  for (const name of Object.keys(all[0] ?? {})) {
    const values = all.map((figures) => figures[name] ?? NaN).sort((a, b) => a - b)
    console.log(`| ${name} | ${whole(values[0] ?? NaN)} | ${whole(values[values.length >> 1] ?? NaN)} | ${whole(values.at(-1) ?? NaN)} |`)
  }
}

/** Waits until it is so, and gives the milliseconds that it took. @throws Error after `limitMs` */
export async function until (what: string, isSo: () => Promise<boolean> | boolean, limitMs = 120_000): Promise<number> {
  const began = performance.now()
  while (!await isSo()) {
    if (performance.now() - began > limitMs) throw new Error(`${what} did not come within ${limitMs} ms`)
    await pause(5)
  }
  return performance.now() - began
}
