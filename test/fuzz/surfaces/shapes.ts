// What surfaces say, brought to the form of the model: times, revisions and allocation stamps are left out.
import { sortedPorts } from './model.ts'

// Bodies of surfaces have whatever shape the surface gave them.
type Said = any

/** An instance of a list, a watch or a command. */
export function saidInstance ({ override, ports, ...rest }: Said): object {
  const shown = override === undefined ? undefined : { status: override.status, weight: override.weight }
  return { ...without(rest, 'createdAt', 'updatedAt', 'revision'), ports: sortedPorts(ports), override: shown }
}

export function saidEndpoint ({ ports, ...rest }: Said): object {
  return { ...rest, ports: sortedPorts(ports) }
}

/** A manifest without the stamp of its last write. */
export function saidManifest (manifest: Said): object | undefined {
  if (manifest === undefined) return undefined
  return { ...manifest, metadata: without(manifest.metadata, 'resourceVersion') }
}

export function without (value: object, ...keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key)))
}

/** Whether everything that was given is in what is stored; lists as they are. */
export function isWithin (given: unknown, stored: unknown): boolean {
  if (typeof given !== 'object' || given === null) return given === stored
  if (typeof stored !== 'object' || stored === null) return false
  if (Array.isArray(given)) {
    return Array.isArray(stored) && given.length === stored.length && given.every(
      (each, index) => isWithin(each, stored[index])
    )
  }
  return Object.entries(given).every(([key, value]) => isWithin(value, (stored as Record<string, unknown>)[key]))
}
