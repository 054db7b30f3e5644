// What agents that serve ingresses ask for.
import type { Ingress, IngressClass } from '../ingress-manifests.ts'

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

/** All that an agent serves ingresses by, beside the endpoints of services. */
export interface IngressObjects {
  /** Of the last change among them: what `after` takes. */
  readonly revision: string
  readonly ingresses: readonly Ingress[]
  readonly classes: readonly IngressClass[]
  /** Of secrets that they name. */
  readonly certificates: readonly IngressCertificate[]
  /** Why there are no certificates here: the connection can be overheard. */
  readonly certificatesWithheld?: string
}
