// What doors say, brought to the form of the model: times, revisions and allocation stamps are left out.
import { sortedPorts } from './model.ts'

// Bodies of doors have whatever shape the door gave them.
type Said = any

/** An instance of a list, a watch or a command. */
export function saidInstance ({ createdAt: _created, updatedAt: _updated, revision: _revision, override, ...rest }: Said): object {
  return { ...rest, ports: sortedPorts(rest.ports), override: override === undefined ? undefined : { status: override.status, weight: override.weight } }
}

export function saidEndpoint ({ ports, ...rest }: Said): object {
  return { ...rest, ports: sortedPorts(ports) }
}

/** A manifest without the stamp of its last write. */
export function saidManifest (manifest: Said): object | undefined {
  if (manifest === undefined) return undefined
  const { metadata: { resourceVersion: _version, ...metadata }, ...rest } = manifest
  return { ...rest, metadata }
}

/** Whether everything that was given is in what is stored; lists as they are. */
export function isWithin (given: unknown, stored: unknown): boolean {
  if (typeof given !== 'object' || given === null) return given === stored
  if (typeof stored !== 'object' || stored === null) return false
  if (Array.isArray(given)) return Array.isArray(stored) && given.length === stored.length && given.every((each, index) => isWithin(each, stored[index]))
  return Object.entries(given).every(([key, value]) => isWithin(value, (stored as Record<string, unknown>)[key]))
}
