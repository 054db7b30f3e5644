// What of ingresses is not served as they say, and why: of the engine, and of their certificates. The registration of the agent carries it to
// the registry, which shows it at the ingress.
import type { Ingress } from '../../../../client-sdk/src/ingress-manifests.ts'
import type { IngressNotice } from '../ports.ts'
import type { CertificateBook } from './certificate-book.ts'
import { nameOf } from './ingress-store.ts'

export interface Notice {
  /** `namespace/name`. */
  readonly ingress: string
  readonly reason: IngressNotice['reason'] | 'BadCertificate'
  /** A sentence. */
  readonly message: string
}

/** Of the secrets of served ingresses, in order. */
export function certificateNotices (ingresses: readonly Ingress[], book: CertificateBook): Notice[] {
  return ingresses.flatMap((ingress) => (ingress.spec.tls ?? []).flatMap(({ hosts = [], secretName }): Notice[] => {
    if (secretName === undefined) return []
    const secret = `${ingress.metadata.namespace}/${secretName}`
    const told = new Set<string>()
    for (const host of hosts.length === 0 ? [undefined] : hosts) {
      const problem = book.problem(secret, host)
      if (problem !== undefined) told.add(problem)
    }
    return [...told].map((problem) => ({ ingress: nameOf(ingress), reason: 'BadCertificate', message: `secret ${secretName}: ${problem}` }))
  }))
}
