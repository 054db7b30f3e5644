// Where HTTP's lines go.

/** The part of a logger that is used here; pino's fits. */
export interface HttpLog {
  info (fields: object, message: string): void
  warn (fields: object, message: string): void
  error (fields: object, message: string): void
}
