// What agents that serve ingresses ask for.

/** A certificate with its key. It is either in the registry, or in files of the machine that serves it. */
export interface IngressCertificate {
  readonly namespace: string
  /** Of the Secret. */
  readonly name: string
  /** At which it was written last. */
  readonly revision: number
  /** PEM, the server's own certificate first. */
  readonly certificate?: string
  /** PEM. */
  readonly key?: string
  readonly certificateFile?: string
  readonly keyFile?: string
}

export interface IngressCertificates {
  readonly revision: string
  readonly items: readonly IngressCertificate[]
}
