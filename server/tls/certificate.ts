// A certificate and its key, and the CAs of those who connect, read from the files that the settings name.
import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { type SecureVersion, createSecureContext } from 'node:tls'
import { invalid } from '../errors.ts'

/** The oldest version that listeners speak (RFC 9325 3.1.1; of DNS: RFC 8310 8.1). */
export const oldestTls: SecureVersion = 'TLSv1.2'

/** Where a certificate is read from. `name` is the setting of the listener: its files are `name-cert`, `name-key` and `name-client-ca`. */
export interface CertificateFiles {
  readonly name: string
  readonly certFile: string
  readonly keyFile: string
  /** CAs of clients; undefined = they are asked for no certificate. */
  readonly caFile?: string | undefined
}

/** All texts are PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
  readonly ca: string | undefined
  /** What it is called, for people. */
  readonly subject: string
  /** From when on, and until when, it and those that lead to its root are valid. */
  readonly beginsAtMs: number
  readonly expiresAtMs: number
}

const block = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
/** What others than the owner may do with a file. */
const everybodyElse = 0o077

/** @throws RegistryError REG_INVALID naming the setting whose file is no use, and never what is in it or where it is */
export function readCertificate ({ name, certFile, keyFile, caFile }: CertificateFiles): Certificate {
  const cert = readText(`${name}-cert`, certFile)
  const key = readText(`${name}-key`, keyFile)
  const ca = caFile === undefined ? undefined : readText(`${name}-client-ca`, caFile)
  let chain: X509Certificate[]
  try {
    createSecureContext({ cert, key, minVersion: oldestTls })
    chain = parse(cert)
  } catch (error) {
    throw invalid([{ field: `${name}-cert, ${name}-key`, rule: `must be a certificate and its key in PEM form (${messageOf(error)})` }])
  }
  if (ca !== undefined) checkAuthorities(`${name}-client-ca`, ca)
  return {
    cert,
    key,
    ca,
    subject: chain[0]?.subject.replaceAll('\n', ', ') ?? '',
    beginsAtMs: Math.max(...chain.map(({ validFromDate }) => validFromDate.getTime())),
    expiresAtMs: Math.min(...chain.map(({ validToDate }) => validToDate.getTime()))
  }
}

/** Whether other users of the machine may read the key, as a sentence. */
export function openKey ({ keyFile }: CertificateFiles): string | undefined {
  const mode = (statSync(keyFile, { throwIfNoEntry: false })?.mode ?? 0) & 0o777
  if (process.platform === 'win32' || (mode & everybodyElse) === 0) return undefined
  return `${keyFile} holds a private key and is open to other users of this machine (mode 0${mode.toString(8)}): chmod 0600 ${keyFile}`
}

/** @throws RegistryError REG_INVALID if a text is no list of certificates */
export function checkAuthorities (field: string, ca: string): void {
  try {
    parse(ca)
  } catch (error) {
    throw invalid([{ field, rule: `must hold one or several certificates in PEM form (${messageOf(error)})` }])
  }
}

function parse (text: string): X509Certificate[] {
  const blocks = text.match(block) ?? []
  if (blocks.length === 0) throw new Error('there is no certificate in it')
  return blocks.map((each) => new X509Certificate(each))
}

/** @throws RegistryError REG_INVALID naming the setting */
export function readText (field: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    // Not the path: somebody may have given the key itself.
    throw invalid([{ field, rule: `must name a file that can be read (${(error as NodeJS.ErrnoException).code ?? 'it cannot'})` }])
  }
}

function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
