// What of the registry one who asks may see. It is said by access control, and kept by what lists, counts and follows.

export interface Sight {
  /** Of answers that are kept: those with the same text are the same for whoever asks. */
  readonly name: string
  /** Whether something of a namespace is seen. */
  namespace (name: string): boolean
  /** Whether all of it is. */
  whole (namespace: string): boolean
  service (namespace: string, service: string): boolean
}
