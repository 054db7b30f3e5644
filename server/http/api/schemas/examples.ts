// Examples for OpenAPI.
import type { DeleteAnswer as WireDeleteAnswer, EndpointsAnswer as WireEndpointsAnswer, Instance as WireInstance } from '../../../../client-sdk/src/wire.ts'
import { exampleManifest } from './manifests.ts'

const exampleShared = {
  id: 'orders-1', address: '10.0.0.7', ports: [{ name: 'http', port: 8080, protocol: 'TCP' }], labels: { version: 'v2' }, metadata: {}, weight: 100, priority: 0, zone: 'a', status: 'up'
} as const
const ready = { ready: true, serving: true, terminating: false }

export const exampleInstance: WireInstance = {
  namespace: 'shop', service: 'orders', ...exampleShared, generation: 'k3Jd9a', effectiveStatus: 'up', suspect: false, conditions: ready,
  lease: { ttlMs: 15_000 }, createdAt: '2026-01-01T00:00:00.000Z', updatedAt: '2026-01-01T00:00:00.000Z', revision: 17
}
export const exampleEndpoints: WireEndpointsAnswer = {
  namespace: 'shop', service: 'orders', revision: 'q7Zk2.17', failOpen: false, endpoints: [{ ...exampleShared, suspect: false, conditions: ready }]
}
export const exampleService = {
  namespace: 'shop', name: 'orders', implicit: true,
  instances: { total: 1, ready: 1, suspect: 0, starting: 0, up: 1, warning: 0, draining: 0, down: 0 }, endpoints: { total: 1, ready: 1 },
  createdAt: '2026-01-01T00:00:00.000Z', revision: 17
}
export const exampleApplyResult = { kind: 'Service', namespace: 'shop', name: 'webui', outcome: 'created', manifest: exampleManifest, warnings: [] } as const
export const exampleDeleteAnswer: WireDeleteAnswer = { revision: 'q7Zk2.17', dryRun: false, deleted: [{ kind: 'Service', namespace: 'shop', name: 'webui' }] }
