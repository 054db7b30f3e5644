// Kubernetes label selectors: one parser for lists, watches, endpoints and (by text) the CLI.
//
//   selector    = [ requirement *( "," requirement ) ]        ; empty: everything
//   requirement = key | "!" key | key ( "=" | "==" | "!=" ) value | key ( ">" | "<" ) integer
//               | key ( "in" | "notin" ) "(" value *( "," value ) ")"
//
// Blanks may stand between tokens. `in` and `notin` are also legal keys and values. A value may be empty.
// `!=` and `notin` match objects without the key; `=`, `in`, `>` and `<` do not.
import { type Instance, serviceLabel } from '../../../client-sdk/src/wire.ts'
import { RegistryError, shown } from '../../errors.ts'
import { maxSelectorLength, maxSelectorRequirements } from '../limits.ts'
import { isLabelKey, isLabelValue, labelKeyRule, labelValueRule } from '../names.ts'

export type Requirement =
  | { readonly key: string, readonly operator: 'exists' | 'absent' }
  | { readonly key: string, readonly operator: 'in' | 'notin', readonly values: ReadonlySet<string> }
  | { readonly key: string, readonly operator: 'above' | 'below', readonly number: bigint }

/** All requirements must hold; none means everything. */
export interface Selector {
  readonly text: string
  readonly requirements: readonly Requirement[]
}

export const everything: Selector = { text: '', requirements: [] }

/** Gives the value of a label, or undefined. */
export type LabelLookup = (key: string) => string | undefined

export function matches (selector: Selector, label: LabelLookup): boolean {
  return selector.requirements.every((requirement) => holds(requirement, label(requirement.key)))
}

/** Whether a selector takes an instance: its labels, and the implicit label of its service. */
export function selects (selector: Selector, { service, labels }: Pick<Instance, 'service' | 'labels'>): boolean {
  return matches(selector, (key) => (key === serviceLabel ? service : Object.hasOwn(labels, key) ? labels[key] : undefined))
}

function holds (requirement: Requirement, value: string | undefined): boolean {
  switch (requirement.operator) {
    case 'exists': return value !== undefined
    case 'absent': return value === undefined
    case 'in': return value !== undefined && requirement.values.has(value)
    case 'notin': return value === undefined || !requirement.values.has(value)
    default: {
      if (value === undefined || !integer.test(value)) return false
      const number = BigInt(value)
      return requirement.operator === 'above' ? number > requirement.number : number < requirement.number
    }
  }
}

const integer = /^-?\d{1,19}$/ // Kubernetes reads a 64-bit integer

/**
 * Reads a selector.
 * @param field names the input in the error, as in `selector` or `spec.selector`
 * @throws RegistryError REG_SELECTOR_INVALID, saying at which character and what was expected
 */
export function parseSelector (text: string, field = 'selector'): Selector {
  return new Parser(text, field).parse()
}

interface Token {
  readonly kind: 'word' | 'symbol' | 'end'
  readonly text: string
  readonly at: number
}

class Parser {
  readonly #text: string
  readonly #field: string
  readonly #tokens: readonly Token[]
  #next = 0

  constructor (text: string, field: string) {
    this.#text = text
    this.#field = field
    if (text.length > maxSelectorLength) this.#fail(maxSelectorLength, `must not be longer than ${maxSelectorLength} characters`)
    this.#tokens = this.#tokenise()
  }

  parse (): Selector {
    const requirements: Requirement[] = []
    if (this.#peek().kind === 'end') return { text: this.#text, requirements }
    do {
      if (requirements.length === maxSelectorRequirements) this.#fail(this.#peek().at, `must not have more than ${maxSelectorRequirements} requirements`)
      requirements.push(this.#requirement())
    } while (this.#takeIf(','))
    const rest = this.#peek()
    if (rest.kind !== 'end') this.#fail(rest.at, 'expected "," or the end')
    return { text: this.#text, requirements }
  }

  #requirement (): Requirement {
    if (this.#takeIf('!')) return { key: this.#key(), operator: 'absent' }
    const key = this.#key()
    const token = this.#peek()
    if (token.kind === 'end' || token.text === ',') return { key, operator: 'exists' }
    this.#next++
    switch (token.text) {
      case '=':
      case '==': return { key, operator: 'in', values: new Set([this.#value()]) }
      case '!=': return { key, operator: 'notin', values: new Set([this.#value()]) }
      case 'in':
      case 'notin': return { key, operator: token.text, values: this.#values() }
      case '>':
      case '<': return { key, operator: token.text === '>' ? 'above' : 'below', number: this.#number() }
      default: return this.#fail(token.at, 'expected one of =, ==, !=, in, notin, >, <, ","')
    }
  }

  #key (): string {
    const token = this.#peek()
    if (token.kind !== 'word') this.#fail(token.at, 'expected a label key')
    if (!isLabelKey(token.text)) this.#fail(token.at, labelKeyRule)
    this.#next++
    return token.text
  }

  /** An absent word is the empty value: `key=` and `in (a,)` are legal. */
  #value (): string {
    const token = this.#peek()
    if (token.kind !== 'word') return ''
    if (!isLabelValue(token.text)) this.#fail(token.at, labelValueRule)
    this.#next++
    return token.text
  }

  #values (): ReadonlySet<string> {
    const open = this.#peek()
    if (!this.#takeIf('(')) this.#fail(open.at, 'expected "("')
    if (this.#peek().text === ')') this.#fail(this.#peek().at, 'expected a value')
    const values = new Set<string>()
    do values.add(this.#value()); while (this.#takeIf(','))
    const close = this.#peek()
    if (!this.#takeIf(')')) this.#fail(close.at, 'expected "," or ")"')
    return values
  }

  #number (): bigint {
    const token = this.#peek()
    if (!integer.test(token.text)) this.#fail(token.at, 'expected a whole number')
    this.#next++
    return BigInt(token.text)
  }

  #peek (): Token {
    return this.#tokens[this.#next] ?? { kind: 'end', text: '', at: this.#text.length }
  }

  #takeIf (symbol: string): boolean {
    const token = this.#peek()
    if (token.kind !== 'symbol' || token.text !== symbol) return false
    this.#next++
    return true
  }

  #tokenise (): Token[] {
    const tokens: Token[] = []
    const pattern = /\s*(?:(==|!=|[=!<>(),])|([^\s=!<>(),]+))/y
    const end = this.#text.trimEnd().length
    while (pattern.lastIndex < end) {
      const match = pattern.exec(this.#text)
      if (match === null) break
      const [, symbol, word] = match
      const text = symbol ?? word ?? ''
      tokens.push({ kind: symbol === undefined ? 'word' : 'symbol', text, at: pattern.lastIndex - text.length })
    }
    return tokens
  }

  #fail (at: number, rule: string): never {
    const where = `at character ${at + 1} of ${shown(this.#text)}`
    throw new RegistryError('REG_SELECTOR_INVALID', `${this.#field}: ${rule}, ${where}`, [{ field: this.#field, value: this.#text.slice(at, at + 64), rule: `${rule} at character ${at + 1}` }])
  }
}
