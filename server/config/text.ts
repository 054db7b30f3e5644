// The settings as texts for people: the help of `serve`, `--print-config`, and the page docs/reference/configuration.md.
import { yamlText } from '../yaml-text.ts'
import { clientVariables, type LoadedConfig } from './config.ts'
import { kinds } from './kinds.ts'
import { rooms, settings, type Config, type Setting } from './settings.ts'

const helpWidth = 100

/** The flags of `serve`, each with its meaning and default, wrapped for a terminal. */
export function settingsHelp (): string {
  const rows = settings.map((setting): [string, string] => [flagOf(setting), `${setting.what} ${defaultOf(setting, (text) => text)}`])
  rows.push(['--config FILE', 'A YAML file of settings: the names of these flags without the dashes.'])
  return rows.map(([flag, text]) => helpEntry(flag, text)).join('\n')
}

/** One flag and its meaning: the flag on a line, the meaning below it and indented. */
function helpEntry (flag: string, text: string): string {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + 1 + word.length > helpWidth - 8) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return [`  ${flag}`, ...lines.map((line) => `        ${line}`)].join('\n')
}

function flagOf (setting: Setting): string {
  return `--${setting.name} ${kinds[setting.kind].metavar}`.trimEnd() + (setting.multiple === true ? ' (repeatable)' : '')
}

function defaultOf (setting: Setting, quote: (text: string) => string): string {
  if (setting.default !== undefined) return `(default ${quote(setting.default)})`
  return setting.name === 'node' ? '(default: the host name)' : '(default: unset)'
}

/** The effective settings as YAML that can be used as a file again; secrets are hidden, and so must be filled in anew. */
export function printConfig ({ config, origins }: LoadedConfig): string {
  const lines = settings.map((setting) => {
    const texts = effective(setting, config)
    const [first] = texts
    const written = setting.multiple === true ? yamlList(texts) : first === undefined ? undefined : yamlValue(setting, first)
    const origin = origins[setting.name] ?? 'default'
    return written === undefined ? `# ${setting.name} is unset (${origin})` : `${setting.name}: ${written} # ${origin}`
  })
  return ['# The effective settings. Beside each: where it is from. Secrets are shown as ***.', ...lines, ''].join('\n')
}

/** A setting's value as texts: none if it is unset, several for a list. */
function effective (setting: Setting, config: Config): string[] {
  const value: unknown = config[setting.key]
  if (value === undefined) return setting.off === true ? ['off'] : []
  const kind = kinds[setting.kind] as { show (value: unknown): string } // the schema has checked that the value is of its kind
  return (Array.isArray(value) ? value : [value]).map((item) => kind.show(item))
}

function yamlValue (setting: Setting, text: string): string {
  // Numbers and booleans are written as such; `off` and the like are texts, and YAML 1.1 readers must not fold them.
  if (setting.kind === 'number' || setting.kind === 'boolean' || (setting.kind === 'count' && text !== 'auto')) return text
  return yamlText(text).trimEnd()
}

function yamlList (texts: readonly string[]): string {
  return `[${texts.map((text) => JSON.stringify(text)).join(', ')}]`
}

/** docs/reference/configuration.md, whole. */
export function configurationPage (): string {
  const sections = rooms.map(({ title }) => [`## Settings of ${title}`, '', ...settings.filter((setting) => setting.title === title).map(settingSection)].join('\n'))
  return [pageHead, ...sections].join('\n')
}

function settingSection (setting: Setting): string {
  const schema = setting.schema as unknown as { rule?: string, items?: { rule?: string } } // annotations of the schema
  const rule = schema.items?.rule ?? schema.rule
  const fallback = defaultOf(setting, (text) => `\`${text}\``)
  return [
    `### ${setting.name}`,
    '',
    `\`${flagOf(setting).replace(' (repeatable)', '')}\`, \`${setting.variable}\` ${fallback}${setting.multiple === true ? ', repeatable' : ''}`,
    '',
    ...[
      setting.what,
      rule === undefined ? '' : `Each value ${rule}.`.replace('Each value', setting.multiple === true ? 'Each value' : 'It'),
      setting.why.startsWith('Unset') ? setting.why : `Default: ${setting.why}`,
      setting.raise === undefined ? '' : `Raising it: ${setting.raise}`,
      setting.lower === undefined ? '' : `Lowering it: ${setting.lower}`,
      setting.reloaded === true ? 'At SIGHUP it is taken too, without a restart.' : ''
    ].filter((line) => line !== '').map((line) => `- ${line}`),
    ''
  ].join('\n')
}

const pageHead = `# Configuration of a node

<!-- Made from the settings.ts of each room, as server/config/settings.ts composes them; a test compares. To write it anew: UPDATE_DOCS=1 npm run test:fast -->

\`rollcall serve\` (or \`npm start --\`) takes every setting in three ways. The first that has a value decides:

1. a flag: \`--log-level debug\`
2. an environment variable: \`ROLLCALL_LOG_LEVEL=debug\`; an empty one counts as unset
3. the YAML file that \`--config FILE\` or \`ROLLCALL_CONFIG\` names: \`log-level: debug\`
4. the default

\`\`\`yaml
# rollcall.yaml
http: 127.0.0.1:7500
redis: redis://127.0.0.1:6379
zone: [cluster.local, corp.example]
grace: 30s
\`\`\`

- A flag or key that is not known is refused, with the nearest known one; a variable that is not known is warned of in the log, for others
  may share the prefix. Passed over are \`${clientVariables.join('`, `')}\`,
  which belong to the commands and the SDK, and the variables that Kubernetes and Docker make for a service called rollcall.
- Durations carry their unit: \`500ms\`, \`15s\`, \`2m\`, \`24h\`, \`7d\`. Sizes: \`1MiB\`, \`512KiB\`, or a plain number of octets.
- A list is repeated as a flag (\`--zone a --zone b\`), or written with commas (\`ROLLCALL_ZONE=a,b\`), or is a YAML list. Lists are not merged:
  the first way that has one decides.
- \`rollcall serve --print-config\` shows the effective settings and where each is from, as YAML, with secrets hidden, and starts nothing.
- At SIGHUP a node reads its settings again and takes the log level and the certificates; the file of tokens is read again and the file of the
  audit opened anew. Of other changes it warns, they are taken at the next start. A setting that breaks its rule then changes nothing.
- No error repeats a value that may hold a secret.
- A setting that breaks its rule ends the process with exit code 2 and one sentence; a start that fails, with 1. Restarting after a 2 is of no use.
- A listener that is not on loopback is refused unless \`--access on\` guards it (for DNS: unless \`--dns-view\` says who may see what). With
  \`--insecure\` it starts all the same, and the log warns at each start. See [access control](access.md).
- A password in a URL belongs into a variable or the file: flags can be read in the process list.
`
