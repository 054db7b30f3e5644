import t from 'tap'
import { kindFields } from '../../../server/model/fields/kind-fields.ts'
import type { Members } from '../../../server/model/fields/values.ts'
import { withMeantPorts } from '../../../server/kubernetes/write/service-ports.ts'
import { strategicPatched } from '../../../server/kubernetes/write/strategic-merge.ts'
import { refused } from './refused.ts'

const type = kindFields.Service
const patched = (live: Members, patch: Members): Members => strategicPatched(live, patch, type)
const port = (number: number, protocol = 'TCP', rest: Members = {}): Members => ({ port: number, protocol, ...rest })
const ports = (...list: readonly Members[]): Members => ({ spec: { ports: list } })
const dns = ports(port(53, 'UDP', { targetPort: 53 }), port(53, 'TCP', { targetPort: 53 }))

t.test('a strategic merge patch is applied as Kubernetes does', async (t) => {
  const table: readonly [string, Members, Members, Members][] = [
    ['members are merged', { metadata: { labels: { a: '1' } } }, { metadata: { labels: { b: '2' } } }, { metadata: { labels: { a: '1', b: '2' } } }],
    ['null removes', { metadata: { labels: { a: '1', b: '2' } } }, { metadata: { labels: { a: null } } }, { metadata: { labels: { b: '2' } } }],
    ['null of what is not there is nothing', { spec: {} }, { spec: { selector: { a: null, b: 'c' }, externalName: null } }, { spec: { selector: { b: 'c' } } }],
    ['ports are merged by their number', ports(port(80, 'TCP', { name: 'http' })), ports({ port: 80, targetPort: 8080 }), ports(port(80, 'TCP', { name: 'http', targetPort: 8080 }))],
    ['a new port comes before what the patch does not name', ports(port(80)), ports({ port: 443 }), ports({ port: 443 }, port(80))],
    ['an item is deleted', ports(port(80), port(443)), ports({ $patch: 'delete', port: 80 }), ports(port(443))],
    ['an item is merged by name of the directive, too', ports(port(80)), ports({ $patch: 'merge', port: 80, name: 'a' }), ports(port(80, 'TCP', { $patch: undefined, name: 'a' }))],
    ['a list is replaced', ports(port(80), port(443)), ports({ $patch: 'replace' }, { port: 1 }), ports({ port: 1 })],
    ['a list that is not there is replaced', { spec: {} }, ports({ $patch: 'replace' }, { port: 1 }), ports({ port: 1 })],
    ['an object is replaced', { metadata: { labels: { a: '1' } } }, { metadata: { labels: { $patch: 'replace', b: '2' } } }, { metadata: { labels: { b: '2' } } }],
    ['an object is emptied', { metadata: { labels: { a: '1' } } }, { metadata: { labels: { $patch: 'delete' } } }, { metadata: { labels: {} } }],
    ['an object is merged', { metadata: { labels: { a: '1' } } }, { metadata: { labels: { $patch: 'merge', b: '2' } } }, { metadata: { labels: { a: '1', b: '2' } } }],
    ['only some keys are retained', { spec: { type: 'NodePort', externalName: 'x', clusterIP: '10.0.0.1' } }, { spec: { $retainKeys: ['type', 'clusterIP'], type: 'ClusterIP' } }, { spec: { type: 'ClusterIP', clusterIP: '10.0.0.1' } }],
    ['lists of addresses are replaced', { spec: { externalIPs: ['a', 'b'] } }, { spec: { externalIPs: ['c'] } }, { spec: { externalIPs: ['c'] } }],
    ['sets of texts are merged', { metadata: { finalizers: ['a', 'b'] } }, { metadata: { finalizers: ['c'] } }, { metadata: { finalizers: ['c', 'a', 'b'] } }],
    ['texts are taken out of a set', { metadata: { finalizers: ['a', 'b'] } }, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } }, { metadata: { finalizers: ['b'] } }],
    ['a set gets an order', { metadata: { finalizers: ['a', 'b', 'c'] } }, { metadata: { '$setElementOrder/finalizers': ['c', 'a'] } }, { metadata: { finalizers: ['b', 'c', 'a'] } }],
    ['ports get an order', ports(port(1), port(2), port(3)), { spec: { '$setElementOrder/ports': [{ port: 3 }, { port: 1 }], ports: [{ port: 1, name: 'a' }] } }, ports(port(2), port(3), port(1, 'TCP', { name: 'a' }))],
    ['conditions are merged by their type', { status: { conditions: [{ type: 'A', status: 'True' }] } }, { status: { conditions: [{ type: 'A', status: 'False' }] } }, { status: { conditions: [{ type: 'A', status: 'False' }] } }],
    ['owners are merged by their uid', { metadata: { ownerReferences: [{ uid: 'u', name: 'a' }] } }, { metadata: { ownerReferences: [{ uid: 'u', kind: 'K' }, { uid: 'v' }] } }, { metadata: { ownerReferences: [{ uid: 'u', name: 'a', kind: 'K' }, { uid: 'v' }] } }],
    ['a name of JavaScript is a name', { metadata: { labels: {} } }, JSON.parse('{"metadata":{"labels":{"__proto__":"x"}}}') as Members, JSON.parse('{"metadata":{"labels":{"__proto__":"x"}}}') as Members]
  ]
  for (const [name, live, patch, expected] of table) t.same(JSON.parse(JSON.stringify(patched(live, patch))), JSON.parse(JSON.stringify(expected)), name)
})

