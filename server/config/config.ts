// Reads the settings: flag before variable before file before default. Nothing here knows what a setting is for.
import { hostname as systemHostname } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import { type TSchema } from 'typebox'
import { YAMLParseError } from 'yaml'
import type { FieldError } from '../../client-sdk/src/wire.ts'
import { isLoopback, kinds, RuleError, shownValue, showListener, type Kind, type Listener } from './kinds.ts'
import { RegistryError, invalid } from '../errors.ts'
import { nearest, parseFlags, unknownRule, type FlagSpec } from './flags.ts'
import { checker } from '../model/validate.ts'
import type { Origins } from './setting.ts'
import { readSettingsFile } from './settings-file.ts'
import { readRooms, rooms, settings, variableName, type Config, type NodeValues, type Setting } from './settings.ts'

export type { Listener } from './kinds.ts'
export type { Config, NodeValues } from './settings.ts'

/** Variables that belong to the commands and the SDK; the server passes them over. */
export const clientVariables = ['ROLLCALL_ADDRESS', 'ROLLCALL_TOKEN', 'ROLLCALL_TOKEN_FILE', 'ROLLCALL_NAMESPACE', 'ROLLCALL_CA', 'ROLLCALL_CERT', 'ROLLCALL_KEY'] as const

export interface LoadInput {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Gives the text of a file, or throws. */
  readonly readFile: (path: string) => string
  /** The default of `node`. */
  readonly hostname?: string
}

export interface LoadedConfig {
  /** As they were given, or their defaults: to be shown and compared. */
  readonly config: Config
  /** What a node is started with. */
  readonly values: NodeValues
  /** What must be logged once there is a log. */
  readonly warnings: readonly string[]
  /** Name of a setting -> where its value is from: `--http`, `ROLLCALL_HTTP`, `http in rollcall.yaml`, `default`. */
  readonly origins: Readonly<Record<string, string>>
}

/** A value as it was given, before it is read. */
interface Given {
  readonly texts: readonly string[]
  readonly origin: string
}

type Source = ReadonlyMap<string, Given>

/** The flags of `rollcall serve`: the settings, and what shows them instead of starting. */
export function serveFlags (): Record<string, FlagSpec> {
  const entries = settings.map((setting): [string, FlagSpec] => [setting.name, {
    type: setting.kind === 'boolean' ? 'boolean' : 'string', ...(setting.multiple === true ? { multiple: true } : {})
  }])
  return { ...Object.fromEntries(entries), config: { type: 'string' }, 'print-config': { type: 'boolean' }, help: { type: 'boolean', short: 'h' } }
}

/**
 * Makes the effective settings of a command line, an environment and a file. Reads nothing but through its arguments.
 * @throws RegistryError REG_INVALID naming field, value and rule of every fault
 */
export function loadConfig (input: LoadInput): LoadedConfig {
  const faults: FieldError[] = []
  const flags = fromFlags(input.argv, faults)
  const unknown: string[] = []
  const environment = fromEnvironment(input.env, unknown)
  const file = fromFile(flags.get('config') ?? environment.get('config'), input.readFile, faults)
  const values: Record<string, unknown> = {}
  const origins: Record<string, string> = {}
  for (const setting of settings) {
    const fallback = setting.name === 'node' ? input.hostname ?? systemHostname() : setting.default
    const given = flags.get(setting.name) ?? environment.get(setting.name) ?? file.get(setting.name)
      ?? { texts: fallback === undefined ? [] : splitList(setting.name, [fallback]), origin: 'default' }
    origins[setting.name] = given.origin
    const value = readValue(setting, given, faults)
    if (value !== undefined) values[setting.key] = value
  }
  if (faults.length > 0) throw invalid(faults)
  const config = values as Config // readValue has checked each against its schema
  const given: Origins = { field: (name) => originOf(origins[name]) ?? name, isGiven: (name) => originOf(origins[name]) !== undefined }
  return { config, values: readValues(config, given), origins, warnings: [...unknown, ...warningsOf(config, given)] }
}

function originOf (origin: string | undefined): string | undefined {
  return origin === 'default' ? undefined : origin
}

/** Nothing starts with settings that do not go together: all of it is told at once. */
function readValues (config: Config, origins: Origins): NodeValues {
  const faults = openFaults(config, origins)
  let values: NodeValues | undefined
  try {
    values = readRooms(config, origins)
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    faults.push(...(error.errors ?? []).map(withoutSecret))
  }
  if (values === undefined || faults.length > 0) throw invalid(faults)
  return values
}

/** The names of settings that differ, of those that a running node does not take. */
export function takenAtNextStart (before: LoadedConfig, after: LoadedConfig): string[] {
  return settings.filter(({ key, reloaded }) => reloaded !== true && !isDeepStrictEqual(before.config[key], after.config[key])).map(({ name }) => name)
}

