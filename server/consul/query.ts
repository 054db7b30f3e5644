// What a read of Consul's API is asked with: `?index&wait`, `?stale`, `?passing`, `?tag`, `?near`, `?filter`, `?dc`, `?ns`, `?pretty`.
import { ConsulError, badRequest } from './consul-error.ts'
import { type Filter, parseFilter } from './filter/filter.ts'
import { namespaceOf } from './form/names.ts'
import { parseGoDuration } from './form/go-duration.ts'

export interface ReadQuery {
  readonly namespace: string
  /** 0 = answer at once. */
  readonly index: number
  readonly waitMs: number
  readonly consistency: 'leader' | 'stale' | 'consistent'
  readonly cached: boolean
  readonly pretty: boolean
  readonly passing: boolean
  /** In lower case: Consul compares them without regard to case. All must be there. */
  readonly tags: readonly string[]
  /** `key:value` pairs that the node must have. */
  readonly nodeMeta: readonly (readonly [string, string])[]
  readonly near: string | undefined
  readonly filter: Filter | undefined
  readonly hash: string | undefined
}

export interface QueryDefaults {
  readonly namespace: string
  readonly datacenter: string
}

/** Consul's own: 5 minutes where nothing is said, 10 at most. */
const defaultWaitMs = 300_000
export const maxWaitMs = 600_000
/** Each `?tag` and `?node-meta` costs a look at every instance. */
const maxConditions = 64

/** The parameters of a request; a repeated one is a list. */
export type Parameters = URLSearchParams

/** @throws ConsulError 400, 500 for another datacenter */
export function readQuery (parameters: Parameters, headers: Readonly<Record<string, unknown>>, defaults: QueryDefaults): ReadQuery {
  checkDatacenter(parameters, defaults)
  const stale = parameters.has('stale')
  const consistent = parameters.has('consistent')
  if (stale && consistent) throw badRequest('Cannot specify ?stale with ?consistent, conflicting semantics.')
  const cached = parameters.has('cached')
  if (cached && consistent) throw badRequest('Cannot specify ?cached with ?consistent, conflicting semantics.')
  const tags = parameters.getAll('tag')
  const nodeMeta = parameters.getAll('node-meta')
  if (tags.length > maxConditions || nodeMeta.length > maxConditions) throw badRequest(`Too many ?tag or ?node-meta: at most ${maxConditions} of each`)
  const filter = parameters.get('filter') ?? ''
  return {
    namespace: namespaceIn(parameters, headers, undefined, defaults),
    ...readWait(parameters),
    consistency: stale ? 'stale' : consistent ? 'consistent' : 'leader',
    cached,
    pretty: parameters.has('pretty'),
    passing: readPassing(parameters),
    tags: tags.filter((tag) => tag !== '').map((tag) => tag.toLowerCase()),
    nodeMeta: nodeMeta.map((pair) => {
      const end = pair.indexOf(':')
      return end === -1 ? [pair, ''] : [pair.slice(0, end), pair.slice(end + 1)]
    }),
    near: parameters.get('near') || undefined,
    filter: filter === '' ? undefined : parseFilter(filter),
    hash: parameters.get('hash') ?? undefined
  }
}

/** @throws ConsulError 500, as Consul says it of a datacenter that it does not know */
export function checkDatacenter (parameters: Parameters, { datacenter }: QueryDefaults, given: string | undefined = undefined): void {
  for (const name of [parameters.get('dc') ?? '', given ?? '']) {
    if (name !== '' && name.toLowerCase() !== datacenter) throw new ConsulError(500, 'No path to datacenter')
  }
}

/** The namespace that a request means: it is said in the query, in a header, in the body, or by the listener. @throws ConsulError 400 */
export function namespaceIn (
  parameters: Parameters, headers: Readonly<Record<string, unknown>>, body: string | undefined, { namespace }: QueryDefaults
): string {
  const header = headers['x-consul-namespace']
  const name = parameters.get('ns') || (typeof header === 'string' ? header : '') || body || namespace
  return namespaceOf(name)
}

/** @throws ConsulError 400 */
function readWait (parameters: Parameters): Pick<ReadQuery, 'index' | 'waitMs'> {
  const indexText = parameters.get('index') ?? ''
  // 64 bits without a sign, as with Consul.
  if (indexText !== '' && (!/^\d{1,20}$/.test(indexText) || BigInt(indexText) >= 2n ** 64n)) throw badRequest('Invalid index')
  const waitText = parameters.get('wait') ?? ''
  const waitMs = waitText === '' ? defaultWaitMs : parseGoDuration(waitText)
  if (waitMs === undefined) throw badRequest('Invalid wait time')
  return { index: Number(indexText), waitMs: waitMs <= 0 ? defaultWaitMs : Math.min(waitMs, maxWaitMs) }
}

/** Given bare it is on. @throws ConsulError 400 */
function readPassing (parameters: Parameters): boolean {
  const text = parameters.get('passing')
  if (text === null) return false
  const value = boolText(text === '' ? 'true' : text)
  if (value === undefined) throw badRequest('Invalid value for ?passing')
  return value
}

/** As Go reads a boolean; undefined = it is none. */
export function boolText (text: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true
  return ['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text) ? false : undefined
}
