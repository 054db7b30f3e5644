// What the columns of all kinds are made of.
import type { KubeObject } from '../objects/meta.ts'
import { ageText } from './age.ts'

export type Cell = string | number | boolean | null

export interface Column {
  readonly name: string
  readonly type: 'string' | 'integer'
  readonly format: '' | 'name'
  readonly description: string
  readonly priority: 0 | 1
  readonly cell: (object: KubeObject, nowMs: number) => Cell
}

export type CellOf = Column['cell']
type Members = Readonly<Record<string, unknown>>

export const none = '<none>'
export const unknown = '<unknown>'
export const unset = '<unset>'
/** Characters of EXTERNAL-IP where the table is not wide. */
export const shownAddresses = 16
export const shownEndpoints = 3

export const column = (name: string, description: string, cell: CellOf, more: Partial<Pick<Column, 'type' | 'priority' | 'format'>> = {}): Column =>
  ({ name, type: 'string', format: '', priority: 0, ...more, description, cell })
export const wide = { priority: 1 } as const

export const name = column('Name', 'Name must be unique within a namespace.', ({ metadata }) => metadata.name, { format: 'name' })
export const age = column('Age', 'CreationTimestamp is the server time when the object was created.', ({ metadata: { creationTimestamp } }, nowMs) => ageOf(creationTimestamp, nowMs))

export function ageOf (time: unknown, nowMs: number): string {
  const atMs = typeof time === 'string' ? Date.parse(time) : NaN
  return Number.isNaN(atMs) ? unknown : ageText(nowMs - atMs)
}

export const at = (object: unknown, ...path: readonly (string | number)[]): unknown => {
  let value = object
  for (const part of path) value = typeof value === 'object' && value !== null ? (value as Members)[part] : undefined
  return value
}
export const text = (value: unknown): string => (typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '')
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
export const selectorText = (labels: unknown): string => {
  const entries = typeof labels === 'object' && labels !== null ? Object.entries(labels) : []
  return entries.length === 0 ? none : entries.map(([key, value]) => `${key}=${String(value)}`).sort().join(',')
}

/** The first three, and how many more there are. */
export function cutList (texts: readonly string[]): string {
  return texts.length > shownEndpoints ? `${texts.slice(0, shownEndpoints).join(',')} + ${texts.length - shownEndpoints} more...` : texts.join(',')
}