function fromFlags (argv: readonly string[], faults: FieldError[]): Source {
  const parsed = parseFlags(argv, serveFlags())
  faults.push(...parsed.faults)
  // Not the word: it may be the secret of a setting whose name was forgotten.
  for (const [index] of parsed.positionals.entries()) faults.push({ field: `argument ${index + 1}`, rule: 'is not expected: settings are given as --name value' })
  return new Map([...parsed.values].map(([name, texts]) => [name, { texts: splitList(name, texts), origin: `--${name}` }]))
}

// Kubernetes and Docker put the addresses of a service called "rollcall" into the environment of its neighbours, in variables
// that look like settings: ROLLCALL_SERVICE_HOST, ROLLCALL_PORT=tcp://10.0.0.1:7500, ROLLCALL_PORT_7500_TCP_ADDR.
const linkVariable = /_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/
const isLink = (name: string, value: string): boolean => linkVariable.test(name) || (name.endsWith('_PORT') && /^(?:tcp|udp|sctp):\/\//.test(value))

/** @param warnings called with unknown variables: other programs may use the prefix, so that they stop no start */
function fromEnvironment (env: LoadInput['env'], warnings: string[]): Source {
  const byVariable = new Map([...settings.map(({ variable, name }): [string, string] => [variable, name]), [variableName('config'), 'config']])
  const known = [...byVariable.keys(), ...clientVariables]
  const source = new Map<string, Given>()
  for (const [variable, value] of Object.entries(env)) {
    // An empty variable counts as unset: that is what `${REDIS:-}` in a compose file leaves behind.
    if (!variable.startsWith('ROLLCALL_') || value === undefined || value === '') continue
    const name = byVariable.get(variable)
    if (name !== undefined) source.set(name, { texts: splitList(name, [value]), origin: variable })
    else if (!known.includes(variable) && !isLink(variable, value)) warnings.push(`${variable} ${unknownRule('setting', variable, known)}`)
  }
  return source
}

function fromFile (given: Given | undefined, readFile: LoadInput['readFile'], faults: FieldError[]): Source {
  const source = new Map<string, Given>()
  const path = given?.texts[0]
  if (given === undefined || path === undefined) return source
  const refuse = (rule: string): Source => {
    faults.push({ field: given.origin, ...shownValue(path), rule })
    return source
  }
  let text: string
  try {
    text = readFile(path)
  } catch (error) {
    return refuse(`must name a file that can be read (${codeOf(error)})`)
  }
  let content: ReturnType<typeof readSettingsFile>
  try {
    content = readSettingsFile(text, (name) => settings.find((candidate) => candidate.name === name)?.kind)
  } catch (error) {
    return refuse(`must be valid YAML (${yamlFault(error)})`)
  }
  if (content === undefined) return refuse('must hold a mapping of settings, like "http: 127.0.0.1:7500"')
  const known = settings.map((setting) => setting.name)
  for (const [name, { texts, value }] of content) {
    const origin = `${/^[A-Za-z][\w-]{0,39}$/.test(name) ? name : 'a key'} in ${path}`
    const setting = settings.find((candidate) => candidate.name === name)
    if (setting === undefined) {
      const fitting = known.find((candidate) => simplified(candidate) === simplified(name)) ?? nearest(name, known)
      faults.push({ field: origin, rule: `is not a known setting${fitting === undefined ? '' : `: did you mean ${fitting}?`}` })
      continue
    }
    // A list is split at commas too, as on the command line: `lan=10.0.0.1-10.0.0.9,10.0.1.0/28` is one pool of two
    // ranges.
    if (texts === undefined) faults.push({ field: origin, ...valueOf(setting, JSON.stringify(value)),
      rule: 'must be a text, a number or a list of them' })
    else source.set(name, { texts: splitList(name, texts), origin })
  }
  return source
}

/** `logLevel`, `log_level` and `log-level` are the same word to a person. */
function simplified (name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '')
}

/** A list may also be written with commas, since a variable can be given only once. */
function splitList (name: string, texts: readonly string[]): string[] {
  const multiple = settings.find((setting) => setting.name === name)?.multiple === true
  return multiple ? texts.flatMap((text) => text.split(',').map((part) => part.trim()).filter((part) => part !== '')) : [...texts]
}

function readValue (setting: Setting, given: Given, faults: FieldError[]): unknown {
  if (setting.multiple !== true) {
    const [text, second] = given.texts
    if (second !== undefined) faults.push({ field: given.origin, ...valueOf(setting, given.texts.join()), rule: 'must be one value, not a list' })
    return text === undefined || (setting.off === true && text === 'off') ? undefined : readOne(setting, setting.schema, text, given.origin, faults)
  }
  if (setting.off === true && given.texts.length === 1 && given.texts[0] === 'off') return []
  const { minItems = 0, maxItems = Infinity, items } = setting.schema as unknown as { minItems?: number, maxItems?: number, items: TSchema } // lists have them
  if (given.texts.length < minItems || given.texts.length > maxItems) {
    faults.push({ field: given.origin, ...valueOf(setting, given.texts.join()), rule: `must hold ${minItems}-${maxItems} values` })
  }
  // Parts of a pool may be the same text twice: `a=...,auto=false,b=...,auto=false`.
  const texts = setting.kind === 'pool' ? given.texts : [...new Set(given.texts)]
  return texts.map((text) => readOne(setting, items, text, given.origin, faults))
}

