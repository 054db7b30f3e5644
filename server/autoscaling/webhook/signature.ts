// How a webhook is signed: the form of Standard Webhooks (standardwebhooks.com), for which most languages have a
// library. Signed is `ID.TIMESTAMP.BODY`, by HMAC-SHA256; who verifies also refuses what is older than some minutes,
// and an id that it has had.
import { createHmac, timingSafeEqual } from 'node:crypto'

/** What is sent along with a body. */
export interface SignedHeaders {
  readonly 'webhook-id': string
  /** Whole seconds since 1970. */
  readonly 'webhook-timestamp': string
  /** `v1,` and the signature in base64, for each secret one, with blanks between them. */
  readonly 'webhook-signature': string
}

const prefix = 'whsec_'
/** As Standard Webhooks wants it: shorter can be guessed, longer is hashed anyway. */
const secretBytes = { least: 24, most: 64 }
/** The one in use, the next one, and one more: what is signed with many is signed by nobody. */
const maxSecrets = 3

export const secretRule = `must hold 1-${maxSecrets} lines, each "${prefix}" and ${secretBytes.least}-` +
  `${secretBytes.most} octets in base64, as of: echo "${prefix}$(openssl rand -base64 32)"`

/** The secrets of a file, one a line; undefined = it breaks `secretRule`. */
export function readSecrets (text: string): readonly Buffer[] | undefined {
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line !== '')
  const secrets = lines.map(readSecret)
  if (secrets.length === 0 || secrets.length > maxSecrets) return undefined
  return secrets.every((secret) => secret !== undefined) ? secrets : undefined
}

function readSecret (line: string): Buffer | undefined {
  if (!/^whsec_[A-Za-z0-9+/]+={0,2}$/.test(line)) return undefined
  const secret = Buffer.from(line.slice(prefix.length), 'base64')
  return secret.length < secretBytes.least || secret.length > secretBytes.most ? undefined : secret
}

/**
 * The headers of one attempt.
 * @param secrets a receiver that knows one of them accepts it: so a secret is replaced without a gap
 */
export function signedHeaders (secrets: readonly Buffer[], id: string, nowMs: number, body: string): SignedHeaders {
  const timestamp = String(Math.floor(nowMs / 1_000))
  const signatures = secrets.map((secret) => `v1,${signatureOf(secret, id, timestamp, body)}`)
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}

/** Whether one of the signatures is of this secret: what a receiver does, after it has looked at the timestamp. */
export function isSignedBy (secret: Buffer, headers: SignedHeaders, body: string): boolean {
  const expected = Buffer.from(`v1,${signatureOf(secret, headers['webhook-id'], headers['webhook-timestamp'], body)}`)
  return headers['webhook-signature'].split(' ').some((text) => {
    const given = Buffer.from(text)
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
}

function signatureOf (secret: Buffer, id: string, timestamp: string, body: string): string {
  return createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')
}
