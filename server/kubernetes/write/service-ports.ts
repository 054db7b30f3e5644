// What kubectl apply means by the ports of a service where two of them have one number (53/UDP and 53/TCP). Its patch
// names
// ports by number alone, and Kubernetes changes the first that has it. But the whole manifest stands in the annotation
// that
// apply writes: ports are merged from there, by number and protocol.
import { isMembers, type Members, withoutMembers } from '../../model/fields/values.ts'

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'
/** What kubectl apply calls itself as a field manager. */
export const clientSideApply = 'kubectl-client-side-apply'

/**
 * The patch, with its ports as the manifest has them; the same patch where numbers say enough, or no manifest is
 * known.
 */
export function withMeantPorts (live: Members, patch: Members, fieldManager: string): Members {
  const spec = patch.spec
  if (!isMembers(spec) || (spec.ports === undefined && spec['$setElementOrder/ports'] === undefined)) return patch
  const told = annotationOf(patch)
  const manifest = manifestIn(told ?? (fieldManager === clientSideApply ? annotationOf(live) : undefined))
  if (manifest === undefined) return patch
  const [ports, wanted] = [portsOf(live), portsOf(manifest)]
  if (!isAmbiguous(ports) && !isAmbiguous(wanted)) return patch
  const before = new Map(portsOf(manifestIn(annotationOf(live)) ?? {}).map((port) => [keyOf(port), port]))
  const current = new Map(ports.map((port) => [keyOf(port), port]))
  const keys = new Set(wanted.map(keyOf))
  const merged = wanted.map((port) => mergedPort(before.get(keyOf(port)), port, current.get(keyOf(port))))
  // Who else added ports keeps them; what an earlier manifest had, and this one has not, goes.
  const others = ports.filter((port) => !keys.has(keyOf(port)) && !before.has(keyOf(port)))
  const all = [{ $patch: 'replace' }, ...merged, ...others]
  return { ...patch, spec: { ...withoutMembers(spec, '$setElementOrder/ports'), ports: all } }
}

/** A field that the earlier manifest had and this one has not goes; the others stay as they are. */
function mergedPort (before: Members = {}, wanted: Members, live: Members = {}): Members {
  const kept = Object.entries(live).filter(([name]) => Object.hasOwn(wanted, name) || !Object.hasOwn(before, name))
  return { ...Object.fromEntries(kept), ...wanted }
}

function keyOf ({ port, protocol }: Members): string {
  return JSON.stringify([port, protocol ?? 'TCP'])
}

function isAmbiguous (ports: readonly Members[]): boolean {
  return new Set(ports.map(({ port }) => port)).size < ports.length
}

function portsOf ({ spec }: Members): readonly Members[] {
  const ports = isMembers(spec) ? spec.ports : undefined
  return Array.isArray(ports) ? ports.filter(isMembers) : []
}

function annotationOf ({ metadata }: Members): string | undefined {
  const annotations = isMembers(metadata) ? metadata.annotations : undefined
  const value = isMembers(annotations) ? annotations[lastApplied] : undefined
  return typeof value === 'string' ? value : undefined
}

function manifestIn (text: string | undefined): Members | undefined {
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isMembers(value) ? value : undefined
  } catch {
    return undefined // somebody wrote something else there
  }
}
