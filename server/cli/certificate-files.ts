// Certificates and keys as files (RFC 5280): made by @peculiar/x509 on the runtime's own cryptography, so that nothing but npm is needed.
import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto'
import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import 'reflect-metadata' // before @peculiar/x509, whose parts find each other by it
import * as x509 from '@peculiar/x509'
import { CommandError, exitCodes } from './errors.ts'

/** Only its owner may read a file; also certificates, so that whoever copies the directory copies no wider mode. */
const mode = 0o600
const everybodyElse = 0o077
const dayMs = 86_400_000
/** Clocks of machines differ: valid from a little before now. */
const skewMs = 300_000
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

interface Target {
  readonly directory: string
  /** Over files that are there. */
  readonly force: boolean
  readonly nowMs: number
  readonly days: number
}

/** Where both were written. */
interface Written {
  readonly cert: string
  readonly key: string
}

x509.cryptoProvider.set(webcrypto)

/** Makes `ca.pem` and `ca-key.pem`. @throws CommandError */
export async function makeAuthority ({ subject, ...target }: Target & { readonly subject: string }): Promise<Written> {
  const files = filesOf(target, 'ca')
  const keys = await newKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ CN: [subject] }],
    notBefore: new Date(target.nowMs - skewMs),
    notAfter: new Date(target.nowMs + target.days * dayMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey)
    ]
  })
  write(files, certificate.toString('pem'), await pemOf(keys), target.force)
  return files
}

/** Makes `NAME.pem` and `NAME-key.pem`, of the CA in the same directory. @throws CommandError */
export async function issueCertificate ({ name, hosts, uris, ...target }: Target & {
  readonly name: string, readonly hosts: readonly string[], readonly uris: readonly string[]
}): Promise<Written & { readonly expires: string, readonly isShortened: boolean }> {
  const authority = await readAuthority(target.directory, target.nowMs)
  const files = filesOf(target, name)
  const keys = await newKeys()
  const wantedMs = target.nowMs + target.days * dayMs
  const notAfter = new Date(Math.min(wantedMs, authority.certificate.notAfter.getTime()))
  const names: x509.JsonGeneralName[] = [
    ...hosts.map((host) => ({ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }) as const), ...uris.map((uri) => ({ type: 'url', value: uri }) as const)
  ]
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [name] }],
    issuer: authority.certificate.subject,
    notBefore: new Date(target.nowMs - skewMs),
    notAfter,
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: authority.key,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      // A node is a client too: of Redis, and of other nodes.
      new x509.ExtendedKeyUsageExtension([...hosts.length > 0 ? [x509.ExtendedKeyUsage.serverAuth] : [], x509.ExtendedKeyUsage.clientAuth]),
      ...names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : [],
      await x509.AuthorityKeyIdentifierExtension.create(authority.certificate),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey)
    ]
  })
  write(files, certificate.toString('pem'), await pemOf(keys), target.force)
  return { ...files, expires: notAfter.toISOString(), isShortened: notAfter.getTime() < wantedMs }
}

async function readAuthority (directory: string, nowMs: number): Promise<{ readonly certificate: x509.X509Certificate, readonly key: webcrypto.CryptoKey }> {
  const [certFile, keyFile] = [join(directory, 'ca.pem'), join(directory, 'ca-key.pem')]
  const [cert, pem] = [readOne(certFile), readOne(keyFile)]
  const open = statSync(keyFile).mode & 0o777
  if (process.platform !== 'win32' && (open & everybodyElse) !== 0) {
    throw failure(`${keyFile} is the key of a CA and open to other users of this machine (mode 0${open.toString(8)}): chmod 0600 ${keyFile}`)
  }
  try {
    const parsed = new X509Certificate(cert)
    const key = createPrivateKey(pem)
    if (!parsed.ca) throw new Error(`${certFile} is not the certificate of a CA`)
    if (!parsed.checkPrivateKey(key)) throw new Error(`${keyFile} is not the key of ${certFile}`)
    if (parsed.validToDate.getTime() <= nowMs) throw new Error(`${certFile} has expired at ${parsed.validToDate.toISOString()}`)
    if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new Error(`${keyFile} must be a key of P-256, as rollcall certificate ca makes it`)
    const bytes = key.export({ type: 'pkcs8', format: 'der' })
    return {
      certificate: new x509.X509Certificate(cert),
      key: await webcrypto.subtle.importKey('pkcs8', bytes, algorithm, false, ['sign'])
    }
  } catch (error) {
    throw failure(`no certificate can be issued by the CA in ${directory}: ${error instanceof Error ? error.message : String(error)}`, error)
  }
}

function readOne (path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'it cannot'
    throw failure(`${path} cannot be read (${code}): rollcall certificate ca makes a CA, and --directory says where it is`, error)
  }
}

/** Positive, and by chance never twice (RFC 5280 4.1.2.2). */
function newSerial (): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 1
  return bytes.toString('hex')
}

async function newKeys (): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}

async function pemOf ({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey))
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** Looks before anything is made, so that a refusal leaves nothing behind. */
function filesOf ({ directory, force }: Target, name: string): Written {
  const files = { cert: join(directory, `${name}.pem`), key: join(directory, `${name}-key.pem`) }
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw failure(`${directory} cannot be made (${(error as NodeJS.ErrnoException).code ?? 'it cannot'})`, error)
  }
  for (const path of Object.values(files)) {
    const there = lstatSync(path, { throwIfNoEntry: false })
    if (there?.isDirectory() === true) throw failure(`${path} is a directory`)
    if (there !== undefined && !force) throw failure(`${path} is there already: with --force it is written over`)
  }
  return files
}

/** Each file is whole or not there; the key comes first, so that no certificate stands without it. */
function write ({ cert, key }: Written, certText: string, keyText: string, force: boolean): void {
  const text = certText.endsWith('\n') ? certText : `${certText}\n`
  for (const [path, content] of [[key, keyText], [cert, text]] as const) {
    const aside = `${path}.${process.pid}.part`
    try {
      if (!force) {
        writeFileSync(path, content, { mode, flag: 'wx' })
        continue
      }
      writeFileSync(aside, content, { mode, flag: 'wx' })
      renameSync(aside, path)
    } catch (error) {
      rmSync(aside, { force: true })
      throw failure(`${path} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'it cannot'})`, error)
    }
  }
}

function failure (message: string, cause?: unknown): CommandError {
  return new CommandError(message, exitCodes.failure, { cause })
}
