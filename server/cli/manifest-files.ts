// The manifests of a command line: files, directories and standard input as one stream, and the way back from a line of it to its file.
import { join } from 'node:path'
import { CommandError, exitCodes, RefusedError, UsageError } from './errors.ts'
import type { Invocation } from './command.ts'
import { harmless } from './line.ts'

/** More than the registry takes in one stream; a person who gives a wrong file should not wait for it to be read. */
const maxBytes = 8 * 1024 * 1024
const manifestFile = /\.(?:ya?ml|json)$/i

interface Source {
  readonly name: string
  readonly text: string
}

export interface ManifestStream {
  readonly text: string
  readonly sources: readonly { readonly name: string, readonly firstLine: number }[]
}

/** Reads what `-f` names, in the order given; a directory gives its .yaml, .yml and .json files in the order of their names. */
export async function readManifestStream (call: Invocation): Promise<ManifestStream> {
  const paths = call.texts('filename')
  if (paths.length === 0) throw new UsageError('-f FILE is missing: a file, a directory, or - for standard input')
  if (paths.filter((path) => path === '-').length > 1) throw new UsageError('-f - must not be given twice: standard input can be read once')
  const sources: Source[] = []
  for (const path of paths) sources.push(...await sourcesOf(call, path))
  return joined(sources)
}

async function sourcesOf (call: Invocation, path: string): Promise<readonly Source[]> {
  const { terminal } = call
  if (path === '-') return [{ name: 'standard input', text: checked('standard input', await terminal.readInput(maxBytes)) }]
  try {
    const names = terminal.readDirectory(path)
    if (names === undefined) return [{ name: path, text: checked(path, terminal.readFile(path)) }]
    const files = names.filter((name) => manifestFile.test(name)).sort()
    if (files.length === 0) throw new UsageError(`-f ${path} has no .yaml, .yml or .json file`)
    return files.map((name) => ({ name: join(path, name), text: checked(name, terminal.readFile(join(path, name))) }))
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new UsageError(`-f ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function checked (name: string, text: string): string {
  if (text.length > maxBytes) throw new UsageError(`-f ${name} must not be larger than ${maxBytes} octets`)
  return text
}

/** One write for all of them: all or nothing holds over the files, too. */
function joined (sources: readonly Source[]): ManifestStream {
  const [only] = sources
  if (sources.length === 1 && only !== undefined) return { text: only.text, sources: [{ name: only.name, firstLine: 1 }] }
  let line = 1
  const places: { name: string, firstLine: number }[] = []
  const texts = sources.map(({ name, text }) => {
    const document = `---\n${text.replace(/^\uFEFF/, '').trimEnd()}\n`
    places.push({ name, firstLine: line + 1 })
    line += document.split('\n').length - 1
    return document
  })
  return { text: texts.join(''), sources: places }
}

/** A refusal with every fault on a line of its own, each with its document and line, and with its file if there are several. */
export function refusal (error: unknown, { sources }: ManifestStream, nothingDone: string): unknown {
  if (!(error instanceof RefusedError) || error.errors.length === 0) return error
  const lines = error.errors.map(({ field, rule, value, document, line, reason }) => {
    const source = line === undefined ? undefined : sources.findLast(({ firstLine }) => firstLine <= line)
    const place = sources.length > 1 && source !== undefined && line !== undefined
      ? [`${source.name}`, `line ${line - source.firstLine + 1}`]
      : [...(document === undefined ? [] : [`document ${document}`]), ...(line === undefined ? [] : [`line ${line}`])]
    const got = value === undefined || rule.includes(JSON.stringify(value)) ? '' : `, got ${shortly(value)}`
    return harmless(`${place.length === 0 ? '' : `${place.join(', ')}: `}${field} ${rule}${got}${reason === undefined ? '' : ` (${reason})`}`)
  })
  const all = lines.length + error.moreErrors
  const count = all === 1 ? '1 error' : `${all} errors`
  if (error.moreErrors > 0) lines.push(`and ${error.moreErrors} more`)
  return new CommandError(`${nothingDone}: ${count} (${error.code})`, exitCodes.failure, { cause: error, details: lines.map((text) => `  ${text}`) })
}

const longestValue = 80

function shortly (value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > longestValue ? `${text.slice(0, longestValue)}...` : text
}
