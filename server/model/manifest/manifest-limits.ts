// What a stream of manifests may cost: its size, its documents, its depth, and what its aliases expand to.

export interface ManifestLimits {
  /** Bytes of the whole text. */
  readonly maxBytes: number
  /** Documents, and objects after Lists are expanded: one write holds them all. */
  readonly maxDocuments: number
  /** Characters of one document: an object is stored and shipped to every node whole. */
  readonly maxDocumentLength: number
  /** Honest manifests nest ten deep; recursion must end before the stack does. */
  readonly maxDepth: number
  /**
   * Tokens of one document and of the stream: a line of an honest manifest has about five, and parsing costs some microseconds
   * for each, on the event loop. A megabyte of commas is a million of them.
   */
  readonly maxDocumentTokens: number
  readonly maxTokens: number
  /** Nodes and characters after aliases are expanded, for the whole stream: an alias repeats what its anchor holds. */
  readonly maxExpanded: number
}

export const manifestLimits: ManifestLimits = {
  maxBytes: 4 * 1024 * 1024,
  maxDocuments: 5_000,
  maxDocumentLength: 1024 * 1024,
  maxDepth: 50,
  maxDocumentTokens: 150_000,
  maxTokens: 600_000,
  maxExpanded: 16 * 1024 * 1024
}

/** Tokens between two pauses of the reading. */
export const tokensPerStep = 64
