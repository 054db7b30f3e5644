// docs/reference/cli.md, made from the commands themselves; a test compares.
import { commandHelp } from './command.ts'
import { allCommands } from './commands.ts'
import { overview } from './run.ts'

const block = (text: string): string => `\`\`\`text\n${text}\n\`\`\``

/** The whole page. */
export async function cliPage (): Promise<string> {
  const sections = (await allCommands()).map((command) => `## rollcall ${command.name}\n\n${block(commandHelp(command))}\n`)
  return [head, block(await overview()), '', ...sections].join('\n')
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
Control characters and invisible marks (escape sequences, carriage returns, marks that turn the direction of writing or have no width) are
written out (\`\\u001b\`) in every line of every command, so that no instance, and no registry, steers the terminal of who looks at it. In
\`-o json\` and \`-o yaml\`, which show the API's own words ([/openapi.json](http://127.0.0.1:7500/docs)), they are escapes of the form. YAML reads
back the same by readers of YAML 1.1 and 1.2.

An answer that is none of a registry's is an error (1): nothing is said to be done that the answer does not say. A node that has lost its store
answers what it knows; that this may be old is said on standard error, once. A watch says there when its connection is lost, and when
it is back.
`
