// The filter language of Consul (`?filter=`), as go-bexpr has it:
//
//   expression = and *( "or" and )
//   and        = not *( "and" not )
//   not        = [ "not" ] ( "(" expression ")" / match )
//   match      = selector ( "==" / "!=" / "contains" / "not contains" / "matches" / "not matches" ) value
//              / selector "is" [ "not" ] "empty"
//              / value [ "not" ] "in" selector
//   selector   = name *( "." name / "[" text "]" )
//   value      = text in double quotes / text in back-ticks / bare word / number
import { RE2JS } from 're2js'
import { badRequest } from '../consul-error.ts'
import { type Token, tokensOf } from './tokens.ts'

export interface Filter {
  /** Whether something of an answer is wanted. */
  matches (value: unknown): boolean
  /** What its selectors begin with: fields of the answer. */
  readonly roots: ReadonlySet<string>
}

type Test = (value: unknown) => boolean

/** Characters of a filter: Consul's own is bounded by the URL. */
export const maxFilterLength = 4_096
const maxDepth = 64
/** Regular expressions are matched in linear time; their size is what is left to bound. */
const maxPatternLength = 512

type Selector = readonly string[]

/** What a filter says cannot be read. */
class FilterFault extends Error {}

/** @throws ConsulError 400 */
export function parseFilter (text: string): Filter {
  try {
    if (text.length > maxFilterLength) throw new FilterFault(`it must not be longer than ${maxFilterLength} characters, got ${text.length}`)
    return new Parser(tokensOf(text, (fault) => new FilterFault(fault))).parse()
  } catch (error) {
    if (error instanceof FilterFault) throw badRequest(`Failed to create boolean expression evaluator: ${error.message}`)
    throw error
  }
}

/** @throws ConsulError 400 for a selector that no field of the answer has */
export function requireRoots (filter: Filter | undefined, fields: readonly string[]): void {
  for (const root of filter?.roots ?? []) {
    if (!fields.includes(root)) throw badRequest(`Failed to create boolean expression evaluator: Selector ${JSON.stringify(root.slice(0, 64))} is not valid: it must begin with ${fields.join(', ')}`)
  }
}

class Parser {
  readonly #tokens: readonly Token[]
  #at = 0
  #depth = 0
  readonly #roots = new Set<string>()

