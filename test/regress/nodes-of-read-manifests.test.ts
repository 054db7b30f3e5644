// Symptom: forty streams of 2,000 manifests took 174 MiB. Each document that was read kept the nodes of its text, for the line of a fault
// that it might have: many times what it says. And a stream of thousands of faults looked up the place of each, of which twenty are told.
import { queryObjects } from 'node:v8'
import t from 'tap'
import { Scalar, YAMLMap } from 'yaml'
import { located } from '../../server/model/manifest/manifest-faults.ts'
import { readManifests } from '../../server/model/manifest/manifest-stream.ts'
import { FaultList, maxToldFaults } from '../../server/refusal.ts'

function service (index: number, more = ''): string {
  return `apiVersion: v1\nkind: Service\nmetadata: {name: m${index}}\nspec:\n  ports:\n    - port: 80\n${more}`
}

t.test('documents that were read hold no nodes', async (t) => {
  const documents = readManifests(Array.from({ length: 500 }, (_none, index) => service(index)).join('---\n'))
  t.ok(queryObjects(YAMLMap, { format: 'count' }) < 50)
  t.ok(queryObjects(Scalar, { format: 'count' }) < 50)
  t.equal(documents.length, 500)
})

t.test('a fault stands where it stood: behind directives, comments, ends, anchors and merges, in Lists and JSON', async (t) => {
  const stream = [
    '%YAML 1.2\n--- # first\n# comment\n', service(0), '...\n# between\n--- ', '\n', service(1, '  base: &b {x: 1}\n  merged:\n    <<: *b\n    y: 2\n'), '---\n---\n',
    'apiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: Service\n    metadata: {name: a}\n    spec:\n      type: X\n', '---\n', service(3)
  ].join('')
  const lines = stream.split('\n')
  const documents = readManifests(stream)
  const at = (line: number): string => (lines[line - 1] ?? '').trim()
  const [first, second, item, last] = documents
  t.equal(documents.length, 4)
  for (const document of [first, second, last, first]) t.equal(at(document?.lineOf('spec.ports[0].port') ?? 0), '- port: 80')
  t.equal(lines.indexOf('    - port: 80') + 1, first?.lineOf('spec.ports[0].port'))
  t.equal(lines.lastIndexOf('    - port: 80') + 1, last?.lineOf('spec.ports[0].port'))
  t.equal(at(second?.lineOf('spec.merged.y') ?? 0), 'y: 2')
  t.equal(at(second?.lineOf('spec.merged.x') ?? 0), 'base: &b {x: 1}')
  t.equal(at(item?.lineOf('spec.type') ?? 0), 'type: X')
  const json = `{"apiVersion":"v1","kind":"Service",\n"metadata":{"name":"a"}}\n\n{"apiVersion":"v1",\n"kind":"Service","metadata":{"name":"b"},\n\t"spec":{"type":"X"}}`
  t.equal(readManifests(json)[1]?.lineOf('spec.type'), 6)
})

t.test('the place of a fault that is not told is not looked up', async (t) => {
  const documents = readManifests(Array.from({ length: 200 }, (_none, index) => service(index)).join('---\n'))
  const faults = new FaultList()
  let looked = 0
  for (const document of documents) {
    faults.addAll([{ field: 'spec.type', rule: 'must be another one' }], 0, (found) => {
      looked++
      return located(document, found)
    })
  }
  t.equal(looked, maxToldFaults)
  t.equal(faults.more, 200 - maxToldFaults)
  t.match(faults.faults[1], { document: 2, line: 11 })
})
