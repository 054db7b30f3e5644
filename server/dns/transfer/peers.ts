// The servers that copy zones of this registry: the keys that they sign with (TSIG, RFC 8945), who may have a whole zone, and who hears of
// changes (NOTIFY, RFC 1996). Readers of settings: each gives what it read, or throws the rule that the text breaks.
import { isIP } from 'node:net'
import { invalid } from '../../errors.ts'
import { type AddressRange, type Problem, parseCidr, parseIp } from '../../model/address/ranges.ts'

/** RFC 8945 6, without hmac-md5, which must not be used any more. The name on the wire is the name here. */
export const tsigAlgorithms = ['hmac-sha1', 'hmac-sha224', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'] as const
export type TsigAlgorithm = (typeof tsigAlgorithms)[number]

/** A secret that is shared with a peer. */
export interface TsigKey {
  /** A domain name in lower case, without a dot at the end: both sides must call the key the same. */
  readonly name: string
  readonly algorithm: TsigAlgorithm
  readonly secret: Buffer
}

/** Who may transfer a zone: all conditions that stand here must hold. */
export interface TransferRule {
  readonly network?: AddressRange
  /** The name of a key. */
  readonly key?: string
}

export interface NotifyTarget {
  /** Canonical. */
  readonly address: string
  readonly port: number
  /** The name of the key that the message is signed with. */
  readonly key?: string
}

/** Each key, rule and target costs a look at each request or change. */
export const maxTsigKeys = 64
export const maxTransferRules = 256
export const maxNotifyTargets = 64

const defaultAlgorithm: TsigAlgorithm = 'hmac-sha256'
const minSecretBytes = 16 // 128 bits: what is shorter can be searched through
const maxSecretBytes = 512
const keyNamePattern = /^(?=.{1,253}$)[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?)*$/
const keyNameRule = 'a key name is a DNS name of a-z, 0-9, "-", "_" and "."'

export const tsigKeyRule = `must be NAME=[ALGORITHM:]BASE64, like edge=hmac-sha256:c2VjcmV0...: ${keyNameRule}`
export const transferRuleRule =
  'must be an address or a network (192.0.2.0/24), key:NAME, or both joined by "+" (192.0.2.0/24+key:edge)'
export const notifyTargetRule = 'must be ADDRESS:PORT, like 192.0.2.7:53 or [2001:db8::7]:53, and may end in +key:NAME'

/** Reads `NAME=[ALGORITHM:]BASE64`. The problem never repeats the secret. */
export function parseTsigKey (text: string): TsigKey | Problem {
  const [, nameText, algorithmText, base64] = /^([^=]*)=(?:([^:]*):)?([^:]*)$/.exec(text) ?? []
  if (nameText === undefined || base64 === undefined) return { problem: tsigKeyRule }
  const name = nameText.toLowerCase().replace(/\.$/, '')
  if (!keyNamePattern.test(name)) return { problem: tsigKeyRule }
  const wanted = (algorithmText ?? defaultAlgorithm).toLowerCase()
  const algorithm = tsigAlgorithms.find((known) => known === wanted)
  if (algorithm === undefined) return { problem: `must have one of the algorithms ${tsigAlgorithms.join(', ')} between "=" and ":"` }
  const secret = Buffer.from(base64, 'base64')
  // Buffer.from passes over what is no base64: only what reads back the same was meant.
  const isBase64 = secret.toString('base64').replace(/=+$/, '') === base64.replace(/=+$/, '')
  if (!isBase64) return { problem: 'must end in the secret in base64, like the output of: openssl rand -base64 32' }
  if (secret.length < minSecretBytes || secret.length > maxSecretBytes) {
    return { problem: `must have a secret of ${minSecretBytes}-${maxSecretBytes} octets, not of ${secret.length}` }
  }
  return { name, algorithm, secret }
}

/** Reads `192.0.2.7`, `192.0.2.0/24`, `key:NAME` or `192.0.2.0/24+key:NAME`. */
export function parseTransferRule (text: string): TransferRule | Problem {
  const parts = text.split('+')
  const [first = '', second] = parts
  if (parts.length > 2 || (second !== undefined && (!second.startsWith('key:') || first.startsWith('key:')))) return { problem: transferRuleRule }
  const keyText = first.startsWith('key:') ? first : second
  const key = keyText?.slice('key:'.length).toLowerCase().replace(/\.$/, '')
  if (key !== undefined && !keyNamePattern.test(key)) return { problem: `${transferRuleRule}; ${keyNameRule}` }
  if (keyText === first) return { key: key ?? '' }
  const network = parseNetwork(first)
  if ('problem' in network) return network
  return { network, ...(key === undefined ? {} : { key }) }
}

/** Reads a network, or one address as the network of itself. */
function parseNetwork (text: string): AddressRange | Problem {
  if (text.includes('/')) return parseCidr(text)
  const address = parseIp(text)
  return 'problem' in address ? { problem: isIP(text) === 0 ? transferRuleRule : address.problem } : parseCidr(`${address.text}/${address.family === 4 ? 32 : 128}`)
}

/** Reads `192.0.2.7:53`, `[2001:db8::7]:53`, both also with `+key:NAME`. */
export function parseNotifyTarget (text: string): NotifyTarget | Problem {
  const [, bracketed, plain, digits, keyText] = /^(?:\[([^[\]]*)\]|([^:[\]]+)):(\d{1,5})(?:\+key:(.*))?$/.exec(text) ?? []
  const address = bracketed ?? plain ?? ''
  const port = Number(digits)
  if (isIP(address) !== (bracketed === undefined ? 4 : 6) || address.includes('%') || !(port >= 1 && port <= 65_535)) return { problem: notifyTargetRule }
  const key = keyText?.toLowerCase().replace(/\.$/, '')
  if (key !== undefined && !keyNamePattern.test(key)) return { problem: `${notifyTargetRule}; ${keyNameRule}` }
  const canonical = parseIp(address)
  return 'problem' in canonical ? canonical : { address: canonical.text, port, ...(key === undefined ? {} : { key }) }
}

/** A key as an error or a log may show it. */
export function hideTsigSecret (text: string): string {
  const equals = text.indexOf('=')
  const colon = text.indexOf(':', equals)
  return equals < 0 ? '***' : `${text.slice(0, colon < 0 ? equals + 1 : colon + 1)}***`
}

export interface DnsPeers {
  readonly keys: readonly TsigKey[]
  readonly transferTo: readonly TransferRule[]
  readonly notify: readonly NotifyTarget[]
}

/** How errors call the settings. */
export interface DnsPeerFields {
  readonly keys: string
  readonly transferTo: string
  readonly notify: string
}

const defaultFields: DnsPeerFields = { keys: 'dns-tsig-key', transferTo: 'dns-transfer-to', notify: 'dns-notify' }

/**
 * Reads all three settings, which name each other's keys.
 * @throws RegistryError REG_INVALID naming the bad text, unless it may be a key
 */
export function readDnsPeers (texts: { readonly [Name in keyof DnsPeerFields]: readonly string[] }, fields = defaultFields): DnsPeers {
  const read = <T extends object>(name: keyof DnsPeerFields, parse: (text: string) => T | Problem, shown: (text: string) => { readonly value?: string }): T[] =>
    texts[name].map((text) => {
      const value = parse(text)
      if ('problem' in value) throw invalid([{ field: fields[name], ...shown(text), rule: value.problem }])
      return value
    })
  const asGiven = (text: string): { readonly value?: string } => (text.includes('=') ? {} : { value: text }) // a key may have got into the wrong setting
  // What is wrong may be that the secret stands where its name should.
  const keys = read('keys', parseTsigKey, () => ({}))
  const transferTo = read('transferTo', parseTransferRule, asGiven)
  const notify = read('notify', parseNotifyTarget, asGiven)
  const names = keys.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw invalid([{ field: fields.keys, value: twice, rule: 'must not name a key twice' }])
  for (const name of ['transferTo', 'notify'] as const) {
    for (const { key } of { transferTo, notify }[name]) {
      if (key !== undefined && !names.includes(key)) throw invalid([{ field: fields[name], value: key, rule: `must name a key that ${fields.keys} gives` }])
    }
  }
  return { keys, transferTo, notify }
}