t.test('a port is found by number and protocol where a number alone says too little', async (t) => {
  const table: readonly [string, Members, Members, Members][] = [
    ['the protocol decides', dns, ports({ port: 53, protocol: 'TCP', targetPort: 5353 }), ports(port(53, 'UDP', { targetPort: 53 }), port(53, 'TCP', { targetPort: 5353 }))],
    ['one of two is deleted', dns, ports({ $patch: 'delete', port: 53, protocol: 'UDP' }), ports(port(53, 'TCP', { targetPort: 53 }))],
    ['both are deleted', dns, ports({ $patch: 'delete', port: 53 }), ports()],
    ['a second protocol is added', ports(port(53)), ports(port(53), port(53, 'UDP')), ports(port(53), port(53, 'UDP'))],
    ['the only one changes its protocol', ports(port(53, 'TCP', { name: 'a' })), ports({ port: 53, protocol: 'UDP' }), ports(port(53, 'UDP', { name: 'a' }))],
    ['a third protocol is added', dns, ports(port(53, 'SCTP')), ports(port(53, 'SCTP'), port(53, 'UDP', { targetPort: 53 }), port(53, 'TCP', { targetPort: 53 }))]
  ]
  for (const [name, live, patch, expected] of table) {
    const sorted = (value: Members): unknown => ((value.spec as Members).ports as Members[]).map((each) => JSON.stringify(Object.entries(each).sort())).sort()
    t.same(sorted(patched(live, patch)), sorted(expected), name)
  }
  t.equal(refused(() => patched(dns, ports({ port: 53, targetPort: 1 }))), '422 Invalid: map: map[port:53 targetPort:1] may mean each of 2 items with this port: name the protocol, too')
})

t.test('what kubectl apply means by ports of one number stands in its annotation', async (t) => {
  const annotated = (object: Members, applied: Members): Members => ({ ...object, metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(applied) } } })
  const wanted = ports({ port: 53, protocol: 'UDP' }, { port: 53, targetPort: 5353 })
  const sent = { spec: { '$setElementOrder/ports': [{ port: 53 }, { port: 53 }], ports: [{ port: 53, targetPort: 5353 }] } }
  const before = ports({ port: 53, protocol: 'UDP' }, { port: 53, name: 'old' })
  const live = annotated(ports(port(53, 'UDP', { targetPort: 53, nodePort: 30053 }), port(53, 'TCP', { targetPort: 53, name: 'old' }), port(9, 'TCP')), before)
  const expected = [port(53, 'UDP', { targetPort: 53, nodePort: 30053 }), port(53, 'TCP', { targetPort: 5353 }), port(9, 'TCP')]
  t.same((patched(live, withMeantPorts(live, annotated(sent, wanted), 'kubectl-client-side-apply')).spec as Members).ports, expected, 'the patch carries the manifest')
  const again = annotated({ spec: live.spec }, wanted)
  t.match((patched(again, withMeantPorts(again, sent, 'kubectl-client-side-apply')).spec as Members).ports, expected.map((each) => ({ port: each.port, targetPort: each.targetPort })).slice(0, 2), 'the object carries it')
  t.equal(withMeantPorts(again, sent, 'kubectl-edit'), sent, 'others mean what they say')
  const plain = annotated(sent, ports({ port: 80 }))
  t.equal(withMeantPorts(ports(port(80)), plain, 'kubectl-client-side-apply'), plain, 'numbers that differ say enough')
  t.same((patched(live, withMeantPorts(live, annotated({ spec: { ports: [{ $patch: 'delete', port: 53 }] } }, ports(port(53, 'UDP'))), '')).spec as Members).ports,
    [port(53, 'UDP', { targetPort: 53, nodePort: 30053 }), port(9)], 'one of two is deleted')
})

t.test('directives of a wrong form are refused, and nothing is changed', async (t) => {
  const live = { metadata: { labels: { a: '1' }, finalizers: ['a'] }, ...ports(port(80)) }
  const copy = structuredClone(live)
  const table: readonly [Members, string][] = [
    [{ spec: { $patch: 'remove' } }, '422 Invalid: unknown patch type: remove in map: map[$patch:remove]'],
    [ports({ $patch: 'x', port: 80 }), '422 Invalid: unknown patch type: x in map: map[$patch:x port:80]'],
    [ports({ name: 'a' }), '422 Invalid: map: map[name:a] does not contain declared merge key: port'],
    [ports({ $patch: 'delete' }), '422 Invalid: map: map[$patch:delete] does not contain declared merge key: port'],
    [{ spec: { ports: [7] } }, '422 Invalid: expected a map[string]interface {}, but received a number'],
    [{ spec: { $retainKeys: 'type' } }, '400 BadRequest: invalid patch format of retainKeys'],
    [{ spec: { $retainKeys: ['ports'], type: 'NodePort' } }, '400 BadRequest: invalid patch format of retainKeys'],
    [{ metadata: { '$deleteFromPrimitiveList/finalizers': 'a' } }, '400 BadRequest: invalid patch format of primitive list'],
    [{ spec: { '$setElementOrder/ports': 'a' } }, '400 BadRequest: invalid patch format of setElementOrder list'],
    [{ spec: { '$setElementOrder/ports': [{ port: 1 }, { port: 2 }], ports: [{ port: 2 }, { port: 1 }] } },
      "422 Invalid: The order in patch list:\n[map[port:2] map[port:1]]\n doesn't match $setElementOrder list:\n[map[port:1] map[port:2]]\n"],
    [{ spec: { '$setElementOrder/externalIPs': ['a'] } }, '422 Invalid: unable to find api field in struct ServiceSpec for the json field "externalIPs"']
  ]
  for (const [patch, expected] of table) t.equal(refused(() => patched(live, patch)), expected)
  t.same(live, copy)
})
