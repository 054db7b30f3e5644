// What a command is: its flags, its help, and how a command line becomes its arguments.
import type { RollcallEvent } from '../../client-sdk/src/index.ts'
import { parseFlags, type FlagSpec, type ParsedFlags } from '../config/flags.ts'
import { isLabel, labelRule } from '../model/names.ts'
import { readDuration } from '../config/duration-text.ts'
import { showDuration } from '../model/duration.ts'
import type { Api } from './api.ts'
import { defaultAddress, defaultTimeoutMs, readAddresses, readToken, readTokenFile } from './connection.ts'
import { type Context, currentContext } from './contexts.ts'
import { UsageError } from './errors.ts'
import type { Screen } from './screen.ts'

export interface Flag extends FlagSpec {
  /** What stands for the value in the help. */
  readonly metavar?: string
  readonly what: string
}

export type Flags = Readonly<Record<string, Flag>>

export interface Command {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** What stands after `rollcall` in its usage. */
  readonly usage: string
  /** Sentences for its own help. */
  readonly details?: string
  readonly flags: Flags
  /** Command line (without `rollcall`) and what it does. */
  readonly examples: readonly (readonly [string, string])[]
  readonly run: (call: Invocation) => Promise<number | void>
}

export type TlsFiles = Pick<Context, 'ca' | 'cert' | 'key'>

export function isHttps (addresses: readonly string[]): boolean {
  return addresses.some((address) => /^https:/i.test(address))
}

/** For https addresses. */
export const tlsFlags: Flags = {
  ca: { type: 'string', metavar: 'FILE', what: 'The CAs of which one must have issued the registry\'s certificate, in PEM form (ROLLCALL_CA, default those of Node)' },
  cert: { type: 'string', metavar: 'FILE', what: 'The certificate to show to a registry that asks for one, in PEM form (ROLLCALL_CERT)' },
  key: { type: 'string', metavar: 'FILE', what: 'The private key of that certificate, in PEM form (ROLLCALL_KEY)' }
}

/** Of every command that talks to a registry, whatever it calls the address. */
export const tokenFlags: Flags = {
  ...tlsFlags,
  token: { type: 'string', metavar: 'TOKEN', what: 'The token that is sent along. Everybody on this machine can read it in the process list: better ROLLCALL_TOKEN' },
  'token-file': { type: 'string', metavar: 'FILE', what: 'A file that holds the token (ROLLCALL_TOKEN_FILE)' },
  timeout: { type: 'string', metavar: 'DURATION',
    what: `How long to wait for an answer of the registry, over all its addresses (default ${showDuration(defaultTimeoutMs)})` }
}

/** Every command that talks to a registry has these. */
export const connectionFlags: Flags = {
  address: { type: 'string', metavar: 'URL', what: `The registry; several with commas, tried in this order (ROLLCALL_ADDRESS, default ${defaultAddress})` },
  ...tokenFlags
}

export const namespaceFlag: Flags = {
  namespace: { type: 'string', short: 'n', metavar: 'NAMESPACE', what: 'The namespace (ROLLCALL_NAMESPACE, default "default")' }
}

export const dryRunFlag: Flags = { 'dry-run': { type: 'boolean', what: 'Shows what would happen, with all checks, and changes nothing' } }

export const helpFlag: Flags = { help: { type: 'boolean', short: 'h', what: 'Shows this help' } }

/** One call of a command: its command line, read by its flags. */
export class Invocation {
  readonly terminal: Screen
  readonly positionals: readonly string[]
  readonly #values: ParsedFlags['values']
  readonly #meansRegistry: boolean

  /** @throws UsageError naming every fault of the command line */
  constructor (command: Command, argv: readonly string[], terminal: Screen) {
    const { values, positionals, faults } = parseFlags(argv, { ...command.flags, ...helpFlag })
    this.terminal = terminal
    this.positionals = positionals
    this.#values = values
    this.#meansRegistry = command.flags['address'] === connectionFlags['address']
    if (faults.length > 0 && !this.flag('help')) throw new UsageError(faults.map((fault) => `${fault.field} ${fault.rule}`).join('; '))
  }

  flag (name: string): boolean {
    return this.#values.get(name)?.[0] === 'true'
  }

  text (name: string): string | undefined {
    return this.#values.get(name)?.[0]
  }

  texts (name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }

