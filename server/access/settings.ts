// All settings of access control. A new one is a fragment here, a line in `readAccessSettings` and the place where it is used.
import { Type, type Static, type TObject } from 'typebox'
import { between, doc, type Origins, room } from '../config/setting.ts'
import { type CertificateRule, certificateRules } from './certificate-identity.ts'
import { type Issuer, readIssuer } from './jwt.ts'
import { invalid } from '../errors.ts'
import type { Limit, Use } from './buckets.ts'

/** Each is looked at for a token only if it names it. */
const maxIssuers = 16
const modes = ['off', 'report', 'on'] as const
/** What may be used at once is what comes back in so many seconds: the first moments of a program that starts. */
const burstSeconds = 5
/** A client renews ten times as often as it writes. */
const heartbeatsPerWrite = 10
/** Subscriptions are begun a thousand at once where a program starts, and seldom after. */
const watchLimit: Limit = { perSecond: 100, burst: 10_000 }

export const accessRoom = room({
  title: 'access control',
  settings: {
    access: Type.Enum([...modes], { rule: `must be ${modes.join(', ')}`, ...doc({
      name: 'access', kind: 'word', default: 'off',
      what: 'Whether who asks must have shown who it is, and policies permit what it asks for. `report`: everything is decided and logged, and nothing is refused: the way to turn it on in a registry that is in use.',
      why: 'On loopback every user of the machine is trusted. `http` anywhere else needs `on` (or `insecure`).'
    }) }),
    tokenFile: Type.Optional(Type.String({ minLength: 1, ...doc({
      name: 'token-file', variable: 'ROLLCALL_ACCESS_TOKEN_FILE', kind: 'file', reloaded: true,
      what: 'A file with tokens that this node knows beside those of the store, as `rollcall init` writes it: names, hashes, rules. It must be readable by its owner alone, and is read again when it changes and at SIGHUP. The variable has another name than that of the commands, whose file holds the token that they send.',
      why: 'Unset: only tokens of the store open something. The first one has to be in a file.'
    }) })),
    jwtIssuers: Type.Array(Type.String({ maxLength: 1_024 }), { maxItems: maxIssuers, ...doc({
      name: 'jwt-issuer', kind: 'issuer', multiple: true,
      what: 'Issuers of OpenID Connect whose tokens (JWT) are taken, as `ISSUER` or `ISSUER=JWKS-URL`: whoever shows one is `jwt:NAME` in policies. Their keys are fetched by https, kept in the store, and fetched anew when a token names one that is not known.',
      why: 'Unset: only tokens of the registry itself are taken.'
    }) }),
    jwtAudience: Type.String({ maxLength: 256, minLength: 1, rule: 'must be a text of 1-256 characters', ...doc({
      name: 'jwt-audience', kind: 'word', default: 'rollcall',
      what: 'The audience (`aud`) that such tokens must be for.',
      why: 'A token that was made for another service must open nothing here.'
    }) }),
    jwtClaim: Type.String({ pattern: '^[A-Za-z0-9_]{1,63}$', rule: 'must be the name of a claim, like sub or email', ...doc({
      name: 'jwt-claim', kind: 'word', default: 'sub',
      what: 'The claim of such tokens that is the name of the identity.',
      why: '`sub` is in every token, and does not change. `email` reads better, if the issuer checks it.'
    }) }),
    jwtGroupsClaim: Type.String({ pattern: '^[A-Za-z0-9_.:/-]{1,128}$', rule: 'must be the name of a claim, like groups or roles', ...doc({
      name: 'jwt-groups-claim', kind: 'word', default: 'groups',
      what: 'The claim of such tokens with the groups of the identity, a list of names: policies may be about `jwt-group:NAME`. Names that no policy can write (blanks, control characters) count for nothing; a token with more than 256 is refused.',
      why: 'What most issuers call it: then a team is given rights once, and who belongs to it is the issuer\'s to say.'
    }) }),
    certificateIdentity: Type.Enum([...certificateRules], { rule: `must be ${certificateRules.join(', ')}`, ...doc({
      name: 'certificate-identity', kind: 'word', default: 'san',
      what: 'Which name of a client\'s certificate (`http-tls-client-ca`) is its identity, `certificate:NAME` in policies: `san`: the first alternative name, a URI before a DNS name before an email; `uri`, `dns`, `email`: the first of that type; `cn`: the common name. A token that is sent along counts instead.',
      why: 'Names of certificates stand in the alternative names; common names are of the past.'
    }) }),
    auditFile: Type.Optional(Type.String({ minLength: 1, ...doc({
      name: 'audit-file', kind: 'file',
      what: 'Where a line of JSON is written for each command: who, what, on what, from where, by which door, the outcome and the revision. No content, no token, no secret. At SIGHUP it is opened anew, for whoever has moved it away.',
      why: 'Unset: `/v1/events` names who changed what lately, and refusals are counted in the metrics.'
    }) })),
    auditBytes: Type.Integer({ minimum: 64 * 1024, maximum: 16 * 1024 ** 3, ...between('64KiB', '16GiB'), ...doc({
      name: 'audit-size', kind: 'size', default: '100MiB',
      what: 'How large the audit file becomes: then it is renamed to FILE.1, in place of the one before, and begun anew.',
      why: 'Half a million commands; twice that of disk.',
      raise: 'Disk.', lower: 'Less of the past is kept.'
    }) }),
    accessWrites: Type.Integer({ minimum: 1, maximum: 1_000_000, rule: 'must be a whole number from 1 to 1000000', ...doc({
      name: 'access-writes', kind: 'number', default: '100',
      what: 'How many writes a second one identity may make through this node, with five seconds of them at once. Heartbeats, and registrations of what is registered already, are counted apart, each ten times as many. Without `access` on nothing is counted.',
      why: 'No honest client comes near it: a rolling deploy of a thousand instances takes ten seconds.',
      raise: 'One identity can keep the store busier.', lower: 'Many instances that share a token wait for each other when they start.'
    }) }),
    accessConnections: Type.Integer({ minimum: 1, maximum: 1_000_000, rule: 'must be a whole number from 1 to 1000000', ...doc({
      name: 'access-connections', kind: 'number', default: '6000',
      what: 'How many connections to HTTP of this node one identity may have open. One more is answered 429, and closed. Who has shown nothing is known by address, and shares as all do. Without `access` on nothing is counted.',
      why: 'Half of what a node has: a program with a leak takes no place of others. A client of the SDK has two.',
      raise: 'One identity can take more of the places of all.', lower: 'Many instances that share a token find no place.'
    }) })
  }
})

