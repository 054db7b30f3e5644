import t from 'tap'
import { scaled, type ScaleRequest } from '../../../server/kubernetes/write/scale.ts'
import { refused } from './refused.ts'

const scale = {
  kind: 'Scale', apiVersion: 'autoscaling/v1', metadata: { name: 'web', namespace: 'shop', uid: 'u', resourceVersion: '7', creationTimestamp: '2026-01-02T03:04:05Z' },
  spec: { replicas: 3 }, status: { replicas: 3, selector: 'app=web' }
}
const asked = (body: unknown, verb: ScaleRequest['verb'] = 'patch', contentType = 'application/merge-patch+json'): ScaleRequest =>
  ({ verb, body: Buffer.from(JSON.stringify(body)), contentType, query: new URLSearchParams('fieldManager=kubectl-scale') })

t.test('a workload has the scale of its instances, and may be asked to stay so', async (t) => {
  t.same(scaled(scale, asked({ spec: { replicas: 3 } })), scale)
  t.same(scaled(scale, asked([{ op: 'replace', path: '/spec/replicas', value: 3 }], 'patch', 'application/json-patch+json')), scale)
  t.same(scaled(scale, asked(scale, 'update', 'application/json')), scale)
})

t.test('another number is refused with what can be done instead', async (t) => {
  const why = '422 Invalid: Scale.autoscaling "web" is invalid: spec.replicas: Invalid value: '
  t.equal(refused(() => scaled(scale, asked({ spec: { replicas: 5 } }))), `${why}5: the registry starts and stops no processes, and 3 instances are registered: start more of them, and each registers itself`)
  t.equal(refused(() => scaled(scale, asked({ spec: { replicas: 0 } }))), `${why}0: the registry starts and stops no processes, and 3 instances are registered: drain and stop some of them (rollcall drain, kubectl delete pod)`)
  t.equal(refused(() => scaled(scale, asked({ spec: { replicas: -1 } }))), `${why}-1: must be greater than or equal to 0`)
  t.match(refused(() => scaled(scale, asked({ spec: { replicas: 'x' } }))), /cannot unmarshal string into Go struct field ScaleSpec\.spec\.replicas of type int32/)
  t.match(refused(() => scaled(scale, asked({}, 'patch', 'application/json'))), /^415 /)
})
