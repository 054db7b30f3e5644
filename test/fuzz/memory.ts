// How much memory is in use, all garbage collected.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void // exists since the flag is set

/** Octets of the heap and of buffers outside it. */
export async function usedMemory (): Promise<number> {
  for (let round = 0; round < 2; round++) { // the first lets finalizers run, the second collects what they held
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
