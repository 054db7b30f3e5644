// Why something is refused, as clients see it: the first faults, each cut to a size that a person reads, and how many
// more there are. What was sent is never sent back whole, and a refusal is never without a reason.
import type { FieldError } from '../client-sdk/src/wire.ts'

/** Faults that are reported. A body of ten thousand faults is one mistake, reported twenty times. */
export const maxToldFaults = 20
/**
 * Characters of a value that is reported: the longest honest one is an id (253), and what it was meant to be is seen by
 * then.
 */
export const maxToldValue = 512
/** Characters of a field's path and of a rule. The longest rule holds an expression of Kubernetes (some 350). */
const maxToldText = 512
/** Characters of a value inside of a sentence. */
const maxShown = 80

/** Why a value was refused. There is always a reason. */
export interface Refusal {
  readonly faults: readonly [FieldError, ...FieldError[]]
  /** Faults beside those. */
  readonly more: number
}

/** Collects faults: keeps the first, cut, and counts the others. */
export class FaultList {
  readonly #faults: FieldError[] = []
  #more = 0

  /** @param make is called only for a fault that is kept: the ten-thousandth costs nothing */
  add (make: () => FieldError): void {
    if (this.#faults.length < maxToldFaults) this.#faults.push(told(make()))
    else this.#more++
  }

  /** @param locate puts a fault into its place; it is called for those that are kept */
  addAll (faults: readonly FieldError[], more = 0, locate: (faults: readonly FieldError[]) => readonly FieldError[] = (same) => same): void {
    for (const fault of faults) this.add(() => locate([fault])[0] ?? fault)
    this.#more += more
  }

  get faults (): readonly FieldError[] {
    return this.#faults
  }

  /** Faults that are not kept. */
  get more (): number {
    return this.#more
  }

  get isEmpty (): boolean {
    return this.#faults.length === 0
  }

  /** @param otherwise stands in where no fault was found, and there was a no all the same */
  refusal (otherwise: FieldError): Refusal {
    const [first = otherwise, ...others] = this.#faults
    return { faults: [first, ...others], more: this.#more }
  }
}

/** A fault with its texts and its value cut. */
function told (fault: FieldError): FieldError {
  const { field, rule } = fault
  return {
    ...fault,
    field: cut(field, maxToldText),
    ...('value' in fault ? { value: excerpt(fault.value) } : {}),
    rule: cut(rule, maxToldText)
  }
}

/** A value as it is reported: itself if it is small, else the beginning of it as a text. */
function excerpt (value: unknown): unknown {
  if (typeof value === 'string') return cut(value, maxToldValue)
  if (typeof value !== 'object' || value === null) return value
  const text = jsonStart(value, maxToldValue)
  return text.length > maxToldValue ? `${text.slice(0, maxToldValue)}...` : value
}

/** A value as a sentence shows it: JSON, cut. */
export function shown (value: unknown): string {
  if (typeof value === 'string' && value.length > maxShown) return `${JSON.stringify(value.slice(0, maxShown)).slice(0, maxShown)}... (${value.length} characters)`
  const text = jsonStart(value, maxShown)
  return text.length > maxShown ? `${text.slice(0, maxShown)}...` : text
}

/** Faults as one sentence: `weight must be a whole number 0-65535, got -1; ...; and 3 more`. */
export function sentence (faults: readonly FieldError[], more: number, placeOf: (fault: FieldError) => string = () => ''): string {
  const texts = faults.map((fault) => `${placeOf(fault)}${fault.field} ${fault.rule}${'value' in fault ? `, got ${shown(fault.value)}` : ''}`)
  return [...texts, ...(more > 0 ? [`and ${more} more`] : [])].join('; ')
}

function cut (text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}... (${text.length} characters)` : text
}

/** JSON of a value up to a little more than `most` characters: a value of megabytes costs no more than a small one. */
function jsonStart (value: unknown, most: number): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, most + 1))
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? String(value)
  const isList = Array.isArray(value)
  let text = isList ? '[' : '{'
  let separator = ''
  for (const key in value) {
    const member = (value as Readonly<Record<string, unknown>>)[key] // of a list its index
    if (text.length > most) break
    if (!Object.hasOwn(value, key) || (member === undefined && !isList)) continue
    text += `${separator}${isList ? '' : `${jsonStart(key, most)}:`}${member === undefined ? 'null' : jsonStart(member, most - text.length)}`
    separator = ','
  }
  return text + (isList ? ']' : '}')
}
