// The routes of instances and leases in the test registry.
import type { Heartbeat, HeartbeatAnswer, Instance, InstancePatch, LeaseReference, Registration } from '../wire.ts'
import { faultsOf, problem, type TestAnswer } from './answers.ts'
import { keyOf, type Book } from './book.ts'

export interface InstanceCall {
  readonly method: string
  readonly query: URLSearchParams
  readonly body: unknown
  /** `If-None-Match: *`: only if the id is free. */
  readonly onlyNew: boolean
}

export function instanceRoute (
  book: Book, reference: LeaseReference, { method, query, body, onlyNew }: InstanceCall
): TestAnswer {
  const known = book.instance(keyOf(reference))
  if (method === 'PUT') {
    const registration = (body ?? {}) as Registration // its rules are checked next, as far as a fake does
    const faults = faultsOf(reference.namespace, reference.service, registration)
    if (faults.length > 0) return problem(400, 'REG_INVALID', faults.map(({ field, rule }) => `${field} ${rule}`).join('; '), faults)
    if (onlyNew && known !== undefined) return problem(412, 'REG_PRECONDITION_FAILED', `${keyOf(reference)} is registered`)
    const { created, instance } = registerInstance(book, reference, registration)
    return { status: created ? 201 : 200, body: instance }
  }
  if (known === undefined) return absent(book, reference)
  const generation = query.get('generation')
  if (method !== 'GET' && generation !== null && generation !== known.generation) {
    return problem(409, 'REG_GENERATION_SUPERSEDED', `${keyOf(reference)} lives as ${known.generation}`)
  }
  if (method === 'GET') return { status: 200, body: known }
  if (method === 'DELETE') {
    book.remove(keyOf(reference), 'deregistered')
    return { status: 204, body: undefined }
  }
  if (method !== 'PATCH') return problem(405, 'REG_METHOD_NOT_ALLOWED', method)
  const { labels, metadata, ...rest } = body as InstancePatch // the SDK wrote it
  return {
    status: 200,
    body: book.put(
      { ...known, ...rest, labels: patched(known.labels, labels), metadata: patched(known.metadata, metadata) },
      'updated'
    )
  }
}

export function registerInstance (book: Book, reference: LeaseReference, body: Registration): {
  readonly created: boolean, readonly instance: Instance
} {
  const known = book.instance(keyOf(reference))
  const generation = body.generation ?? known?.generation ?? crypto.randomUUID()
  const now = book.time()
  const {
    address = '127.0.0.1', ports = [], labels = {}, metadata = {}, weight = 100, priority = 0, status = 'up', lease,
    ...rest
  } = body
  const replaced = known !== undefined && known.generation !== generation
  const instance = book.put({
    ...rest,
    namespace: reference.namespace,
    service: reference.service,
    id: reference.id,
    generation,
    address,
    ports: ports.map((port) => ({ name: port.name ?? '', port: port.port, protocol: port.protocol ?? 'TCP' })),
    labels,
    metadata,
    weight,
    priority,
    status,
    suspect: false,
    lease: { ttlMs: lease?.ttlMs ?? 15_000 },
    ...(known?.override === undefined ? {} : { override: known.override }),
    createdAt: replaced ? now : known?.createdAt ?? now
  }, known === undefined ? 'registered' : replaced ? 'replaced' : 'updated')
  return { created: known === undefined || replaced, instance }
}

export function beat (book: Book, leases: readonly Heartbeat[], stored: boolean): HeartbeatAnswer {
  const unknown: LeaseReference[] = []
  const superseded: LeaseReference[] = []
  for (const { status, namespace, service, id, generation } of leases) {
    const reference = { namespace, service, id, ...(generation === undefined ? {} : { generation }) }
    const key = keyOf(reference)
    const known = book.instance(key)
    if (known === undefined) unknown.push(reference)
    else if (reference.generation !== undefined && reference.generation !== known.generation) superseded.push(reference)
    else if (known.suspect || (status !== undefined && status !== known.status)) book.change(
      key, { suspect: false, status: status ?? known.status }, 'renewed'
    )
  }
  return { renewed: leases.length - unknown.length - superseded.length, unknown, superseded, stored }
}

/** The 404 of a name: what of it there is not. */
export function absent (book: Book, { namespace, service, id }: LeaseReference): TestAnswer {
  const inNamespace = book.names().filter((each) => each.namespace === namespace)
  if (inNamespace.length === 0) return problem(404, 'REG_NAMESPACE_NOT_FOUND', `there is no namespace ${namespace}`)
  if (!inNamespace.some((each) => each.service === service)) return problem(404, 'REG_SERVICE_NOT_FOUND', `there is no service ${service}.${namespace}`)
  return problem(404, 'REG_INSTANCE_NOT_FOUND', `there is no instance ${namespace}/${service}/${id}`)
}

function patched (
  record: Readonly<Record<string, string>>, patch: Readonly<Record<string, string | null>> = {}
): Record<string, string> {
  return Object.fromEntries(
    Object.entries({ ...record, ...patch }).filter((entry): entry is [string, string] => entry[1] !== null)
  )
}
