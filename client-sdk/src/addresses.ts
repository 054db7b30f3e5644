// The addresses of the registry's nodes, as people write them.
import { RollcallError } from './errors.ts'

/** One call tries each of them. */
const maxAddresses = 64
/** Only such a text is shown in an error: an address with a slip may hold a password. */
const harmless = /^[A-Za-z0-9.:/[\]_-]{1,255}$/

/**
 * Reads the addresses of the registry: one, several, or comma-separated. `host:port` alone is http.
 * @throws RollcallError REGISTRY_INVALID_ARGUMENT
 */
export function addressesOf (input: string | readonly string[]): readonly string[] {
  const given: readonly unknown[] = typeof input === 'string' ? input.split(',') : Array.isArray(input) ? input : [input]
  const texts = given.map((text, index) => {
    if (typeof text !== 'string') throw fault(index, given.length, 'must be a text')
    return text.trim()
  }).filter((text) => text !== '')
  if (texts.length === 0) throw invalid('address must name at least one registry node')
  if (texts.length > maxAddresses) throw invalid(`address must not name more than ${maxAddresses} nodes, got ${texts.length}`)
  return [...new Set(texts.map((text, index) => read(text, index, texts.length)))]
}

function read (text: string, index: number, all: number): string {
  const scheme = /^([a-z][a-z0-9+.-]*):(?!\d)/i.exec(text)?.[1]?.toLowerCase() // not host:port
  const shown = harmless.test(text) ? `, got ${JSON.stringify(text)}` : ''
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') throw fault(index, all, `must be an http or https URL${shown}`)
  const address = (scheme === undefined ? `http://${text}` : text).replace(/\/+$/, '')
  if (!/^https?:\/\/[^/]/i.test(address) || !URL.canParse(address)) throw fault(index, all, `must be an http or https URL${shown}`)
  const { username, password, search, hash, pathname, protocol, host } = new URL(address)
  if (username !== '' || password !== '' || address.includes('@')) throw fault(index, all, 'must not have a user or a password; the token is an option of its own')
  if (search !== '' || address.includes('?')) throw fault(index, all, 'must not have a query')
  if (hash !== '' || address.includes('#')) throw fault(index, all, 'must not have a fragment')
  // What a URL parser would mend in silence is a slip.
  if (/[\s\\]|%2e|\/\.{1,2}(?:\/|$)/i.test(address)) throw fault(index, all, `must not have blanks, backslashes, "." or ".." in its path${shown}`)
  return `${protocol}//${host}${pathname.replace(/\/+$/, '')}`
}

function fault (index: number, all: number, rule: string): RollcallError {
  return invalid(`address ${all === 1 ? '' : `${index + 1} of ${all} `}${rule}`)
}

function invalid (message: string): RollcallError {
  return new RollcallError('REGISTRY_INVALID_ARGUMENT', message, { errors: [{ field: 'address', rule: message }] })
}
