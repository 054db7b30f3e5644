// What the kernel's maps hold, read from `nft -j list table`: for the comparison with what they should hold.
import { parseIp } from '../../model/address/ranges.ts'

/** Reads the elements of a table: `ip services` -> key -> value, as RulesetState.expected has them. Undefined: it is no such text. */
export function readMaps (json: string): Map<string, Map<string, string>> | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(json)
  } catch {
    return undefined
  }
  const items = field(parsed, 'nftables')
  if (!Array.isArray(items)) return undefined
  const maps = new Map<string, Map<string, string>>()
  for (const item of items as unknown[]) {
    const listed = field(item, 'map') ?? field(item, 'set')
    if (listed === undefined) continue
    const name = `${text(field(listed, 'family'))} ${text(field(listed, 'name'))}`
    const elements = new Map<string, string>()
    const found = field(listed, 'elem')
    for (const element of Array.isArray(found) ? found as unknown[] : []) {
      const [key, value] = Array.isArray(element) ? element as unknown[] : [element, undefined]
      elements.set(text(key), value === undefined ? '' : text(value))
    }
    maps.set(name, elements)
  }
  return maps
}

function field (value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && name in value ? (value as Record<string, unknown>)[name] : undefined
}

/** As the ruleset's text has it: `10.96.0.1 . tcp . 80`, `goto x`, `10.0.0.0/8`. */
function text (value: unknown): string {
  if (typeof value === 'string') {
    const ip = parseIp(value)
    return 'problem' in ip ? value : ip.text
  }
  if (typeof value === 'number') return String(value)
  const parts = field(value, 'concat')
  if (Array.isArray(parts)) return parts.map((part) => text(part)).join(' . ')
  const prefix = field(value, 'prefix')
  if (prefix !== undefined) return `${text(field(prefix, 'addr'))}/${text(field(prefix, 'len'))}`
  const target = field(field(value, 'goto'), 'target')
  if (target !== undefined) return `goto ${text(target)}`
  for (const verdict of ['accept', 'drop']) if (typeof value === 'object' && value !== null && verdict in value) return verdict
  const element = field(value, 'elem')
  return element === undefined ? JSON.stringify(value) : text(field(element, 'val'))
}
