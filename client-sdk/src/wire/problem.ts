// What is answered when a call is refused or fails.

/** RFC 9457. `code` is from the catalogue in docs/reference/errors.md. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: string
  readonly detail: string
  /** The first faults of the input. */
  readonly errors?: readonly FieldError[]
  /** How many there are beside those. */
  readonly moreErrors?: number
}

export interface FieldError {
  /** Path of the field, as in `ports[0].port`. */
  readonly field: string
  readonly value?: unknown
  readonly rule: string
  /** In a stream of manifests: which document, from 1, and the line in the stream, from 1. */
  readonly document?: number
  readonly line?: number
  /** Of a manifest's field, in Kubernetes' words: `FieldValueRequired`, `FieldValueInvalid`, ... */
  readonly reason?: string
}
