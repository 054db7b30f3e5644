// Objects as a Table: what kubectl prints, made here.
import { isNameOnly, type KubeObject } from '../objects/meta.ts'
import type { ListOptions } from '../request/list-options.ts'
import { type Cell, type Column, columnsOf } from './columns.ts'

export interface TableForm {
  /** `v1` or `v1beta1`. */
  readonly version: string
  readonly includeObject: ListOptions['includeObject']
}

export function columnDefinitions (kind: string): readonly object[] {
  return columnsOf(kind).map(({ name, type, format, description, priority }) => ({ name, type, format, description, priority }))
}

export function rowOf (object: KubeObject, { version, includeObject }: TableForm, nowMs: number): object {
  return {
    cells: columnsOf(object.kind).map((column) => (object[isNameOnly] === true ? nameCell(column, object) : column.cell(object, nowMs))),
    ...(includeObject === 'None' ? {} : { object: includeObject === 'Object' ? object : metadataOf(object, version) })
  }
}

/** Of an object that has its names only. */
function nameCell ({ format, type }: Column, { metadata }: KubeObject): Cell {
  return format === 'name' ? metadata.name : type === 'integer' ? 0 : '<unknown>'
}

/** A table of one object; a watch says the columns once. */
export function tableOf (kind: string, objects: readonly KubeObject[], form: TableForm, nowMs: number, metadata: object, withColumns = true): object {
  return {
    kind: 'Table', apiVersion: `meta.k8s.io/${form.version}`, metadata, columnDefinitions: withColumns ? columnDefinitions(kind) : null,
    rows: objects.map((object) => rowOf(object, form, nowMs))
  }
}

/** What clients get that want to know only that there is something. */
export function metadataOf ({ metadata }: KubeObject, version: string): object {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata }
}
