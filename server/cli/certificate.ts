// rollcall certificate: a CA and certificates for a small team. Nothing is asked of a registry: files are written.
import { isIP } from 'node:net'
import { isHost } from '../config/kinds.ts'
import { type Command, type Invocation } from './command.ts'
import { UsageError } from './errors.ts'

export const defaultDays = { ca: 3_650, certificate: 365 } as const
const maxDays = 7_300
/** What files and subjects are called by. */
const namePattern = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/

export const certificate: Command = {
  name: 'certificate',
  summary: 'Makes a CA, and certificates of it for nodes and clients',
  usage: 'certificate ca | certificate issue NAME [flags]',
  details: 'ca: ca.pem, which nodes and clients are given, and ca-key.pem, which stays where certificates are issued. issue: NAME.pem and NAME-key.pem, ' +
    'for a node if it has hosts, else for a client. Keys are of P-256; all files have mode 0600, and none is written over without --force.',
  flags: {
    host: { type: 'string', metavar: 'HOST,...', multiple: true, what: 'Names and addresses that clients ask a node by; *.nodes.example stands for all names right below' },
    uri: { type: 'string', metavar: 'URI,...', multiple: true, what: 'Further names, like spiffe://example/ns/shop/orders' },
    days: { type: 'string', metavar: 'DAYS', what: `How long it is valid (default ${defaultDays.certificate}, a CA ${defaultDays.ca}); no certificate outlives its CA` },
    name: { type: 'string', metavar: 'NAME', what: 'Of a CA: what it is called (default Rollcall CA)' },
    directory: { type: 'string', short: 'd', metavar: 'DIR', what: 'Where the files are written, and those of the CA are (default .)' },
    force: { type: 'boolean', what: 'Writes over files that are there' }
  },
  examples: [
    ['certificate ca', 'ca.pem and ca-key.pem, for ten years'],
    ['certificate issue node1 --host node1.example,10.0.0.5', 'node1.pem and node1-key.pem, for a node'],
    ['certificate issue orders --days 30', 'orders.pem and orders-key.pem, for a client']
  ],
  run: async (call) => {
    const [action, name, surplus] = call.positionals
    if (action === undefined) throw new UsageError('ca or issue NAME is missing')
    if (action !== 'ca' && action !== 'issue') throw new UsageError(`${JSON.stringify(action)} must be ca or issue`)
    const extra = action === 'ca' ? name : surplus
    if (extra !== undefined) throw new UsageError(`${JSON.stringify(extra)} is one argument too many`)
    const directory = call.text('directory') ?? '.'
    const force = call.flag('force')
    const nowMs = call.terminal.now()
    if (action === 'ca') {
      const given = ['host', 'uri'].find((flag) => call.texts(flag).length > 0)
      if (given !== undefined) throw new UsageError(`--${given} is for issue: a CA has no hosts`)
      const subject = call.read('name', readSubject) ?? 'Rollcall CA'
      const days = readDays(call) ?? defaultDays.ca
      const { makeAuthority } = await import('./certificate-files.ts')
      const { cert, key } = await makeAuthority({ directory, force, nowMs, days, subject })
      return void call.terminal.out([`${cert} is the CA: give it to nodes (--http-tls-client-ca) and clients (--ca)`, `${key} is its key: it stays here, and is given to nobody`])
    }
    if (name === undefined) throw new UsageError('NAME is missing')
    if (!isCertificateName(name)) throw new UsageError(`NAME ${certificateNameRule}, got ${JSON.stringify(name)}`)
    if (call.text('name') !== undefined) throw new UsageError('--name is for ca: a certificate is called NAME')
    const hosts = listed(call, 'host', readCertificateHost)
    const uris = listed(call, 'uri', (uri) => {
      if (!URL.canParse(uri) || /\s/.test(uri)) throw new Error('must be a URI')
      return uri
    })
    const { issueCertificate } = await import('./certificate-files.ts')
    const days = readDays(call) ?? defaultDays.certificate
    const { cert, key, expires, isShortened } = await issueCertificate({ directory, force, nowMs, days, name, hosts, uris })
    const use = hosts.length > 0 ? 'for a node: --http-tls-cert, --http-tls-key' : 'for a client: --cert, --key'
    call.terminal.out([`${cert} and ${key} are ${use}; valid until ${expires}${isShortened ? ', as its CA is' : ''}`])
  }
}

export const certificateNameRule = 'must be letters, digits, ".", "_" and "-", at most 64, and not ca'

/** Whether files of a certificate may be called so. */
export function isCertificateName (name: string): boolean {
  return namePattern.test(name) && name !== 'ca' && name !== 'ca-key'
}

/** A name or an address of a node. @throws Error with the rule that it breaks */
export function readCertificateHost (host: string): string {
  if (!isHost(host.replace(/^\*\./, ''))) throw new Error('must be a host name or an IP address')
  // Clients take no wildcard right below a top level (RFC 6125 7.2).
  if (host.startsWith('*.') && (isIP(host.slice(2)) !== 0 || !host.slice(2).includes('.'))) throw new Error('must be a host name of two labels or more behind "*."')
  return host
}

function readDays (call: Invocation): number | undefined {
  const days = call.whole('days')
  if (days !== undefined && (days < 1 || days > maxDays)) throw new UsageError(`--days must be from 1 to ${maxDays}, got ${days}`)
  return days
}

function readSubject (text: string): string {
  if (!/^[\p{L}\p{N}](?:[\p{L}\p{N} ._-]{0,62}[\p{L}\p{N}.])?$/u.test(text)) throw new Error('must be letters, digits, blanks, ".", "_" and "-", at most 64')
  return text
}

/** A list by commas or by several flags. */
function listed (call: Invocation, flag: string, read: (text: string) => string): string[] {
  const texts = call.texts(flag).flatMap((text) => text.split(',').map((part) => part.trim()).filter((part) => part !== ''))
  return [...new Set(texts)].map((text) => {
    try {
      return read(text)
    } catch (error) {
      throw new UsageError(`--${flag} ${error instanceof Error ? error.message : String(error)}, got ${JSON.stringify(text)}`)
    }
  })
}
