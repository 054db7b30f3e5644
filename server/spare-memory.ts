// Gives memory back to the system that the C library keeps after a burst: bodies and answers of megabytes leave holes between what is still
// in use, which malloc does not give back by itself (malloc_trim(3)). V8's own heap is not looked at here.
import { createRequire } from 'node:module'
import type { Clock } from './clock.ts'

const lookMs = 10_000
/** Giving back a MiB costs a tenth of a millisecond, in which others may have to wait: little and often. */
const worthBytes = 32 * 1024 ** 2

/** What is used of koffi, an optional dependency. */
interface Koffi {
  load (path: null): { func (prototype: string): { async (pad: number, done: (error: unknown) => void): void } }
}

export interface SpareMemoryOptions {
  readonly clock: Clock
  /** Resident octets of the process. */
  readonly resident?: () => number
  /** Calls back when all is given back. undefined = it cannot be done here. */
  readonly giveBack?: ((done: () => void) => void) | undefined
}

/** Begins to look now and then whether there is much to give back. Gives a function that ends it. */
export function giveBackSpareMemory ({ clock, resident = () => process.memoryUsage.rss(), giveBack = trimming() }: SpareMemoryOptions): () => void {
  if (giveBack === undefined) return () => undefined
  let floor = resident()
  let cancel = (): void => undefined
  let isOver = false
  const wait = (): void => { if (!isOver) cancel = clock.after(lookMs, look) }
  const look = (): void => {
    const bytes = resident()
    floor = Math.min(floor, bytes)
    if (bytes - floor < worthBytes) return wait()
    giveBack(() => {
      floor = resident()
      wait()
    })
  }
  wait()
  return () => {
    isOver = true
    cancel()
  }
}

/** undefined where there is no glibc, or no koffi. */
function trimming (): ((done: () => void) => void) | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi // where it is, it is of this form
    const trim = koffi.load(null).func('int malloc_trim(size_t pad)')
    return (done) => trim.async(0, () => done())
  } catch { // musl has no such call
    return undefined
  }
}
