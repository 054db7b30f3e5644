// rollcall completion: a script for the shell, made from the commands and their flags.
import type { Command } from './command.ts'
import { UsageError } from './errors.ts'

const kinds =
  ['services', 'instances', 'endpoints', 'endpointslices', 'overrides', 'events', 'pools', 'namespaces', 'policies', 'ingresses', 'ingressclasses',
    'secrets', 'hpa', 'handmade',
    'unreadable']
const shells = ['bash', 'zsh']

/** @param all every command, this one included: asked for when the script is made */
export function completion (all: () => Promise<readonly Command[]>): Command {
  return {
    name: 'completion',
    summary: 'Prints a completion script for bash or zsh',
    usage: 'completion bash|zsh',
    flags: {},
    examples: [
      ['completion bash > /etc/bash_completion.d/rollcall', 'for every user of bash'],
      ['completion zsh > ~/.zsh/_rollcall', 'into a directory of $fpath']
    ],
    run: async (call) => {
      const [shell = ''] = call.arguments('the shell (bash or zsh)')
      if (!shells.includes(shell)) throw new UsageError(`the shell must be bash or zsh, got ${JSON.stringify(shell)}`)
      const { serveFlags } = await import('../config/config.ts') // no other command needs the settings
      call.terminal.out(completionScript(shell, await all(), Object.keys(serveFlags())).split('\n'))
    }
  }
}

/** bash's own way; zsh understands it through bashcompinit. */
export function completionScript (shell: string, commands: readonly Command[], flagsOfServe: readonly string[]): string {
  const flags = (names: readonly string[]): string => [...new Set([...names, 'help'])].map((name) => `--${name}`).join(' ')
  const cases = [
    `    serve) words='${flags(flagsOfServe)}' ;;`,
    ...commands.map((command) => `    ${command.name}) words='${[...firstWords(command), flags(Object.keys(command.flags))].join(' ')}' ;;`)
  ]
  return [
    ...(shell === 'zsh' ? ['#compdef rollcall', 'autoload -U +X bashcompinit && bashcompinit'] : []),
    '_rollcall () {',
    '  local words',
    '  case "${COMP_WORDS[1]}" in',
    ...cases,
    `    *) words='${['serve', ...commands.map((command) => command.name)].join(' ')}' ;;`,
    '  esac',
    `  [ "$COMP_CWORD" -eq 1 ] && words='${['serve', ...commands.map((command) => command.name)].join(' ')}'`,
    '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
    '}',
    'complete -F _rollcall rollcall'
  ].join('\n')
}

function firstWords (command: Command): string[] {
  if (command.name === 'get') return kinds
  if (command.name === 'describe') return ['service', 'instance']
  if (command.name === 'delete') return ['service']
  if (command.name === 'token') return ['create', 'list', 'revoke']
  if (command.name === 'context') return ['add', 'use', 'list', 'remove']
  if (command.name === 'can-i') return ['read', 'register', 'operate', 'declare', 'metrics', 'admin']
  return command.name === 'completion' ? shells : []
}
