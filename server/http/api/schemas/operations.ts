// What those see who run the registry: pools, the overview, propagation, health, records that cannot be read.
import { Type } from 'typebox'
import { Count, CursorText, named, page, Texts, Time } from './named.ts'
import { statusCounts } from './services.ts'

const PoolBand = Type.Object({ size: Type.Number(), used: Count })
export const Pool = named('Pool', Type.Object({
  kind: Type.Enum(['cluster-ip', 'node-port', 'load-balancer']),
  name: Type.String(),
  ranges: Type.Array(Type.String()),
  autoAssign: Type.Boolean(),
  size: Type.Number(),
  used: Count,
  free: Type.Number(),
  bands: Type.Optional(Type.Object({ static: PoolBand, dynamic: PoolBand })),
  outside: Type.Optional(Type.Array(Type.String(), {
    description: 'Of a pool named (outside): values that services have and no range of this node holds; the first 20'
  }))
}))
export const Pools = named('Pools', Type.Array(Pool))

export const Propagation = named('Propagation', Type.Object({
  revision: Count,
  watchers: Count,
  seen: Count,
  pending: Type.Array(Type.String()),
  delayMs: Type.Optional(Type.Object({ median: Type.Number(), max: Type.Number() }))
}))

export const Overview = named('Overview', Type.Object({
  node: Type.String(),
  version: Type.String(),
  epoch: Type.String(),
  revision: CursorText,
  uptimeSeconds: Count,
  namespaces: Count,
  services: Count,
  instances: Type.Object({ total: Count, suspect: Count, ...statusCounts }, { description: 'By effective status' }),
  store: Type.Object({ kind: Type.String(), location: Type.String(), available: Type.Boolean(), reason: Type.String(), since: Time }),
  protection: Type.Object({
    registrySince: Type.Optional(Time),
    services: Type.Array(Type.Object({ namespace: Type.String(), service: Type.String(), since: Time })),
    holdMs: Type.Number()
  }),
  watchers: Type.Object({ connections: Count, subscriptions: Count }),
  rememberedHeartbeats: Count,
  unreadable: Type.Object({
    count: Count, records: Type.Array(Type.Object({ key: Type.String(), reason: Type.String() }))
  }, { description: 'Records of the store that nobody is answered; at most 100 are named' }),
  handMade: Type.Object({ total: Count, undeclared: Count }, {
    description: 'EndpointSlices and Endpoints that were applied by hand, and how many of them are of services that are not declared'
  }),
  ranges: Type.Object({
    nodes: Count,
    different: Type.Array(Type.Object({
      node: Type.String(), setting: Type.Enum(['service-cidr', 'node-port-range', 'load-balancer-pool']), here: Type.String(), there: Type.String()
    }))
  }, { description: 'The nodes on the store, and where the ranges that they allocate from differ from this node\'s; at most 100 differences' })
}))

export const UnreadableRecord = named('UnreadableRecord', Type.Object({
  key: Type.String(), reason: Type.String(), revision: Type.Optional(Type.Integer()), updatedAt: Type.Optional(Time), content: Type.String(), length: Count
}))
export const UnreadablePage = page('UnreadablePage', UnreadableRecord)

export const TargetGroups = named('TargetGroups', Type.Array(Type.Object({ targets: Type.Array(Type.String()), labels: Texts })))

export const Health = named('Health', Type.Object({
  status: Type.Enum(['ok', 'unavailable']),
  checks: Type.Array(Type.Object({ name: Type.String(), ok: Type.Boolean(), reason: Type.String() }))
}))
