// What every room needs to declare its settings and to read them: config/settings.ts composes the rooms.
import { Type, type Static, type TObject, type TProperties } from 'typebox'
import type { FieldError } from '../../client-sdk/src/wire.ts'
import { RegistryError, invalid } from '../errors.ts'
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
  /** Where the variable of this name is the commands' own. */
  readonly variable?: string
  /** `off` unsets it. */
  readonly off?: boolean
  /** Taken at SIGHUP too; the others are taken at the next start. */
  readonly reloaded?: boolean
  /** Of a listener: what everybody who reaches it can do, as long as there is no access control. */
  readonly opens?: string
}

/** Where the value of a setting is from. */
export interface Origins {
  /** As an error names it: `--zone`, `ROLLCALL_ZONE`, `zone in rollcall.yaml`, or the name alone of a default. */
  readonly field: (name: string) => string
  /** False for a default. */
  readonly isGiven: (name: string) => boolean
}

/** The settings of a room. Its `read...` function stands beside it: values from settings, once, or all faults. */
export interface Room<Settings extends TProperties = TProperties> {
  /** Completes "Settings of ..." on the page. */
  readonly title: string
  /** Key of `Config` -> schema with its `doc`. */
  readonly settings: Settings
  /** What is no fault and still not meant so. */
  warnings? (config: Static<TObject<Settings>>, origins: Origins): string[]
}

/** Gives a room as it is, with the types of its settings. */
export function room<Settings extends TProperties> (declared: Room<Settings>): Room<Settings> {
  return declared
}

export const listenerSchema = Type.Object({ host: Type.String(), port: Type.Integer() })

export const between = (from: string, to: string): { rule: string } => ({ rule: `must be from ${from} to ${to}` })

/** The annotation of a setting's schema. */
export const doc = (setting: SettingDoc): { setting: SettingDoc } => ({ setting })

/**
 * Reads several values, one after the other in the order of the keys, and goes on after a fault.
 * @throws RegistryError REG_INVALID with the faults of all
 */
export function readAll<Values extends object> (readers: { readonly [Name in keyof Values]: () => Values[Name] }): Values {
  const faults: FieldError[] = []
  const values: Partial<Values> = {}
  for (const name of Object.keys(readers) as (keyof Values)[]) { // its own keys
    try {
      values[name] = readers[name]()
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code !== 'REG_INVALID') throw error
      faults.push(...error.errors ?? [])
    }
  }
  if (faults.length > 0) throw invalid(faults)
  return values as Values // without a fault each was read
}
