// The forms of an answer: a table for people, JSON and YAML for programs, names for the next command of a pipe.
import { yamlText } from '../yaml-text.ts'
import type { Flags, Invocation } from './command.ts'
import { CommandError, exitCodes } from './errors.ts'

export const outputs = ['table', 'wide', 'json', 'yaml', 'name'] as const
export type Output = typeof outputs[number]

export const outputFlag: Flags = {
  output: { type: 'string', short: 'o', metavar: 'FORM', what: `One of ${outputs.join(', ')} (default table)` }
}

export function outputOf<Choice extends string> (call: Invocation, choices: readonly Choice[]): Choice | undefined {
  return call.choice('output', choices)
}

/**
 * A value as lines of JSON or YAML. What the screen spells out in JSON is within its texts, where it means the same.
 */
export async function structured (value: unknown, form: 'json' | 'yaml'): Promise<readonly string[]> {
  try {
    return (form === 'json' ? JSON.stringify(value ?? null, null, 2) : yamlText(value).trimEnd()).split('\n')
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new CommandError('what was answered is nested too deeply to be written', exitCodes.failure, { cause: error })
  }
}
