// What a change of one instance costs where 10,000 services select among 100,000 instances in 100 namespaces: the change itself, and
// the endpoints of the services that it meets, which are asked for at once. Run by hand: node test/bench/selectors.ts
import { bodyOf } from '../../server/model/instance.ts'
import { Catalog } from '../../server/registry/catalog.ts'
import { storedManifest } from '../../server/registry/manifests.ts'
import type { Change, InstanceRecord, ObjectRecord } from '../../server/store/store.ts'

const namespaces = 100
const servicesEach = 100
const instancesEach = 1_000
const samples = 5_000

function record (space: number, index: number, revision: number, version: string): InstanceRecord {
  const labels = { app: `app-${index % servicesEach}`, env: 'production', version }
  const { body } = bodyOf({ address: `10.${space}.${index >> 8}.${index & 255}`, labels, ports: [{ name: 'http', port: 8080 }] }, undefined)
  return {
    key: `ns-${space}/pods/i-${index}`, lease: `${space}/${index}`, generation: 'g', ttlMs: 15_000, createdRevision: 1, revision,
    createdAtMs: 1_000, updatedAtMs: 1_000, suspect: false, body: JSON.stringify(body)
  }
}

function service (space: number, index: number): ObjectRecord {
  const body = storedManifest({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: `ns-${space}`, name: `s-${index}` },
    spec: { type: 'ClusterIP', sessionAffinity: 'None', selector: { env: 'production', app: `app-${index}` }, ports: [{ protocol: 'TCP', port: 80, targetPort: 'http' }] }
  })
  return { key: `service/ns-${space}/s-${index}`, createdRevision: 1, revision: 1, createdAtMs: 1_000, updatedAtMs: 1_000, endsAtMs: 0, body }
}

function * each<Item> (count: number, make: (space: number, index: number) => Item): Generator<Item> {
  for (let space = 0; space < namespaces; space++) for (let index = 0; index < count; index++) yield make(space, index)
}

const catalog = new Catalog()
const filling = performance.now()
catalog.fill(each(instancesEach, (space, index) => record(space, index, 1, 'v1')), each(servicesEach, service))
console.log(`filled with ${namespaces * servicesEach} services and ${catalog.size} instances in ${Math.round(performance.now() - filling)} ms`)
for (let space = 0; space < namespaces; space++) for (const { name } of catalog.declaredServices(`ns-${space}`)) catalog.endpoints(`ns-${space}`, name)

const times: number[] = []
for (let sample = 0; sample < samples; sample++) {
  const space = sample % namespaces
  const change: Change = { revision: sample + 2, atMs: 0, by: 'bench', type: 'put', reason: 'updated', record: record(space, (sample * 7) % instancesEach, sample + 2, `v${sample}`) }
  const began = performance.now()
  const applied = catalog.apply(change)
  for (const name of applied?.touched ?? []) catalog.endpoints(`ns-${space}`, name)
  times.push(performance.now() - began)
}
times.sort((a, b) => a - b)
const at = (part: number): string => (times[Math.floor(part * (times.length - 1))] ?? 0).toFixed(4)
console.log(`one change with the endpoints that it concerns: median ${at(0.5)} ms, 99th percentile ${at(0.99)} ms, worst ${at(1)} ms`)
