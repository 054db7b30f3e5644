// What a Consul has, by its own lists: the names of all services, and the instances of each.
import { importedOf } from '../consul/form/imported.ts'
import type { Imported, Source, SourceList } from './import-run.ts'

/** Of one list: some 50,000 instances. */
const maxOctets = 128 * 1024 ** 2
const timeoutMs = 30_000
/** Services asked for at once. */
const atOnce = 8
/** The service that Consul's servers are themselves. */
const ownService = 'consul'

/** @param url of an agent, `http://host:8500`; `?token=`, `?dc=` and `?ns=` are those that it is asked with, and the token stays out of URLs */
export function consulSource (url: URL, fetchOf: typeof fetch): Source {
  const base = `${url.origin}${url.pathname.replace(/\/+(?:v1\/*)?$/, '')}`
  const scope = new URLSearchParams([...url.searchParams].filter(([name]) => name === 'dc' || name === 'ns'))
  scope.set('stale', '')
  const token = url.searchParams.get('token') ?? decodeURIComponent(url.password)
  const headers: Record<string, string> = { accept: 'application/json', ...(token === '' ? {} : { 'x-consul-token': token }) }
  const read = async (path: string, signal: AbortSignal): Promise<unknown> => {
    const place = `${base}/v1/${path}`
    const response = await fetchOf(`${place}?${scope.toString()}`, { headers, signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) })
    const text = await response.text()
    if (!response.ok) throw new Error(`${place} answered ${response.status}: ${text.slice(0, 200)}`)
    if (text.length > maxOctets) throw new Error(`${place} answered more than ${maxOctets} octets`)
    try {
      return JSON.parse(text) as unknown
    } catch {
      throw new Error(`${place} answered no JSON: is it a Consul?`)
    }
  }
  return {
    read: async (signal) => {
      const names = await read('catalog/services', signal)
      if (typeof names !== 'object' || names === null || Array.isArray(names)) throw new Error(`${base}/v1/catalog/services answered no services: is it a Consul?`)
      const services = Object.keys(names).filter((name) => name !== ownService)
      const lists: unknown[] = []
      for (let from = 0; from < services.length; from += atOnce) {
        lists.push(...await Promise.all(services.slice(from, from + atOnce).map((name) => read(`health/service/${encodeURIComponent(name)}`, signal))))
      }
      return listOf(lists, services)
    }
  }
}

function listOf (lists: readonly unknown[], services: readonly string[]): SourceList {
  const instances: Imported[] = []
  const refused: string[] = []
  const taken = new Set<string>()
  for (const [place, list] of lists.entries()) {
    for (const entry of Array.isArray(list) ? list as unknown[] : []) {
      try {
        const imported = importedOf(entry, (service, id) => taken.has(`${service}/${id}`))
        taken.add(`${imported.service}/${imported.id}`)
        instances.push(imported)
      } catch (error) {
        refused.push(`${services[place] ?? '?'}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
  }
  return { instances, refused }
}
