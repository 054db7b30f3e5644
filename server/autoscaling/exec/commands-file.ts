// The file of `rollcall autoscaler`: which program a machine runs for which autoscaler. No manifest can add to it: what
// runs on a machine is said on that machine.
//
//   interval: 2s
//   commands:
//   - autoscaler: shop/worker
//     run: [/opt/worker/copies.sh, systemd]
//     environment: {WORKER_PORT: "8080"}
//     directory: /opt/worker
//     timeLimit: 1m
//     repeat: 30s
import { accessSync, constants, statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { parseDocument } from 'yaml'
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import { readDuration } from '../../config/duration-text.ts'
import { nearest } from '../../config/flags.ts'
import { shownValue } from '../../config/kinds.ts'
import { invalid } from '../../errors.ts'
import { isLabel, labelRule, subdomainPattern, subdomainRule } from '../../model/names.ts'

/** What a machine runs for one autoscaler. */
export interface ScaleCommand {
  readonly namespace: string
  /** Of the HorizontalPodAutoscaler. */
  readonly name: string
  /** A program and its arguments: no shell is between. */
  readonly run: readonly [string, ...string[]]
  /** Added to that of the agent. */
  readonly environment: Readonly<Record<string, string>>
  /** Default: that of the agent. */
  readonly directory: string | undefined
  /** A run that takes longer is ended. */
  readonly timeLimitMs: number
  /** The first pause before it is run again while another number of instances is counted than is desired. */
  readonly repeatMs: number
}

export interface CommandsFile {
  /** How often the registry is asked. */
  readonly intervalMs: number
  readonly commands: readonly ScaleCommand[]
}

/** Each is asked for in every interval. */
const maxCommands = 100
/** As many as a person writes; the system's own limit is far above. */
const maxWords = 64
const maxWordLength = 4_096
const maxVariables = 64
/** Of the file: more is no list of commands. */
export const maxFileLength = 262_144

/** The variables that tell a program what is wanted. */
export const ownVariables = [
  'ROLLCALL_DESIRED', 'ROLLCALL_CURRENT', 'ROLLCALL_HPA', 'ROLLCALL_NAMESPACE', 'ROLLCALL_TARGET', 'ROLLCALL_DECISION',
  'ROLLCALL_REASON'
] as const

const durations = {
  interval: { least: 100, most: 300_000, rule: 'must be from 100ms to 5m', fallback: 2_000 },
  timeLimit: { least: 1_000, most: 3_600_000, rule: 'must be from 1s to 1h', fallback: 60_000 },
  repeat: { least: 100, most: 3_600_000, rule: 'must be from 100ms to 1h', fallback: 30_000 }
} as const

const fileFields = ['interval', 'commands'] as const
const commandFields = ['autoscaler', 'run', 'environment', 'directory', 'timeLimit', 'repeat'] as const

/** What of the machine a file is checked against. */
export interface Machine {
  /** Why a program cannot be run; undefined = it can. */
  readonly programProblem: (program: string) => string | undefined
  readonly isDirectory: (path: string) => boolean
}

type Refuse = (field: string, value: unknown, rule: string) => undefined

/**
 * Reads the file.
 * @throws RegistryError REG_INVALID naming field, value and rule of every fault
 */
export function readCommandsFile (text: string, machine: Machine): CommandsFile {
  const faults: FieldError[] = []
  const refuse: Refuse = (field, value, rule) => {
    faults.push({ field, ...(typeof value === 'string' ? shownValue(value) : {}), rule })
    return undefined
  }
  const content = contentOf(text)
  unknownFields(content, '', fileFields, refuse)
  const intervalMs = duration('interval', content['interval'], durations.interval, refuse)
  const list = content['commands']
  if (!Array.isArray(list) || list.length === 0) {
    refuse('commands', list, 'must be a list with an entry for each autoscaler')
  }
  if (Array.isArray(list) && list.length > maxCommands) {
    refuse('commands', undefined, `must not have more than ${maxCommands} entries`)
  }
  const commands = (Array.isArray(list) ? list as readonly unknown[] : []).slice(0, maxCommands)
    .map((entry, index) => readCommand(`commands[${index}]`, entry, machine, refuse))
  const seen = new Set<string>()
  for (const [index, command] of commands.entries()) {
    const key = command === undefined ? '' : `${command.namespace}/${command.name}`
    if (command !== undefined && seen.has(key)) {
      refuse(`commands[${index}].autoscaler`, key, 'must be named once: two programs would work against each other')
    }
    seen.add(key)
  }
  if (faults.length > 0 || intervalMs === undefined) throw invalid(faults)
  return { intervalMs, commands: commands.filter((command) => command !== undefined) }
}

function contentOf (text: string): Readonly<Record<string, unknown>> {
  // "failsafe" takes each scalar as it is written: a port of 8080, an argument `on` and a version of 1.10 are texts.
  const document = parseDocument(text, { schema: 'failsafe' })
  const [error] = document.errors
  if (error !== undefined) {
    const [at] = error.linePos ?? []
    const place = at === undefined ? '' : ` at line ${at.line}, column ${at.col}`
    const rule = `must be valid YAML (${error.code.toLowerCase().replaceAll('_', ' ')}${place})`
    throw invalid([{ field: 'file', rule }])
  }
  let content: unknown
  try {
    content = document.toJS()
  } catch {
    const rule = 'must be valid YAML (an alias without its anchor, or too many of them)'
    throw invalid([{ field: 'file', rule }])
  }
  if (!isMapping(content)) throw invalid([{ field: 'file', rule: 'must hold a mapping with the list "commands"' }])
  return content
}

function isMapping (value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function unknownFields (
  given: Readonly<Record<string, unknown>>, place: string, known: readonly string[], refuse: Refuse
): void {
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue
    const meant = nearest(name, [...known])
    const shown = /^[\w-]{1,40}$/.test(name) ? name : 'a key'
    const hint = meant === undefined ? '' : `: did you mean ${meant}?`
    refuse(`${place}${shown}`, undefined, `is not a known field${hint}`)
  }
}

function readCommand (place: string, entry: unknown, machine: Machine, refuse: Refuse): ScaleCommand | undefined {
  if (!isMapping(entry)) return refuse(place, entry, 'must be a mapping with autoscaler and run')
  unknownFields(entry, `${place}.`, commandFields, refuse)
  const name = readName(`${place}.autoscaler`, entry['autoscaler'], refuse)
  const run = readWords(`${place}.run`, entry['run'], machine, refuse)
  const environment = readEnvironment(`${place}.environment`, entry['environment'], refuse)
  const directory = entry['directory']
  const isPath = typeof directory === 'string' && isAbsolute(directory) && machine.isDirectory(directory)
  if (directory !== undefined && !isPath) {
    refuse(`${place}.directory`, directory, 'must be the absolute path of a directory')
  }
  const timeLimitMs = duration(`${place}.timeLimit`, entry['timeLimit'], durations.timeLimit, refuse)
  const repeatMs = duration(`${place}.repeat`, entry['repeat'], durations.repeat, refuse)
  if (name === undefined || run === undefined || environment === undefined) return undefined
  if (timeLimitMs === undefined || repeatMs === undefined) return undefined
  return { ...name, run, environment, directory: isPath ? directory : undefined, timeLimitMs, repeatMs }
}

function readName (
  field: string, given: unknown, refuse: Refuse
): Pick<ScaleCommand, 'namespace' | 'name'> | undefined {
  const [namespace = '', name = '', ...more] = typeof given === 'string' ? given.split('/') : []
  if (name === '' || more.length > 0) {
    return refuse(field, given, 'must be NAMESPACE/NAME of a HorizontalPodAutoscaler, like shop/worker')
  }
  if (!isLabel(namespace)) return refuse(field, given, `has a namespace that ${labelRule}`)
  if (!new RegExp(subdomainPattern).test(name)) return refuse(field, given, `has a name that ${subdomainRule}`)
  return { namespace, name }
}

function readWords (
  field: string, given: unknown, { programProblem }: Machine, refuse: Refuse
): ScaleCommand['run'] | undefined {
  if (!Array.isArray(given) || given.length === 0) {
    const rule = 'must be a list: the program and its arguments, each a text of its own (no shell reads them)'
    return refuse(field, given, rule)
  }
  if (given.length > maxWords) return refuse(field, undefined, `must not have more than ${maxWords} words`)
  const words = given as readonly unknown[]
  for (const [index, word] of words.entries()) {
    if (!isWord(word)) {
      return refuse(`${field}[${index}]`, word, `must be a text of at most ${maxWordLength} characters, without NUL`)
    }
  }
  const [program = '', ...others] = words as readonly string[] // each was looked at
  if (!isAbsolute(program) && (program === '' || program.includes('/'))) {
    return refuse(`${field}[0]`, program, 'must be the absolute path of a program, or its name in PATH')
  }
  const problem = programProblem(program)
  if (problem !== undefined) return refuse(`${field}[0]`, program, problem)
  return [program, ...others]
}

function isWord (value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxWordLength && !value.includes('\0')
}

function readEnvironment (
  field: string, given: unknown, refuse: Refuse
): Readonly<Record<string, string>> | undefined {
  if (given === undefined) return {}
  if (!isMapping(given)) return refuse(field, given, 'must be a mapping of names and values')
  const entries = Object.entries(given)
  if (entries.length > maxVariables) {
    return refuse(field, undefined, `must not have more than ${maxVariables} variables`)
  }
  const variables: [string, string][] = []
  for (const [name, value] of entries) {
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,255}$/.test(name)) {
      refuse(field, name, 'has a name that must be of A-Z, a-z, 0-9 and "_", without a digit in front')
    } else if (ownVariables.some((own) => own === name)) {
      refuse(`${field}.${name}`, undefined, 'is told by the agent itself')
    } else if (!isWord(value)) {
      refuse(`${field}.${name}`, undefined, `must be a text of at most ${maxWordLength} characters, without NUL`)
    } else variables.push([name, value])
  }
  return Object.fromEntries(variables)
}

function duration (
  field: string, given: unknown, limits: (typeof durations)[keyof typeof durations], refuse: Refuse
): number | undefined {
  const { least, most, rule, fallback } = limits
  if (given === undefined) return fallback
  if (typeof given !== 'string') return refuse(field, given, 'must be a duration')
  try {
    const ms = readDuration(given)
    return ms < least || ms > most ? refuse(field, given, rule) : ms
  } catch (error) {
    return refuse(field, given, error instanceof Error ? error.message : String(error))
  }
}

/** This machine. @param path the variable PATH */
export function thisMachine (path: string): Machine {
  const isProgram = (file: string): boolean => {
    try {
      accessSync(file, constants.X_OK)
      return statSync(file).isFile()
    } catch {
      return false
    }
  }
  return {
    programProblem: (program) => {
      if (isAbsolute(program)) return isProgram(program) ? undefined : 'must be a file that this user may execute'
      const isFound = path.split(':').some((folder) => isAbsolute(folder) && isProgram(join(folder, program)))
      return isFound ? undefined : 'must be in a directory of PATH'
    },
    isDirectory: (directory) => {
      try {
        return statSync(directory).isDirectory()
      } catch {
        return false
      }
    }
  }
}
