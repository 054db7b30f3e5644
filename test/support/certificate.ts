// Certificates of their own for each run, written octet by octet (RFC 5280), so that no test needs openssl.
import { type KeyObject, createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'

const dayMs = 86_400_000

/** One element of DER (X.690): tag, length, content. */
function der (tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content)
  const length = body.length < 128 ? [body.length] : body.length < 256 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 255]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}

const sequence = (...content: readonly Buffer[]): Buffer => der(0x30, ...content)
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'))
/** YYMMDDHHMMSSZ */
const utcTime = (ms: number): Buffer => der(0x17, Buffer.from(`${new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '').slice(2)}`))

const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'))
const nameOf = (text: string): Buffer => sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(text)))))
const extension = (id: string, value: Buffer): Buffer => sequence(oid(id), der(0x04, value))
const alternative = (text: string): Buffer => {
  if (isIP(text) === 4) return der(0x87, Buffer.from(text.split('.').map(Number)))
  return der(text.includes('://') ? 0x86 : 0x82, Buffer.from(text))
}

/** Both are PEM. */
export interface Pair {
  readonly cert: string
  readonly key: string
}

export interface CertificateOptions {
  /** Common name, default `localhost`. */
  readonly name?: string
  /** Alternative names, addresses and URIs, default localhost and 127.0.0.1. */
  readonly names?: readonly string[]
  /** Default: yesterday. */
  readonly fromMs?: number
  /** Default: tomorrow. */
  readonly untilMs?: number
}

interface Issuer {
  readonly name: Buffer
  readonly key: KeyObject
}

function make (
  { name = 'localhost', names = ['localhost', '127.0.0.1'], fromMs = Date.now() - dayMs, untilMs = Date.now() + dayMs }: CertificateOptions,
  isAuthority: boolean, given?: Issuer
): Pair {
  const keys = generateKeyPairSync('ec', {
    namedCurve: 'P-256', publicKeyEncoding: { type: 'spki', format: 'der' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }
  })
  const own = { name: nameOf(name), key: createPrivateKey(keys.privateKey) }
  const issuer = given ?? own
  const serial = Buffer.concat([Buffer.of(1), randomBytes(15)]) // positive: the first octet is not above 127
  const content = sequence(
    der(0xa0, der(0x02, Buffer.of(2))), // version 3
    der(0x02, serial), ecdsaWithSha256, issuer.name, sequence(utcTime(fromMs), utcTime(untilMs)), own.name, keys.publicKey,
    der(0xa3, sequence(
      ...isAuthority ? [extension('551d13', sequence(der(0x01, Buffer.of(255))))] : [],
      ...names.length > 0 ? [extension('551d11', sequence(...names.map(alternative)))] : []
    ))
  )
  const certificate = sequence(content, ecdsaWithSha256, der(0x03, Buffer.of(0), sign('sha256', content, issuer.key)))
  const lines = certificate.toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd()
  return { cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`, key: keys.privateKey }
}

/** Its own issuer. Valid from yesterday until tomorrow, for localhost and 127.0.0.1, unless told otherwise. */
export function selfSigned (options: CertificateOptions = {}): Pair {
  return make(options, true)
}

/** A CA, and what issues certificates of it. */
export function authority (name = 'Test CA'): Pair & { readonly issue: (options?: CertificateOptions) => Pair } {
  const own = make({ name, names: [] }, true)
  const issuer = { name: nameOf(name), key: createPrivateKey(own.key) }
  return { ...own, issue: (options = {}) => make(options, false, issuer) }
}
