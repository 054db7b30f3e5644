// What an answer that is no success means.
import { RollcallError } from './errors.ts'
import { isObject } from './shape.ts'
import type { FieldError } from './wire.ts'

/** Faults of one refusal that are kept. */
const maxErrors = 1_000
/** Characters of a text of the registry that an error carries. */
const maxText = 4_096
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

export function parse (text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The registry's refusal as the error that it is. */
export function refused (where: string, status: number, body: unknown, retryAfter: string | undefined): RollcallError {
  const seconds = Number(retryAfter ?? NaN)
  const retryAfterMs = Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : undefined
  if (!isObject(body) || typeof body['code'] !== 'string' || typeof body['detail'] !== 'string') {
    return new RollcallError(
      'REGISTRY_BAD_ANSWER', `${where}: answered ${status} without a problem document`, { status, retryAfterMs }
    )
  }
  const { code, detail, errors, moreErrors } = body
  const more = Number.isSafeInteger(moreErrors) ? moreErrors as number : undefined // just seen to be one
  return new RollcallError(
    code.slice(0, 100), detail.slice(0, maxText), { status, errors: fieldErrors(errors), moreErrors: more, retryAfterMs }
  )
}

/** As many of the listed faults as are some. */
export function fieldErrors (value: unknown): readonly FieldError[] {
  if (!Array.isArray(value)) return []
  return value.slice(0, maxErrors).filter((each): each is FieldError => isObject(each) && typeof each['field'] === 'string' && typeof each['rule'] === 'string')
}

/**
 * Where an answer sends the call, undefined = nowhere. Only to an address that the client was given: another host would
 * get the token and the body. A method that changes something goes on only where the answer says "the same call there"
 * (307, 308).
 * @throws RollcallError REGISTRY_BAD_ANSWER
 */
export function redirectedTo (
  status: number, location: string | undefined, url: string,
  { method, addresses, where }: {
    readonly method: string, readonly addresses: readonly string[], readonly where: string
  }
): string | undefined {
  if (status !== 0 && !redirects.has(status)) return undefined // 0: a browser hides where to
  const bad = (text: string): RollcallError => new RollcallError(
    'REGISTRY_BAD_ANSWER', `${where}: answered ${status}, ${text}`, { status }
  )
  if (location === undefined || !URL.canParse(location, url)) throw bad('a redirect to nowhere')
  const target = new URL(location, url)
  target.hash = ''
  const isKnown = target.username === '' && target.password === '' && addresses.some(
    (address) => target.href.startsWith(`${address}/`)
  )
  if (!isKnown) throw bad(`a redirect to ${target.origin}, which is none of the addresses`)
  if (method !== 'GET' && status !== 307 && status !== 308) throw bad(`a redirect that does not repeat the ${method}`)
  return target.href
}
