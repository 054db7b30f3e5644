// The forms of an answer: a table for people, JSON and YAML for programs, names for the next command of a pipe.
import type { Flags, Invocation } from './command.ts'

export const outputs = ['table', 'wide', 'json', 'yaml', 'name'] as const
export type Output = typeof outputs[number]

export const outputFlag: Flags = {
  output: { type: 'string', short: 'o', metavar: 'FORM', what: `One of ${outputs.join(', ')} (default table)` }
}

export function outputOf<Choice extends string> (call: Invocation, choices: readonly Choice[]): Choice | undefined {
  return call.choice('output', choices)
}

/** A value as JSON or YAML. The YAML writer is loaded only when it is asked for: most commands are over sooner than that takes. */
export async function structured (value: unknown, form: 'json' | 'yaml'): Promise<string> {
  if (form === 'json') return JSON.stringify(value, null, 2)
  const { stringify } = await import('yaml')
  return stringify(value, { lineWidth: 0 }).trimEnd()
}
