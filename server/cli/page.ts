// docs/reference/cli.md, made from the commands themselves; a test compares.
import { commandHelp } from './command.ts'
import { commands } from './commands.ts'
import { overview } from './run.ts'

const block = (text: string): string => `\`\`\`text\n${text}\n\`\`\``

/** The whole page. */
export function cliPage (): string {
  const sections = commands.map((command) => `## rollcall ${command.name}\n\n${block(commandHelp(command))}\n`)
  return [head, block(overview()), '', ...sections].join('\n')
}

const head = `# The rollcall command

<!-- Made from server/cli; a test compares. To write it anew: UPDATE_DOCS=1 npm run test:fast -->

In a clone: \`npx rollcall\`, or \`npm link\` once and then \`rollcall\` from anywhere. Its flags and the settings of \`rollcall serve\` are on
[the page of the configuration](configuration.md).

| what | flag | variable | default |
|---|---|---|---|
| the registry; several with commas, tried in this order | \`--address\` (\`--registry\` of \`register\`) | \`ROLLCALL_ADDRESS\` | \`http://127.0.0.1:7500\` |
| the token that is sent along | \`--token\`, \`--token-file\` | \`ROLLCALL_TOKEN\`, \`ROLLCALL_TOKEN_FILE\` | none |
| the namespace | \`-n\`, \`--namespace\` | \`ROLLCALL_NAMESPACE\` | \`default\` |

A flag wins over a variable; an empty variable counts as unset. Colours are for terminals only; \`NO_COLOR\` forbids and \`FORCE_COLOR\` demands them.

| exit code | means |
|---|---|
| 0 | done; a watch or \`register --keep\` was ended by Ctrl-C, SIGTERM or SIGHUP |
| 1 | the registry refused, or there is no such thing; no instance serves the name; the server failed or could not start |
| 2 | the command line or a setting is wrong: nothing was tried |
| 3 | no registry could be reached; the message names each address that was tried |

What is asked for goes to standard output, everything else to standard error: \`rollcall resolve orders | xargs -n 1 ...\` is safe.
Control characters in names, labels and metadata are written out (\`\\u001b\`), so that no instance steers the terminal of who looks at it.
\`-o json\` shows the API's own words ([/openapi.json](http://127.0.0.1:7500/docs)) untouched.
`
