// What `get -w` prints: first what is, then a row for each change.
import type { EndpointsEvent, WatchEvent } from '../../client-sdk/src/index.ts'
import type { Event, Page } from '../../client-sdk/src/wire.ts'
import type { Api } from './api.ts'
import type { Invocation } from './command.ts'
import { CommandError, RefusedError } from './errors.ts'
import type { FollowServices, Kind, Request, ServiceName } from './kind.ts'
import { nameFilter } from './kinds.ts'
import type { InstanceRow } from './shapes.ts'
import { stayAlive } from './terminal.ts'
import { watchObjects } from './watch-objects.ts'

type Print = (rows: object[]) => void

/** The events that a command watches, until the terminal's signal aborts. */
export function eventsOf (call: Invocation,
  request: Pick<Request,
    'api' | 'namespace' | 'selector'> & { service: string | undefined }): AsyncGenerator<WatchEvent> {
  const { api, namespace, service, selector } = request
  return untilAborted(call, api,
    () => api.watch({ namespace: namespace ?? '*', service, selector }, call.terminal.signal))
}

async function * untilAborted<Told> (call: Invocation, api: Api,
  begin: () => Promise<AsyncIterable<Told>>): AsyncGenerator<Told> {
  const alive = stayAlive()
  try {
    yield * await begin()
  } catch (error) {
    if (!call.terminal.signal.aborted) throw api.explain(error)
  } finally {
    alive.end()
    await api.close()
  }
}

/** Prints until the terminal's signal aborts. */
export async function watchRows (call: Invocation, kind: Kind<object>, request: Request, print: Print): Promise<void> {
  const { follow } = kind
  if (follow === 'events') return await watchLog(call, kind, request, print)
  if (follow === 'instances') return await watchInstances(call, { ...request, service: request.name }, print)
  if (follow !== undefined && 'of' in follow) {
    const { of } = follow
    const rowOf = await follow.rowOf()
    const isMeant = ({ id, node }: InstanceRow): boolean => request.name === undefined || id === request.name || node === request.name
    return await watchInstances(call, { ...request, ...of }, (rows) => print(rows.filter(isMeant).map(rowOf)))
  }
  if (follow !== undefined && 'view' in follow) return await watchObjects(call, follow, request, print)
  if (follow !== undefined) await watchServices(call, kind, follow, request, print)
}

async function watchInstances (call: Invocation, request: Parameters<typeof eventsOf>[1], print: (rows: InstanceRow[]) => void): Promise<void> {
  const known = new Map<string, string>()
  const isNew = (row: InstanceRow): boolean => {
    const key = `${row.namespace}/${row.service}/${row.id}`
    const text = JSON.stringify(row)
    if (known.get(key) === text) return false
    if (row.gone === undefined) known.set(key, text)
    else known.delete(key)
    return true
  }
  for await (const event of eventsOf(call, request)) {
    if (event.type === 'snapshot') print(event.instances.filter(isNew))
    else if (event.type === 'put') print([event.instance].filter(isNew))
    else if (event.type === 'delete') print([{ ...event.instance, gone: event.reason }].filter(isNew))
  }
}

/**
 * By services: the registry tells of each that changed, whatever it was (a selector, a target port, readiness, an
 * endpoint made by hand), of a large one what changed. What the kind cannot show of that is asked for anew, with the
 * filters of the command line. What was shown and is not there any more is shown once more.
 */
