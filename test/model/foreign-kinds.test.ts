// Which kinds a stream may be passed over: those of others, and no slip of the pen.
import t from 'tap'
import { ForeignKinds, isForeign } from '../../server/model/manifest/foreign-kinds.ts'
import { readManifests } from '../../server/model/manifest/manifest-stream.ts'

t.test('a kind of Kubernetes or of an extension is foreign; one of ours, or what reads like it, is not', async (t) => {
  const table: readonly (readonly [unknown, unknown, boolean])[] = [
    ['Deployment', 'apps/v1', true], ['NetworkPolicy', 'networking.k8s.io/v1', true], ['Secret', 'v1', true], ['Ingress', 'extensions/v1beta1', true],
    ['ConfigMapList', 'v1', true], ['Kustomization', 'kustomize.config.k8s.io/v1beta1', true],
    ['Service', 'serving.knative.dev/v1', true], ['HelmRelease', 'helm.toolkit.fluxcd.io/v2', true],
    ['CronJob', 'batch/v1beta1', true],
    ['Ingress', 'networking.k8s.io/v1', false], ['Ingress', 'networking.k8s.io/v1beta1', false], ['HorizontalPodAutoscaler', 'autoscaling/v2', false],
    ['Service', 'v1', false], ['Servise', 'v1', false], ['service', 'v1', false], ['Services', 'v1', false],
    ['Deployment', 'v1', false], ['Service', 'v2', false],
    ['EndpointSlice', 'discovery.k8s.io/v1beta1', false], ['EndpointSlices', 'discovery.k8s.io/v1', false],
    ['List', 'apps/v1', false],
    [undefined, 'apps/v1', false], ['Deployment', undefined, false], ['', '', false],
    ['Deploy\u001b', 'apps/v1', false], ['Deployment', 'apps', false], ['Deployment', 'apps/', false], [{}, [], false]
  ]
  for (const [kind, apiVersion, expected] of table) t.equal(isForeign({ kind, apiVersion }), expected,
    JSON.stringify([kind, apiVersion]))
  t.equal(isForeign({ kind: 'Secret', apiVersion: 'v1', type: 'kubernetes.io/tls' }), false, 'a certificate is ours')
  t.equal(isForeign({ kind: 'Secret', apiVersion: 'v1', type: 'Opaque' }), true)
})

const stream = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Secret, metadata: {name: a}}
- {apiVersion: apps/v1, kind: Deployment, metadata: {name: b}}
- {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
`

t.test('on request foreign objects are skipped and reported, each kind once, with the place of the first; otherwise they are refused', async (t) => {
  const kinds = new ForeignKinds()
  const documents = readManifests(stream, { foreign: (found) => { kinds.add(found) } })
  t.match(documents, [{ kind: 'Service', index: 2, line: 5 }, { kind: 'Namespace', index: 3, item: 2 }])
  t.same(kinds.list,
    [{ kind: 'Deployment', apiVersion: 'apps/v1', document: 1, line: 1, count: 2 },
      { kind: 'Secret', apiVersion: 'v1', document: 3, line: 13, count: 1 }])
  t.throws(() => readManifests(stream), { code: 'REG_INVALID', errors: [{ field: 'kind', document: 1 }] })
})

t.test('they count towards the limits of a stream, and their kinds are bounded', async (t) => {
  const many = Array.from({ length: 60 }, (_, index) => `apiVersion: a.b/v1\nkind: K${index}\n`).join('---\n')
  const kinds = new ForeignKinds()
  t.same(readManifests(many, { foreign: (found) => { kinds.add(found) } }), [])
  t.equal(kinds.list.length, 50)
  const list = `apiVersion: v1\nkind: List\nitems:\n${'- {apiVersion: a.b/v1, kind: K}\n'.repeat(60)}`
  for (const text of [many, list]) {
    t.throws(() => readManifests(text, { limits: { maxDocuments: 20 }, foreign: () => undefined }),
      { errors: [{ rule: /must not hold more than 20 documents/ }] })
  }
})
