// Names of Eureka and ours, both ways. An application's name is upper case there and a DNS label here. An instance's id may be any text
// there; here it is a path segment of visible ASCII: what does not fit is escaped as in a URL.
import { idRule, isId, isLabel, labelRule } from '../../model/names.ts'

/** What an application's name must be, as Eureka's clients are told. */
export const appRule = `${labelRule} (in any case)`
export const instanceIdRule = `must become, with "/" and everything but visible ASCII written as in a URL, an id that ${idRule.replace(/^must be/, 'is')}`

/** The service of an application: `ORDERS` -> `orders`. undefined = no label can carry the name. */
export function serviceOf (app: string): string | undefined {
  const service = app.toLowerCase()
  return isLabel(service) ? service : undefined
}

/** `orders` -> `ORDERS` */
export function appOf (service: string): string {
  return service.toUpperCase()
}

/** What an id must not hold here, and a `%` that would be read as an escape. */
const escaped = /[^!-~]|\/|%(?=[0-9A-Fa-f]{2})/gu

/** Our id of Eureka's. undefined = it is empty, too long, or no text (half of a surrogate pair). */
export function idOf (instanceId: string): string | undefined {
  if (!instanceId.isWellFormed()) return undefined
  const dotted = /^\.{1,2}$/.test(instanceId) ? instanceId.replaceAll('.', '%2E') : undefined
  const id = dotted ?? instanceId.replaceAll(escaped, (character) => (character === '%' ? '%25' : encodeURIComponent(character)))
  return isId(id) ? id : undefined
}

/** Eureka's id of ours: what `idOf` would make ours of, so that both lead to each other; any other is shown as it is. */
export function instanceIdOf (id: string): string {
  if (!id.includes('%')) return id
  try {
    // An escape is read only where it is one: a lone "%" stands for itself.
    const instanceId = decodeURIComponent(id.replaceAll(/%(?![0-9A-Fa-f]{2})/g, '%25'))
    return idOf(instanceId) === id ? instanceId : id
  } catch {
    return id // the escapes are no UTF-8
  }
}
