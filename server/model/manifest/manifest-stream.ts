// A stream of manifests, YAML or JSON, as documents that know where they stand: a fault of one is reported with the
// number of the document, the line and the field. Reading is bounded: size, documents, depth, and what aliases expand
// to.
//
//   stream   = YAML documents separated by `---` | JSON objects one behind the other
//   document = a mapping with apiVersion and kind | a List of such in `items` | nothing (skipped)
//
// A kind that is somebody else's may be passed over: foreign-kinds.ts says which those are.
//
// Values are made here rather than by the yaml package, so that duplicate keys cost linear time and aliases count what they repeat.
import { Composer, type CST, type Document, isAlias, isMap, isPair, isScalar, isSeq, Lexer, type Node, Parser, Scalar, type YAMLMap } from 'yaml'
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import { RegistryError, shown } from '../../errors.ts'
import { FaultList, sentence } from '../../refusal.ts'
import { apiVersions, type Manifest } from '../service/types.ts'
import { type ForeignObject, isForeign } from './foreign-kinds.ts'

export interface ManifestLimits {
  /** Octets of the whole text. */
  readonly maxBytes: number
  /** Documents, and objects after Lists are expanded: one write holds them all. */
  readonly maxDocuments: number
  /** Characters of one document: an object is stored and shipped to every node whole. */
  readonly maxDocumentLength: number
  /** Honest manifests nest ten deep; recursion must end before the stack does. */
  readonly maxDepth: number
  /**
   * Tokens of one document and of the stream: a line of an honest manifest has about five, and parsing costs some microseconds
   * for each, on the event loop. A megabyte of commas is a million of them.
   */
  readonly maxDocumentTokens: number
  readonly maxTokens: number
  /** Nodes and characters after aliases are expanded, for the whole stream: an alias repeats what its anchor holds. */
  readonly maxExpanded: number
}

export const manifestLimits: ManifestLimits = {
  maxBytes: 4 * 1024 * 1024,
  maxDocuments: 5_000,
  maxDocumentLength: 1024 * 1024,
  maxDepth: 50,
  maxDocumentTokens: 150_000,
  maxTokens: 600_000,
  maxExpanded: 16 * 1024 * 1024
}

/** Tokens between two readings of the clock. */
const stepSize = 64

/** Reading ends at so many: more of them would not help who reads them. */
const maxFaults = 100

export interface ManifestDocument {
  /** Which document of the stream, from 1. */
  readonly index: number
  /** Which item of that document, from 0, when it is a List. */
  readonly item?: number
  /** Where it begins in the stream, from 1. */
  readonly line: number
  readonly kind: Manifest['kind']
  readonly apiVersion: string
  readonly value: Readonly<Record<string, unknown>>
  /** The line of a field as in `spec.ports[0].port`, or of the nearest one around it when it is absent. */
  readonly lineOf: (path: string) => number
}

export interface ManifestOptions {
  readonly limits?: Partial<ManifestLimits>
  /**
   * Told of each object of a kind that is Kubernetes' or an extension's and none of ours, which is passed over then.
   * Absent: it is a fault.
   */
  readonly foreign?: (found: ForeignObject) => void
}

/**
 * Reads a stream of manifests. Documents without content are skipped but counted.
 * @throws RegistryError REG_INVALID: the faults of all documents, each with document, line and field
 */
export function readManifests (text: string, options: ManifestOptions = {}): readonly ManifestDocument[] {
  const reading = readingManifests(text, options)
  for (;;) {
    const { done, value } = reading.next()
    if (done === true) return value
  }
}

/**
 * The same in steps of some microseconds, for callers with other work between them: a stream at its limits takes
 * seconds. Only the end of a document, when its tokens become values, is one step, and costs up to some 150 ms at the
 * limits of a document.
 */
export function * readingManifests (text: string, options: ManifestOptions = {}): Generator<undefined, readonly ManifestDocument[]> {
  const reader = new StreamReader(text, { ...manifestLimits, ...options.limits }, options.foreign)
  yield * reader.read()
  if (reader.faults.length > 0) throw streamInvalid(reader.faults)
  return reader.documents
}

