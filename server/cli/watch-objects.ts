// What `get -w` prints of declared objects: first what is, then a row for each change.
import type { DeclaredObject } from '../../client-sdk/src/wire.ts'
import type { Invocation } from './command.ts'
import type { FollowObjects, Request } from './kind.ts'
import { stayAlive } from './terminal.ts'

/** Prints until the terminal's signal aborts. What did not change is not printed again after an outage. */
export async function watchObjects (call: Invocation, { view, kind }: FollowObjects, request: Request, print: (rows: object[]) => void): Promise<void> {
  const { api, namespace, name } = request
  const known = new Map<string, { readonly row: DeclaredObject, readonly text: string }>()
  const keyOf = (namespace: string, name: string): string => `${namespace}/${name}`
  const isMeant = (row: DeclaredObject): boolean => row.kind === kind && (name === undefined || row.metadata.name === name)
  const news = (rows: readonly DeclaredObject[]): DeclaredObject[] => rows.filter(isMeant).filter((row) => {
    const key = keyOf(row.metadata.namespace, row.metadata.name)
    const text = JSON.stringify(row)
    if (known.get(key)?.text === text) return false
    known.set(key, { row, text })
    return true
  })
  const gone = (key: string): object[] => {
    const before = known.get(key)
    known.delete(key)
    return before === undefined ? [] : [{ ...before.row, gone: 'removed' }]
  }
  const alive = stayAlive()
  try {
    for await (const event of await api.watchObjects({ view, namespace: namespace ?? '*' }, call.terminal.signal)) {
      if (event.type === 'objects-snapshot') {
        const there = new Set(event.objects.filter(isMeant).map(({ metadata }) => keyOf(metadata.namespace, metadata.name)))
        print([...news(event.objects), ...[...known.keys()].filter((key) => !there.has(key)).flatMap(gone)])
      } else if (event.type === 'object') print(news([event.object]))
      else if (event.type === 'object-gone' && event.kind === kind) print(gone(keyOf(event.namespace, event.name)))
    }
  } catch (error) {
    if (!call.terminal.signal.aborted) throw api.explain(error)
  } finally {
    alive.end()
    await api.close()
  }
}
