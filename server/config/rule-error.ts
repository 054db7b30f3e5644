// What a reader of a value throws. Its message completes "<field> ..." in the error that a person sees.

export class RuleError extends Error {
  override readonly name = 'RuleError'
}
