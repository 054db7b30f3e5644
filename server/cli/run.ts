// Finds the command of a command line, runs it, and turns what it throws into one sentence and an exit code.
import { aligned, commandHelp, Invocation } from './command.ts'
import { allCommands, commandNames, loadCommand } from './commands.ts'
import { CommandError, exitCodes, UsageError } from './errors.ts'
import { unknownRule } from '../config/flags.ts'
import { screenOf } from './screen.ts'
import type { Terminal } from './terminal.ts'

/** Runs `rollcall argv...` and gives the exit code. */
export async function run (argv: readonly string[], terminal: Terminal): Promise<number> {
  const screen = screenOf(terminal)
  const [name, ...rest] = argv
  if (name === undefined) {
    screen.err((await overview()).split('\n'))
    return exitCodes.usage
  }
  if (name === '--version' || name === '-v') return await run(['version'], terminal)
  if (name === '--help' || name === '-h' || (name === 'help' && rest.length === 0)) {
    screen.out((await overview()).split('\n'))
    return exitCodes.ok
  }
  if (name === 'help') return await run([...rest.slice(0, 1), '--help'], terminal)
  const command = await loadCommand(name)
  try {
    if (command === undefined) {
      if (name.startsWith('-')) throw new UsageError(`${name} must stand after a command, as in: rollcall get instances ${name}`)
      throw new UsageError(`${JSON.stringify(name)} ${unknownRule('command', name, ['serve', ...commandNames])}`)
    }
    const call = new Invocation(command, rest, screen)
    if (call.flag('help')) screen.out(commandHelp(command).split('\n'))
    else return await command.run(call) ?? exitCodes.ok
    return exitCodes.ok
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    screen.err([`rollcall: ${error.message}`, ...error.details])
    if (error instanceof UsageError) screen.err(`See: rollcall ${command === undefined ? '' : `${command.name} `}--help`)
    return error.exitCode
  }
}

/** The server's own command: main.ts runs it, since only the process knows signals. */
export const serveSummary = 'Runs a node of the registry'

/** The help of `rollcall` itself. */
export async function overview (): Promise<string> {
  const rows = [['serve', serveSummary] as const, ...(await allCommands()).map((command) => [command.name, command.summary] as const)]
  return [
    'Rollcall, a service registry: instances answer the roll call with heartbeats, everyone else asks by name.',
    '',
    'Usage: rollcall COMMAND [arguments] [flags]',
    '',
    'Commands:',
    ...aligned(rows),
    '',
    'Examples:',
    ...aligned([
      ['rollcall serve', 'a registry on this machine, with its data in ./data'],
      ['rollcall register orders --port http:8080 --keep', 'an instance, kept alive until Ctrl-C'],
      ['rollcall get instances -A', 'everything that is registered'],
      ['rollcall resolve orders', 'who serves it: address:port lines']
    ]),
    '',
    'Exit codes: 0 done, 1 refused or not found, 2 wrong usage, 3 no registry reached.',
    'Each command has its own help: rollcall COMMAND --help'
  ].join('\n')
}
