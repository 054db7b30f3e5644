// Reading a command line, the same way for the server's settings and for every command: node:util's tokens, our sentences.
import { parseArgs } from 'node:util'
import type { FieldError } from '../../client-sdk/src/wire.ts'

export interface FlagSpec {
  readonly type: 'boolean' | 'string'
  /** One letter, as in `-n`. */
  readonly short?: string
  /** May be given several times. */
  readonly multiple?: boolean
}

export type FlagSpecs = Readonly<Record<string, FlagSpec>>

export interface ParsedFlags {
  /** Name without dashes -> the values in the order given; a boolean flag has `"true"` or `"false"`. */
  readonly values: ReadonlyMap<string, readonly string[]>
  readonly positionals: readonly string[]
  readonly faults: readonly FieldError[]
}

/** Splits a command line by its flags. Faults are collected, not thrown: the caller may know of more of them. */
export function parseFlags (argv: readonly string[], specs: FlagSpecs): ParsedFlags {
  const booleans = Object.keys(specs).filter((name) => specs[name]?.type === 'boolean')
  const { tokens } = parseArgs({
    args: [...argv], options: specs, allowPositionals: true, strict: false, tokens: true
  })
  const values = new Map<string, string[]>()
  const positionals: string[] = []
  const faults: FieldError[] = []
  let unknownAt: number | undefined
  for (const token of tokens) {
    // What stands after an unknown flag is most likely its value: one mistake, one sentence.
    if (token.kind === 'positional' && token.index - 1 !== unknownAt) positionals.push(token.value)
    if (token.kind !== 'option') continue
    const negated = token.name.startsWith('no-') && booleans.includes(token.name.slice('no-'.length)) && !(token.name in specs)
    const name = negated ? token.name.slice('no-'.length) : token.name
    const spec = Object.hasOwn(specs, name) ? specs[name] : undefined
    const fault = spec === undefined
      ? { field: token.rawName, rule: unknownRule('flag', token.rawName, knownFlags(specs)) }
      : flagFault(token.rawName, spec, negated, token, values.get(name))
    if (spec === undefined && token.value === undefined) unknownAt = token.index
    if (fault !== undefined) faults.push(fault)
    else if (spec?.type === 'boolean') values.set(name, [negated ? 'false' : token.value ?? 'true'])
    else values.set(name, [...(values.get(name) ?? []), token.value ?? ''])
  }
  return { values, positionals, faults }
}

interface OptionToken {
  readonly value?: string | undefined
  readonly inlineValue?: boolean | undefined
}

function flagFault (field: string, spec: FlagSpec, negated: boolean, token: OptionToken, before: readonly string[] | undefined): FieldError | undefined {
  if (spec.type === 'boolean') {
    const given = token.value
    if (given === undefined || (!negated && (given === 'true' || given === 'false'))) return undefined
    return { field, value: given, rule: 'must be true or false, or stand without a value' }
  }
  // `--http --dns x` is a forgotten value, not a listener named "--dns"; `-` alone means standard input, and `-1` is a
  // number: its rule is another.
  const forgotten =
    token.value === undefined || token.value === '' || (token.inlineValue !== true && /^-(?!\.?\d)./.test(token.value))
  if (forgotten) return { field, rule: 'needs a value' }
  if (before !== undefined && spec.multiple !== true) return { field, rule: 'must not be given twice' }
  return undefined
}

function knownFlags (specs: FlagSpecs): string[] {
  return Object.entries(specs).flatMap(([name, spec]) => spec.short === undefined ? [`--${name}`] : [`--${name}`, `-${spec.short}`])
}

/** "is not a known flag", with the nearest known one if there is a near one. */
export function unknownRule (kind: string, text: string, known: readonly string[]): string {
  const candidate = nearest(text, known)
  return `is not a known ${kind}${candidate === undefined ? '' : `: did you mean ${candidate}?`}`
}

/** The known text that a person most likely meant, or undefined if none is near. */
export function nearest (text: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  // A third of the letters may be wrong, but not many of them; one always may, so that short names are found too.
  let bestDistance = Math.min(Math.max(1, Math.floor(text.replace(/^-+/, '').length / 3)), mostSlips) + 1
  for (const candidate of known) {
    const distance = editDistance(text.slice(0, longestCompared), candidate)
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  // `HTTP_PORT` is a word too many behind `HTTP`, more likely than four slips in `HTTP_TLS`.
  if (bestDistance > mostMisspelt) best = known.filter((candidate) => text.startsWith(`${candidate}_`) || text.startsWith(`${candidate}-`)).at(-1) ?? best
  return best ?? (text.length >= 3 ? known.find((candidate) => candidate.startsWith(text)) : undefined)
}

const mostSlips = 5
const mostMisspelt = 2
const longestCompared = 100 // the distance costs the product of both lengths; no name of ours is near this

/** How many letters must be changed, added, left out or swapped with their neighbour (Damerau, optimal string alignment). */
export function editDistance (a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let cost = Math.min(at(last, column) + 1, at(current, column - 1) + 1, at(last, column - 1) + (same ? 0 : 1))
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) cost = Math.min(cost, at(beforeLast, column - 2) + 1)
      current.push(cost)
    }
    [beforeLast, last] = [last, current]
  }
  return at(last, b.length)
}

function at (row: readonly number[], column: number): number {
  return row[column] ?? Infinity
}
