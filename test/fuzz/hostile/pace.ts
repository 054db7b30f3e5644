// The pace of a load. Nothing is asserted by it: it keeps a run from being nothing but load.
import { Random } from '../random.ts'

/** Resolves after so many milliseconds, or when the signal is aborted. */
export function after (ms: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const over = AbortSignal.timeout(ms)
  const both = signal === undefined ? over : AbortSignal.any([over, signal])
  if (both.aborted) return Promise.resolve()
  both.addEventListener('abort', () => resolve(), { once: true })
  return promise
}

/** Keeps the process alive while it waits: the timers of signals do not. */
export function keepAlive (): () => void {
  const timer = setInterval(() => undefined, 60_000)
  return () => clearInterval(timer)
}

/** One of several streams of numbers of a seed. */
export function streamOf (seed: number, ...which: readonly number[]): Random {
  return new Random(which.reduce((mixed, part) => Math.imul(mixed ^ (part + 0x9e3779b9), 0x85ebca6b) ^ (mixed >>> 13), seed))
}
