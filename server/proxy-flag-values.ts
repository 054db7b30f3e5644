// Values of flags of `rollcall proxy` that several of them have.
import { RegistryError } from './errors.ts'

/** A reader's faults as one rule, for a usage error. */
export function ranged<Value> (read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    throw new Error(error.errors?.[0]?.rule ?? error.message)
  }
}

/** `HOST:PORT`, `[IPV6]:PORT`. @throws Error with the rule */
export function readHostPort (text: string, rule = 'must be HOST:PORT'): { readonly host: string, readonly port: number } {
  const match = /^(?:\[([0-9a-f:]+)\]|([^:]+)):(\d{1,5})$/i.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) throw new Error(rule)
  return { host: match[1] ?? match[2] ?? '', port }
}
