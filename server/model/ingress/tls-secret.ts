// A Secret of the type kubernetes.io/tls: a certificate and its key. It is written and not read: what clients get has no `data`, but
// annotations that tell of the certificate, and a manifest without `data` leaves that of a stored one as it is.
//
// Instead of data it may name files, which the machines that carry the traffic read:
//   rollcall.dev/tls-certificate-file   /etc/tls/shop.crt
//   rollcall.dev/tls-key-file           /etc/tls/shop.key
import { anything, compact, fields, filled, flag, type LooseObject, metaOf, text, textMap, typeMeta } from '../manifest/shapes.ts'
import { isMembers, withoutMembers } from '../fields/values.ts'
import { type Cause, forbidden, invalidValue, notSupported, required, tooLong } from '../service/causes.ts'
import { broken, dns1123Subdomain, type Rule } from '../service/grammar.ts'
import { metadataFaults } from '../service/metadata.ts'
import type { Labels, ObjectMeta, Secret } from '../service/types.ts'
import { certificateFacts, pairFault } from './certificate.ts'

export const tlsType = 'kubernetes.io/tls'
export const certificateKey = 'tls.crt'
export const privateKey = 'tls.key'
export const certificateFileAnnotation = 'rollcall.dev/tls-certificate-file'
export const keyFileAnnotation = 'rollcall.dev/tls-key-file'
/** What the registry says of a certificate: a manifest that brings them along, as an exported one does, says nothing by them. */
export const tlsFactAnnotations = {
  /** The keys of `data`, with "," between them. */
  data: 'rollcall.dev/tls-data',
  /** The first hundred. */
  names: 'rollcall.dev/tls-names',
  notAfter: 'rollcall.dev/tls-not-after',
  /** `sha256:` and 64 hexadecimal digits. */
  fingerprint: 'rollcall.dev/tls-fingerprint'
} as const
export const tlsFileAnnotations: readonly string[] = [certificateFileAnnotation, keyFileAnnotation]

/** Kubernetes' limit on all values of the data. */
const maxDataBytes = 1024 * 1024
const maxShownNames = 100
const maxPath = 1_024
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'
const factKeys = new Set<string>(Object.values(tlsFactAnnotations))

export const secretShape = fields({ ...typeMeta, type: text, data: textMap, stringData: textMap, immutable: flag, status: anything })

type LooseSecret = LooseObject<Secret> & { readonly stringData?: Labels }

/** `stringData` is data that nobody had to write in base64; an empty text is as if it were not there. */
export function secretOf (plain: LooseObject<Secret>, namespace: string): Secret {
  const { metadata, type, data, stringData, immutable } = plain as LooseSecret
  const plainTexts = Object.entries(stringData ?? {}).map(([key, value]) => [key, Buffer.from(value).toString('base64')] as const)
  const said = [...Object.entries(data ?? {}), ...plainTexts].filter(([, value]) => value !== '')
  return compact<Secret>({
    apiVersion: 'v1', kind: 'Secret', metadata: ownMeta(metaOf(metadata, namespace)),
    type: type ?? ('Opaque' as typeof tlsType), // as in Kubernetes; validation says that it must be another one
    data: filled(Object.fromEntries(said)), immutable: immutable === true ? true : undefined
  })
}

/** Without what the registry says itself, and without the copy of the data that `kubectl apply` leaves behind. */
function ownMeta (metadata: ObjectMeta): ObjectMeta {
  const kept = Object.entries(metadata.annotations ?? {}).flatMap(([key, value]): [string, string][] => {
    if (factKeys.has(key)) return []
    const text = key === lastApplied ? withoutData(value) : value
    return text === undefined ? [] : [[key, text]]
  })
  return compact<ObjectMeta>({ ...metadata, annotations: filled(Object.fromEntries(kept)) })
}

function withoutData (text: string): string | undefined {
  try {
    const manifest: unknown = JSON.parse(text)
    if (!isMembers(manifest)) return undefined
    return `${JSON.stringify(withoutMembers(manifest, 'data', 'stringData'))}\n`
  } catch {
    return undefined // nobody knows what is in it
  }
}

/** With the data that it leaves out and the stored one has. */
export function preparedSecret (next: Secret, old: Secret | undefined): Secret {
  if (old?.data === undefined || namesFiles(next)) return next
  return { ...next, data: { ...old.data, ...next.data } }
}

export function namesFiles ({ metadata: { annotations } }: Secret): boolean {
  return tlsFileAnnotations.some((key) => annotations?.[key] !== undefined)
}

/** What was shown of each before: to read a certificate takes longer than all else. */
const shown = new WeakMap<Secret, Secret>()

/** As clients get it. */
export function shownSecret (secret: Secret): Secret {
  const known = shown.get(secret) ?? withFacts(secret)
  shown.set(secret, known)
  return known
}

