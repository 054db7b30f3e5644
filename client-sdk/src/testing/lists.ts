// What the test registry shows of services and namespaces.
import { answered } from '../rules.ts'
import type { NamespaceSummary, ServiceSummary, Status } from '../wire.ts'
import type { Book } from './book.ts'

export function serviceSummaries (book: Book, inNamespace: string | null = null): ServiceSummary[] {
  return book.names().filter(
    ({ namespace }) => inNamespace === null || namespace === inNamespace
  ).map(({ namespace, service }) => {
    const instances = book.instances.filter((each) => each.namespace === namespace && each.service === service)
    const endpoints = book.endpoints(namespace, service) ?? []
    const manifest = book.declared(namespace, service)
    const counts: Record<Status, number> = { starting: 0, up: 0, warning: 0, draining: 0, down: 0 }
    for (const { effectiveStatus } of instances) counts[effectiveStatus]++
    const ready = instances.filter(({ conditions }) => conditions.ready).length
    const suspect = instances.filter((instance) => instance.suspect).length
    const revision = Number(book.cursorOfService(namespace, service).split('.')[1])
    const createdAt = book.declaredAt(namespace, service) ?? instances.map(
      (instance) => instance.createdAt
    ).sort()[0] ?? book.time()
    return {
      namespace, name: service, implicit: manifest === undefined, instances: {
        total: instances.length, ready, suspect, ...counts
      },
      endpoints: {
        total: endpoints.length,
        ready: answered(endpoints).endpoints.filter(({ conditions }) => conditions.ready).length
      }, createdAt,
      ...(manifest === undefined ? {} : { manifest }), revision
    }
  })
}

export function namespaceSummaries (book: Book): NamespaceSummary[] {
  const groups = Map.groupBy(serviceSummaries(book), ({ namespace }) => namespace)
  return [...groups].map(
    ([name, services]) => (
      { name, services: services.length, instances: services.reduce((sum, { instances }) => sum + instances.total, 0) }
    )
  )
}
