// An operator's word on an instance, kept as a lasting object so that it survives re-registration.
import type { Static } from 'typebox'
import type { Override } from '../../client-sdk/src/wire.ts'
import { invalid } from '../errors.ts'
import type { OverrideBody } from '../model/instance/instance.ts'
import { instantRule, readInstant } from '../model/instant.ts'
import { splitKey } from '../model/names.ts'
import { type ObjectRecord, overridePrefix, subjectOf } from '../store/store.ts'

export function overrideKey (namespace: string, service: string, id: string): string {
  return `${overridePrefix}${namespace}/${service}/${id}`
}

/** The instance that an object overrides, or undefined if the object is of another kind. */
export function overriddenKey (key: string): ReturnType<typeof splitKey> | undefined {
  const subject = subjectOf(key)
  return subject === undefined ? undefined : splitKey(subject)
}

type StoredOverride = Omit<Override, 'until' | 'createdAt'>

/** The stored text and end of an override. @throws RegistryError REG_INVALID if `until` is no time or lies in the past */
export function storedOverride (input: Static<typeof OverrideBody>, by: string, nowMs: number): { body: string, endsAtMs: number } {
  const { status, weight, until } = input
  if (status === undefined && weight === undefined) throw invalid([{ field: 'status', rule: 'or weight is required' }])
  const endsAtMs = until === undefined ? 0 : readInstant(until)
  if (endsAtMs === undefined) throw invalid([{ field: 'until', value: until, rule: instantRule }])
  if (until !== undefined && endsAtMs <= nowMs) throw invalid([{ field: 'until', value: until, rule: 'must lie in the future' }])
  const stored: StoredOverride = {
    ...(status === undefined ? {} : { status }),
    ...(weight === undefined ? {} : { weight }),
    author: input.author ?? by,
    reason: input.reason ?? ''
  }
  return { body: JSON.stringify(stored), endsAtMs }
}

export function overrideOf (object: ObjectRecord): Override {
  const stored = JSON.parse(object.body) as StoredOverride // written by storedOverride
  return {
    ...stored,
    ...(object.endsAtMs === 0 ? {} : { until: new Date(object.endsAtMs).toISOString() }),
    createdAt: new Date(object.createdAtMs).toISOString()
  }
}