/** Faults of a document's fields with their place in the stream. */
export function located (document: ManifestDocument, faults: readonly FieldError[]): readonly FieldError[] {
  const prefix = document.item === undefined ? '' : `items[${document.item}].`
  return faults.map((fault) => ({ ...fault, field: `${prefix}${fault.field}`, document: document.index, line: document.lineOf(fault.field) }))
}

/** A REG_INVALID whose message begins each fault with its place: `document 2, line 14: spec.ports[0].port must ...`. */
export function streamInvalid (faults: readonly FieldError[], moreErrors = 0): RegistryError {
  const list = new FaultList()
  list.addAll(faults, moreErrors)
  const place = ({ document, line }: FieldError): string => {
    const parts = [...(document === undefined ? [] : [`document ${document}`]), ...(line === undefined ? [] : [`line ${line}`])]
    return parts.length === 0 ? '' : `${parts.join(', ')}: `
  }
  return new RegistryError('REG_INVALID', sentence(list.faults, list.more, place), list.faults, { moreErrors: list.more })
}

/** Ends the reading of one document. */
class DocumentFault extends Error {
  readonly field: string
  readonly offset: number

  constructor (field: string, rule: string, offset: number) {
    super(rule)
    this.field = field
    this.offset = offset
  }
}

class StreamReader {
  readonly documents: ManifestDocument[] = []
  readonly faults: FieldError[] = []
  readonly #text: string
  readonly #limits: ManifestLimits
  readonly #foreign: ManifestOptions['foreign']
  readonly #lineEnds: number[] = []
  #count = 0
  #tokens = 0
  #passedOver = 0
  #expanded = 0

  constructor (text: string, limits: ManifestLimits, foreign: ManifestOptions['foreign']) {
    this.#foreign = foreign
    this.#text = text.startsWith('\uFEFF') ? text.slice(1) : text // a byte-order mark means nothing in UTF-8
    this.#limits = limits
  }

