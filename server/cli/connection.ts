// Where the registry is and what opens it, as the command line and the environment give them. What is wrong is said without the
// value: with a slip an address holds a password, and a path is a token.
import { UsageError } from './errors.ts'

export const defaultAddress = 'http://127.0.0.1:7500'
/** A person waits at the terminal; a script gives --timeout. */
export const defaultTimeoutMs = 10_000

/** One or several addresses with commas between. @param source the flag or variable that it is from */
export function readAddresses (text: string, source: string): readonly string[] {
  const addresses = text.split(',').map((address) => address.trim()).filter((address) => address !== '')
  for (const address of addresses) {
    const whole = address.includes('://') ? address : `http://${address}`
    // `unix:/run/x`, `mailto:x` name another way of speaking: only a port stands behind the colon of a host.
    const isOtherScheme = !address.includes('://') && /^[a-z][-a-z0-9+.]*:(?!\d)/i.test(address)
    const url = !isOtherScheme && /^https?:\/\//i.test(whole) && URL.canParse(whole) ? new URL(whole) : undefined
    if (url === undefined) throw new UsageError(`${source} must be an http or https URL, like http://127.0.0.1:7500`)
    const surplus = whole.includes('@') ? 'user or password' : /[?]/.test(whole) ? 'query' : whole.includes('#') ? 'fragment' : undefined
    if (surplus !== undefined) throw new UsageError(`${source} must have no ${surplus}: it is only a scheme, a host and a port, and a token is given as ROLLCALL_TOKEN`)
  }
  return addresses
}

/** A token as a header can carry it. @param source the flag, variable or file that it is from */
export function readToken (text: string, source: string): string {
  const token = text.trim()
  if (!/^[\x21-\x7e]+$/.test(token)) throw new UsageError(`${source} must be one line of visible ASCII characters`)
  return token
}

/** The token in a file. @param source the flag or variable that names the file */
export function readTokenFile (path: string, source: string, readFile: (path: string) => string): string {
  let text: string
  try {
    text = readFile(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'it cannot'
    throw new UsageError(`${source} must name a file that can be read (${code})`)
  }
  return readToken(text, `the file of ${source}`)
}
