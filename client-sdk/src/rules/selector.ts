// Kubernetes label selectors: one parser for the registry, the SDK and its test registry.
//
//   selector    = [ requirement *( "," requirement ) ]        ; empty: everything
//   requirement = key | "!" key | key ( "=" | "==" | "!=" ) value | key ( ">" | "<" ) integer
//               | key ( "in" | "notin" ) "(" value *( "," value ) ")"
//
// Blanks may stand between tokens. `in` and `notin` are also legal keys and values. A value may be empty.
// `!=` and `notin` match objects without the key; `=`, `in`, `>` and `<` do not.
import { isLabelKey, isLabelValue, labelKeyRule, labelValueRule } from './names.ts'

/** A selector is parsed and matched on every list and every change; longer ones are a mistake. */
export const maxSelectorLength = 4_096
export const maxSelectorRequirements = 64

export type Requirement =
  | { readonly key: string, readonly operator: 'exists' | 'absent' }
  | { readonly key: string, readonly operator: 'in' | 'notin', readonly values: ReadonlySet<string> }
  | { readonly key: string, readonly operator: 'above' | 'below', readonly number: bigint }

/** All requirements must hold; none means everything. */
export interface Selector {
  readonly text: string
  readonly requirements: readonly Requirement[]
}

/** Gives the value of a label, or undefined. */
export type LabelLookup = (key: string) => string | undefined

/** What is wrong with a selector, and at which character, from 0. */
export class SelectorFault extends Error {
  override readonly name = 'SelectorFault'
  readonly rule: string
  readonly at: number

  constructor (rule: string, at: number) {
    super(`${rule}, at character ${at + 1}`)
    this.rule = rule
    this.at = at
  }
}

/** Reads a selector. @throws SelectorFault */
export function parseSelector (text: string): Selector {
  return new Parser(text).parse()
}

export function matches (selector: Selector, label: LabelLookup): boolean {
  return selector.requirements.every((requirement) => holds(requirement, label(requirement.key)))
}

const integer = /^-?\d{1,19}$/ // Kubernetes reads a 64-bit integer

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

interface Token {
  readonly kind: 'word' | 'symbol' | 'end'
  readonly text: string
  readonly at: number
}

class Parser {
  readonly #text: string
  readonly #tokens: readonly Token[]
  #next = 0

  constructor (text: string) {
    this.#text = text
    if (text.length > maxSelectorLength) throw new SelectorFault(`must not be longer than ${maxSelectorLength} characters`, maxSelectorLength)
    this.#tokens = tokensOf(text)
  }

  parse (): Selector {
    const requirements: Requirement[] = []
    if (this.#peek().kind === 'end') return { text: this.#text, requirements }
    do {
      if (requirements.length === maxSelectorRequirements) throw new SelectorFault(`must not have more than ${maxSelectorRequirements} requirements`, this.#peek().at)
      requirements.push(this.#requirement())
    } while (this.#takeIf(','))
    const rest = this.#peek()
    if (rest.kind !== 'end') throw new SelectorFault('expected "," or the end', rest.at)
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
      default: throw new SelectorFault('expected one of =, ==, !=, in, notin, >, <, ","', token.at)
    }
  }

  #key (): string {
    const token = this.#peek()
    if (token.kind !== 'word') throw new SelectorFault('expected a label key', token.at)
    if (!isLabelKey(token.text)) throw new SelectorFault(labelKeyRule, token.at)
    this.#next++
    return token.text
  }

  /** An absent word is the empty value: `key=` and `in (a,)` are legal. */
  #value (): string {
    const token = this.#peek()
    if (token.kind !== 'word') return ''
    if (!isLabelValue(token.text)) throw new SelectorFault(labelValueRule, token.at)
    this.#next++
    return token.text
  }

  #values (): ReadonlySet<string> {
    const open = this.#peek()
    if (!this.#takeIf('(')) throw new SelectorFault('expected "("', open.at)
    if (this.#peek().text === ')') throw new SelectorFault('expected a value', this.#peek().at)
    const values = new Set<string>()
    do values.add(this.#value()); while (this.#takeIf(','))
    const close = this.#peek()
    if (!this.#takeIf(')')) throw new SelectorFault('expected "," or ")"', close.at)
    return values
  }

  #number (): bigint {
    const token = this.#peek()
    if (!integer.test(token.text)) throw new SelectorFault('expected a whole number', token.at)
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
}

function tokensOf (text: string): Token[] {
  const tokens: Token[] = []
  const pattern = /\s*(?:(==|!=|[=!<>(),])|([^\s=!<>(),]+))/y
  const end = text.trimEnd().length
  while (pattern.lastIndex < end) {
    const match = pattern.exec(text)
    if (match === null) break
    const [, symbol, word] = match
    const token = symbol ?? word ?? ''
    tokens.push({ kind: symbol === undefined ? 'word' : 'symbol', text: token, at: pattern.lastIndex - token.length })
  }
  return tokens
}
