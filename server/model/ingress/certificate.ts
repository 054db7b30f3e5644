// What a certificate and its key say: whether they can be used, for which names, until when.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'

export interface CertificateFacts {
  /** DNS names and addresses, as the certificate has them. */
  readonly names: readonly string[]
  readonly notBefore: string
  readonly notAfter: string
  /** SHA-256 of the certificate: 64 hexadecimal digits. */
  readonly fingerprint: string
}

/** The first certificate of a chain is the server's own. undefined = it cannot be read. */
export function certificateFacts (pem: string): CertificateFacts | undefined {
  const certificate = readCertificate(pem)
  if (certificate === undefined) return undefined
  return {
    names: namesOf(certificate), notBefore: certificate.validFromDate.toISOString(), notAfter: certificate.validToDate.toISOString(),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase()
  }
}

/** Whether the names cover a host of an ingress: itself, or a wildcard of one label; `*.shop.example` only by itself. */
export function coversHost (names: readonly string[], host: string): boolean {
  const parent = host.slice(host.indexOf('.') + 1)
  return names.some((name) => name.toLowerCase() === host || (!host.startsWith('*.') && name.toLowerCase() === `*.${parent}`))
}

export type PairFault = { readonly of: 'certificate' | 'key', readonly rule: string }

/** Why a certificate and a key cannot be used together; undefined = they can. Nothing of the key is in the answer. */
export function pairFault (certificatePem: string, keyPem: string): PairFault | undefined {
  const certificate = readCertificate(certificatePem)
  if (certificate === undefined) return { of: 'certificate', rule: 'must be a certificate in PEM, the server\'s own first' }
  const blocks = certificatePem.match(/-----BEGIN CERTIFICATE-----/g)?.length ?? 0
  for (const [index, block] of (certificatePem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []).entries()) {
    if (readCertificate(block) === undefined) return { of: 'certificate', rule: `must be certificates in PEM: number ${index + 1} of ${blocks} cannot be read` }
  }
  let key: KeyObject
  try {
    key = createPrivateKey(keyPem)
  } catch {
    const isEncrypted = /ENCRYPTED/.test(keyPem)
    return { of: 'key', rule: isEncrypted ? 'must not be encrypted: nobody could be asked for the passphrase' : 'must be a private key in PEM' }
  }
  if (!certificate.checkPrivateKey(key)) return { of: 'key', rule: 'must be the key of the certificate: its public part is another one' }
  try {
    createSecureContext({ cert: certificatePem, key: keyPem })
  } catch (error) {
    return { of: 'certificate', rule: `must be one that TLS takes: ${reasonOf(error)}` }
  }
  return undefined
}

/** `ee key too small`, say: OpenSSL's word, without its numbers. */
function reasonOf (error: unknown): string {
  return error instanceof Error ? error.message.split(':').at(-1) ?? '' : ''
}

function readCertificate (pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}

function namesOf ({ subjectAltName, subject }: X509Certificate): readonly string[] {
  const alternative = (subjectAltName ?? '').split(', ').flatMap((entry) => /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1] ?? [])
  if (alternative.length > 0) return alternative
  return subject.split('\n').flatMap((line) => /^CN=(.+)$/.exec(line)?.[1] ?? [])
}
