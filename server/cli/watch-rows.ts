// What `get -w` prints: first what is, then a row for each change.
import type { Instance, WatchEvent } from '../../client-sdk/src/index.ts'
import type { Invocation } from './command.ts'
import { RefusedError } from './errors.ts'
import type { Kind, Request, ServiceName } from './kind.ts'
import type { InstanceRow } from './shapes.ts'
import { stayAlive } from './terminal.ts'

/** The events that a command watches, until the terminal's signal aborts. */
export async function * eventsOf (call: Invocation, request: Pick<Request, 'api' | 'namespace' | 'selector'> & { service: string | undefined }): AsyncGenerator<WatchEvent> {
  const { api, namespace, service, selector } = request
  const alive = stayAlive()
  try {
    yield * await api.watch({ namespace: namespace ?? '*', service, selector }, call.terminal.signal)
  } catch (error) {
    if (!call.terminal.signal.aborted) throw api.explain(error)
  } finally {
    alive.end()
    await api.client.close()
  }
}

/** Prints until the terminal's signal aborts. */
export async function watchRows (call: Invocation, kind: Kind<object>, request: Request, print: (rows: object[]) => void): Promise<void> {
  const known = new Map<string, { readonly row: object, readonly text: string }>()
  const isNew = (row: object): boolean => {
    const key = keyOf(kind, row)
    const text = JSON.stringify(kind.essence?.(row) ?? row)
    if (known.get(key)?.text === text) return false
    known.set(key, { row, text })
    return true
  }
  /** What a change means for a kind that is asked for anew; a service that is not there any more is shown as it was. */
  const changedRows = async (changed: NonNullable<typeof kind.changed>, name: ServiceName): Promise<object[]> => {
    try {
      return (await changed(request, name)).filter(isNew)
    } catch (error) {
      const gone: object[] = noneIfGone(error)
      for (const [key, { row }] of known) {
        if (kind.isAbout?.(row, name) !== true) continue
        known.delete(key)
        gone.push({ ...row, gone: 'removed' }) // by this change or a later one: it was asked for just now
      }
      return gone
    }
  }
  for await (const event of eventsOf(call, { ...request, service: request.name })) {
    if (event.type === 'snapshot') print((await snapshotRows(kind, request, event.instances)).filter(isNew))
    if (event.type === 'service' && kind.changed !== undefined) {
      const { namespace, name } = event.service.metadata
      print(await changedRows(kind.changed, { namespace, service: name }))
    }
    if (event.type !== 'put' && event.type !== 'delete') continue
    if (kind.changed === undefined) print([instanceRow(event)].filter(isNew))
    else print(await changedRows(kind.changed, event.instance))
    if (event.type === 'delete') known.delete(keyOf(kind, event.instance))
  }
}

const keyOf = (kind: Kind<object>, row: object): string => `${'namespace' in row ? String(row.namespace) : ''}/${kind.id(row)}`

async function snapshotRows (kind: Kind<object>, request: Request, instances: readonly Instance[]): Promise<object[]> {
  return kind.changed === undefined ? [...instances] : (await kind.fetch(request).catch((error: unknown) => ({ rows: noneIfGone(error) }))).rows
}

type Change = Extract<WatchEvent, { type: 'put' | 'delete' }>

function instanceRow ({ type, instance, reason }: Change): InstanceRow {
  return type === 'delete' ? { ...instance, gone: reason } : instance
}

/** The last instance of a service took the service with it: nothing wrong. */
function noneIfGone (error: unknown): object[] {
  if (error instanceof RefusedError && error.status === 404) return []
  throw error
}