  * read (): Generator<undefined, void> {
    const bytes = Buffer.byteLength(this.#text)
    if (bytes > this.#limits.maxBytes) {
      this.faults.push({ field: 'body', value: bytes, rule: `must not be larger than ${this.#limits.maxBytes} octets` })
      return
    }
    for (let at = this.#text.indexOf('\n'); at !== -1; at = this.#text.indexOf('\n', at + 1)) this.#lineEnds.push(at)
    const zero = this.#text.indexOf('\0')
    if (zero !== -1) {
      this.faults.push({ field: 'body', rule: 'must not hold NUL characters', line: this.#lineAt(zero) })
      return
    }
    const slices = yield * jsonObjects(this.#text, this.#limits.maxDocuments)
    for (const { text, offset } of slices ?? [{ text: this.#text, offset: 0 }]) {
      if (!(yield * this.#readYaml(text, offset))) break
    }
    // The objects of Lists count like documents.
    if (this.documents.length + this.#passedOver > this.#limits.maxDocuments &&
      this.faults.length === 0) this.#tooMany()
  }

  #tooMany (): void {
    this.faults.push({ field: 'body', rule: `must not hold more than ${this.#limits.maxDocuments} documents` })
  }

  /** Reads the documents one by one, so that a stream of millions of empty ones ends early. Gives false at the limit. */
  * #readYaml (text: string, base: number): Generator<undefined, boolean> {
    const composer = new Composer({ prettyErrors: false, uniqueKeys: false, strict: true, logLevel: 'silent', resolveKnownTags: false })
    try {
      for (const token of this.#parse(text)) {
        if (token === undefined) yield
        else if (!this.#compose(() => composer.next(token), base)) return false
      }
      return this.#compose(() => composer.end(), base)
    } catch (error) {
      if (error instanceof DocumentFault) this.#fault(this.#count + 1, error.field, error.message, base + error.offset)
      else if (error instanceof RangeError) this.faults.push({ field: 'document', rule: 'is nested too deeply', document: this.#count + 1 }) // out of stack
      else throw error
      return false
    }
  }

  /** The composer makes an error of each token that does not fit; with a stack in each, a document at its limits took seconds. */
  #compose (next: () => Iterable<Document.Parsed>, base: number): boolean {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    try {
      for (const document of next()) {
        if (!this.#hasRoom()) return false
        this.#count++
        this.#document(document, base)
      }
    } finally {
      Error.stackTraceLimit = stackTraceLimit
    }
    return true
  }

  /** The parser's own loop, with a look at what comes before it is kept. Gives undefined for a step without a token. */
  * #parse (text: string): Generator<CST.Token | undefined> {
    const { maxDepth, maxDocumentTokens, maxTokens, maxDocumentLength } = this.#limits
    const parser = new Parser()
    let [count, depth, offset] = [0, 0, 0]
    // The lexer makes one token of a text of megabytes, so the length is looked at before it begins.
    const marks = /(?:^|\n)(?:---|\.\.\.)(?=\s|$)/g
    let end = 0
    const lookAhead = (): void => {
      while (offset >= end && end < text.length) {
        const begin = end
        end = marks.exec(text) === null ? text.length : marks.lastIndex
        if (end - begin > maxDocumentLength) throw new DocumentFault('document', `must not be longer than ${maxDocumentLength} characters`, begin)
      }
    }
    lookAhead()
    for (const lexeme of new Lexer().lex(text)) {
      if (++count > maxDocumentTokens) throw new DocumentFault('document', `must not have more than ${maxDocumentTokens} tokens`, offset)
      if (++this.#tokens > maxTokens) throw new DocumentFault('document', `must not be part of a stream of more than ${maxTokens} tokens`, offset)
      if (lexeme === '[' || lexeme === '{') depth++
      else if (lexeme === ']' || lexeme === '}') depth--
      if (depth > maxDepth) throw new DocumentFault('document', `must not nest deeper than ${maxDepth} levels`, offset)
      if (!isMark(lexeme)) offset += lexeme.length
      lookAhead()
      for (const token of parser.next(lexeme)) {
        if (token.type === 'document') [count, depth] = [0, 0]
        yield token
      }
      if (count % stepSize === 0) yield undefined
    }
    yield * parser.end()
  }

  #hasRoom (): boolean {
    const { maxDocuments } = this.#limits
    if (this.#count < maxDocuments && this.documents.length + this.#passedOver <= maxDocuments &&
      this.faults.length <= maxFaults) return true
    if (this.faults.length <= maxFaults) this.#tooMany()
    return false
  }

  #document (document: Document.Parsed, base: number): void {
    const index = this.#count
    const first = document.errors[0] ?? document.warnings[0] // what follows the first is mostly its echo; a warning is an unknown tag
    if (first !== undefined) {
      this.#fault(index, 'document', `is not valid YAML: ${first.message}`, base + first.pos[0])
      return
    }
    const root: Node | null = document.contents
    if (root === null || (isScalar(root) && root.value === null)) return
    const values = new ValueReader(this.#limits, this.#expanded)
    try {
      const value = values.read(root)
      this.#expanded = values.expanded
      this.#objects({ index, value, root, resolve: values.resolve, base })
    } catch (error) {
      if (!(error instanceof DocumentFault)) throw error
      this.#fault(index, error.field, error.message, base + error.offset)
    }
  }

  #objects (parsed: Parsed): void {
    const object = this.#mapping(parsed, parsed.value, '', parsed.root)
    if (object === undefined) return
    const kind = object['kind']
    const itemKind = kind === 'List' ? '' : typeof kind === 'string' ? listKinds.get(kind) : undefined
    if (itemKind === undefined) {
      this.#object(parsed, object, parsed.root, undefined)
      return
    }
    const items = object['items']
    if (!Array.isArray(items)) {
      this.#fault(parsed.index, 'items', 'must be a list', this.#offsetOf(parsed, parsed.root, 'items'))
      return
    }
    for (const [item, value] of items.entries()) {
      if (this.documents.length + this.#passedOver > this.#limits.maxDocuments || this.faults.length > maxFaults) return
      const node = nodeAt(parsed.root, ['items', String(item)], parsed.resolve).node ?? parsed.root
      const member = this.#mapping(parsed, value, `items[${item}]`, node)
      // The items of a ServiceList need not say again what they are.
      if (member !== undefined) this.#object(parsed, itemKind === '' ? member : { apiVersion: apiVersions[itemKind], kind: itemKind, ...member }, node, item)
    }
  }

  #mapping (parsed: Parsed, value: unknown, field: string, node: Node): Readonly<Record<string, unknown>> | undefined {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown> // keys are texts
    this.#fault(parsed.index, field === '' ? 'document' : field, 'must be a mapping with apiVersion, kind and metadata', parsed.base + startOf(node))
    return undefined
  }

  #object (parsed: Parsed, value: Readonly<Record<string, unknown>>, node: Node, item: number | undefined): void {
    const prefix = item === undefined ? '' : `items[${item}].`
    const { kind, apiVersion } = value
    const fault = (field: string, rule: string, got?: unknown): void =>
      this.#fault(parsed.index, `${prefix}${field}`, rule, this.#offsetOf(parsed, node, field), got)
    if (this.#foreign !== undefined && isForeign(kind, apiVersion)) {
      this.#passedOver++
      return this.#foreign({ kind: String(kind), apiVersion: String(apiVersion), document: parsed.index,
        line: this.#lineAt(parsed.base + startOf(node)) })
    }
    if (kind === undefined || kind === null || kind === '') fault('kind', 'is required')
    else if (!isKind(kind)) fault('kind', kindRule(kind), kind)
    else if (apiVersion === apiVersions[kind]) {
      this.documents.push({
        index: parsed.index,
        ...(item === undefined ? {} : { item }),
        line: this.#lineAt(parsed.base + startOf(node)),
        kind,
        apiVersion: apiVersions[kind],
        value,
        lineOf: (path) => this.#lineAt(this.#offsetOf(parsed, node, path))
      })
    } else if (apiVersion === undefined || apiVersion === null || apiVersion === '') fault('apiVersion', `is required: "${apiVersions[kind]}" for the kind ${kind}`)
    else fault('apiVersion', `must be "${apiVersions[kind]}" for the kind ${kind}`, apiVersion)
  }

  #offsetOf (parsed: Parsed, node: Node, path: string): number {
    return parsed.base + nodeAt(node, pathSegments(path), parsed.resolve).offset
  }

  #fault (document: number, field: string, rule: string, offset: number, value?: unknown): void {
    this.faults.push({ field, ...(value === undefined ? {} : { value }), rule, document, line: this.#lineAt(offset) })
  }

  #lineAt (offset: number): number {
    let [low, high] = [0, this.#lineEnds.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#lineEnds[middle] ?? 0) < offset) low = middle + 1
      else high = middle
    }
    return low + 1
  }
}

interface Parsed {
  readonly index: number
  readonly value: unknown
  readonly root: Node
  readonly resolve: Resolve
  /** Where the parsed text begins in the stream. */
  readonly base: number
}

/** Gives the node that an alias stands for; any other node is itself. */
type Resolve = (node: Node) => Node

const listKinds = new Map<string, Manifest['kind']>([
  ['ServiceList', 'Service'], ['EndpointSliceList', 'EndpointSlice'], ['EndpointsList', 'Endpoints'], ['NamespaceList', 'Namespace']
])

function isKind (kind: unknown): kind is Manifest['kind'] {
  return typeof kind === 'string' && Object.hasOwn(apiVersions, kind)
}

function kindRule (kind: unknown): string {
  if (kind === 'List') return 'must not be a List inside of a List'
  const known = Object.keys(apiVersions)
  const folded = typeof kind === 'string' ? kind.toLowerCase() : ''
  const near = known.find((name) => name.toLowerCase() === folded || `${name.toLowerCase()}s` === folded)
  return `must be one of ${[...known, 'List'].sort().join(', ')}${near === undefined ? '' : ` (did you mean ${near}?)`}`
}

/** Makes the value of one document. */
class ValueReader {
  /** Nodes and characters so far, aliases counted as what they repeat. */
  expanded: number
  readonly resolve: Resolve = (node) => this.#targets.get(node) ?? node
  readonly #limits: ManifestLimits
  readonly #anchors = new Map<string, { readonly node: Node, value: unknown, cost: number, open: boolean }>()
  readonly #targets = new Map<Node, Node>()

  constructor (limits: ManifestLimits, expanded: number) {
    this.#limits = limits
    this.expanded = expanded
  }

  read (node: Node | null, path = '', depth = 0): unknown {
    if (node === null) return null
    if (depth > this.#limits.maxDepth) throw new DocumentFault(path, `is nested deeper than ${this.#limits.maxDepth} levels`, startOf(node))
    if (isAlias(node)) return this.#alias(node, node.source, path)
    this.#spend(1, node, path)
    const anchor = 'anchor' in node && typeof node.anchor === 'string' ? { node, value: undefined as unknown, cost: this.expanded, open: true } : undefined
    if (anchor !== undefined) this.#anchors.set(node.anchor as string, anchor) // it has just been seen to be a text
    const value = isMap(node) ? this.#map(node, path, depth) : isSeq(node) ? this.#list(node.items, path, depth) : this.#scalar(node, path)
    if (anchor !== undefined) Object.assign(anchor, { value, cost: this.expanded - anchor.cost + 1, open: false })
    return value
  }

  #alias (node: Node, source: string, path: string): unknown {
    const anchor = this.#anchors.get(source)
    if (anchor === undefined) throw new DocumentFault(path, `uses the alias *${source}, for which there is no anchor before it`, startOf(node))
    if (anchor.open) throw new DocumentFault(path, `uses the alias *${source} inside of its own anchor`, startOf(node))
    this.#spend(anchor.cost, node, path)
    this.#targets.set(node, anchor.node)
    return anchor.value
  }

  #spend (cost: number, node: Node, path: string): void {
    this.expanded += cost
    if (this.expanded > this.#limits.maxExpanded) throw new DocumentFault(path === '' ? 'document' : path, 'expands its aliases to more than a manifest may hold', startOf(node))
  }

  #list (items: readonly unknown[], path: string, depth: number): unknown[] {
    return items.map((item, index) => {
      if (isPair(item)) throw new DocumentFault(`${path}[${index}]`, 'must not be a pair', 0)
      return this.read(item as Node | null, `${path}[${index}]`, depth + 1) // the items of a parsed list are nodes
    })
  }

  #map (map: YAMLMap, path: string, depth: number): Record<string, unknown> {
    const entries = new Map<string, unknown>()
    const merges: unknown[] = []
    for (const pair of map.items) {
      const keyNode = pair.key as Node | null // a parsed pair has nodes
      const key = this.#key(keyNode, path, startOf(keyNode ?? map))
      const inner = joinPath(path, key)
      const isMerge = key === '<<' && isScalar(keyNode) && keyNode.type === Scalar.PLAIN
      if (!isMerge && entries.has(key)) throw new DocumentFault(inner, 'is given twice', startOf(keyNode ?? map))
      this.#spend(key.length, keyNode ?? map, path)
      const value = this.read(pair.value as Node | null, inner, depth + 1)
      if (isMerge) merges.push(...(Array.isArray(value) ? value as unknown[] : [value])) // a list that was just read
      else entries.set(key, value)
    }
    for (const merge of merges) {
      if (typeof merge !== 'object' || merge === null || Array.isArray(merge)) throw new DocumentFault(joinPath(path, '<<'), 'must merge mappings', startOf(map))
      for (const [key, value] of Object.entries(merge)) if (!entries.has(key)) entries.set(key, value)
    }
    return Object.fromEntries(entries) // defines own properties, `__proto__` too
  }

  #key (node: Node | null, path: string, offset: number): string {
    const value = isScalar(node) ? node.value : undefined
    if (typeof value === 'string') return value
    if (typeof value === 'number' || typeof value === 'boolean') return String(value)
    throw new DocumentFault(path === '' ? 'document' : path, 'must have texts as keys', offset)
  }

  #scalar (node: Node, path: string): unknown {
    const value: unknown = isScalar(node) ? node.value : undefined
    if (typeof value === 'string') this.#spend(value.length, node, path)
    if (typeof value === 'number' ? Number.isFinite(value) : value === null || typeof value === 'string' || typeof value === 'boolean') return value
    throw new DocumentFault(path === '' ? 'document' : path, 'must be a text, a finite number, true, false or null', startOf(node))
  }
}

/** The lexer's own marks (document, end of flow, scalar) stand for no text. */
function isMark (lexeme: string): boolean {
  return lexeme === '\x02' || lexeme === '\x18' || lexeme === '\x1f'
}

function startOf (node: Node): number {
  return node.range?.[0] ?? 0
}

function joinPath (path: string, key: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) return `${path}[${shown(key)}]`
  return path === '' ? key : `${path}.${key}`
}

