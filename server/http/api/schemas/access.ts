// Access: tokens, who one is, what one may do.
import { Type } from 'typebox'
import { roles, verbs } from '../../../model/service/types.ts'
import { policyRuleShape } from '../../../model/service/schema.ts'
import type { Policy, PolicyRule as Rule } from '../../../model/service/types.ts'
import { named, page, Time } from './named.ts'

const closed = { additionalProperties: false } as const
const Names = Type.Array(Type.String())

/** As a body may hold it: which words there are is said by the one check that policies and tokens have. */
const RuleInput = Type.Unsafe<Rule>(policyRuleShape)
export const PolicyRule = named('PolicyRule', Type.Object({
  role: Type.Optional(Type.Enum([...roles], { description: 'Instead of verbs' })),
  verbs: Type.Optional(Type.Array(Type.Enum([...verbs]))),
  namespaces: Type.Optional(Names),
  services: Type.Optional(Names),
  addresses: Type.Optional(Type.Array(Type.String(), { description: 'Networks whose addresses may be registered or declared; absent: all' }))
}, closed))
export const examplePolicy = {
  apiVersion: 'rollcall.dev/v1', kind: 'Policy', metadata: { name: 'shop-agents', namespace: '' },
  spec: { subjects: ['token:shop-*'], rules: [{ role: 'agent', namespaces: ['shop'], addresses: ['10.0.0.0/8'] }] }
} as const
export const PolicyManifest = Type.Unsafe<Policy>(named('Policy', Type.Object({
  apiVersion: Type.Literal('rollcall.dev/v1'), kind: Type.Literal('Policy'), metadata: Type.Object({}, { additionalProperties: true }),
  spec: Type.Object({ subjects: Names, rules: Type.Array(PolicyRule) })
}, { additionalProperties: true, description: 'Who may do what', examples: [examplePolicy] })))
export const PolicyPage = page('PolicyPage', PolicyManifest)

const token = {
  id: Type.String({ description: 'The beginning of its SHA-256' }),
  name: Type.String({ description: 'Of its identity, token:NAME' }),
  rules: Type.Array(PolicyRule),
  place: Type.Enum(['store', 'file']),
  createdAt: Type.Optional(Time),
  createdBy: Type.Optional(Type.String()),
  expiresAt: Type.Optional(Time),
  expired: Type.Boolean(),
  usedAt: Type.Optional(Time)
}
export const Token = named('Token', Type.Object(token))
export const TokenPage = page('TokenPage', Token)
export const TokenCreated = named('TokenCreated', Type.Object({ ...token, token: Type.String({ description: 'The only time that it is shown' }) }))
export const NewToken = named('NewToken', Type.Object({
  name: Type.String({ description: 'Of the identity; several tokens may have one' }),
  rules: Type.Optional(Type.Array(RuleInput, { description: 'What it permits beside the policies that are about token:NAME' })),
  expiresAt: Type.Optional(Type.String({ description: 'ISO 8601 time; absent: it does not expire' }))
}, { ...closed, examples: [{ name: 'shop-orders', rules: [{ role: 'agent', namespaces: ['shop'] }] }] }))
export const WhoAmI = named('WhoAmI', Type.Object({
  subject: Type.String(), kind: Type.String(), address: Type.String(), access: Type.Enum(['off', 'report', 'on']),
  sources: Type.Array(Type.String({ description: 'policy NAME or token ID' })),
  groups: Type.Optional(Type.Array(Type.String({ description: 'Of a JWT: policies are about it as jwt-group:NAME' }))), expiresAt: Type.Optional(Time)
}))
export const CanI = named('CanI', Type.Object({
  verb: Type.Enum([...verbs]), namespace: Type.String(), service: Type.String(), subject: Type.String(), allowed: Type.Boolean(),
  source: Type.Optional(Type.String()), reason: Type.String()
}))
export const Ticket = named('Ticket', Type.Object({ ticket: Type.String({ description: 'For /v1/watch?ticket=: good once, at this node' }), expiresAt: Time }))
