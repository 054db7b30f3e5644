// The settings file: YAML whose values are taken as they are written. `node: 1.10`, `007` and `1e3` are names to their
// writer; they are numbers only where a setting wants a number.
import { isAlias, isMap, isScalar, isSeq, parseDocument, Scalar, type Document, type Node } from 'yaml'
import type { KindName } from './kinds.ts'

/** A value of the file: its texts, of a list several; undefined = it is neither a text nor a list of them. */
export interface FileValue {
  readonly texts: readonly string[] | undefined
  /** What it is, for the error. */
  readonly value: unknown
}

/** Of these kinds a number or a boolean may be written in each way that YAML knows. */
const yamlKinds: ReadonlySet<KindName | undefined> = new Set<KindName | undefined>(['number', 'count', 'size', 'boolean'])

/**
 * Reads the mapping of a settings file; a key without a value is as good as not written.
 * @param kindOf the kind of a setting by its name, undefined for an unknown one
 * @returns undefined if the file is no mapping
 * @throws what is wrong with the YAML
 */
export function readSettingsFile (text: string,
  kindOf: (name: string) => KindName | undefined): ReadonlyMap<string, FileValue> | undefined {
  const document = parseDocument(text)
  if (document.errors[0] !== undefined) throw document.errors[0]
  const plain: unknown = document.toJS() ?? {} // throws too: an alias without its anchor, or aliases that multiply
  if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) return undefined
  const values = new Map<string, FileValue>()
  const pairs = isMap(document.contents) ? document.contents.items : []
  // the pairs of a parsed mapping are nodes
  for (const { key, value } of pairs as { key: Node, value: Node | null }[]) {
    const name = isScalar(key) ? String(key.value) : ''
    const node = resolved(document, value)
    if (node === null || (isScalar(node) && node.value === null)) continue
    const items = isSeq(node) ? node.items.map((item) => resolved(document, item as Node | null)) : [node]
    const texts = items.map((item) => asWritten(item, kindOf(name)))
    // just looked for
    values.set(name,
      { texts: texts.includes(undefined) ? undefined : texts as string[], value: node.toJS(document) as unknown })
  }
  return values
}

function resolved (document: Document, node: Node | null): Node | null {
  return isAlias(node) ? node.resolve(document) ?? null : node
}

function asWritten (node: Node | null, kind: KindName | undefined): string | undefined {
  if (!isScalar(node)) return undefined
  const { value, source, type } = node
  if (typeof value === 'string') return value
  if (typeof value !== 'number' && typeof value !== 'boolean') return undefined
  return type === Scalar.PLAIN && source !== undefined && !yamlKinds.has(kind) ? source : String(value)
}