function withFacts (secret: Secret): Secret {
  const { data, ...rest } = secret
  if (data === undefined) return rest
  const found = certificateFacts(certificateOf(secret))
  const annotations = {
    ...secret.metadata.annotations,
    [tlsFactAnnotations.data]: Object.keys(data).sort().join(','),
    ...(found === undefined ? {} : {
      [tlsFactAnnotations.names]: found.names.slice(0, maxShownNames).join(','), [tlsFactAnnotations.notAfter]: found.notAfter,
      [tlsFactAnnotations.fingerprint]: `sha256:${found.fingerprint}`
    })
  }
  return { ...rest, metadata: { ...secret.metadata, annotations } }
}

/** PEM; empty if there is none. */
export function certificateOf ({ data }: Secret): string {
  return decodedText(data?.[certificateKey])
}

/** PEM; empty if there is none. */
export function keyOf ({ data }: Secret): string {
  return decodedText(data?.[privateKey])
}

function decodedText (base64: string | undefined): string {
  return Buffer.from(base64 ?? '', 'base64').toString('utf8')
}

const configKey: Rule = (value) => {
  const pattern = '[-._a-zA-Z0-9]+'
  const text = `a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '${pattern}')`
  const found: string[] = []
  if (value.length > 253) found.push('must be no more than 253 characters')
  if (!new RegExp(`^${pattern}$`).test(value)) found.push(text)
  if (value === '.' || value === '..') found.push(`must not be '${value}'`)
  else if (value.startsWith('..')) found.push("must not start with '..'")
  return found
}

/** All causes against a secret. No value of the data is in them. @param isStored it lies in the store: the pair was looked at when it was written */
export function secretFaults (secret: Secret, old?: Secret, isStored = false): readonly Cause[] {
  const { metadata, data = {}, type } = secret
  const causes = metadataFaults(metadata, dns1123Subdomain, old?.metadata)
  let bytes = 0
  for (const [key, value] of Object.entries(data)) {
    causes.push(...broken(`data[${key}]`, key, configKey))
    if (!isBase64(value)) causes.push(hidden(`data[${key}]`, 'must be base64 (RFC 4648)'))
    bytes += Buffer.byteLength(value, 'base64')
  }
  if (bytes > maxDataBytes) causes.push(tooLong('data', maxDataBytes))
  if (type as string !== tlsType) return [...causes, notSupported('type', type, [tlsType])]
  if (namesFiles(secret)) return [...causes, ...fileFaults(secret)]
  const missing = [certificateKey, privateKey].filter((key) => data[key] === undefined)
  causes.push(...missing.map((key) => required(`data[${key}]`)))
  if (old !== undefined && !isStored) causes.push(...immutableFaults(secret, old))
  if (causes.length > 0 || isStored || sameData(secret, old)) return causes
  const fault = pairFault(certificateOf(secret), keyOf(secret))
  return fault === undefined ? [] : [hidden(`data[${fault.of === 'key' ? privateKey : certificateKey}]`, fault.rule)]
}

function immutableFaults (secret: Secret, old: Secret): Cause[] {
  if (old.immutable !== true) return []
  const rule = 'field is immutable when `immutable` is set'
  return [
    ...(secret.immutable === true ? [] : [forbidden('immutable', rule)]),
    ...(sameData(secret, old) ? [] : [forbidden('data', rule)])
  ]
}

function sameData ({ data = {} }: Secret, old: Secret | undefined): boolean {
  const before = old?.data ?? {}
  const keys = Object.keys(data)
  return keys.length === Object.keys(before).length && keys.every((key) => data[key] === before[key])
}

function fileFaults ({ metadata: { annotations = {} }, data }: Secret): Cause[] {
  const causes = data === undefined ? [] : [forbidden('data', 'must not be given beside files, which say it')]
  for (const key of tlsFileAnnotations) {
    const field = `metadata.annotations[${key}]`
    const path = annotations[key]
    if (path === undefined) causes.push(required(field, 'a certificate and a key are both needed'))
    else if (!isFilePath(path)) causes.push(invalidValue(field, path, 'must be the absolute path of a file, without "." and ".." in it'))
  }
  return causes
}

function isFilePath (path: string): boolean {
  return path.length <= maxPath && /^(?:\/[^/\0\n]+)+$/.test(path) && !path.split('/').some((part) => part === '.' || part === '..')
}

/** Standard base64; a line break at the end of an editor's line is passed over, as Kubernetes does. */
function isBase64 (text: string): boolean {
  return /^[A-Za-z0-9+/\r\n]*={0,2}[\r\n]*$/.test(text) && text.replace(/[\r\n]/g, '').length % 4 === 0
}

/** A cause that does not repeat the value. */
function hidden (field: string, rule: string): Cause {
  return { reason: 'FieldValueInvalid', field, message: `Invalid value: <hidden>: ${rule}`, rule }
}
