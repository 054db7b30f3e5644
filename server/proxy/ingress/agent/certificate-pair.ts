// A certificate and its key as a secret or two files have them, checked before any client sees them.
import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { oldestTls } from '../../../tls/certificate.ts'
import type { Pair } from '../listen/ingress-servers.ts'

export interface CheckedPair {
  readonly pair: Pair
  /** The host's own. */
  readonly certificate: X509Certificate
  /** From when on, and until when, it and those that lead to its root are valid. */
  readonly beginsAtMs: number
  readonly expiresAtMs: number
}

/** More than any chain of RSA keys of 8,192 bits. */
export const maxPemOctets = 131_072
/** An extension of such a chain would be checked in each handshake of a client. */
const maxChain = 16
const block = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** @returns a problem that completes "its certificate ..." and holds nothing of the key */
export function checkPair (cert: string, key: string): CheckedPair | { readonly problem: string } {
  if (cert.length > maxPemOctets || key.length > maxPemOctets) return { problem: `is longer than ${maxPemOctets} octets` }
  const blocks = cert.match(block) ?? []
  if (blocks.length === 0) return { problem: 'is not in PEM form' }
  if (blocks.length > maxChain) return { problem: `has more than ${maxChain} certificates in its chain` }
  if (!/-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/.test(key)) return { problem: 'has a key that is not in PEM form' }
  let chain: X509Certificate[]
  try {
    chain = blocks.map((each) => new X509Certificate(each))
  } catch (error) {
    return { problem: `cannot be read (${messageOf(error)})` }
  }
  try {
    createSecureContext({ cert, key, minVersion: oldestTls })
  } catch (error) {
    return { problem: `and its key cannot be used together (${messageOf(error)})` }
  }
  return {
    pair: { cert, key }, certificate: chain[0] as X509Certificate, // there is a block
    beginsAtMs: Math.max(...chain.map(({ validFromDate }) => validFromDate.getTime())),
    expiresAtMs: Math.min(...chain.map(({ validToDate }) => validToDate.getTime()))
  }
}

/** What it is not at a time: completes "its certificate ...". */
export function timeProblem ({ beginsAtMs, expiresAtMs }: CheckedPair, nowMs: number): string | undefined {
  if (expiresAtMs <= nowMs) return `has expired at ${new Date(expiresAtMs).toISOString()}`
  return beginsAtMs > nowMs ? `is not valid before ${new Date(beginsAtMs).toISOString()}` : undefined
}

/** Whether a client that asks for a host of a rule (`*.` and a name: any host that it stands for) accepts it. */
export function isValidFor ({ certificate }: CheckedPair, host: string): boolean {
  // A wildcard is a name of the certificate, letter by letter; of `*.a.example` some host of it must be valid, and then all are.
  return certificate.checkHost(host.startsWith('*.') ? `rollcall-any${host.slice(1)}` : host) !== undefined
}

/** The names that it is for, for a sentence. */
export function namesOf ({ certificate }: CheckedPair): string {
  return certificate.subjectAltName?.replaceAll('DNS:', '') ?? certificate.subject.replaceAll('\n', ', ')
}

/** OpenSSL's own words, without its numbers. */
function messageOf (error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/^error:[0-9A-F]+:/i, '').slice(0, 200)
}
