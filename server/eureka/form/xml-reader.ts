// The XML of Eureka's clients: elements, attributes, text. Strict and small, so that nothing in it can expand, include or fetch: a document
// type is refused, and with it every entity that is not one of the five of XML or a number. Bounded in depth, elements and attributes; one
// pass over the text. It gives the form that JSON has: `<port enabled="true">80</port>` -> `{"$": "80", "@enabled": "true"}`.
import { RegistryError } from '../../errors.ts'

/** Of a registration: Amazon's metadata stand three deep. */
const maxDepth = 8
/** A registration has some thirty, and one for each of 64 metadata. */
const maxElements = 1_000
const maxAttributes = 8

const namePattern = /[A-Za-z_:\u00c0-\uffff][\w.:\u00b7\u00c0-\uffff-]*/y
const space = /[ \t\r\n]*/y
const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

export type XmlValue = string | XmlFields
export interface XmlFields { readonly [name: string]: XmlValue }

class XmlText {
  readonly #text: string
  #at = 0
  #elements = 0

  constructor (text: string) {
    this.#text = text
  }

  document (): XmlFields {
    if (this.#text.startsWith('\ufeff')) this.#at = 1
    if (this.#text.startsWith('<?xml', this.#at)) this.#at = this.#after('?>')
    this.#misc()
    const [name, value] = this.#element(1)
    this.#misc()
    if (this.#at < this.#text.length) throw this.#fault('has something behind its last element')
    return fieldsOf([[name, value]])
  }

  #fault (what: string): RegistryError {
    return new RegistryError('REG_BODY_SYNTAX', `the XML ${what} (at character ${this.#at + 1})`)
  }

  /** Spaces and comments between elements. */
  #misc (): void {
    for (;;) {
      this.#skip(space)
      if (this.#text.startsWith('<!--', this.#at)) this.#at = this.#after('-->')
      else return
    }
  }

  #after (end: string): number {
    const at = this.#text.indexOf(end, this.#at)
    if (at === -1) throw this.#fault(`has no ${end}`)
    return at + end.length
  }

  #skip (pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0] ?? ''
    this.#at += found.length
    return found
  }

  #take (text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  #name (): string {
    const name = this.#skip(namePattern)
    if (name === '') throw this.#fault('must have a name here')
    return name
  }

  #element (depth: number): [string, XmlValue] {
    if (!this.#take('<')) throw this.#fault('must have an element here')
    if (this.#text[this.#at] === '!') throw this.#fault('must have no document type')
    if (depth > maxDepth) throw this.#fault(`must not be deeper than ${maxDepth} elements`)
    this.#elements += 1
    if (this.#elements > maxElements) throw this.#fault(`must not have more than ${maxElements} elements`)
    const name = this.#name()
    const fields = this.#attributes()
    this.#skip(space)
    if (this.#take('/>')) return [name, fields.length === 0 ? '' : fieldsOf(fields)]
    if (!this.#take('>')) throw this.#fault(`has a bad tag <${name.slice(0, 40)}>`)
    let text = ''
    let hasElements = false
    for (;;) {
      const next = this.#text.indexOf('<', this.#at)
      if (next === -1) throw this.#fault(`has no end of <${name.slice(0, 40)}>`)
      text += this.#decoded(this.#text.slice(this.#at, next))
      this.#at = next
      if (this.#take('</')) {
        if (this.#name() !== name) throw this.#fault(`has another end than that of <${name.slice(0, 40)}>`)
        this.#skip(space)
        if (!this.#take('>')) throw this.#fault('has a bad end tag')
        break
      }
      if (this.#take('<![CDATA[')) {
        const end = this.#after(']]>')
        text += this.#text.slice(this.#at, end - 3)
        this.#at = end
      } else if (this.#text.startsWith('<!--', this.#at)) this.#at = this.#after('-->')
      else {
        fields.push(this.#element(depth + 1))
        hasElements = true
      }
    }
    const isBlank = text.trim() === ''
    if (hasElements && !isBlank) throw this.#fault(`has text and elements in <${name.slice(0, 40)}>`)
    if (fields.length === 0) return [name, hasElements ? '' : text.trim()]
    if (!hasElements && !isBlank) fields.push(['$', text.trim()])
    return [name, this.#checked(fields)]
  }

  #attributes (): [string, XmlValue][] {
    const fields: [string, XmlValue][] = []
    while (this.#skip(space) !== '' && !/[/>]/.test(this.#text[this.#at] ?? '>')) {
      if (fields.length >= maxAttributes) throw this.#fault(`must not have more than ${maxAttributes} attributes in a tag`)
      const name = this.#name()
      this.#skip(space)
      if (!this.#take('=')) throw this.#fault('has an attribute without "="')
      this.#skip(space)
      const quote = this.#text[this.#at]
      if (quote !== '"' && quote !== "'") throw this.#fault('has an attribute without quotes')
      this.#at += 1
      const end = this.#after(quote)
      const value = this.#text.slice(this.#at, end - 1)
      if (value.includes('<')) throw this.#fault('has a "<" in an attribute')
      fields.push([`@${name}`, this.#decoded(value)])
      this.#at = end
    }
    this.#checked(fields)
    return fields
  }

  #checked (fields: readonly [string, XmlValue][]): XmlFields {
    const names = new Set(fields.map(([name]) => name))
    if (names.size < fields.length) {
      const twice = fields.find(([name], index) => fields.findIndex(([other]) => other === name) < index)?.[0] ?? ''
      throw this.#fault(`has ${JSON.stringify(twice.slice(0, 40))} twice in one element`)
    }
    return fieldsOf(fields)
  }

  #decoded (raw: string): string {
    if (!raw.includes('&')) return raw
    return raw.replaceAll(/&([^;&]{0,12};?)/g, (_all, body: string) => {
      if (!body.endsWith(';')) throw this.#fault('has a lone "&"')
      const name = body.slice(0, -1)
      const digits = /^#(?:x([0-9A-Fa-f]{1,6})|(\d{1,7}))$/.exec(name)
      if (digits !== null) {
        const code = digits[1] === undefined ? Number(digits[2]) : parseInt(digits[1], 16)
        if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) throw this.#fault('names a character that is none')
        return String.fromCodePoint(code)
      }
      const known = Object.hasOwn(entities, name) ? entities[name] : undefined
      if (known === undefined) throw this.#fault(`names an entity that is not known here: &${name};`)
      return known
    })
  }
}

/** A field may be called `__proto__`: it is one like every other. */
function fieldsOf (fields: readonly [string, XmlValue][]): XmlFields {
  return Object.fromEntries(fields)
}

/** @throws RegistryError REG_BODY_SYNTAX */
export function readXml (text: string): XmlFields {
  return new XmlText(text).document()
}
