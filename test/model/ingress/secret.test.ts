// Certificates: what is refused, what is kept, what is shown.
import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { coversHost, pairFault } from '../../../server/model/ingress/certificate.ts'
import { secretParts } from '../../../server/model/ingress/ingress-text.ts'
import { preparedSecret, secretFaults, shownSecret, tlsFactAnnotations, tlsFileAnnotations } from '../../../server/model/ingress/tls-secret.ts'
import { decoded } from '../../../server/model/service/schema.ts'
import type { Secret } from '../../../server/model/service/types.ts'
import { authority, selfSigned } from '../../support/certificate.ts'

const pair = selfSigned()
const base64 = (text: string): string => Buffer.from(text).toString('base64')
const data = { 'tls.crt': base64(pair.cert), 'tls.key': base64(pair.key) }

function read (value: object): Secret {
  const found = decoded('Secret', { metadata: { name: 'shop-tls' }, type: 'kubernetes.io/tls', ...value }, 'shop')
  if ('refusal' in found) throw new Error(JSON.stringify(found.refusal))
  return found.manifest as Secret
}
const causesOf = (value: object, old?: Secret): string[] => secretFaults(preparedSecret(read(value), old), old).map(({ field, message }) => `${field}: ${message}`)
const files = (crt: string, key?: string): object => ({
  metadata: { name: 'shop-tls', annotations: { 'rollcall.dev/tls-certificate-file': crt, ...(key === undefined ? {} : { 'rollcall.dev/tls-key-file': key }) } }
})
const hidden = (part: string, rule: string): string => `data[${part}]: Invalid value: <hidden>: ${rule}`

const encrypted = generateKeyPairSync('ec', {
  namedCurve: 'P-256', publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }
}).privateKey
const table: readonly (readonly [says: string, value: object, causes: readonly string[]])[] = [
  ['a pair', { data }, []],
  ['as texts', { stringData: { 'tls.crt': pair.cert, 'tls.key': pair.key } }, []],
  ['other parts beside it', { data: { ...data, 'ca.crt': base64('anything') } }, []],
  ['nothing', {}, ['data[tls.crt]: Required value', 'data[tls.key]: Required value']],
  ['empty parts', { data: { 'tls.crt': '', 'tls.key': '' } }, ['data[tls.crt]: Required value', 'data[tls.key]: Required value']],
  ['another type', { type: 'Opaque', data }, ['type: Unsupported value: "Opaque": supported values: "kubernetes.io/tls"']],
  ['no type', { type: undefined, data }, ['type: Unsupported value: "Opaque": supported values: "kubernetes.io/tls"']],
  ['no base64', { data: { ...data, 'tls.key': pair.key } }, [hidden('tls.key', 'must be base64 (RFC 4648)')]],
  ['no certificate', { data: { ...data, 'tls.crt': base64('hello') } }, [hidden('tls.crt', "must be a certificate in PEM, the server's own first")]],
  ['a broken chain', { data: { ...data, 'tls.crt': base64(`${pair.cert}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`) } }, [hidden('tls.crt', 'must be certificates in PEM: number 2 of 2 cannot be read')]],
  ['no key', { data: { ...data, 'tls.key': base64('hello') } }, [hidden('tls.key', 'must be a private key in PEM')]],
  ['a key of another', { data: { ...data, 'tls.key': base64(selfSigned().key) } }, [hidden('tls.key', 'must be the key of the certificate: its public part is another one')]],
  ['an encrypted key', { data: { ...data, 'tls.key': base64(encrypted) } }, [hidden('tls.key', 'must not be encrypted: nobody could be asked for the passphrase')]],
  ['a strange part', { data: { ...data, '../x': base64('x') } }, [
    "data[../x]: Invalid value: \"../x\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    "data[../x]: Invalid value: \"../x\": must not start with '..'"
  ]],
  ['files', files('/etc/tls/a.crt', '/etc/tls/a.key'), []],
  ['one file', files('/etc/tls/a.crt'), ['metadata.annotations[rollcall.dev/tls-key-file]: Required value: a certificate and a key are both needed']],
  ['files and data', { ...files('/a', '/b'), data }, ['data: Forbidden: must not be given beside files, which say it']],
  ['a relative file', files('a.crt', '/etc/../b'), ['rollcall.dev/tls-certificate-file', 'rollcall.dev/tls-key-file'].map((key, index) =>
    `metadata.annotations[${key}]: Invalid value: ${JSON.stringify(['a.crt', '/etc/../b'][index])}: must be the absolute path of a file, without "." and ".." in it`)]
]

t.test('a secret', async (t) => {
  for (const [says, value, causes] of table) t.same(causesOf(value), causes, says)
  const { issue, cert } = authority()
  const issued = issue()
  t.equal(pairFault(issued.cert + cert, issued.key), undefined, 'a chain')
})

t.test('what is left out stays, and what is immutable does not change', async (t) => {
  const old = read({ data, immutable: true })
  t.same(preparedSecret(read({}), old).data, data)
  t.same(preparedSecret(read({ data: { 'ca.crt': base64('x') } }), old).data, { ...data, 'ca.crt': base64('x') })
  t.equal(preparedSecret(read(files('/a', '/b')), old).data, undefined, 'files stand in for it')
  t.same(causesOf({ immutable: true }, old), [])
  t.same(causesOf({ data: { 'ca.crt': base64('x') } }, old), ['immutable: Forbidden: field is immutable when `immutable` is set', 'data: Forbidden: field is immutable when `immutable` is set'])
})

t.test('what is shown tells of the certificate and has no data', async (t) => {
  const shown = shownSecret(read({ data }))
  t.notOk('data' in shown)
  t.match(shown.metadata.annotations, { [tlsFactAnnotations.data]: 'tls.crt,tls.key', [tlsFactAnnotations.names]: 'localhost,127.0.0.1' })
  t.equal(secretParts(shown), 2)
  t.equal(secretParts(shownSecret(read(files('/a', '/b')))), 2, `the files are ${tlsFileAnnotations.join(' and ')}`)
  t.equal(read({ ...shown, type: 'kubernetes.io/tls' }).metadata.annotations, undefined, 'which a manifest does not bring in again')
})

t.test('hosts that a certificate covers', async (t) => {
  const names = ['shop.example', '*.shop.example']
  t.same(['shop.example', 'a.shop.example', '*.shop.example'].filter((host) => coversHost(names, host)).length, 3)
  t.same(['a.b.shop.example', 'other.example', '*.a.shop.example', 'xshop.example'].filter((host) => coversHost(names, host)), [])
})