export type AccessConfig = Static<TObject<typeof accessRoom.settings>>

/** What access control is started with. */
export interface AccessValues {
  readonly mode: (typeof modes)[number]
  readonly tokenFile: string | undefined
  readonly certificateIdentity: CertificateRule
  /** undefined = tokens of others are not taken. */
  readonly jwt: {
    readonly issuers: readonly Issuer[], readonly audience: string, readonly claim: string, readonly groupsClaim?: string | undefined
  } | undefined
  readonly audit: { readonly path: string, readonly maxBytes: number } | undefined
  readonly limits: Readonly<Record<Use, Limit>>
  /** Of one identity, open at once. */
  readonly connections: number
}

/** @throws RegistryError REG_INVALID for an issuer that is none */
export function readAccessSettings (config: AccessConfig, { field }: Origins): AccessValues {
  const { access: mode, tokenFile, certificateIdentity, auditFile, auditBytes, accessWrites, accessConnections: connections } = config
  const { jwtAudience: audience, jwtClaim: claim, jwtGroupsClaim: groupsClaim } = config
  const issuers = readIssuers(config.jwtIssuers, field('jwt-issuer'))
  const perSecond = (rate: number): Limit => ({ perSecond: rate, burst: rate * burstSeconds })
  const often = perSecond(accessWrites * heartbeatsPerWrite)
  return {
    mode,
    tokenFile,
    certificateIdentity,
    jwt: issuers.length === 0 ? undefined : { issuers, audience, claim, groupsClaim },
    audit: auditFile === undefined ? undefined : { path: auditFile, maxBytes: auditBytes },
    limits: { writes: perSecond(accessWrites), heartbeats: often, registrations: often, watches: watchLimit },
    connections
  }
}

function readIssuers (texts: readonly string[], field: string): Issuer[] {
  const read = texts.map((text) => ({ text, issuer: readIssuer(text) }))
  const faults = read.flatMap(({ text, issuer }) => (typeof issuer === 'string' ? [{ field, value: text, rule: issuer }] : []))
  if (faults.length > 0) throw invalid(faults)
  return read.flatMap(({ issuer }) => (typeof issuer === 'string' ? [] : [issuer]))
}
