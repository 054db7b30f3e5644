// The identity of a certificate that a client has shown and that was verified: a name of it, chosen by one rule for all of them.
import { RegistryError } from '../errors.ts'
import { isIdentityName } from '../model/policy/subject.ts'

export const certificateRules = ['san', 'uri', 'dns', 'email', 'cn'] as const
export type CertificateRule = (typeof certificateRules)[number]

/** What is looked at of a certificate. */
export interface CertificateNames {
  readonly names: readonly { readonly type: string, readonly value: string }[]
  readonly commonName: string | undefined
}

/** Of `san`, in this order: a URI is made to be an identity (SPIFFE), a name of a host is one at least. */
const order = ['URI', 'DNS', 'email'] as const
const typeOf = { uri: 'URI', dns: 'DNS', email: 'email' } as const

/** @throws RegistryError REG_UNAUTHENTICATED for a certificate without such a name: it opens nothing, and says so */
export function certificateIdentity ({ names, commonName }: CertificateNames, rule: CertificateRule): string {
  const ofType = (type: string): string | undefined => names.find((name) => name.type === type)?.value
  const found = rule === 'cn' ? commonName : rule === 'san' ? order.map(ofType).find((value) => value !== undefined) : ofType(typeOf[rule])
  if (found === undefined || !isIdentityName(found)) {
    const what = rule === 'cn' ? 'common name' : rule === 'san' ? 'alternative name (URI, DNS or email)' : `alternative name of the type ${typeOf[rule]}`
    throw new RegistryError('REG_UNAUTHENTICATED', `the certificate has no ${what} that could be an identity (--certificate-identity ${rule})`)
  }
  return found
}
