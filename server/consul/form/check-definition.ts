// A check as it is registered, in the many forms of it that Consul knows. Nobody here runs one but its owner: a TTL check is a lease, the
// others are taken, shown, and follow what heartbeats say.
import { badRequest, undecoded } from '../consul-error.ts'
import { type Fields, boolField, durationField, intField, objectField, textField } from './fields.ts'

export const checkStatuses = ['passing', 'warning', 'critical'] as const
export type CheckStatus = (typeof checkStatuses)[number]

export function isCheckStatus (text: string | undefined): text is CheckStatus {
  return text === 'passing' || text === 'warning' || text === 'critical'
}

/** What a check asks, as `Type` of Consul's answers says; `external`: somebody else says its status. */
export type CheckKind = 'ttl' | 'http' | 'tcp' | 'udp' | 'grpc' | 'h2ping' | 'alias' | 'external'

export interface CheckDefinition {
  readonly kind: CheckKind
  /** '' = it gets the id of its service. */
  readonly checkId: string
  readonly name: string
  readonly notes: string
  /** undefined = as it was, or critical. */
  readonly status: CheckStatus | undefined
  /** Of a TTL check. */
  readonly ttlMs: number | undefined
  readonly intervalMs: number | undefined
  readonly timeoutMs: number | undefined
  /** How long the service stays when the check is critical; undefined = for ever. */
  readonly deregisterAfterMs: number | undefined
  /** What is asked, as `Definition` of the answers has it: `HTTP`, `TCP`, ... */
  readonly target: Readonly<Record<string, string>>
  /** What it says of itself before anybody said anything; of a check registered with `Output`. */
  readonly output: string
}

/** Consul's own: a service is not removed sooner. */
export const leastDeregisterMs = 60_000
const maxIntervalMs = 365 * 24 * 3_600_000
const kinds = [['HTTP', 'http'], ['TCP', 'tcp'], ['UDP', 'udp'], ['GRPC', 'grpc'], ['H2PING', 'h2ping']] as const
const scripts = ['Args', 'ScriptArgs', 'Script', 'DockerContainerID', 'Shell', 'OSService']

/** @throws ConsulError 400 in Consul's words */
export function checkDefinition (fields: Fields): CheckDefinition {
  for (const script of scripts) {
    const value = fields.get(script.toLowerCase()) ?? ''
    if (value !== '' && !(Array.isArray(value) && value.length === 0)) {
      throw badRequest(`Scripts are disabled on this agent; to enable, configure 'enable_script_checks' or 'enable_local_script_checks' to true: ${script} is never run by this registry`)
    }
  }
  const found = kinds.filter(([name]) => (textField(fields, name) ?? '') !== '')
  const aliased = (textField(fields, 'AliasNode') ?? '') !== '' || (textField(fields, 'AliasService') ?? '') !== ''
  const ttlMs = durationField(fields, 'TTL')
  const intervalMs = durationField(fields, 'Interval')
  const [first] = found
  if ((intervalMs ?? 0) > 0 && (ttlMs ?? 0) > 0) throw badRequest('Invalid check: Interval and TTL cannot both be specified')
  if (first !== undefined && !((intervalMs ?? 0) > 0)) throw badRequest('Invalid check: Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks')
  if (first === undefined && !aliased && !((ttlMs ?? 0) > 0)) throw badRequest('Invalid check: TTL must be > 0 for TTL checks')
  if (found.length > 1) throw badRequest(`Invalid check: ${found.map(([name]) => name).join(' and ')} cannot both be specified`)
  const failuresBeforeWarning = intField(fields, 'FailuresBeforeWarning', 0, 1_000_000) ?? 0
  const failuresBeforeCritical = intField(fields, 'FailuresBeforeCritical', 0, 1_000_000) ?? 0
  if (failuresBeforeWarning > 0 && failuresBeforeCritical > 0 && failuresBeforeWarning > failuresBeforeCritical) {
    throw badRequest("Invalid check: FailuresBeforeWarning can't be higher than FailuresBeforeCritical")
  }
  if (((intervalMs ?? 0) > maxIntervalMs) || ((ttlMs ?? 0) > maxIntervalMs)) throw badRequest('Invalid check: a TTL or an Interval must not be longer than a year')
  const after = durationField(fields, 'DeregisterCriticalServiceAfter')
  return {
    kind: first?.[1] ?? (aliased ? 'alias' : 'ttl'),
    checkId: textField(fields, 'CheckID') ?? textField(fields, 'ID') ?? '',
    name: textField(fields, 'Name') ?? '',
    notes: textField(fields, 'Notes') ?? '',
    status: statusField(fields),
    ttlMs: first === undefined && !aliased ? ttlMs : undefined,
    intervalMs: first === undefined ? undefined : intervalMs,
    timeoutMs: durationField(fields, 'Timeout'),
    deregisterAfterMs: after === undefined || after <= 0 ? undefined : Math.max(after, leastDeregisterMs),
    target: targetOf(fields),
    output: textField(fields, 'Output') ?? ''
  }
}

function statusField (fields: Fields): CheckStatus | undefined {
  const status = textField(fields, 'Status') ?? ''
  if (status !== '' && !isCheckStatus(status)) throw badRequest("Status for checks must 'passing', 'warning', 'critical'")
  return status === '' ? undefined : status
}

/** Each field is read, so that one of the wrong type is refused; those that say what is asked are kept. */
function targetOf (fields: Fields): Record<string, string> {
  for (const name of ['DisableRedirects', 'TCPUseTLS', 'GRPCUseTLS', 'H2PingUseTLS', 'TLSSkipVerify']) boolField(fields, name)
  intField(fields, 'SuccessBeforePassing', 0, 1_000_000)
  if ((intField(fields, 'OutputMaxSize', -1, Number.MAX_SAFE_INTEGER) ?? 0) < 0) throw badRequest('Invalid check: MaxOutputMaxSize must be positive')
  textField(fields, 'TLSServerName')
  textField(fields, 'Body')
  for (const [name, values] of objectField(fields, 'Header') ?? []) {
    if (!Array.isArray(values) || !values.every((each) => typeof each === 'string')) throw undecoded(`Header.${name} must be a list of strings`)
  }
  const target: Record<string, string> = {}
  for (const name of ['HTTP', 'Method', 'TCP', 'UDP', 'GRPC', 'H2PING', 'AliasNode', 'AliasService']) {
    const value = textField(fields, name) ?? ''
    if (value !== '') target[name] = value
  }
  return target
}