async function watchServices (call: Invocation, kind: Kind<object>, follow: FollowServices<object>,
  request: Request, print: Print): Promise<void> {
  const { api, namespace, name } = request
  const known = new Map<string, { readonly row: object, readonly text: string }>()
  const keys = new WeakMap<object, string>()
  const keyOf = (row: object): string => {
    const key = keys.get(row) ?? rowKey(kind, row)
    keys.set(row, key)
    return key
  }
  const show = (rows: readonly object[], isInScope: (row: object) => boolean): void => {
    const changed: object[] = []
    const there = new Set<string>()
    for (const row of rows) {
      const key = keyOf(row)
      there.add(key)
      if (known.get(key)?.row === row) continue
      const text = JSON.stringify(kind.essence?.(row) ?? row)
      if (known.get(key)?.text !== text) changed.push(row)
      known.set(key, { row, text })
    }
    for (const [key, { row }] of known) {
      if (there.has(key) || !isInScope(row)) continue
      known.delete(key)
      changed.push({ ...row, gone: follow.gone })
    }
    print(changed)
  }
  const told = untilAborted<EndpointsEvent>(call, api,
    () => api.watchEndpoints({ view: 'endpoints', namespace: namespace ?? '*', service: name }, call.terminal.signal))
  for await (const event of told) {
    if (event.type === 'endpoints-snapshot') show((await kind.fetch(request).catch((error: unknown) =>
      ({ rows: noneIfGone(error) }))).rows, () => true)
    if (event.type !== 'endpoints' && event.type !== 'endpoints-gone') continue
    const { namespace, service }: ServiceName = event.type === 'endpoints' ? event.endpoints : event
    const rows = event.type !== 'endpoints' ? []
      : follow.rowsOfTold?.(request, event.endpoints) ?? await follow.rowsOf(request, { namespace, service }).catch(noneIfGone)
    show(rows, (row) => follow.isOf(row, { namespace, service }))
  }
}

/** One row each: an endpoint made by hand has no name, and an instance may be an endpoint of several services. */
function rowKey (kind: Kind<object>, row: object): string {
  // where its kind has them
  const { namespace = '', service = '', id = '' } =
    row as { readonly namespace?: string, readonly service?: string, readonly id?: string }
  return JSON.stringify([namespace, service, kind.id(row) ?? id])
}

/** The last instance of a service took the service with it: nothing wrong. */
function noneIfGone (error: unknown): object[] {
  if (error instanceof RefusedError && error.status === 404) return []
  if (error instanceof CommandError && error.cause instanceof RefusedError && error.cause.status === 404) return []
  throw error
}

/** So many pages of news are read at once: more came in between than anybody reads. */
const maxPages = 20

/** The log of events. The watch says that there is news; who did what, and why, stands in the log. */
async function watchLog (call: Invocation, kind: Kind<object>, request: Request, print: Print): Promise<void> {
  const { api, namespace, name, id } = request
  const filter = { namespace, ...nameFilter(name, id) }
  let seen = { epoch: '', number: 0 }
  for await (const event of eventsOf(call, { api, namespace, service: undefined, selector: undefined })) {
    if (event.type === 'snapshot' && seen.epoch === '') {
      const { rows, answer } = await kind.fetch(request)
      seen = revisionOf((answer as Page<Event>).revision) // the answer of its own fetch
      print(rows)
      continue
    }
    const { epoch, number } = revisionOf(event.revision)
    if (epoch === seen.epoch && number <= seen.number) continue // read already, together with an earlier one
    const news: Event[] = []
    let cursor: string | undefined
    let newest: string | undefined
    for (let page = 0; page < maxPages; page++) {
      const answer = await api.get<Page<Event>>('/v1/events', { ...filter, limit: '500', cursor })
      newest ??= answer.revision
      const fresh = answer.items.filter(({ revision }) => isAfter(revisionOf(revision), seen))
      news.push(...fresh)
      cursor = answer.next
      if (cursor === undefined || fresh.length < answer.items.length) break
    }
    if (newest !== undefined) seen = revisionOf(newest)
    print(news.reverse())
  }
}

interface Revision { readonly epoch: string, readonly number: number }

function revisionOf (cursor: string): Revision {
  const dot = cursor.lastIndexOf('.')
  return { epoch: cursor.slice(0, dot), number: Number(cursor.slice(dot + 1)) }
}

/** Everything of another epoch is news. */
function isAfter ({ epoch, number }: Revision, seen: Revision): boolean {
  return epoch !== seen.epoch || number > seen.number
}
