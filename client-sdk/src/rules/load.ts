// The load that a heartbeat may carry.
import type { FieldError, LoadValue } from '../wire.ts'

/** Measures in one heartbeat: they are kept in memory for each instance and shown as metrics. */
export const maxLoadValues = 16
/** Longer than any metric's name that a person types. */
export const maxLoadNameLength = 63

export const loadNamePattern = `^[A-Za-z][-A-Za-z0-9_./]{0,${maxLoadNameLength - 1}}$`
export const loadNameRule = `must be 1-${maxLoadNameLength} of A-Z, a-z, 0-9, "-", "_", "." and "/", beginning with a letter`
const loadName = new RegExp(loadNamePattern)

/**
 * Every fault of a load: none means that the registry takes it.
 * @param at names the load in the faults
 */
export function loadFaults (load: unknown, at = 'load'): FieldError[] {
  if (typeof load !== 'object' || load === null || Array.isArray(load)) return [
    { field: at, value: load, rule: 'must be an object of measures' }
  ]
  const entries = Object.entries(load)
  if (entries.length > maxLoadValues) return [
    { field: at, value: entries.length, rule: `must not have more than ${maxLoadValues} entries` }
  ]
  return entries.flatMap(([name, measure]) => measureFaults(at, name, measure))
}

function measureFaults (at: string, name: string, measure: unknown): FieldError[] {
  const field = `${at}[${JSON.stringify(name.slice(0, 80))}]`
  // looked at next
  const { value, capacity } = (typeof measure === 'object' && measure !== null ? measure : {}) as Partial<LoadValue>
  return [
    ...(loadName.test(name) ? [] : [{ field, value: name, rule: loadNameRule }]),
    ...(Number.isFinite(value) ? [] : [{ field: `${field}.value`, value, rule: 'must be a number' }]),
    ...(
      capacity === undefined || (Number.isFinite(capacity) && capacity > 0) ? [] : [
        { field: `${field}.capacity`, value: capacity, rule: 'must be a number above 0' }
      ]
    )
  ]
}
