// What the test registry answers when a rule is broken.
import type { FieldError, Problem, Registration } from '../wire.ts'

export interface TestAnswer {
  readonly status: number
  readonly body: unknown
}

export function problem (status: number, code: string, detail: string, errors?: readonly FieldError[]): TestAnswer {
  const body: Problem = { type: `urn:rollcall:error:${code}`, title: detail, status, code, detail, ...(errors === undefined ? {} : { errors }) }
  return { status, body }
}

const label = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/

/** The rules that are broken most often; the real registry has more. */
export function faultsOf (namespace: string, service: string, { ports = [], lease, weight }: Registration): FieldError[] {
  const rule = 'must be an RFC 1123 label: 1-63 of a-z, 0-9 and "-", beginning and ending with a letter or digit'
  return [
    ...(label.test(namespace) ? [] : [{ field: 'namespace', value: namespace, rule }]),
    ...(label.test(service) ? [] : [{ field: 'service', value: service, rule }]),
    ...ports.flatMap(({ port }, index) => (within16Bits(port) && port > 0 ? [] : [{ field: `ports[${index}].port`, value: port, rule: 'must be a whole number 1-65535' }])),
    ...(weight === undefined || within16Bits(weight) ? [] : [{ field: 'weight', value: weight, rule: 'must be a whole number 0-65535' }]),
    ...(lease?.ttlMs === undefined || (lease.ttlMs >= 1_000 && lease.ttlMs <= 86_400_000) ? [] : [{ field: 'lease.ttlMs', value: lease.ttlMs, rule: 'must be 1000-86400000' }])
  ]
}

function within16Bits (value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 65_535
}