  /** A flag's text as a value, its rule as a usage error. */
  read<Value> (name: string, reader: (text: string) => Value): Value | undefined {
    const text = this.text(name)
    return text === undefined ? undefined : rephrased(`--${name}`, text, () => reader(text))
  }

  whole (name: string): number | undefined {
    return this.read(name, (text) => {
      if (!/^\d{1,9}$/.test(text)) throw new Error('must be a whole number')
      return Number(text)
    })
  }

  /** One of some words, or a usage error that lists them. */
  choice<Choice extends string> (name: string, choices: readonly Choice[]): Choice | undefined {
    return this.read(name, (text) => {
      const found = choices.find((choice) => choice === text)
      if (found === undefined) throw new Error(`must be one of ${choices.join(', ')}`)
      return found
    })
  }

  /** Exactly these arguments, or a usage error that names the missing one. */
  arguments (...names: readonly string[]): readonly string[] {
    const missing = names[this.positionals.length]
    if (missing !== undefined) throw new UsageError(`${missing} is missing`)
    const surplus = this.positionals[names.length]
    if (surplus !== undefined) throw new UsageError(`${JSON.stringify(surplus)} is one argument too many`)
    return this.positionals
  }

  get namespace (): string {
    const name = this.text('namespace') ?? (this.terminal.env['ROLLCALL_NAMESPACE'] || this.#context?.namespace || 'default')
    return label('namespace', name)
  }

  /** Of the registry. `register` has an --address of its own, of the instance: there a URL is still the registry's. */
  get addresses (): readonly string[] {
    const registry = this.text('registry')
    const address = this.#meansRegistry || this.text('address')?.includes('://') === true ? this.text('address') : undefined
    if (registry !== undefined) return readAddresses(registry, '--registry')
    if (address !== undefined) return readAddresses(address, '--address')
    if (this.terminal.env['ROLLCALL_ADDRESS']) return readAddresses(this.terminal.env['ROLLCALL_ADDRESS'], 'ROLLCALL_ADDRESS')
    const context = this.#context
    return context === undefined ? [defaultAddress] : readAddresses(context.address, 'the context')
  }

  /** What was given; else what the context in use has, for its own address only. */
  get token (): string | undefined {
    const given = this.givenToken
    const context = given === undefined ? this.#context : undefined
    if (context?.tokenFile !== undefined) return readTokenFile(context.tokenFile, 'the context', this.terminal.readFile)
    return given ?? context?.token
  }

  /** The context in use, where no address is given: a token must not go to another registry than its own. */
  get #context (): Context | undefined {
    const { env } = this.terminal
    const isGiven = this.text('registry') !== undefined || (this.#meansRegistry && this.text('address') !== undefined) ||
      this.text('address')?.includes('://') === true || Boolean(env['ROLLCALL_ADDRESS'])
    return isGiven ? undefined : currentContext(this.terminal)
  }

  /** Flag, file named by flag, variable, file named by variable. */
  get givenToken (): string | undefined {
    const { env, readFile } = this.terminal
    const token = this.text('token')
    const file = this.text('token-file')
    if (token !== undefined) return readToken(token, '--token')
    if (file !== undefined) return readTokenFile(file, '--token-file', readFile)
    if (env['ROLLCALL_TOKEN']) return readToken(env['ROLLCALL_TOKEN'], 'ROLLCALL_TOKEN')
    return env['ROLLCALL_TOKEN_FILE'] ? readTokenFile(env['ROLLCALL_TOKEN_FILE'], 'ROLLCALL_TOKEN_FILE', readFile) : undefined
  }

  /** The PEM files for https addresses, of flags or environment. @param isSecure the registry has such addresses */
  tlsFiles (isSecure: boolean): TlsFiles {
    const given: Partial<Record<string, string>> = {}
    for (const name of Object.keys(tlsFlags)) {
      const flag = this.text(name)
      const file = flag ?? (this.terminal.env[`ROLLCALL_${name.toUpperCase()}`] || undefined)
      if (flag !== undefined && !isSecure) throw new UsageError(`--${name} is for https addresses, and the registry has none`)
      if (file?.includes('-----BEGIN') === true) throw new UsageError(`${flag === undefined ? `ROLLCALL_${name.toUpperCase()}` : `--${name}`} must name a file`)
      if (file !== undefined) given[name] = file
    }
    return given
  }

  /** What reaches the registry; for https addresses with the CA and the certificate of flags or environment, else of the context. */
  async network (): Promise<NonNullable<Screen['network']>> {
    const network = this.terminal.network ?? {}
    const isSecure = isHttps(this.addresses)
    const context = this.#context
    const kept = Object.fromEntries((['ca', 'cert', 'key'] as const).flatMap((name) => (context?.[name] === undefined ? [] : [[name, context[name]]])))
    const given = { ...kept, ...this.tlsFiles(isSecure) }
    if (!isSecure || Object.keys(given).length === 0) return network
    const { isRollcallError, tlsNetwork } = await import('../../client-sdk/src/index.ts')
    try {
      return { ...network, ...tlsNetwork(given) }
    } catch (error) {
      throw isRollcallError(error) ? new UsageError(`${error.message} (--ca, --cert and --key, or ROLLCALL_CA, ROLLCALL_CERT and ROLLCALL_KEY)`) : error
    }
  }

  /** The registry. `onEvent` gets the SDK's events while a command runs. The SDK is loaded here: help and mistakes need none. */
  async api (onEvent: (event: RollcallEvent) => void = () => {}, token = this.token): Promise<Api> {
    const { Api } = await import('./api.ts')
    const err = (text: string): void => { this.terminal.err(`rollcall: ${text}`) }
    return new Api({
      addresses: this.addresses,
      token,
      timeoutMs: this.read('timeout', readTimeout) ?? defaultTimeoutMs,
      say: err,
      network: await this.network(),
      onEvent: (event) => {
        // What goes wrong in a single call is its own error; this is for commands that stay.
        if (event.type === 'reachable') err(`the registry answers again at ${event.address}`)
        if (event.type === 'failover') err(`${event.from} does not answer, trying ${event.to}`)
        if (event.type === 'error') err(event.error.message)
        onEvent(event)
      }
    })
  }
}

/** The shortest and the longest that a command waits: a timer beyond that fires at once. */
const timeoutLimits = { least: 1, most: 86_400_000 }

function readTimeout (text: string): number {
  const timeoutMs = readDuration(text)
  if (timeoutMs < timeoutLimits.least || timeoutMs > timeoutLimits.most) throw new Error('must be from 1ms to 1d')
  return timeoutMs
}

/** Runs a reader; what it throws becomes a usage error that names the input. */
export function rephrased<Value> (field: string, text: string, reader: () => Value): Value {
  try {
    return reader()
  } catch (error) {
    throw new UsageError(`${field} ${error instanceof Error ? error.message : String(error)}, got ${JSON.stringify(text)}`)
  }
}

export function label (field: string, text: string): string {
  if (!isLabel(text)) throw new UsageError(`${field} ${labelRule}, got ${JSON.stringify(text)}`)
  return text
}

/** `SERVICE/ID` as two names. */
export function instanceName (text: string): { service: string, id: string } {
  const slash = text.indexOf('/')
  const id = text.slice(slash + 1)
  if (slash < 1 || id === '' || id.includes('/')) throw new UsageError(`an instance is named SERVICE/ID, like orders/orders-1, got ${JSON.stringify(text)}`)
  return { service: label('service', text.slice(0, slash)), id }
}

/** The help of one command. */
export function commandHelp (command: Command): string {
  const flags = Object.entries({ ...command.flags, ...helpFlag }).map(([name, flag]): [string, string] => [
    `${flag.short === undefined ? '    ' : `-${flag.short}, `}--${name}${flag.metavar === undefined ? '' : ` ${flag.metavar}`}`,
    `${flag.what}${flag.multiple === true ? ' (repeatable)' : ''}`
  ])
  return [
    `${command.summary}.`,
    '',
    `Usage: rollcall ${command.usage}`,
    ...(command.details === undefined ? [] : ['', command.details]),
    '',
    'Flags:',
    ...aligned(flags),
    '',
    'Examples:',
    ...aligned(command.examples.map(([line, what]) => [`rollcall ${line}`, what]))
  ].join('\n')
}

const widestColumn = 44 // a longer left side gets a line for itself, so that one does not push all

/** Two columns, as every help shows flags, commands and examples. */
export function aligned (rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length).filter((length) => length <= widestColumn), 0)
  return rows.map(([left, right]) => (left.length > widestColumn ? `  ${left}\n${' '.repeat(width + 5)}${right}` : `  ${left.padEnd(width)}   ${right}`))
}
