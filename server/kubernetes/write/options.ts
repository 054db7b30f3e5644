// The query of a write: what Kubernetes calls CreateOptions, UpdateOptions and PatchOptions, with its checks.
import { type FieldFault, badRequest, fault, invalid } from './refusal.ts'

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict'

export interface WriteOptions {
  readonly dryRun: boolean
  /** Empty = not said. */
  readonly fieldManager: string
  readonly fieldValidation: FieldValidation
  /** Of a server-side apply: take over what others manage. */
  readonly force: boolean
}

export type OptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions'

const maxManagerLength = 128
/** What a name of a manager is made of where a client's own name stands in for it. */
const maxAgentLength = 128

/**
 * @param isApply a server-side apply: it must say who applies
 * @throws StatusError 422 naming each option that is wrong, 400 for one that is no boolean
 */
export function readOptions (query: URLSearchParams, kind: OptionsKind, isApply = false): WriteOptions {
  const fieldManager = query.get('fieldManager') ?? ''
  const fieldValidation = query.get('fieldValidation') ?? ''
  const force = query.get('force')
  const faults: FieldFault[] = []
  if (isApply && fieldManager === '') {
    faults.push(fault('Required', 'fieldManager', 'Required value: is required for apply patch'))
  }
  if (kind === 'PatchOptions' && !isApply && force !== null) {
    faults.push(fault('Forbidden', 'force', 'Forbidden: may not be specified for non-apply patch'))
  }
  faults.push(...managerFaults(fieldManager), ...dryRunFaults(query.getAll('dryRun')))
  if (!isFieldValidation(fieldValidation)) {
    const text = `${JSON.stringify(fieldValidation)}: supported values: "", "Ignore", "Strict", "Warn"`
    faults.push(fault('NotSupported', 'fieldValidation', `Unsupported value: ${text}`))
  }
  if (faults.length > 0) throw invalid(kind, 'meta.k8s.io', '', faults)
  return {
    dryRun: query.getAll('dryRun').length > 0, fieldManager, force: force !== null && readFlag('force', force),
    fieldValidation: isFieldValidation(fieldValidation) && fieldValidation !== '' ? fieldValidation : 'Warn'
  }
}

/**
 * Who writes: as the request says it, else the beginning of its user agent, as in Kubernetes: `kubectl/v1.33` is
 * `kubectl`.
 */
export function managerOf ({ fieldManager }: WriteOptions, userAgent: string): string {
  if (fieldManager !== '') return fieldManager
  const [name = ''] = userAgent.split('/')
  const printable = [...name].filter((letter) => isPrintable(letter)).join('')
  return printable.slice(0, maxAgentLength)
}

export function dryRunFaults (values: readonly unknown[]): FieldFault[] {
  if (values.every((value) => value === 'All')) return []
  const shown = JSON.stringify(values).replaceAll(',', ', ')
  return [fault('NotSupported', 'dryRun', `Unsupported value: ${shown}: supported values: "All"`)]
}

function managerFaults (manager: string): FieldFault[] {
  const faults: FieldFault[] = []
  if (Buffer.byteLength(manager) > maxManagerLength) {
    faults.push(fault('TooLong', 'fieldManager', `Too long: may not be more than ${maxManagerLength} bytes`))
  }
  let at = 0
  for (const letter of manager.slice(0, maxManagerLength)) {
    if (!isPrintable(letter)) {
      const code = (letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
      const shown = JSON.stringify(manager.slice(0, maxManagerLength))
      const text = `Invalid value: ${shown}: invalid character U+${code} (at position ${at})`
      faults.push(fault('Invalid', 'fieldManager', text))
    }
    at += Buffer.byteLength(letter)
  }
  return faults
}

/** Go's notion: letters, marks, numbers, punctuation, symbols, and the blank. */
function isPrintable (letter: string): boolean {
  return letter === ' ' || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(letter)
}

function isFieldValidation (text: string): text is FieldValidation | '' {
  return ['', 'Ignore', 'Warn', 'Strict'].includes(text)
}

function readFlag (name: string, text: string): boolean {
  if (['', '1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true // `?force` alone means it
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false
  throw badRequest(`strconv.ParseBool: parsing ${JSON.stringify(text.slice(0, 100))}: invalid syntax (${name})`)
}
