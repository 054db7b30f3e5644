// Instances: as they are registered, changed, shown and listed.
import { Type } from 'typebox'
import { maxLoadValues } from '../../../../client-sdk/src/rules.ts'
import { OverrideBody as OverrideSchema, PatchBody, protocols, RegistrationBody, StatusName } from '../../../model/instance/instance.ts'
import { mapOf } from '../../../model/validate.ts'
import { Count, named, page, Texts, Time } from './named.ts'

export const Port = named('Port', Type.Object({
  name: Type.String({ description: '"" for an unnamed port' }),
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
  protocol: Type.Enum([...protocols])
}))

export const Conditions = named('Conditions', Type.Object({
  ready: Type.Boolean(), serving: Type.Boolean(), terminating: Type.Boolean()
}, { description: 'As in a Kubernetes EndpointSlice: ready = serving and not terminating' }))

export const Override = named('Override', Type.Object({
  status: Type.Optional(Type.Enum(['draining', 'down'])),
  weight: Type.Optional(Type.Integer()),
  author: Type.String(),
  reason: Type.String(),
  until: Type.Optional(Time),
  createdAt: Time
}, { description: "An operator's word on an instance" }))

/** Fields that an instance and an endpoint have. */
export const shared = {
  id: Type.String(),
  address: Type.String(),
  ports: Type.Array(Port),
  hostname: Type.Optional(Type.String()),
  labels: Texts,
  metadata: Texts,
  weight: Type.Integer(),
  priority: Type.Integer(),
  zone: Type.Optional(Type.String()),
  region: Type.Optional(Type.String()),
  node: Type.Optional(Type.String({ description: 'The machine that it runs on' })),
  version: Type.Optional(Type.String()),
  source: Type.Optional(Type.String({ description: 'The dialect that it registered in, as eureka; absent for this API' })),
  owner: Type.Optional(Type.String({ description: 'The identity that registered it: it alone may keep it' })),
  status: StatusName
}

const LoadValue = Type.Object({
  value: Type.Number({ rule: 'must be a number' }), capacity: Type.Optional(Type.Number({ exclusiveMinimum: 0, rule: 'must be a number above 0' }))
}, { additionalProperties: false })
/** Names are checked by the core. */
export const Load = mapOf(LoadValue, { maxProperties: maxLoadValues, description: 'What heartbeats said lately, through whichever node' })

const instanceFields = {
  namespace: Type.String(),
  service: Type.String(),
  ...shared,
  generation: Type.String({ description: 'Names this life of the instance' }),
  effectiveStatus: Type.Enum(['starting', 'up', 'warning', 'draining', 'down'], { description: 'override.status if there is one, else status' }),
  suspect: Type.Boolean({ description: 'The lease ran out or its session broke' }),
  conditions: Conditions,
  override: Type.Optional(Override),
  lease: Type.Object({ ttlMs: Type.Integer() }),
  createdAt: Time,
  updatedAt: Time,
  revision: Count,
  load: Type.Optional(Load)
}
export const Instance = named('Instance', Type.Object(instanceFields))
export const RegistrationAnswer = named('RegistrationAnswer', Type.Object({
  ...instanceFields,
  warnings: Type.Optional(Type.Array(Type.String(), { description: 'What is odd about the registration; it stands all the same' }))
}))

export const Registration = named('Registration', Type.Object(RegistrationBody.properties, {
  additionalProperties: false,
  examples: [{ address: '10.0.0.7', ports: [{ name: 'http', port: 8080 }], labels: { version: 'v2' }, zone: 'a', lease: { ttlMs: 15_000 } }]
}))
export const InstancePatch = named('InstancePatch', Type.Object(PatchBody.properties, {
  additionalProperties: false, examples: [{ status: 'draining', labels: { canary: null } }]
}))
export const OverrideBody = named('OverrideBody', Type.Object(OverrideSchema.properties, {
  additionalProperties: false, minProperties: 1, examples: [{ status: 'draining', reason: 'kernel update', author: 'ada' }]
}))

export const InstancePage = page('InstancePage', Instance)
const ListedOverride = named('ListedOverride', Type.Object({
  namespace: Type.String(),
  service: Type.String(),
  id: Type.String(),
  registered: Type.Boolean({ description: 'Whether the instance is registered now' }),
  absentSince: Type.Optional(Type.String({ description: 'Since when it is not, as far as this node knows' })),
  override: Override
}))
export const OverridePage = page('OverridePage', ListedOverride)
