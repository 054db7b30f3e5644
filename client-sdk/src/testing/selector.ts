// Label selectors in the test registry, by the rules of the real one.
import { matches, parseSelector } from '../rules.ts'
import { serviceLabel } from '../wire.ts'

/**
 * True if the selector matches the labels, or there is no selector. Each instance carries the label of the service that
 * it registered under.
 * @throws SelectorFault when it cannot be read
 */
export function selectsAny (
  selector: string | undefined, labels: Readonly<Record<string, string>>, service: string
): boolean {
  if (selector === undefined) return true
  const all: Readonly<Record<string, string>> = { ...labels, [serviceLabel]: service }
  return matches(parseSelector(selector), (key) => (Object.hasOwn(all, key) ? all[key] : undefined))
}
