// Makes the value of one document from its nodes. The yaml package could do that: here duplicate keys cost linear
// time, and each alias counts what it repeats.
import { isAlias, isMap, isPair, isScalar, isSeq, type Node, Scalar, type YAMLMap } from 'yaml'
import { DocumentFault } from './manifest-faults.ts'
import type { ManifestLimits } from './manifest-limits.ts'
import { joinPath, startOf, type Resolve } from './node-path.ts'

/** Makes the value of one document. */
export class ValueReader {
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
