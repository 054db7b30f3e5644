// The query of a list or a watch, as ListOptions of meta.k8s.io has it.
import { StatusError, badRequest, invalidObject } from '../answers/status.ts'
import type { Kind } from '../kinds.ts'
import { type ObjectSelector, readSelectors } from './selectors.ts'

export interface ListOptions {
  readonly selector: ObjectSelector
  readonly watch: boolean
  /** 0 = all. */
  readonly limit: number
  readonly continue: string
  /** undefined = not said; 0 = whatever there is. */
  readonly resourceVersion: number | undefined
  readonly match: 'Exact' | 'NotOlderThan' | undefined
  readonly timeoutSeconds: number | undefined
  readonly allowBookmarks: boolean
  readonly sendInitialEvents: boolean | undefined
  /** Of tables: what stands beside the cells. */
  readonly includeObject: 'None' | 'Metadata' | 'Object'
}

const maxSelectorLength = 16_384

/** @throws StatusError 400, 422 */
export function readListOptions (kind: Kind, query: URLSearchParams): ListOptions {
  const [labelSelector, fieldSelector] = ['labelSelector', 'fieldSelector'].map((name) => {
    const text = query.get(name) ?? ''
    if (text.length > maxSelectorLength) throw badRequest(`${name} must not be longer than ${maxSelectorLength} characters`)
    return text
  })
  const options: ListOptions = {
    selector: readSelectors(kind, labelSelector ?? '', fieldSelector ?? ''),
    watch: readFlag(query, 'watch') ?? false,
    limit: readWhole(query, 'limit') ?? 0,
    continue: query.get('continue') ?? '',
    resourceVersion: readVersion(query.get('resourceVersion') ?? ''),
    match: readMatch(query.get('resourceVersionMatch') ?? ''),
    timeoutSeconds: readWhole(query, 'timeoutSeconds'),
    allowBookmarks: readFlag(query, 'allowWatchBookmarks') ?? false,
    sendInitialEvents: readFlag(query, 'sendInitialEvents'),
    includeObject: readInclude(query.get('includeObject') ?? '')
  }
  checkTogether(options)
  return options
}

function checkTogether ({ watch, match, resourceVersion, continue: token, sendInitialEvents, limit }: ListOptions): void {
  const causes: { readonly reason: string, readonly field: string, readonly message: string }[] = []
  const forbid = (field: string, why: string): void => void causes.push({ reason: 'FieldValueForbidden', field, message: `Forbidden: ${why}` })
  if (watch) {
    if (sendInitialEvents !== undefined && match === undefined) forbid('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')
    if (sendInitialEvents === undefined && match !== undefined) forbid('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided')
    if (sendInitialEvents !== undefined && match === 'Exact') causes.push({ reason: 'FieldValueNotSupported', field: 'resourceVersionMatch', message: 'Unsupported value: "Exact": supported values: "NotOlderThan"' })
    if (token !== '') forbid('continue', 'continue is forbidden for watch')
  } else {
    if (sendInitialEvents !== undefined) forbid('sendInitialEvents', 'sendInitialEvents is forbidden for list')
    if (match !== undefined && resourceVersion === undefined) forbid('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided')
    if (match !== undefined && token !== '') forbid('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided')
    if (match === 'Exact' && resourceVersion === 0) forbid('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
  }
  if (causes.length > 0) throw invalidObject({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', causes)
  if (token !== '' && resourceVersion !== undefined && resourceVersion !== 0) throw badRequest('specifying resource version is not allowed when using continue')
  if (limit < 0) throw badRequest('limit must not be negative')
}

function readVersion (text: string): number | undefined {
  if (text === '') return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  const why = `Invalid value: ${JSON.stringify(text.slice(0, 100))}: strconv.ParseUint: parsing ${JSON.stringify(text.slice(0, 100))}: invalid syntax`
  throw new StatusError(400, 'BadRequest', `resourceVersion: ${why}`, { causes: [{ reason: 'FieldValueInvalid', field: 'resourceVersion', message: why }] })
}

function readMatch (text: string): ListOptions['match'] {
  if (text === '') return undefined
  if (text === 'Exact' || text === 'NotOlderThan') return text
  throw invalidObject({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', [{
    reason: 'FieldValueNotSupported', field: 'resourceVersionMatch', message: `Unsupported value: ${JSON.stringify(text.slice(0, 100))}: supported values: "Exact", "NotOlderThan", ""`
  }])
}

function readInclude (text: string): ListOptions['includeObject'] {
  if (text === '' || text === 'Metadata') return 'Metadata'
  if (text === 'None' || text === 'Object') return text
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(text.slice(0, 100))}`)
}

function readWhole (query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name) ?? ''
  if (text === '') return undefined
  if (/^-?\d{1,15}$/.test(text)) return Number(text)
  throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text.slice(0, 100))}: invalid syntax (${name})`)
}

/** As Go reads it, but for what is no boolean at all: Kubernetes takes that for true. */
function readFlag (query: URLSearchParams, name: string): boolean | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  return text !== '0' && text.toLowerCase() !== 'false'
}
