// Tokens as this node knows them: by their hashes, which are compared in constant time. Their text is token-text.ts'.
import { timingSafeEqual } from 'node:crypto'
import { Type } from 'typebox'
import { checker } from '../model/validate.ts'
import { isIdentityName, maxIdentityName } from '../model/policy/subject.ts'
import { rulesFaults } from '../model/policy/validate.ts'
import { policyRuleShape } from '../model/service/schema.ts'
import type { PolicyRule } from '../model/service/types.ts'

const tokenText = /^rc_[A-Za-z0-9_-]{43}$/
/** Of its hash in hexadecimal: enough to tell tokens apart, and nothing to guess one from. */
export const idLength = 12
export const tokenName = { pattern: '^[a-z0-9](?:[-._a-z0-9]{0,61}[a-z0-9])?$', rule: 'must be 1-63 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit' }

/** A token as it is known here: never its text. */
export interface KnownToken {
  /** The beginning of its hash. */
  readonly id: string
  readonly hash: Buffer
  /** Of the identity; several tokens may have one. */
  readonly name: string
  readonly rules: readonly PolicyRule[]
  readonly createdAtMs: number | undefined
  readonly createdBy: string | undefined
  /** undefined = never */
  readonly expiresAtMs: number | undefined
  /** Where it is kept. */
  readonly place: 'store' | 'file'
  /** As the store knows it: an hour old, or older. */
  readonly usedAtMs: number | undefined
  /** Of the stored record, 0 of one in a file. */
  readonly revision: number
}

/** The stored form of a token. */
export interface TokenBody {
  readonly hash: string
  readonly name: string
  readonly rules: readonly PolicyRule[]
  readonly createdAt?: string
  readonly createdBy?: string
  readonly expiresAt?: string
  readonly usedAt?: string
}

const time = Type.String({ maxLength: 40, rule: 'must be a time, like 2026-12-31T00:00:00Z' })
export const hashRule = 'must be a SHA-256 in hexadecimal: 64 of 0-9 and a-f'
export const TokenShape = Type.Object({
  hash: Type.String({ pattern: '^[0-9a-f]{64}$', rule: hashRule }),
  name: Type.String({ maxLength: maxIdentityName, rule: tokenName.rule }),
  rules: Type.Array(policyRuleShape),
  createdAt: Type.Optional(time),
  createdBy: Type.Optional(Type.String({ maxLength: 300 })),
  expiresAt: Type.Optional(time),
  usedAt: Type.Optional(time)
}, { additionalProperties: false })
const check = checker(TokenShape)

/** Whether a text has the form of one of our tokens. */
export function isToken (text: string): boolean {
  return tokenText.test(text)
}

export function idOf (tokenHash: Buffer): string {
  return tokenHash.toString('hex').slice(0, idLength)
}

/** Whether two hashes are the same, in a time that does not depend on where they differ. */
export function isSame (one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}

/** Reads a token's record; a text is what is wrong with it. */
export function readToken (value: unknown, place: KnownToken['place'], revision: number): KnownToken | string {
  const refusal = check(value)
  if (refusal !== undefined) return `${refusal.faults[0].field} ${refusal.faults[0].rule}`
  const body = value as TokenBody // it has just been checked
  if (!isIdentityName(body.name)) return `name ${tokenName.rule}`
  const [fault] = rulesFaults('rules', body.rules)
  if (fault !== undefined && body.rules.length > 0) return `${fault.field} ${fault.rule}`
  const times = { createdAtMs: timeOf(body.createdAt), expiresAtMs: timeOf(body.expiresAt), usedAtMs: timeOf(body.usedAt) }
  for (const [field, atMs] of Object.entries(times)) if (Number.isNaN(atMs)) return `${field.slice(0, -2)} must be a time, like 2026-12-31T00:00:00Z`
  const tokenHash = Buffer.from(body.hash, 'hex')
  return { id: idOf(tokenHash), hash: tokenHash, name: body.name, rules: body.rules, createdBy: body.createdBy, ...times, place, revision }
}

function timeOf (text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text)
}

/** The stored form. */
export function storedToken (token: Omit<KnownToken, 'id' | 'place' | 'revision'>): string {
  const iso = (atMs: number | undefined): string | undefined => (atMs === undefined ? undefined : new Date(atMs).toISOString())
  const body: { [Field in keyof TokenBody]: TokenBody[Field] | undefined } = {
    hash: token.hash.toString('hex'), name: token.name, rules: token.rules, createdAt: iso(token.createdAtMs), createdBy: token.createdBy,
    expiresAt: iso(token.expiresAtMs), usedAt: iso(token.usedAtMs)
  }
  return JSON.stringify(body)
}
