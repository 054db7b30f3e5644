// A certificate of its own for each run, for localhost and 127.0.0.1, written octet by octet (RFC 5280), so that no test needs openssl.
import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

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
const commonName = (name: string): Buffer => sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(name)))))
const extension = (id: string, value: Buffer): Buffer => sequence(oid(id), der(0x04, value))

/** Valid from yesterday until tomorrow. Both are PEM. */
export function selfSigned (): { readonly cert: string, readonly key: string } {
  const keys = generateKeyPairSync('ec', {
    namedCurve: 'P-256', publicKeyEncoding: { type: 'spki', format: 'der' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }
  })
  const serial = Buffer.concat([Buffer.of(1), randomBytes(15)]) // positive: the first octet is not above 127
  const names = sequence(der(0x82, Buffer.from('localhost')), der(0x87, Buffer.of(127, 0, 0, 1)))
  const name = commonName('localhost')
  const content = sequence(
    der(0xa0, der(0x02, Buffer.of(2))), // version 3
    der(0x02, serial), ecdsaWithSha256, name, sequence(utcTime(Date.now() - dayMs), utcTime(Date.now() + dayMs)), name, keys.publicKey,
    der(0xa3, sequence(extension('551d13', sequence(der(0x01, Buffer.of(255)))), extension('551d11', names))) // its own issuer; the names
  )
  const signature = sign('sha256', content, createPrivateKey(keys.privateKey))
  const certificate = sequence(content, ecdsaWithSha256, der(0x03, Buffer.of(0), signature))
  const lines = certificate.toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd()
  return { cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`, key: keys.privateKey }
}
