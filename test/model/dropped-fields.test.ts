// Fields of a manifest that the registry does not act on give a warning each.
import t from 'tap'
import { droppedFields } from '../../server/model/service/dropped-fields.ts'
import { serviceNameLabel } from '../../server/model/service/types.ts'

const owner = (kind: string, name: string): object => ({ apiVersion: 'v1', kind, name, uid: '1' })
const slice =
  (ownerReferences: object[]): object => ({ metadata: { labels: { [serviceNameLabel]: 'web' }, ownerReferences } })

t.test('each field that is not acted on is named', async (t) => {
  const table: readonly (readonly [Parameters<typeof droppedFields>[0], object, RegExp[]])[] = [
    ['Service', { metadata: { finalizers: ['a/b'] } }, [/^metadata.finalizers/]],
    ['Service', { metadata: { ownerReferences: [owner('Deployment', 'web')] } }, [/^metadata.ownerReferences/]],
    ['Service', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 } },
      [/^metadata.deletionTimestamp/]],
    ['Service', { metadata: { annotations: { 'rollcall.dev/load-balancer-pol': 'lan', 'rollcall.dev/x': 'y' } } },
      [/load-balancer-pol\] is not known.*rollcall.dev\/load-balancer-pool/, /rollcall.dev\/x\]/]],
    ['EndpointSlice', { metadata: { annotations: { 'rollcall.dev/dns-ttl': '5s' } } },
      [/dns-ttl\] is not acted on: it is for the kind Service or Namespace/]],
    ['Namespace', { metadata: { annotations: { 'rollcall.dev/dns-fallback': 'x' } } }, [/for the kind Service$/]],
    ['Namespace', { spec: { finalizers: ['mine'] } }, [/^spec.finalizers/]],
    ['Service', { metadata: { labels: { 'rollcall.dev/service': 'web' } } },
      [/^metadata.labels\[rollcall.dev\/service\]/]],
    ['Endpoints', { metadata: { finalizers: ['a'], ownerReferences: [owner('Service', 'web')] } },
      [/finalizers/, /ownerReferences/]],
    ['EndpointSlice', slice([owner('Service', 'other')]), [/ownerReferences/]],
    ['EndpointSlice', slice([owner('Service', 'web'), owner('Deployment', 'web')]), [/ownerReferences/]]
  ]
  for (const [kind, value, sentences] of table) {
    const found = droppedFields(kind, value)
    t.equal(found.length, sentences.length, JSON.stringify(found))
    t.match(found, sentences, JSON.stringify(value))
  }
})

t.test('fields that the registry acts on, that are history, or that are empty give no warning', async (t) => {
  const table: readonly (readonly [Parameters<typeof droppedFields>[0], unknown])[] = [
    ['Service', { metadata: { finalizers: [], ownerReferences: null, deletionTimestamp: null, managedFields: [{}],
      selfLink: '/x', annotations: null, labels: null }, status: { loadBalancer: {} } }],
    ['Service', { metadata: { annotations: { 'rollcall.dev/dns-ttl': '5s', 'rollcall.dev/dns-ptr': 'none',
      'rollcall.dev/load-balancer-pool': 'lan', 'other.dev/x': 'y' } } }],
    ['Namespace', { metadata: {}, spec: { finalizers: ['kubernetes'] } }],
    ['EndpointSlice', slice([owner('Service', 'web')])],
    ['Service', null], ['Service', { metadata: 'x', spec: [] }]
  ]
  for (const [kind, value] of table) t.same(droppedFields(kind, value), [], JSON.stringify(value))
})
