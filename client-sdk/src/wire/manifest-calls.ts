// Applying and deleting manifests.
import type { Manifest } from '../manifest-kinds.ts'

export type ApplyOutcome = 'created' | 'configured' | 'unchanged'

/** What became of one document. */
export interface ApplyResult {
  readonly kind: Manifest['kind']
  /** Empty for a Namespace. */
  readonly namespace: string
  readonly name: string
  readonly outcome: ApplyOutcome
  /** As it is stored now, or with a dry run would be: defaults and allocated values in it. */
  readonly manifest: Manifest
  /** As it was stored before; absent when it is new. */
  readonly previous?: Manifest
  readonly warnings: readonly string[]
  /** Which document of the stream, from 1. */
  readonly document?: number
}

/**
 * Objects of a kind that is not the registry's, as a file for Kubernetes has them: passed over, where the caller asked
 * for that.
 */
export interface ForeignKind {
  readonly kind: string
  readonly apiVersion: string
  /** The first of them: which document of the stream, from 1, and the line in the stream, from 1. */
  readonly document: number
  readonly line: number
  readonly count: number
}

/** The answer to `POST /v1/apply`. */
export interface ApplyAnswer {
  readonly revision: string
  readonly dryRun: boolean
  /** What was passed over, one entry a kind, at most 50. Absent where nothing was. */
  readonly foreign?: readonly ForeignKind[]
  readonly results: readonly ApplyResult[]
}

/** Names one manifest. */
export interface ManifestReference {
  readonly kind: Manifest['kind']
  /** Empty for a Namespace. */
  readonly namespace: string
  readonly name: string
}

/** The answer to `POST /v1/delete` and to the deletion of one: what went, a service's hand-made endpoints included. */
export interface DeleteAnswer {
  readonly revision: string
  readonly dryRun: boolean
  /** As in the answer to `POST /v1/apply`. */
  readonly foreign?: readonly ForeignKind[]
  readonly deleted: readonly ManifestReference[]
}
