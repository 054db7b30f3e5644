import t from 'tap'
import type { ServiceEndpoints } from '../../client-sdk/src/wire.ts'
import { readServiceCidrs } from '../../server/model/address/ranges.ts'
import type { Machine } from '../../server/proxy/machine.ts'
import { TrafficState } from '../../server/proxy/traffic-state.ts'

const machine: Machine = { node: 'a', addresses: new Set(), nodeAddresses: ['10.77.0.1'], serviceRanges: readServiceCidrs(['10.96.0.0/12']), externalRanges: [] }

function service (name: string, address: string, created: string, endpoints: readonly string[] = ['10.0.0.1']): ServiceEndpoints {
  return {
    namespace: 'shop', service: name, revision: 'e.1', failOpen: false, declared: true,
    endpoints: endpoints.map((endpoint) => ({
      id: endpoint, address: endpoint, ports: [{ name: '', port: 8080, protocol: 'TCP' }], labels: {}, metadata: {}, weight: 1, priority: 0, status: 'up', suspect: false,
      conditions: { ready: true, serving: true, terminating: false }
    })),
    manifest: {
      apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop', creationTimestamp: created },
      spec: { type: 'ClusterIP', clusterIP: address, clusterIPs: [address], ipFamilies: ['IPv4'], sessionAffinity: 'None', ports: [{ protocol: 'TCP', port: 80, targetPort: 8080 }] }
    }
  }
}

const changed = (state: TrafficState): Record<string, string | undefined> =>
  Object.fromEntries(Array.from(state.takeChanges(), ([key, frontEnd]) => [key, frontEnd?.service]))

t.test('only what changed is told, and an address has one service', async (t) => {
  const state = new TrafficState(machine)
  state.replace([service('a', '10.96.0.1', '2026-01-02T00:00:00Z'), service('b', '10.96.0.2', '2026-01-01T00:00:00Z')])
  t.same(changed(state), { '10.96.0.1 tcp 80': 'shop/a', '10.96.0.2 tcp 80': 'shop/b' })
  t.same(changed(state), {})
  state.put(service('older', '10.96.0.1', '2026-01-01T00:00:00Z'))
  t.same(changed(state), { '10.96.0.1 tcp 80': 'shop/older' }, 'the older service has it')
  t.match(state.conditions(), [{ service: 'shop/a', reason: 'AddressTaken' }])
  state.remove('shop/older')
  t.same(changed(state), { '10.96.0.1 tcp 80': 'shop/a' })
  t.same(state.conditions(), [])
  state.replace([service('b', '10.96.0.2', '2026-01-01T00:00:00Z')])
  t.match(changed(state), { '10.96.0.1 tcp 80': undefined })
  t.equal(state.frontEnds, 1)
})
