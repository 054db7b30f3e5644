// The words of a filter.

export interface Token {
  /** `text` stands in quotes or back-ticks; a `word` is a selector, a keyword or a bare value. */
  readonly type: 'word' | 'text' | 'sign'
  readonly text: string
  /** Characters before it. */
  readonly at: number
}

/** A filter of more words is a program. */
const maxTokens = 1_000
const space = /[ \t\r\n]+/y
const sign = /==|!=|[()[\]]/y
const quoted = /"(?:[^"\\]|\\.)*"/y
const raw = /`[^`]*`/y
const word = /[^\s()[\]"`=!]+/y

/** @param fault makes the error of what cannot be read */
export function tokensOf (text: string, fault: (message: string) => Error): Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < text.length;) {
    const found = read(text, at)
    if (found === undefined) throw fault(`1:${at + 1} (${at}): no match found, got ${JSON.stringify(text.slice(at, at + 16))}`)
    at = found.end
    if (found.token === undefined) continue
    if (found.token.text === undefined) throw fault(`1:${found.token.at + 1} (${found.token.at}): invalid text in quotes`)
    tokens.push({ ...found.token, text: found.token.text })
    if (tokens.length > maxTokens) throw fault(`it must not have more than ${maxTokens} words`)
  }
  return tokens
}

interface Read {
  readonly end: number
  readonly token?: Omit<Token, 'text'> & { readonly text: string | undefined }
}

function read (text: string, at: number): Read | undefined {
  const take = (expression: RegExp): string | undefined => {
    expression.lastIndex = at
    return expression.exec(text)?.[0]
  }
  const blank = take(space)
  if (blank !== undefined) return { end: at + blank.length }
  const found = take(sign)
  if (found !== undefined) return { end: at + found.length, token: { type: 'sign', text: found, at } }
  const inQuotes = take(quoted)
  if (inQuotes !== undefined) return { end: at + inQuotes.length, token: { type: 'text', text: unquoted(inQuotes), at } }
  const inTicks = take(raw)
  if (inTicks !== undefined) return { end: at + inTicks.length, token: { type: 'text', text: inTicks.slice(1, -1), at } }
  const bare = take(word)
  return bare === undefined ? undefined : { end: at + bare.length, token: { type: 'word', text: bare, at } }
}

/** As Go reads it: the escapes of JSON, and those that it has beside. undefined = there is an unknown one. */
function unquoted (text: string): string | undefined {
  const common = text.replaceAll(/\\(?:x([0-9a-fA-F]{2})|U([0-9a-fA-F]{8})|([abfnrtv\\"'])|u([0-9a-fA-F]{4})|(.))/gs, (_all, x: string | undefined, long: string | undefined, char: string | undefined, short: string | undefined) => {
    const code = x ?? long ?? short
    if (code !== undefined) return Number.parseInt(code, 16) <= 0x10ffff ? String.fromCodePoint(Number.parseInt(code, 16)) : unknownEscape
    return char === undefined ? unknownEscape : escapes[char] ?? char
  })
  return common.includes(unknownEscape) ? undefined : common.slice(1, -1)
}

const unknownEscape = '\ue000unknown\ue000'
const escapes: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }
