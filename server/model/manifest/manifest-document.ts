// One object of a stream, and where it stands there.
import type { Manifest } from '../service/types.ts'

export interface ManifestDocument {
  /** Which document of the stream, from 1. */
  readonly index: number
  /** Which item of that document, from 0, when it is a List. */
  readonly item?: number
  /** Where it begins in the stream, from 1. */
  readonly line: number
  readonly kind: Manifest['kind']
  readonly apiVersion: string
  readonly value: Readonly<Record<string, unknown>>
  /** The line of a field as in `spec.ports[0].port`, or of the nearest one around it when it is absent. */
  readonly lineOf: (path: string) => number
}
