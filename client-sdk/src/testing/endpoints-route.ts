// Who serves a service, as `GET .../endpoints` answers.
import { answered } from '../rules.ts'
import type { EndpointsAnswer } from '../wire.ts'
import type { TestAnswer } from './answers.ts'
import type { Book } from './book.ts'
import { absent } from './instance-routes.ts'
import { selectsAny } from './selector.ts'

export function endpointsOf (book: Book, namespace: string, service: string, query: URLSearchParams): TestAnswer {
  const all = book.endpoints(namespace, service)
  if (all === undefined) return absent(book, { namespace, service, id: '' })
  const port = query.get('port')
  const selected = all
    .filter((endpoint) => selectsAny(query.get('selector') ?? undefined, endpoint.labels, endpoint.service ?? service))
    .filter((endpoint) => port === null || endpoint.ports.some((each) => each.name === port || String(each.port) === port))
    .filter((endpoint) => query.get('zone') === null || endpoint.zone === query.get('zone'))
  const { endpoints: callable, failOpen } = answered(selected)
  const ready = query.get('ready') ?? 'true'
  const endpoints = ready === 'any' ? selected : ready === 'true' ? callable : selected.filter(
    (endpoint) => !callable.includes(endpoint)
  )
  const declared = book.declared(namespace, service) === undefined ? {} : { declared: true as const }
  return {
    status: 200,
    body: {
      namespace, service, revision: book.cursorOfService(namespace, service), failOpen, ...declared, endpoints
    } satisfies EndpointsAnswer
  }
}