function readOne (setting: Setting, schema: TSchema, text: string, origin: string, faults: FieldError[]): unknown {
  try {
    const value = kinds[setting.kind].read(text)
    const refusal = checker(schema)(value)
    if (refusal === undefined) return value
    throw new RuleError(refusal.faults[0].rule)
  } catch (error) {
    if (!(error instanceof RuleError)) throw error
    const suffix = setting.off === true ? ', or off' : ''
    faults.push({ field: origin, ...valueOf(setting, text), rule: error.message + suffix })
    return undefined
  }
}

/** A given text as the value of a fault, unless it may hold a secret. */
function valueOf (setting: Setting, text: string): { readonly value?: string } {
  const kind: Kind = kinds[setting.kind]
  return kind.secret === undefined ? shownValue(text) : {}
}

/** Of an error of the system its code: its message repeats the path, which with a slip is something else. */
function codeOf (error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'it cannot'
}

/** What is wrong and where; the library's own message repeats pieces of the file. */
function yamlFault (error: unknown): string {
  if (!(error instanceof YAMLParseError)) return 'an alias without its anchor, or too many of them'
  const at = error.linePos?.[0]
  return `${error.code.toLowerCase().replaceAll('_', ' ')}${at === undefined ? '' : ` at line ${at.line}, column ${at.col}`}`
}

/** A value that got into the wrong setting may be a secret. */
function withoutSecret ({ value, ...fault }: FieldError): FieldError {
  return { ...fault, ...(typeof value === 'string' ? shownValue(value) : {}) }
}

/** The listeners that others than this machine reach. */
function openListeners (config: Config): { readonly name: string, readonly listener: Listener, readonly opens: string }[] {
  return settings.flatMap(({ key, name, opens }) => {
    const listener = config[key] as Listener | undefined // of a setting that opens something
    return opens === undefined || listener === undefined || isLoopback(listener.host) ? [] : [{ name, listener, opens }]
  })
}

/** Whether strangers who reach a listener get only what is meant for them. */
function isControlled ({ access, dnsViews }: Config, name: string): boolean {
  return name.startsWith('dns') ? dnsViews.length > 0 : access === 'on'
}

/** The commands that do it. */
function howToControl (name: string, listener: Listener): string {
  const place = showListener(listener)
  if (name.startsWith('dns')) return `Say which networks may look up which namespaces: --dns-view office=10.0.0.0/8:*`
  return `Two commands do it: "rollcall init --token-file tokens.yaml" makes the first token, and "rollcall serve --${name} ${place} --access on --token-file tokens.yaml" starts with it`
}

function openFaults (config: Config, { field }: Origins): FieldError[] {
  if (config.insecure) return []
  return openListeners(config).filter(({ name }) => !isControlled(config, name)).map(({ name, listener, opens }) => ({
    field: field(name), value: showListener(listener),
    rule: `must be a loopback address (127.0.0.1, [::1], localhost), or access to it must be controlled: whoever reaches it could ${opens}. ${howToControl(name, listener)}. --insecure permits it as it is`
  }))
}

function warningsOf (config: Config, origins: Origins): string[] {
  return [
    ...openListeners(config).filter(({ name }) => !isControlled(config, name)).map(({ name, listener, opens }) =>
      `insecure: ${name} listens on ${showListener(listener)} without access control: whoever reaches it can ${opens}`),
    ...plainTokens(config),
    ...rooms.flatMap((room) => room.warnings?.(config, origins) ?? []),
    ...settings.flatMap((setting) => secretInFlag(setting, config[setting.key], origins))
  ]
}

/** Whoever is on the way reads tokens that are sent in the clear. */
function plainTokens ({ access, insecure, http, eureka, eurekaTlsCert }: Config): string[] {
  if (access !== 'on' || insecure) return []
  const plain = [
    { name: 'http', listener: http, cure: 'http-tls' },
    { name: 'eureka', listener: eurekaTlsCert === undefined ? eureka : undefined, cure: 'eureka-tls-cert' }
  ]
  return plain.flatMap(({ name, listener, cure }) => (listener === undefined || isLoopback(listener.host) ? [] : [
    `${name} listens on ${showListener(listener)} without TLS: tokens that are sent there can be read on the way. Give clients ${cure}, or put a proxy that ends TLS before it`
  ]))
}

function secretInFlag ({ name, kind, variable }: Setting, value: unknown, { field }: Origins): string[] {
  const described: Kind = kinds[kind]
  if (described.secret === undefined || field(name) !== `--${name}`) return []
  const texts = (Array.isArray(value) ? value : [value]) as string[] // a kind with a secret is a text
  if (texts.every((text) => described.show(text as never) === text)) return []
  return [`--${name} holds a ${described.secret}, which every user of this machine can read in the process list: give it as ${variable} or in the file`]
}