/** `spec.ports[0].port`, `metadata.labels["a/b"]` and Kubernetes' `metadata.labels[a/b]`. */
function pathSegments (path: string): string[] {
  return Array.from(path.matchAll(/\[("(?:[^"\\]|\\.)*"|[^\]]*)\]|[^.[\]]+/g), (match) => {
    const inner = match[1]
    if (inner === undefined) return match[0]
    return inner.startsWith('"') && inner.length > 1 ? String(JSON.parse(inner)) : inner // a quoted text is JSON
  })
}

/** The node at a path and where it begins (for a field: its key); past the end of the path that exists, the last that does. */
function nodeAt (root: Node, segments: readonly string[], resolve: Resolve): { node: Node | undefined, offset: number } {
  let node: Node | undefined = resolve(root)
  let offset = startOf(root)
  for (const segment of segments) {
    let next: Node | null | undefined
    if (isSeq(node)) next = node.items[Number(segment)] as Node | undefined // the items of a parsed list are nodes
    else if (isMap(node)) {
      const pair = pairOf(node, segment, resolve)
      if (pair !== undefined) offset = startOf(pair.key)
      next = pair?.value
      if (pair !== undefined && (next === null || next === undefined)) return { node: undefined, offset }
    }
    if (next === null || next === undefined) return { node: undefined, offset }
    if (isSeq(node)) offset = startOf(next)
    node = resolve(next)
  }
  return { node, offset }
}

