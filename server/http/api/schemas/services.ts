// Services and namespaces as lists show them, and why an instance is an endpoint of a service.
import { Type } from 'typebox'
import { NamespaceManifest, ServiceManifest } from './manifests.ts'
import { Count, named, page, Time } from './named.ts'

/** Instances by status. */
export const statusCounts = { starting: Count, up: Count, warning: Count, draining: Count, down: Count }

export const ServiceExplanation = named('ServiceExplanation', Type.Object({
  namespace: Type.String(),
  service: Type.String(),
  implicit: Type.Boolean(),
  in: Type.Boolean({ description: 'Whether the service has an endpoint of this instance' }),
  ready: Type.Boolean({ description: 'Whether callers are sent to it' }),
  rule: Type.String({ description: 'The rule that decided' }),
  message: Type.String(),
  source: Type.Optional(Type.String({ description: 'The dialect that the instance registered in; absent for this API' })),
  missingPorts: Type.Array(Type.String()),
  warnings: Type.Optional(Type.Array(Type.String(), { description: 'Of a service that has it: its addresses and node ports that are in no range of this node' })),
  dns: Type.Optional(Type.Object({
    answer: Type.Enum(['cluster-ip', 'endpoints']), reason: Type.String()
  }, { description: 'Of a service with a cluster IP that has it: what DNS answers for its name to the caller, and why. Absent where the node answers no DNS' }))
}))
export const ServiceExplanations = named('ServiceExplanations', Type.Array(ServiceExplanation))

export const ServiceSummary = named('ServiceSummary', Type.Object({
  namespace: Type.String(),
  name: Type.String(),
  implicit: Type.Boolean({ description: 'Nobody declared it: it exists because instances registered under its name' }),
  instances: Type.Object({ total: Count, ready: Count, suspect: Count, ...statusCounts }),
  endpoints: Type.Object({ total: Count, ready: Count }, { description: 'What callers are told, those made by hand included' }),
  createdAt: Type.String({ format: 'date-time', description: 'When it was declared; of an implicit one, when the oldest of its instances registered' }),
  protectedSince: Type.Optional(Time),
  manifest: Type.Optional(ServiceManifest),
  warnings: Type.Optional(Type.Array(Type.String(), { description: 'Where one service is read: addresses and node ports that it has and that are in no range of this node' })),
  revision: Count
}))
export const NamespaceSummary = named('NamespaceSummary', Type.Object({
  name: Type.String(), services: Count, instances: Count, manifest: Type.Optional(NamespaceManifest)
}))

export const ServicePage = page('ServicePage', ServiceSummary)
export const NamespacePage = page('NamespacePage', NamespaceSummary)
