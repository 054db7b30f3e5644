// What a change of one instance costs where 10,000 services select among 100,000 instances in 100 namespaces: the change itself, and
// the endpoints of the services that it meets, which are asked for at once.
import { bodyOf } from '../../server/model/instance/instance.ts'
import { Catalog } from '../../server/registry/catalog/catalog.ts'
import { storedManifest } from '../../server/registry/services/manifests.ts'
import { type Row, load, startRedis, startRegistry, temporaryDirectory } from './lib.ts'
import type { Change, InstanceRecord, ObjectRecord } from '../../server/store/store.ts'

const namespaces = 100
const servicesEach = 100
const instancesEach = 1_000
const samples = 5_000

function record (space: number, index: number, revision: number, version: string): InstanceRecord {
  const labels = { app: `app-${index % servicesEach}`, env: 'production', version }
  const { body } = bodyOf({ address: `10.${space}.${index >> 8}.${index & 255}`, labels, ports: [{ name: 'http', port: 8080 }] }, undefined)
  return {
    key: `ns-${space}/pods/i-${index}`, lease: `${space}/${index}`, generation: 'g', ttlMs: 15_000, createdRevision: 1, revision, shownRevision: revision,
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

export async function selectors (): Promise<Row[]> {
  return [oneChange(), ...await applies()]
}

function oneChange (): Row {
  const catalog = new Catalog()
  for (const object of each(servicesEach, service)) catalog.fillObject(object)
  for (const instance of each(instancesEach, (space, index) => record(space, index, 1, 'v1'))) catalog.fillInstance(instance)
  for (let space = 0; space < namespaces; space++) for (const { name } of catalog.declaredServices(`ns-${space}`)) catalog.endpoints(`ns-${space}`, name)
  const times: number[] = []
  for (let sample = 0; sample < samples; sample++) {
    const space = sample % namespaces
    const revision = sample + 2
    const change: Change = { revision, atMs: 0, by: 'bench', type: 'put', reason: 'updated', record: record(space, (sample * 7) % instancesEach, revision, `v${sample}`) }
    const began = performance.now()
    const applied = catalog.apply(change)
    for (const name of applied?.touched ?? []) catalog.endpoints(`ns-${space}`, name)
    times.push(performance.now() - began)
  }
  times.sort((a, b) => a - b)
  const at = (part: number): number => times[Math.floor(part * (times.length - 1))] ?? 0
  return {
    what: `one change among ${namespaces * servicesEach} selectors over ${catalog.size} instances, with the endpoints that it concerns`,
    measured: `${at(0.5).toFixed(3)} ms at the median, ${at(0.99).toFixed(2)} ms at the 99th percentile`,
    goal: 'under 1 ms at the median',
    met: at(0.5) < 1
  }
}

const manifests = 1_000

async function applies (): Promise<Row[]> {
  await using directory = await temporaryDirectory()
  await using sqlite = await startRegistry({ directory: directory.path })
  await using redis = await startRedis([])
  await using registry = await startRegistry({ redis: redis.url })
  const rows: Row[] = []
  for (const [store, { url }] of [['SQLite', sqlite], ['Redis', registry]] as const) {
    await load({ url: `${url}/livez`, connections: 4, seconds: 1 }) // the first request of a process compiles half of it
    const body = Array.from({ length: manifests }, (_, index) =>
      `apiVersion: v1\nkind: Service\nmetadata:\n  name: s-${index}\n  namespace: shop\nspec:\n  type: NodePort\n  selector:\n    app: web\n  ports:\n    - port: 80\n`).join('---\n')
    const began = performance.now()
    const { status } = await fetch(`${url}/v1/apply`, { method: 'POST', headers: { 'content-type': 'application/yaml' }, body })
    const seconds = (performance.now() - began) / 1_000
    if (status !== 200) throw new Error(`apply answered ${status}`)
    rows.push({ what: `apply of ${manifests} NodePort manifests in one stream on ${store}`, measured: `${seconds.toFixed(2)} s`, goal: 'under 2 s', met: seconds < 2 })
  }
  return rows
}
