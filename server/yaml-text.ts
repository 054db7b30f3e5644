// Values as YAML, the one writer of all that we write: a reader of YAML 1.1 (kubectl, Ansible, Python, Ruby) and one of
// 1.2 read the same value, and no control character or invisible mark is in it. Plain is only what no reader can take
// for anything but the text that it is.

/** Nothing of ours nests deeper; recursion must end before the stack does. */
const maxDepth = 200

/** A JSON value as a YAML document, with a line end behind it. Undefined members are left out, as in JSON. */
export function yamlText (value: unknown): string {
  return block(value, 0, 0).replace(/^ /, '').replace(/^\n/, '') + '\n'
}

/** What stands behind a `key:` or a `-`, with the blank or line end before it. */
function block (value: unknown, indent: number, depth: number): string {
  if (depth > maxDepth) throw new RangeError(`a value that nests deeper than ${maxDepth} levels cannot be written`)
  if (Array.isArray(value)) {
    const items = value as readonly unknown[]
    if (items.length === 0) return ' []'
    const pad = ' '.repeat(indent)
    return items.map((item) =>
      `\n${pad}-${behindDash(block(item === undefined ? null : item, indent + 2, depth + 1), indent + 2)}`).join('')
  }
  if (typeof value !== 'object' || value === null) return ` ${scalar(value, indent)}`
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  if (members.length === 0) return ' {}'
  const pad = ' '.repeat(indent)
  return members.map(([key, member]) => {
    const inner = block(member, indent + 2, depth + 1)
    // YAML 1.2 8.2.2: a key of more than 1,024 characters must be marked as one.
    const name = quotedIfNeeded(key)
    return name.length > maxPlainKey ? `\n${pad}? ${name}\n${pad}:${inner}` : `\n${pad}${name}:${inner}`
  }).join('')
}

const maxPlainKey = 1_000

/** The first line of a mapping or list stands beside its dash. */
function behindDash (text: string, indent: number): string {
  return text.startsWith('\n') ? ` ${text.slice(1 + indent)}` : text
}

function scalar (value: unknown, indent: number): string {
  if (typeof value === 'string') return literal(value, indent) ?? quotedIfNeeded(value)
  if (typeof value === 'number') return numberText(value)
  return value === true || value === false ? String(value) : 'null'
}

/** YAML 1.1 knows no exponent without a point: `1e+21` would be a text there. */
function numberText (value: number): string {
  if (!Number.isFinite(value)) return 'null' // as in JSON
  const text = JSON.stringify(value)
  return text.includes('e') && !text.includes('.') ? text.replace('e', '.0e') : text
}

/** Several lines of plain text as they are, which people can read and edit. */
function literal (text: string, indent: number): string | undefined {
  const body = text.endsWith('\n') ? text.slice(0, -1) : text
  if (!body.includes('\n') || !/^[!-~][ -~]*(?:\n(?:[ -~]*[!-~])?)*$/.test(body) || body.endsWith('\n') ||
    / \n/.test(body)) return undefined
  const pad = ' '.repeat(Math.max(indent, 2))
  return `|${text.endsWith('\n') ? '' : '-'}\n${body.split('\n').map((line) => (line === '' ? '' : pad + line)).join('\n')}`
}

// Letters first, and nothing inside that YAML reads as more than a letter: `: `, ` #`, brackets, quotes.
const plainText = /^(?:[A-Za-z_/]|\.\/)(?:[\w./*@%+=-]|:(?=[\w./:*])|[ ,](?=[\w./(]))*\)?$/
/**
 * An address with or without a port, a network, a duration, a UUID: begin with a digit, and are no number, date or time
 * to anybody.
 */
const plainDigits =
  /^(?:\d{1,3}(?:\.\d{1,3}){3}(?:[/:]\d{1,5})?|\d+(?:ms|[smhd])|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/
/** True, false and null of YAML 1.1 and 1.2, in every spelling. */
const words = /^(?:y|n|yes|no|on|off|true|false|null)$/i
/** Some readers of YAML 1.1 take it for a number without digits before its exponent. */
const exponent = /^e[-+]?\d+$/i

function quotedIfNeeded (text: string): string {
  const isPlain = (plainText.test(text) && !words.test(text) && !exponent.test(text)) || plainDigits.test(text)
  return isPlain ? text : quoted(text)
}

const escapes: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\t': '\\t', '\r': '\\r' }
const special = /["\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu

/**
 * In double quotes, with the escapes that both versions know. A half of a surrogate pair is no character: U+FFFD stands
 * for it.
 */
function quoted (text: string): string {
  return `"${text.replaceAll(special, (character) => {
    const code = character.codePointAt(0) ?? 0
    const known = escapes[character]
    if (known !== undefined) return known
    if (code >= 0xd800 && code <= 0xdfff) return '\\ufffd'
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })}"`
}
