// Small checks of values from outside. A check gives the first fault as a sentence, or undefined; what it does not name
// is ignored, so that a newer registry may say more.

/** @param at the path of the value, as in `endpoints[0].address` */
export type Check = (value: unknown, at: string) => string | undefined

/** Characters of a value that a message shows. */
const shownLength = 80

/** A value for a message: short, and never an exception. */
export function shown (value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > shownLength ? `${value.slice(0, shownLength)}...` : value)
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object'
  return typeof value === 'function' ? 'a function' : String(value)
}

/** A check of the rule in words. */
export function rule (words: string, isGood: (value: unknown) => boolean): Check {
  return (value, at) => (isGood(value) ? undefined : `${at} must be ${words}, got ${shown(value)}`)
}

export const anything: Check = () => undefined
export const text = rule('a text', (value) => typeof value === 'string')
export const flag = rule('true or false', (value) => typeof value === 'boolean')
export const number = rule('a number', (value) => Number.isFinite(value))
export const count = rule('a whole number from 0', (value) => Number.isSafeInteger(value) && (value as number) >= 0)

export function whole (least: number, most: number): Check {
  return rule(
    `a whole number ${least}-${most}`,
    (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
  )
}

export function oneOf (...values: readonly unknown[]): Check {
  return rule(`one of ${values.join(', ')}`, (value) => values.includes(value))
}

/** The field may be absent. */
export function maybe (check: Check): Check {
  return (value, at) => (value === undefined ? undefined : check(value, at))
}

export function listOf (check: Check): Check {
  return (value, at) => {
    if (!Array.isArray(value)) return `${at} must be a list, got ${shown(value)}`
    for (const [index, item] of value.entries()) {
      const fault = check(item, `${at}[${index}]`)
      if (fault !== undefined) return fault
    }
    return undefined
  }
}

export function recordOf (check: Check): Check {
  return (value, at) => {
    if (!isObject(value)) return `${at} must be an object, got ${shown(value)}`
    for (const [key, item] of Object.entries(value)) {
      const fault = check(item, `${at}.${key.slice(0, shownLength)}`)
      if (fault !== undefined) return fault
    }
    return undefined
  }
}

/** @example fields<Port>({ name: text, port: whole(1, 65_535) }) */
export function fields<Value extends object> (shape: { readonly [Key in keyof Value]?: Check }): Check {
  const entries = Object.entries<Check | undefined>(shape)
  return (value, at) => {
    if (!isObject(value)) return `${at === '' ? 'it' : at} must be an object, got ${shown(value)}`
    for (const [key, check] of entries) {
      // Own fields only: `toString`, which every object has, is not a field of the answer.
      const fault = check?.(Object.hasOwn(value, key) ? value[key] : undefined, at === '' ? key : `${at}.${key}`)
      if (fault !== undefined) return fault
    }
    return undefined
  }
}

export function isObject (value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
