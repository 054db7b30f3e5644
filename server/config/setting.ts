// What every room needs to describe its settings: the schema fragments of the rooms are made with it, and settings.ts composes them.
import { Type } from 'typebox'
import type { KindName } from './kinds.ts'

/** What a person must know to choose a value. Each text is a sentence. */
export interface SettingDoc {
  /** The flag without its dashes, and the key in the file; the variable is made from it. */
  readonly name: string
  readonly kind: KindName
  /** As a person would write it; absent = unset. */
  readonly default?: string
  readonly what: string
  /** Why the default is what it is. */
  readonly why: string
  readonly raise?: string
  readonly lower?: string
  /** May be given several times. */
  readonly multiple?: boolean
  /** `off` unsets it. */
  readonly off?: boolean
}

export const listenerSchema = Type.Object({ host: Type.String(), port: Type.Integer() })

export const between = (from: string, to: string): { rule: string } => ({ rule: `must be from ${from} to ${to}` })

/** The annotation of a setting's schema. */
export const doc = (setting: SettingDoc): { setting: SettingDoc } => ({ setting })
