// JSON bodies as Kubernetes reads them: a key that is there twice or that the type does not know is passed over, and
// said (`fieldValidation`). One walk over the text, beside the engine's own reader: only the text knows what was twice.
import { type FieldType, memberType } from '../../model/fields/field-type.ts'
import { badRequest, tooLarge } from './refusal.ts'

/** Honest objects nest ten deep; what reads them recurses. */
export const maxDepth = 100
const tooDeep = 'exceeded max depth'
/**
 * Values, keys and brackets of one body. A slice of a thousand endpoints has some twenty thousand; what is made of
 * them costs microseconds for each, on the event loop.
 */
const maxTokens = 150_000
/** More of them would help nobody. */
const maxStrictFaults = 100

export interface Read {
  readonly value: unknown
  /** What is strictly wrong, in the order of the text: `unknown field "spec.foo"`. */
  readonly faults: readonly string[]
}

/** The text of a body, read. @throws StatusError with what `refuse` makes of Go's words for the fault */
export function readJson (text: string, type: FieldType | undefined, refuse: (why: string) => Error): Read {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw refuse(syntaxText(text, error))
  }
  const { faults, limit } = strictFaults(text, type)
  if (limit === 'depth') throw refuse(tooDeep)
  if (limit === 'tokens') throw tooLarge(`a body has at most ${maxTokens} values, keys and brackets`)
  return { value, faults }
}

/** The body of a patch. */
export function readPatch (text: string, type?: FieldType): Read {
  const refuse = (why: string): Error =>
    badRequest(why === tooDeep ? `error decoding patch: ${why}` : 'invalid JSON patch')
  return readJson(text, type, refuse)
}

interface Found {
  readonly faults: readonly string[]
  /** Which limit it is beyond: it was not read to its end. */
  readonly limit: 'depth' | 'tokens' | undefined
}

interface Within {
  readonly type: FieldType | undefined
  /** Nothing is said of what is within a field that is not known. */
  readonly isSilent: boolean
}

interface Frame extends Within {
  /** Of an object; undefined = a list. */
  readonly seen: Set<string> | undefined
  index: number
  key: string
}

/** Walks over valid JSON. @param root undefined = everything is known, and only what is twice is wrong */
function strictFaults (text: string, root: FieldType | undefined): Found {
  const faults: string[] = []
  const stack: Frame[] = []
  const say = (what: string): void => {
    if (faults.length < maxStrictFaults) faults.push(`${what} field ${JSON.stringify(pathOf(stack))}`)
  }
  let within: Within = { type: root, isSilent: false }
  let tokens = 0
  for (let at = 0; at < text.length; at++) {
    const frame = stack.at(-1)
    switch (text.charCodeAt(at)) {
      case openBrace:
      case openBracket: {
        if (stack.length === maxDepth) return { faults, limit: 'depth' }
        tokens++
        const isObject = text.charCodeAt(at) === openBrace
        stack.push({ ...within, seen: isObject ? new Set() : undefined, index: 0, key: '' })
        if (!isObject) within = { type: itemType(within.type), isSilent: within.isSilent }
        break
      }
      case closeBrace:
      case closeBracket:
        stack.pop()
        within = inside(stack.at(-1), root)
        break
      case comma:
        tokens++
        if (frame !== undefined && frame.seen === undefined) frame.index++
        break
      case quote: {
        const end = endOfText(text, at)
        if (frame?.seen !== undefined && isKey(text, end)) {
          tokens++
          frame.key = JSON.parse(text.slice(at, end)) as string // a text of valid JSON
          const { type, isSilent, seen, key } = frame
          const keyed = type?.shape === 'struct' || type?.shape === 'map' ? type : undefined
          const known = keyed === undefined ? undefined : memberType(keyed, key)
          if (!isSilent && seen.has(key)) say('duplicate')
          else if (!isSilent && keyed !== undefined && known === undefined) say('unknown')
          seen.add(key)
          within = { type: known, isSilent: isSilent || (keyed !== undefined && known === undefined) }
        }
        at = end - 1
      }
    }
    if (tokens > maxTokens) return { faults, limit: 'tokens' }
  }
  return { faults, limit: undefined }
}

const [openBrace, closeBrace, openBracket, closeBracket, comma, quote, backslash, colon] =
  [...'{}[],"\\:'].map((letter) => letter.charCodeAt(0))

function inside (frame: Frame | undefined, root: FieldType | undefined): Within {
  if (frame === undefined) return { type: root, isSilent: false }
  return { type: itemType(frame.type), isSilent: frame.isSilent }
}

function itemType (type: FieldType | undefined): FieldType | undefined {
  return type?.shape === 'list' ? type.of : undefined
}

/** Where the text that begins at `at` has ended. */
function endOfText (text: string, at: number): number {
  for (let end = at + 1; ; end++) {
    end = text.indexOf('"', end)
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes++
    if (slashes % 2 === 0) return end + 1
  }
}

function isKey (text: string, end: number): boolean {
  while (/\s/.test(text[end] ?? 'x')) end++
  return text.charCodeAt(end) === colon
}

function pathOf (stack: readonly Frame[]): string {
  let path = ''
  for (const { seen, index, key } of stack) path += seen === undefined ? `[${index}]` : path === '' ? key : `.${key}`
  return path
}

/** What Go's reader says of a text that is no JSON. */
function syntaxText (text: string, error: unknown): string {
  const message = error instanceof Error ? error.message : ''
  const place = /position (\d+)/.exec(message)?.[1]
  const at = /^Unexpected token '(.)'/su.exec(message)?.[1] ?? (place === undefined ? undefined : text[Number(place)])
  if (at === undefined) return 'unexpected end of JSON input'
  return `invalid character ${at === "'" ? "'\\''" : `'${at}'`} looking for beginning of value`
}
