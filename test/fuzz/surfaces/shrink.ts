// The shortest list that still shows a disagreement (delta debugging: Zeller and Hildebrandt, 2002).
import type { Operation } from './operations.ts'

/** Tries that one shrinking may cost: each is a registry of its own. */
const maxTries = 400

/** @param shows whether a list shows it */
export async function shortest (
  operations: readonly Operation[], shows: (list: readonly Operation[]) => Promise<boolean>
): Promise<readonly Operation[]> {
  let list = operations
  let tries = 0
  for (let size = Math.ceil(list.length / 2); size >= 1 && tries < maxTries;) {
    let shrunk = false
    for (let start = 0; start < list.length && tries < maxTries;) {
      const rest = [...list.slice(0, start), ...list.slice(start + size)]
      tries++
      if (rest.length < list.length && await shows(rest)) {
        list = rest
        shrunk = true
      } else {
        start += size
      }
    }
    if (size === 1 && !shrunk) break
    size = size === 1 ? 1 : Math.ceil(size / 2)
  }
  return list
}