/** Kubernetes writes one path with a capital (`spec.LoadBalancerSourceRanges`), so the first letter's case is no difference. */
function pairOf (map: YAMLMap, key: string, resolve: Resolve): { key: Node, value: Node | null } | undefined {
  const small = key.slice(0, 1).toLowerCase() + key.slice(1)
  for (const pair of map.items) {
    if (isScalar(pair.key) && (String(pair.key.value) === key || pair.key.value === small)) return { key: pair.key, value: pair.value as Node | null }
  }
  for (const pair of map.items) {
    if (!isScalar(pair.key) || pair.key.value !== '<<' || pair.value === null) continue
    const merged = resolve(pair.value as Node)
    for (const source of isSeq(merged) ? merged.items.map((item) => resolve(item as Node)) : [merged]) {
      const found = isMap(source) ? pairOf(source, key, resolve) : undefined
      if (found !== undefined) return found
    }
  }
  return undefined
}

/**
 * Splits a stream of JSON objects that stand one behind the other, which YAML does not allow; undefined when the text
 * is no such stream, and YAML says what is wrong. Tabs between tokens become blanks, since YAML refuses some of them.
 * Ends with one more than `most`.
 */
function * jsonObjects (text: string, most: number): Generator<undefined, readonly { text: string, offset: number }[] | undefined> {
  if (!/^\s*\{/.test(text)) return undefined
  const found: { text: string, offset: number }[] = []
  let depth = 0
  let start = -1
  const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}"]|[^\s{}"]+/g
  let count = 0
  for (let match = token.exec(text); match !== null && found.length <= most; match = token.exec(text)) {
    if (++count % stepSize === 0) yield
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
