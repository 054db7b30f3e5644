// A value from outside that autoscalers go by: written through REST, kept as a note of the store, and gone when its time is over.
import { hash } from 'node:crypto'
import { Type, type Static } from 'typebox'
import { readJson } from '../stored-text.ts'
import { checker, mapOf } from '../validate.ts'
import { compact } from '../service/schema.ts'

export const externalPrefix = 'external/'
/** Thousandths of it are still counted without a loss. */
export const maxExternalValue = 9e12
const maxLabels = 16
export const metricNamePattern = '^[A-Za-z0-9](?:[-A-Za-z0-9_./:]{0,251}[A-Za-z0-9])?$'
export const metricNameRule = 'must be 1-253 of A-Z, a-z, 0-9, "-", "_", ".", "/" and ":", beginning and ending with a letter or digit'

const labelText = Type.String({ maxLength: 253, pattern: '^[^\\n]*$', rule: 'must be a text of at most 253 characters' })

export const ExternalMetricBody = Type.Object({
  value: Type.Number({ minimum: 0, maximum: maxExternalValue, rule: `must be a number from 0 to ${maxExternalValue}`, description: 'What it is now' }),
  labels: Type.Optional(mapOf(labelText, {
    maxProperties: maxLabels, rule: `must be an object of texts, at most ${maxLabels}`,
    description: 'By which a metric selects it. Values of one name with different labels stand side by side, and are summed where several are selected.'
  })),
  ttl: Type.Optional(Type.Integer({
    minimum: 1, maximum: 86_400, rule: 'must be a whole number of seconds from 1 to 86400', description: 'Seconds after which it is no value any more. Default 60'
  }))
}, { additionalProperties: false, examples: [{ value: 120, labels: { queue: 'orders' }, ttl: 60 }] })

export const defaultExternalTtlSeconds = 60

export interface ExternalMetric {
  readonly namespace: string
  readonly name: string
  readonly value: number
  readonly labels: Readonly<Record<string, string>>
  readonly writtenAt: string
  readonly endsAt: string
}

/** One note for each set of labels. The name may hold `/`, and is in the text. */
export function externalKey (namespace: string, name: string, labels: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))
  return `${externalPrefix}${namespace}/${hash('sha1', JSON.stringify([name, sorted]), 'hex')}`
}

export function externalText (name: string, { value, labels }: Static<typeof ExternalMetricBody>): string {
  return JSON.stringify(compact({ name, value, labels }))
}

const check = checker(Type.Object({
  name: Type.String(), value: Type.Number({ minimum: 0, maximum: maxExternalValue }), labels: Type.Optional(mapOf(Type.String()))
}))

/** undefined = no node wrote it. */
export function readExternal (
  { key, body, atMs, endsAtMs }: { readonly key: string, readonly body: string, readonly atMs: number, readonly endsAtMs: number }
): ExternalMetric | undefined {
  const read = readJson(body, check)
  const [, namespace] = key.split('/')
  if ('refusal' in read || namespace === undefined) return undefined
  const { name, value, labels = {} } = read.value as { readonly name: string, readonly value: number, readonly labels?: Readonly<Record<string, string>> }
  return { namespace, name, value, labels, writtenAt: new Date(atMs).toISOString(), endsAt: new Date(endsAtMs).toISOString() }
}
