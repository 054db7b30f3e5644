// What the routes are grouped by in OpenAPI.
export const tags = [
  { name: 'instances', description: 'Running copies of services' },
  { name: 'heartbeats', description: 'Keeping leases' },
  { name: 'services', description: 'Services and who serves them' },
  { name: 'namespaces', description: 'What services are grouped by' },
  { name: 'manifests', description: 'Declaring services, as with Kubernetes' },
  { name: 'ingress', description: 'Requests of HTTP by host and path' },
  { name: 'autoscaling', description: 'How many copies there should be' },
  { name: 'overrides', description: "An operator's word on an instance" },
  { name: 'access', description: 'Tokens, and who may do what' },
  { name: 'watch', description: 'Changes as they happen' },
  { name: 'operations', description: 'For those who run the registry' }
] as const
