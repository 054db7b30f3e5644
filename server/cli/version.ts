// rollcall version
import { readFileSync } from 'node:fs'
import type { Command } from './command.ts'

/** The version of this package. */
export function packageVersion (): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version // our own file
}

export const version: Command = {
  name: 'version',
  summary: 'Shows the version of this program and of its Node',
  usage: 'version',
  flags: {},
  examples: [['version', 'rollcall and Node']],
  run: async (call) => {
    call.arguments()
    call.terminal.out(`rollcall ${packageVersion()} (Node ${process.versions.node})`)
  }
}
