// The routes of declared services in the test registry.
import type { ApplyAnswer, ApplyOutcome, ApplyResult, DeleteAnswer, FieldError } from '../wire.ts'
import { problem, type TestAnswer } from './answers.ts'
import type { Book } from './book.ts'
import { belongsTo, documentsOf, manifestOf, type Allocator, type TestManifest } from './declared.ts'

/** Addresses and node ports of one registry: each is given once. */
export function testAllocator (): Allocator {
  let address = 0
  let port = 30_000
  return {
    clusterIP: () => {
      address++
      return `10.96.${Math.floor(address / 250)}.${1 + address % 250}`
    },
    nodePort: () => ++port
  }
}

/** All of the manifests or none. */
export function apply (book: Book, allocate: Allocator, body: unknown, query: URLSearchParams): TestAnswer {
  const dryRun = query.get('dryRun') === 'true'
  let documents: readonly unknown[]
  try {
    documents = documentsOf(typeof body === 'string' ? body : JSON.stringify(body))
  } catch (error) {
    return problem(
      400, 'REG_INVALID', error instanceof Error ? error.message : String(error),
      [{ field: '', rule: 'must be a manifest in JSON', document: 1 }]
    )
  }
  const faults: FieldError[] = []
  const results: ApplyResult[] = []
  const applied: TestManifest[] = []
  for (const [index, document] of documents.entries()) {
    const manifest = manifestOf(
      document, query.get('namespace') ?? 'default', (...name) => book.manifest(...name), allocate
    )
    if (Array.isArray(manifest)) {
      faults.push(...manifest.map((fault) => ({ ...fault, document: index + 1 })))
      continue
    }
    const { kind, metadata: { namespace, name } } = manifest
    const previous = book.manifest(kind, namespace, name)
    const outcome: ApplyOutcome = previous === undefined ? 'created' : JSON.stringify(previous) === JSON.stringify(manifest) ? 'unchanged' : 'configured'
    if (outcome !== 'unchanged') applied.push(manifest)
    results.push(
      {
        kind, namespace, name, outcome, manifest, ...(previous === undefined ? {} : { previous }), warnings: [],
        document: index + 1
      }
    )
  }
  if (faults.length > 0) return problem(422, 'REG_MANIFEST_INVALID', faults.map(({ field, rule }) => `${field} ${rule}`).join('; '), faults)
  if (!dryRun) for (const manifest of applied) book.declare(manifest)
  return { status: 200, body: { revision: book.cursor, dryRun, results } satisfies ApplyAnswer }
}

/** Takes a declared service back, with its hand-made endpoints. */
export function takeBack (book: Book, namespace: string, name: string, query: URLSearchParams): TestAnswer {
  const dryRun = query.get('dryRun') === 'true'
  const service = book.declared(namespace, name)
  if (service === undefined) return problem(404, 'REG_SERVICE_NOT_FOUND', `nobody declared ${name}.${namespace}`)
  const going = [service, ...book.slices.filter((slice) => belongsTo(slice, service))]
  if (!dryRun) for (const manifest of going.toReversed()) book.takeBack(manifest)
  const deleted = going.map(({ kind, metadata }) => ({ kind, namespace: metadata.namespace, name: metadata.name }))
  return { status: 200, body: { revision: book.cursor, dryRun, deleted } satisfies DeleteAnswer }
}
