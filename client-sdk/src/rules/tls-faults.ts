// What went wrong with TLS, for a person: OpenSSL and Node have some fifty codes for a handful of causes.

export interface TlsFault {
  /** One of a handful. */
  readonly kind: TlsFaultKind
  /** Completes "the registry at ...: ", with what to do about it. */
  readonly says: string
}

export type TlsFaultKind =
  /** The certificate is of a CA that is not trusted here. */
  | 'unknown-authority'
  | 'expired'
  | 'not-yet-valid'
  /** The certificate is for other names. */
  | 'wrong-name'
  /** The other side speaks no TLS. */
  | 'no-tls'
  /** The other side speaks TLS, and was not asked so. */
  | 'tls-only'
  /** Both have no version, or no cipher, in common. */
  | 'no-common-version'
  /** The other side wants a certificate. */
  | 'certificate-required'
  /** The other side refuses the certificate that it was shown. */
  | 'certificate-refused'
  /** What was given as certificate, key or CA is none. */
  | 'own-files'
  | 'other'

/** How the reader names what would help. */
export interface TlsHints {
  /** Of CAs that are trusted. */
  readonly ca: string
  /** Of a certificate and its key. */
  readonly pair: string
}

const sentences: Readonly<Record<TlsFaultKind, string>> = {
  'unknown-authority': 'its certificate is of a CA that is not trusted here: name the file of that CA with $ca',
  'expired': 'its certificate, or one above it, has expired: it needs a new one (or the clock of this machine is wrong)',
  'not-yet-valid': 'its certificate is not valid yet: the clock of one of the two machines is wrong',
  'wrong-name': 'its certificate is for other names than the one that was asked for',
  'no-tls': 'it speaks no TLS there: the address is one without TLS, or the port is another',
  'tls-only': 'it speaks TLS there: the address must be one with TLS',
  'no-common-version': 'it and this program have no version of TLS in common: 1.2 and 1.3 are spoken here',
  'certificate-required': 'it wants a certificate of this client, and there is none to show: name one with $pair',
  'certificate-refused': 'it refuses the certificate of this client: the one in $pair must be of the CA that is trusted there, and not have expired',
  'own-files': 'what was given as $ca or $pair is none, or certificate and key do not belong together',
  'other': 'TLS failed'
}

/** By what a code, or a message of OpenSSL, begins with or holds. The first that fits counts. */
const patterns: readonly (readonly [RegExp, TlsFaultKind])[] = [
  [/CERT_HAS_EXPIRED/, 'expired'],
  [/CERT_NOT_YET_VALID/, 'not-yet-valid'],
  [/ERR_TLS_CERT_ALTNAME_(?:INVALID|FORMAT)|HOSTNAME_MISMATCH/, 'wrong-name'],
  [/DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE|CERT_UNTRUSTED|CERT_SIGNATURE_FAILURE|INVALID_CA|CERT_CHAIN_TOO_LONG|CERT_REVOKED|CERT_REJECTED|INVALID_PURPOSE/, 'unknown-authority'],
  [/ALERT_CERTIFICATE_REQUIRED|PEER_DID_NOT_RETURN_A_CERTIFICATE/, 'certificate-required'],
  [/ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_(?:EXPIRED|REVOKED|UNKNOWN)|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|DECRYPT_ERROR)/, 'certificate-refused'],
  [/ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS_AVAILABLE|ALERT_HANDSHAKE_FAILURE|NO_SHARED_CIPHER|WRONG_SSL_VERSION|TLSV1_ALERT_INSUFFICIENT_SECURITY/, 'no-common-version'],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|ERR_SSL_HTTP_REQUEST|UNKNOWN_PROTOCOL|RECORD_LAYER_FAILURE|UNEXPECTED_MESSAGE/, 'no-tls'],
  [/KEY_VALUES_MISMATCH|ERR_OSSL_|ERR_SSL_(?:CA_MD_TOO_WEAK|EE_KEY_TOO_SMALL|CA_KEY_TOO_SMALL|PEM)|ERR_CRYPTO_|NO_START_LINE/, 'own-files'],
  [/^ERR_SSL_|^ERR_TLS_/, 'other']
]

/** Characters of the names of a certificate that are shown. */
const maxNames = 200
/** How deep causes are looked through. */
const maxDepth = 5

/**
 * What of TLS an error is of, itself or by its causes; undefined = it is of something else.
 * @param error as `fetch`, `node:https` or `node:tls` threw it
 */
export function tlsFaultOf (error: unknown, hints: TlsHints): TlsFault | undefined {
  let at: unknown = error
  for (let depth = 0; depth < maxDepth && typeof at === 'object' && at !== null; depth++) {
    // Of any error; each may be absent.
    const { code, message, cause, errors, cert } = at as {
      code?: unknown, message?: unknown, cause?: unknown, errors?: unknown, cert?: { readonly subjectaltname?: unknown }
    }
    const names = typeof cert?.subjectaltname === 'string' ? `, it is for ${cert.subjectaltname.slice(0, maxNames)}` : ''
    const text = `${typeof message === 'string' ? message : ''}${names}`
    if (typeof code === 'string') {
      // Some errors of OpenSSL have no code of their own: `...:SSL routines:...:wrong version number:...`.
      const searched = code === 'EPROTO' ? text.replaceAll(' ', '_').toUpperCase() : code
      const found = patterns.find(([pattern]) => pattern.test(searched)) ?? (code === 'EPROTO' ? ([/./, 'other'] as const) : undefined)
      if (found !== undefined) return { kind: found[1], says: sentence(found[1], code, text, hints) }
    }
    // What is no HTTP, and begins as an alert of TLS does (RFC 8446 B.1), is TLS.
    if (isParserError(code) && isAlert(at)) return { kind: 'tls-only', says: sentences['tls-only'] }
    at = cause ?? (Array.isArray(errors) ? errors[0] : undefined)
  }
  return undefined
}

function sentence (kind: TlsFaultKind, code: string, message: string, { ca, pair }: TlsHints): string {
  // Node's own sentence names the names; OpenSSL's is an address in memory and a file of its source.
  const detail = kind === 'wrong-name' ? message.replace(/^.*?altnames: /, '') : code
  return `${sentences[kind].replace('$ca', ca).replace('$pair', pair)} (${detail})`
}

function isParserError (code: unknown): boolean {
  return typeof code === 'string' && code.startsWith('HPE_')
}

function isAlert (error: object): boolean {
  const { rawPacket, data } = error as { rawPacket?: unknown, data?: unknown } // of node:http, of undici
  if (rawPacket instanceof Uint8Array) return rawPacket[0] === 0x15 || rawPacket[0] === 0x16
  return typeof data === 'string' && /^[\x15\x16]/.test(data)
}
