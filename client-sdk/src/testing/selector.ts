// Label selectors for the test registry: `a=b, a!=b, a, !a, a in (b,c), a notin (b,c)`. The real registry's parser knows the whole grammar.
import { serviceLabel, type Instance } from '../wire.ts'

const requirement = /\s*(?:(!)\s*([^\s=!,()]+)|([^\s=!,()]+)(?:\s*(==|=|!=)\s*([^\s=!,()]*)|\s+(in|notin)\s*\(([^()]*)\))?)\s*(?:,|$)/y

/** True if the instance has what the selector asks for. @throws Error when it cannot be read */
export function selects (selector: string, instance: Instance): boolean {
  const labels: Readonly<Record<string, string>> = { ...instance.labels, [serviceLabel]: instance.service }
  requirement.lastIndex = 0
  while (requirement.lastIndex < selector.length) {
    const at = requirement.lastIndex
    const match = requirement.exec(selector)
    if (match === null) throw new Error(`the test registry cannot read the selector ${JSON.stringify(selector)} from character ${at + 1}`)
    const [, not, absent = '', key = '', operator, value = '', set, values = ''] = match
    const wanted = set === undefined ? [value] : values.split(',').map((each) => each.trim())
    const given = labels[not === undefined ? key : absent]
    const isAmong = given !== undefined && wanted.includes(given)
    const holds = not !== undefined
      ? given === undefined
      : operator === undefined && set === undefined ? given !== undefined : (operator === '!=' || set === 'notin') !== isAmong
    if (!holds) return false
  }
  return true
}
