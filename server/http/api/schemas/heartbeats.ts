// Heartbeats and what is answered to them.
import { Type } from 'typebox'
import { Generation, InstanceId, LabelName, StatusName } from '../../../model/instance/instance.ts'
import { maxHeartbeatsPerCall } from '../../../model/limits.ts'
import { Load } from './instances.ts'
import { Count, named } from './named.ts'

const reference = { namespace: LabelName, service: LabelName, id: InstanceId, generation: Type.Optional(Generation) }
export const Heartbeat = Type.Object({ ...reference, status: Type.Optional(StatusName), load: Type.Optional(Load) }, { additionalProperties: false })
export const Leases = Type.Array(Heartbeat, { maxItems: maxHeartbeatsPerCall, rule: `must not have more than ${maxHeartbeatsPerCall} leases` })
export const HeartbeatBatch = named('HeartbeatBatch', Type.Object({ leases: Leases }, {
  additionalProperties: false, examples: [{ leases: [{ namespace: 'shop', service: 'orders', id: 'orders-1', generation: 'k3Jd9a' }] }]
}))
/** `optionalBody`: the body may be empty, since the path names the lease. */
export const HeartbeatBody = named('HeartbeatBody', Type.Object({
  generation: Type.Optional(Generation), status: Type.Optional(StatusName), load: Type.Optional(Load)
}, { additionalProperties: false, optionalBody: true, examples: [{ generation: 'k3Jd9a' }] }))

export const LeaseReference = named('LeaseReference', Type.Object({
  namespace: Type.String(), service: Type.String(), id: Type.String(), generation: Type.Optional(Type.String())
}))

export const heartbeatAnswer = {
  renewed: Count,
  unknown: Type.Array(LeaseReference, { description: 'Not registered, or removed: register again' }),
  superseded: Type.Array(LeaseReference, { description: 'Another life of the same instance is registered: stop' }),
  forbidden: Type.Optional(Type.Array(LeaseReference, { description: 'Registered by somebody else, or not permitted any more: not renewed' })),
  stored: Type.Boolean({ description: "False while the store is away: kept in the node's memory and handed over when it is back" })
}
export const HeartbeatAnswer = named('HeartbeatAnswer', Type.Object(heartbeatAnswer))
