// A stream of manifests, YAML or JSON, as documents that know where they stand: a fault of one is reported with the
// number of the document, the line and the field. Reading is bounded: size, documents, depth, and what aliases expand
// to.
//
//   stream   = YAML documents separated by `---` | JSON objects one behind the other
//   document = a mapping with apiVersion and kind | a List of such in `items` | nothing (skipped)
//
// A kind that is somebody else's may be passed over: foreign-kinds.ts says which those are.
import { Composer, type Document, isScalar, type Node, Parser, Scalar } from 'yaml'
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import { apiVersions } from '../service/types.ts'
import { type ForeignObject, isForeign } from './foreign-kinds.ts'
import { jsonObjects } from './json-objects.ts'
import type { ManifestDocument } from './manifest-document.ts'
import { DocumentFault, streamInvalid } from './manifest-faults.ts'
import { isKind, kindRule, listKinds } from './manifest-kinds.ts'
import { type ManifestLimits, manifestLimits } from './manifest-limits.ts'
import { nodeAt, pathSegments, type Resolve, startOf } from './node-path.ts'
import { TokenReader } from './token-reader.ts'
import { ValueReader } from './value-reader.ts'

/** Reading ends at so many faults: more of them would not help the reader of the message. */
const maxFaults = 100
const composing = { prettyErrors: false, uniqueKeys: false, strict: true, logLevel: 'silent', resolveKnownTags: false } as const

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

class StreamReader {
  readonly documents: ManifestDocument[] = []
  readonly faults: FieldError[] = []
  readonly #text: string
  readonly #limits: ManifestLimits
  readonly #foreign: ManifestOptions['foreign']
  readonly #tokens: TokenReader
  readonly #lineEnds: number[] = []
  #count = 0
  #passedOver = 0
  #expanded = 0
  /** The document whose lines were asked for last. */
  #located: { readonly place: Place, readonly parsed: Parsed } | undefined

  constructor (text: string, limits: ManifestLimits, foreign: ManifestOptions['foreign']) {
    this.#foreign = foreign
    this.#text = text.startsWith('\uFEFF') ? text.slice(1) : text // a byte-order mark means nothing in UTF-8
    this.#limits = limits
    this.#tokens = new TokenReader(limits)
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
    const composer = new Composer(composing)
    let end = 0
    const take = (document: Document.Parsed): void => {
      const begin = end // its directives stand before it
      end = document.range[2]
      this.#document(document, { text, begin, end, base })
    }
    try {
      for (const token of this.#tokens.read(text)) {
        if (token === undefined) yield
        else if (!this.#compose(() => composer.next(token), take)) return false
      }
      return this.#compose(() => composer.end(), take)
    } catch (error) {
      if (error instanceof DocumentFault) this.#fault(this.#count + 1, error.field, error.message, base + error.offset)
      else if (error instanceof RangeError) this.faults.push({ field: 'document', rule: 'is nested too deeply', document: this.#count + 1 }) // out of stack
      else throw error
      return false
    }
  }

  /** The composer makes an error of each token that does not fit; with a stack in each, a document at its limits took seconds. */
  #compose (next: () => Iterable<Document.Parsed>, take: (document: Document.Parsed) => void): boolean {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    try {
      for (const document of next()) {
        if (!this.#hasRoom()) return false
        this.#count++
        take(document)
      }
    } finally {
      Error.stackTraceLimit = stackTraceLimit
    }
    return true
  }

  #hasRoom (): boolean {
    const { maxDocuments } = this.#limits
    if (this.#count < maxDocuments && this.documents.length + this.#passedOver <= maxDocuments &&
      this.faults.length <= maxFaults) return true
    if (this.faults.length <= maxFaults) this.#tooMany()
    return false
  }

  #document (document: Document.Parsed, place: Place): void {
    const index = this.#count
    const { base } = place
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
      this.#objects({ index, value, root, resolve: values.resolve, base }, place)
    } catch (error) {
      if (!(error instanceof DocumentFault)) throw error
      this.#fault(index, error.field, error.message, base + error.offset)
    }
  }

  #objects (parsed: Parsed, place: Place): void {
    const object = this.#mapping(parsed, parsed.value, '', parsed.root)
    if (object === undefined) return
    const kind = object['kind']
    const itemKind = kind === 'List' ? '' : typeof kind === 'string' ? listKinds.get(kind) : undefined
    if (itemKind === undefined) {
      this.#object(parsed, place, object, parsed.root, undefined)
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
      if (member === undefined) continue
      this.#object(parsed, place, itemKind === '' ? member : { apiVersion: apiVersions[itemKind], kind: itemKind, ...member }, node, item)
    }
  }

  #mapping (parsed: Parsed, value: unknown, field: string, node: Node): Readonly<Record<string, unknown>> | undefined {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown> // keys are texts
    this.#fault(parsed.index, field === '' ? 'document' : field, 'must be a mapping with apiVersion, kind and metadata', parsed.base + startOf(node))
    return undefined
  }

  #object (parsed: Parsed, place: Place, value: Readonly<Record<string, unknown>>, node: Node, item: number | undefined): void {
    const prefix = item === undefined ? '' : `items[${item}].`
    const { kind, apiVersion } = value
    const fault = (field: string, rule: string, got?: unknown): void =>
      this.#fault(parsed.index, `${prefix}${field}`, rule, this.#offsetOf(parsed, node, field), got)
    if (this.#foreign !== undefined && isForeign(value)) {
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
        lineOf: this.#locator(place, item)
      })
    } else if (apiVersion === undefined || apiVersion === null || apiVersion === '') fault('apiVersion', `is required: "${apiVersions[kind]}" for the kind ${kind}`)
    else fault('apiVersion', `must be "${apiVersions[kind]}" for the kind ${kind}`, apiVersion)
  }

  /** Made here, so that it holds nothing of what it was made beside: functions of one scope hold all that any of them uses. */
  #locator (place: Place, item: number | undefined): (path: string) => number {
    return (path) => this.#lineOf(place, item, path)
  }

  /**
   * The document is read once more: its nodes need many times its text, and of thousands of documents few have a fault.
   */
  #lineOf (place: Place, item: number | undefined, path: string): number {
    const parsed = this.#located?.place === place ? this.#located.parsed : readAgain(place, this.#limits)
    this.#located = { place, parsed }
    const node = item === undefined ? undefined : nodeAt(parsed.root, ['items', String(item)], parsed.resolve).node
    return this.#lineAt(this.#offsetOf(parsed, node ?? parsed.root, path))
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

/** Where a document stands. */
interface Place {
  readonly text: string
  readonly begin: number
  readonly end: number
  /** Where the text begins in the stream. */
  readonly base: number
}

/** The nodes of a document that was read without a fault. */
function readAgain ({ text, begin, end, base }: Place, limits: ManifestLimits): Parsed {
  const composer = new Composer(composing)
  const documents = composer.compose(new Parser().parse(text.slice(begin, end)), true, end - begin)
  const root = [...documents].map(({ contents }): Node | null => contents).find((contents) => contents !== null) ?? new Scalar(null)
  const values = new ValueReader(limits, 0)
  return { index: 0, value: values.read(root), root, resolve: values.resolve, base: base + begin }
}
