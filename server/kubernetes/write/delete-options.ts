// The body of a deletion, or its query: what must hold of the object, and what is to become of what belongs to it.
import { deleteOptions } from '../../model/fields/meta-fields.ts'
import { isMembers, type Members } from '../../model/fields/values.ts'
import { dryRunFaults } from './options.ts'
import { badRequest, conflict, fault, type FieldFault, invalid, type Resource } from './refusal.ts'
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
  if (body === '') return deleteOptionsOf(fromQuery(query))
  const refuse = (why: string): Error => badRequest(`couldn't get version/kind; json parse error: ${why}`)
  return deleteOptionsOf(checkedKind(readJson(body, deleteOptions, refuse).value))
}

/** @param value as it was decoded, from whichever form */
export function deleteOptionsOf (value: unknown): DeleteOptions {
  const { propagationPolicy, orphanDependents, preconditions, dryRun, ...rest } = typed(value)
  const faults: FieldFault[] = []
  if (typeof propagationPolicy === 'string') {
    const shown = JSON.stringify(propagationPolicy)
    const field = 'propagationPolicy'
    if (typeof orphanDependents === 'boolean') {
      const rule = 'orphanDependents and deletionPropagation cannot be both set'
      faults.push(fault('Invalid', field, `Invalid value: ${shown}: ${rule}`))
    }
    if (!policies.includes(propagationPolicy)) {
      const known = 'supported values: "Foreground", "Background", "Orphan", "nil"'
      faults.push(fault('NotSupported', field, `Unsupported value: ${shown}: ${known}`))
    }
  }
  const dry = Array.isArray(dryRun) ? dryRun : []
  faults.push(...dryRunFaults(dry))
  const forced = 'ignoreStoreReadErrorWithClusterBreakingPotential'
  if (rest[forced] === true) {
    const rule = 'a record that cannot be read is removed with rollcall unreadable'
    faults.push(fault('Forbidden', forced, `Forbidden: ${rule}`))
  }
  if (faults.length > 0) throw invalid('DeleteOptions', 'meta.k8s.io', '', faults)
  const { uid, resourceVersion } = isMembers(preconditions) ? preconditions : {}
  return {
    dryRun: dry.length > 0, uid: said(uid), resourceVersion: said(resourceVersion),
    propagationPolicy: said(propagationPolicy) ?? (orphanDependents === true ? 'Orphan' : undefined)
  }
}

/** @throws StatusError 409 where the object is not the one that was meant */
export function checkPreconditions (asked: DeleteOptions, live: Members, resource: Resource, name: string): void {
  const metadata = isMembers(live.metadata) ? live.metadata : {}
  for (const [field, word] of [['uid', 'UID'], ['resourceVersion', 'ResourceVersion']] as const) {
    const [wanted, has] = [asked[field], said(metadata[field]) ?? '']
    if (wanted === undefined || wanted === has) continue
    const why = `Precondition failed: ${word} in precondition: ${wanted}, ${word} in object meta: ${has}`
    throw conflict(resource, name, why)
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
  const [policy, orphan, grace] =
    [query.get('propagationPolicy'), query.get('orphanDependents'), query.get('gracePeriodSeconds')]
  if (grace !== null && !/^\d{1,15}$/.test(grace)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(grace.slice(0, 100))}: invalid syntax`)
  }
  return {
    ...(policy === null ? {} : { propagationPolicy: policy }),
    ...(orphan === null ? {} : { orphanDependents: orphan === 'true' || orphan === '1' }),
    dryRun: query.getAll('dryRun')
  }
}

function said (value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
