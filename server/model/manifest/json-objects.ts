// JSON objects that stand one behind the other.
import { tokensPerStep } from './manifest-limits.ts'

/**
 * Splits a stream of JSON objects that stand one behind the other, which YAML does not allow; undefined when the text
 * is no such stream, and YAML says what is wrong. Tabs between tokens become blanks, since YAML refuses some of them.
 * Ends with one more than `most`.
 */
export function * jsonObjects (text: string, most: number): Generator<undefined, readonly { text: string, offset: number }[] | undefined> {
  if (!/^\s*\{/.test(text)) return undefined
  const found: { text: string, offset: number }[] = []
  let depth = 0
  let start = -1
  const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}"]|[^\s{}"]+/g
  let count = 0
  for (let match = token.exec(text); match !== null && found.length <= most; match = token.exec(text)) {
    if (++count % tokensPerStep === 0) yield
    if (match[0] === '"') return undefined // a text without an end
    if (depth === 0 && match[0] === '{') start = match.index
    else if (depth === 0 && match[0] !== '---') return undefined
    if (match[0] === '{') depth++
    if (match[0] !== '}') continue
    if (--depth > 0) continue
    const object = text.slice(start, token.lastIndex)
    if (!isJson(object)) return undefined
    found.push({ text: object.replaceAll('\t', ' '), offset: start }) // JSON texts hold no raw tab
  }
  return depth === 0 ? found : undefined
}

function isJson (text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false // the parser of YAML finds the words
  }
}
