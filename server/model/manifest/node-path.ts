// Paths of fields: how they are written, and which node of a document stands there.
import { isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml'
import { shown } from '../../errors.ts'

/** Gives the node that an alias stands for; any other node is itself. */
export type Resolve = (node: Node) => Node

/** Where a node begins in its text. */
export function startOf (node: Node): number {
  return node.range?.[0] ?? 0
}

/** The path of a member of an object. */
export function joinPath (path: string, key: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) return `${path}[${shown(key)}]`
  return path === '' ? key : `${path}.${key}`
}

/** `spec.ports[0].port`, `metadata.labels["a/b"]` and Kubernetes' `metadata.labels[a/b]`. */
export function pathSegments (path: string): string[] {
  return Array.from(path.matchAll(/\[("(?:[^"\\]|\\.)*"|[^\]]*)\]|[^.[\]]+/g), (match) => {
    const inner = match[1]
    if (inner === undefined) return match[0]
    return inner.startsWith('"') && inner.length > 1 ? String(JSON.parse(inner)) : inner // a quoted text is JSON
  })
}

/** The node at a path and where it begins (for a field: its key); past the end of the path that exists, the last that does. */
export function nodeAt (root: Node, segments: readonly string[], resolve: Resolve): { node: Node | undefined, offset: number } {
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