  constructor (tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  parse (): Filter {
    const matches = this.#or()
    if (this.#peek() !== undefined) throw this.#unexpected('the end, "and" or "or"')
    return { matches, roots: this.#roots }
  }

  #or (): Test {
    if (++this.#depth > maxDepth) throw new FilterFault(`parentheses and "not" must not be nested deeper than ${maxDepth}`)
    const parts = [this.#and()]
    while (this.#takeWord('or')) parts.push(this.#and())
    this.#depth--
    return parts.length === 1 ? parts[0] as Test : (value) => parts.some((part) => part(value)) // there is one
  }

  #and (): Test {
    const parts = [this.#not()]
    while (this.#takeWord('and')) parts.push(this.#not())
    return parts.length === 1 ? parts[0] as Test : (value) => parts.every((part) => part(value)) // there is one
  }

  #not (): Test {
    let isNot = false
    while (this.#isWord(0, 'not')) {
      this.#at++
      isNot = !isNot
    }
    const filter = this.#primary()
    return isNot ? (value) => !filter(value) : filter
  }

  #primary (): Test {
    if (this.#take('(')) {
      const filter = this.#or()
      if (!this.#take(')')) throw this.#unexpected('")"')
      return filter
    }
    return this.#match()
  }

  #match (): Test {
    const first = this.#next('a selector or a value')
    if (first.type === 'text' || this.#isWord(0, 'in') || (this.#isWord(0, 'not') && this.#isWord(1, 'in'))) {
      const isNot = this.#takeWord('not')
      if (!this.#takeWord('in')) throw this.#unexpected('"in"')
      const selector = this.#selector(this.#next('a selector'))
      return negated(isNot, (value) => contains(select(value, selector), first.text))
    }
    const selector = this.#selector(first)
    if (this.#takeWord('is')) {
      const isNot = this.#takeWord('not')
      if (!this.#takeWord('empty')) throw this.#unexpected('"empty"')
      return negated(isNot, (value) => isEmpty(select(value, selector)))
    }
    if (this.#take('==')) return this.#equals(selector, false)
    if (this.#take('!=')) return this.#equals(selector, true)
    const isNot = this.#takeWord('not')
    if (this.#takeWord('contains')) {
      const { text } = this.#next('a value')
      return negated(isNot, (value) => contains(select(value, selector), text))
    }
    if (this.#takeWord('matches')) {
      const pattern = compiled(this.#next('a regular expression').text)
      return negated(isNot, (value) => some(select(value, selector), (text) => pattern.matcher(text).find()))
    }
    throw this.#unexpected('==, !=, in, contains, matches or is')
  }

  #equals (selector: Selector, isNot: boolean): Test {
    const { text } = this.#next('a value')
    return negated(isNot, (value) => some(select(value, selector), (found) => found === text))
  }

  #selector (first: Token): Selector {
    if (first.type !== 'word') throw new FilterFault(`a selector is expected, got ${JSON.stringify(first.text.slice(0, 64))}`)
    const path = first.text.split('.')
    while (this.#take('[')) {
      const key = this.#next('a key')
      if (key.type !== 'text' || !this.#take(']')) throw this.#unexpected('a key in quotes and "]"')
      path.push(key.text)
      const below = this.#peek()
      if (below?.type === 'word' && below.text.startsWith('.')) {
        this.#at++
        path.push(...below.text.slice(1).split('.'))
      }
    }
    if (path.some((part) => part === '')) throw new FilterFault('a part of a selector is empty')
    this.#roots.add(path[0] ?? '')
    return path
  }

  #peek (ahead = 0): Token | undefined {
    return this.#tokens[this.#at + ahead]
  }

  #next (expected: string): Token {
    const token = this.#peek()
    if (token === undefined || token.type === 'sign') throw this.#unexpected(expected)
    this.#at++
    return token
  }

  #isWord (ahead: number, word: string): boolean {
    const token = this.#peek(ahead)
    return token?.type === 'word' && token.text.toLowerCase() === word
  }

  #takeWord (word: string): boolean {
    if (!this.#isWord(0, word)) return false
    this.#at++
    return true
  }

  #take (sign: string): boolean {
    const token = this.#peek()
    if (token?.type !== 'sign' || token.text !== sign) return false
    this.#at++
    return true
  }

  #unexpected (expected: string): FilterFault {
    const token = this.#peek()
    return new FilterFault(token === undefined ? `it ends where ${expected} is expected` : `1:${token.at + 1} (${token.at}): ${expected} is expected, got ${JSON.stringify(token.text.slice(0, 64))}`)
  }
}

function negated (isNot: boolean, test: Test): Test {
  return isNot ? (value) => !test(value) : test
}

/** In linear time, so that no pattern can hold the loop. @throws FilterFault */
function compiled (text: string): RE2JS {
  if (text.length > maxPatternLength) throw new FilterFault(`a regular expression must not be longer than ${maxPatternLength} characters, got ${text.length}`)
  try {
    return RE2JS.compile(text)
  } catch {
    throw new FilterFault(`error parsing regexp: ${JSON.stringify(text.slice(0, 64))} is no regular expression of RE2`)
  }
}

/** What a path leads to: below a list the same of each of its items. */
function select (value: unknown, path: Selector): unknown[] {
  let found: unknown[] = [value]
  for (const part of path) {
    found = found.flatMap((each) => (Array.isArray(each) ? each as unknown[] : [each])).flatMap((each) => {
      if (typeof each !== 'object' || each === null || !Object.hasOwn(each, part)) return []
      return [(each as Record<string, unknown>)[part]]
    })
  }
  return found
}

function some (found: readonly unknown[], fits: (text: string) => boolean): boolean {
  return found.some((each) => (Array.isArray(each) ? some(each, fits) : (typeof each === 'string' || typeof each === 'number' || typeof each === 'boolean') && fits(String(each))))
}

/** A list has the item, a map the key, a text the part. */
function contains (found: readonly unknown[], text: string): boolean {
  return found.some((each) => {
    if (Array.isArray(each)) return some(each as unknown[], (item) => item === text)
    if (typeof each === 'object' && each !== null) return Object.hasOwn(each, text)
    return typeof each === 'string' && each.includes(text)
  })
}

function isEmpty (found: readonly unknown[]): boolean {
  return found.every((each) => each === undefined || each === null || (Array.isArray(each) ? each.length === 0 : typeof each === 'object' ? Object.keys(each).length === 0 : each === ''))
}
