// The body of a deletion, or its query: what must hold of the object, and what is to become of what belongs to it.
import { deleteOptions } from '../../model/fields/meta-fields.ts'
import { isMembers, type Members } from '../../model/fields/values.ts'
import { dryRunFaults } from './options.ts'
import { badRequest, conflict, type FieldFault, invalid, type Resource } from './refusal.ts'
import { readJson } from './strict-json.ts'
import { TypeFault, fitted } from './typed-object.ts'

export interface DeleteOptions {
  readonly dryRun: boolean
  readonly uid: string | undefined
  readonly resourceVersion: string | undefined
  /** Foreground, Background, Orphan. Nothing here depends on another object, but endpoints on their service. */
  readonly propagationPolicy: string | undefined
}

const policies = ['Foreground', 'Background', 'Orphan']

/**
 * @param body of JSON; empty = the query says everything
 * @throws StatusError 400 for a body that is none, 422 for options that contradict each other or are not known
 */
export function readDeleteOptions (body: string, query: URLSearchParams): DeleteOptions {
  const options = body === '' ? fromQuery(query) : checkedKind(readJson(body, deleteOptions, (why) => badRequest(`couldn't get version/kind; json parse error: ${why}`)).value)
  return deleteOptionsOf(options)
}

/** @param value as it was decoded, from whichever form */
export function deleteOptionsOf (value: unknown): DeleteOptions {
  const { propagationPolicy, orphanDependents, preconditions, dryRun, ...rest } = typed(value)
  const faults: FieldFault[] = []
  if (typeof propagationPolicy === 'string') {
    const shown = JSON.stringify(propagationPolicy)
    if (typeof orphanDependents === 'boolean') faults.push({ type: 'FieldValueInvalid', field: 'propagationPolicy', text: `Invalid value: ${shown}: orphanDependents and deletionPropagation cannot be both set` })
    if (!policies.includes(propagationPolicy)) faults.push({ type: 'FieldValueNotSupported', field: 'propagationPolicy', text: `Unsupported value: ${shown}: supported values: "Foreground", "Background", "Orphan", "nil"` })
  }
  const dry = Array.isArray(dryRun) ? dryRun : []
  faults.push(...dryRunFaults(dry))
  if (rest.ignoreStoreReadErrorWithClusterBreakingPotential === true) {
    faults.push({ type: 'FieldValueForbidden', field: 'ignoreStoreReadErrorWithClusterBreakingPotential', text: 'Forbidden: a record that cannot be read is removed with rollcall unreadable' })
  }
  if (faults.length > 0) throw invalid('DeleteOptions', 'meta.k8s.io', '', faults)
  const { uid, resourceVersion } = isMembers(preconditions) ? preconditions : {}
  return {
    dryRun: dry.length > 0, uid: said(uid), resourceVersion: said(resourceVersion),
    propagationPolicy: typeof propagationPolicy === 'string' ? propagationPolicy : orphanDependents === true ? 'Orphan' : undefined
  }
}

/** @throws StatusError 409 where the object is not the one that was meant */
export function checkPreconditions ({ uid, resourceVersion }: DeleteOptions, live: Members, resource: Resource, name: string): void {
  const metadata = isMembers(live.metadata) ? live.metadata : {}
  const has = (field: string): string => (typeof metadata[field] === 'string' ? metadata[field] : '')
  if (uid !== undefined && uid !== has('uid')) {
    throw conflict(resource, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${has('uid')}`)
  }
  if (resourceVersion !== undefined && resourceVersion !== has('resourceVersion')) {
    throw conflict(resource, name, `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${has('resourceVersion')}`)
  }
}

function typed (value: unknown): Members {
  try {
    return fitted(value, deleteOptions).object
  } catch (error) {
    if (error instanceof TypeFault) throw badRequest(error.message)
    throw error
  }
}

function checkedKind (value: unknown): unknown {
  if (!isMembers(value) || value.kind === undefined || value.kind === 'DeleteOptions') return value
  throw badRequest('decoded object cannot be converted to DeleteOptions')
}

function fromQuery (query: URLSearchParams): Members {
  const [policy, orphan, grace] = ['propagationPolicy', 'orphanDependents', 'gracePeriodSeconds'].map((name) => query.get(name))
  if (grace !== null && grace !== undefined && !/^\d{1,15}$/.test(grace)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(grace.slice(0, 100))}: invalid syntax`)
  return {
    ...(policy === null ? {} : { propagationPolicy: policy }), ...(orphan === null ? {} : { orphanDependents: orphan === 'true' || orphan === '1' }),
    dryRun: query.getAll('dryRun')
  }
}

function said (value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
