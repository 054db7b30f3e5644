// The certificate that a client has shown on its connection (mutual TLS), once it is known to be of a CA that the listener trusts.
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'

/** A name of a certificate. `DNS`, `IP`, `URI`, `email`: others are left out. */
export interface CertificateName {
  readonly type: 'DNS' | 'IP' | 'URI' | 'email'
  readonly value: string
}

/** Who a client is by its certificate. */
export interface ClientCertificate {
  /** Its alternative names (RFC 5280 4.2.1.6), in the order of the certificate. */
  readonly names: readonly CertificateName[]
  /** The common name of its subject; undefined if it has none, or several. */
  readonly commonName: string | undefined
  /** SHA-256 of the certificate, as `AB:CD:...`. */
  readonly fingerprint: string
}

/** What a connection of TLS has shown. */
interface Shown {
  readonly certificate: ClientCertificate | undefined
  /** Why requests on it are refused; undefined = they are not. */
  readonly refusal: string | undefined
}

const shownBy = new WeakMap<object, Shown>()
const types: Readonly<Record<string, CertificateName['type']>> = { 'DNS': 'DNS', 'IP Address': 'IP', 'URI': 'URI', 'email': 'email' }

/** The verified certificate of the one who asks; undefined = it has shown none, or the connection has no TLS. */
export function clientCertificateOf (request: Pick<IncomingMessage, 'socket'>): ClientCertificate | undefined {
  return shownOf(request)?.certificate
}

/** Why a request is refused because of the certificate of its connection; undefined = it is not. */
export function certificateRefusal (request: Pick<IncomingMessage, 'socket'>): string | undefined {
  return shownOf(request)?.refusal
}

/** Of HTTP/2 the socket of a request is a proxy of its stream; the session of that has the connection. */
function shownOf (request: Pick<IncomingMessage, 'socket'> & { readonly stream?: unknown }): Shown | undefined {
  const session = (request.stream as { readonly session?: object } | undefined)?.session // of HTTP/2 only
  return shownBy.get(session ?? request.socket)
}

/**
 * Remembers what a connection has shown, when its handshake is over.
 * @param asks whether the listener asks clients for a certificate, or requires one; undefined = neither
 */
export function rememberCertificate (socket: TLSSocket, asks: 'request' | 'require' | undefined): void {
  if (asks === undefined) return
  const shown = socket.getPeerX509Certificate()
  if (shown === undefined) {
    if (asks === 'require') shownBy.set(socket, { certificate: undefined, refusal: 'this listener takes only clients that show a certificate, and there was none' })
  } else if (!socket.authorized) {
    shownBy.set(socket, { certificate: undefined, refusal: `the certificate of the client is refused: ${reasonOf(socket)}` })
  } else {
    const { CN } = socket.getPeerCertificate().subject as { readonly CN?: unknown } // a list if there are several
    shownBy.set(socket, {
      certificate: { names: namesOf(shown.subjectAltName ?? ''), commonName: typeof CN === 'string' ? CN : undefined, fingerprint: shown.fingerprint256 },
      refusal: undefined
    })
  }
}

/** HTTP/2 is spoken on a connection. */
export function passCertificate (socket: TLSSocket, session: object): void {
  const shown = shownBy.get(socket)
  if (shown !== undefined) shownBy.set(session, shown)
}

/** OpenSSL's codes (openssl-verify(1)) for a person. */
const reasons: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  INVALID_PURPOSE: 'it is not for clients (extended key usage)'
}

function reasonOf ({ authorizationError }: TLSSocket): string {
  const code = String(authorizationError)
  return reasons[code] ?? `it is of no CA that this listener trusts (${code})`
}

/**
 * `DNS:a.example, IP Address:10.0.0.1, URI:"a, b"`: Node writes a value as a JSON text where it could be mistaken for several
 * (CVE-2021-44532).
 */
function namesOf (text: string): CertificateName[] {
  const names: CertificateName[] = []
  for (const [, label = '', quoted, plain] of text.matchAll(/(?:^|, )([A-Za-z ]+):(?:("(?:[^"\\]|\\.)*")|([^,"]*))(?=, |$)/g)) {
    const type = types[label]
    if (type !== undefined) names.push({ type, value: quoted === undefined ? plain ?? '' : String(JSON.parse(quoted)) })
  }
  return names
}
