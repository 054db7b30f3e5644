// The manifests of a command line: files, directories and standard input as one stream, and the way back from a line of it to its file.
import { basename, join } from 'node:path'
import { CommandError, exitCodes, RefusedError, UsageError } from './errors.ts'
import type { Invocation } from './command.ts'
import { harmless } from './line.ts'

/** More than the registry takes in one stream; a person who gives a wrong file should not wait for it to be read. */
const maxBytes = 8 * 1024 * 1024
const kustomization = /^kustomization\.ya?ml$/i
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
  const empty = sources.filter(({ text }) => isEmpty(text)).map(({ name }) => name)
  if (empty.length === sources.length) throw new CommandError(`there is no manifest in ${empty.join(', ') || paths.join(', ')}: nothing but blanks and comments`, exitCodes.failure)
  for (const name of empty) call.terminal.err(`Warning: there is no manifest in ${name}`)
  return joined(sources.filter(({ text }) => !isEmpty(text)))
}

async function sourcesOf (call: Invocation, path: string): Promise<readonly Source[]> {
  const { terminal } = call
  if (path === '-') return [{ name: 'standard input', text: checked('standard input', await terminal.readInput(maxBytes)) }]
  try {
    const names = terminal.readDirectory(path)
    if (names === undefined) return isRecipe(call, path) ? []
      : [{ name: path, text: checked(path, terminal.readFile(path)) }]
    const files = names.filter((name) => manifestFile.test(name)).sort()
    if (files.length === 0) throw new UsageError(`-f ${path} has no .yaml, .yml or .json file`)
    return files.map((name) => join(path, name)).filter((file) => !isRecipe(call, file)).map((file) =>
      ({ name: file, text: checked(file, terminal.readFile(file)) }))
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new UsageError(`-f ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** A kustomization says how others make manifests of the files beside it, and need not say its kind. */
function isRecipe (call: Invocation, file: string): boolean {
  if (!kustomization.test(basename(file))) return false
  if (call.flag('strict')) throw new UsageError(`-f ${file} is a kustomization, which is not understood here: give what it makes (kubectl kustomize)`)
  call.terminal.err(`Warning: ${file} is not understood, and passed over: the files beside it are taken as they are`)
  return true
}

function checked (name: string, text: string): string {
  if (text.length > maxBytes) throw new UsageError(`-f ${name} must not be larger than ${maxBytes} octets`)
  return text
}

/** Nothing but blank lines, comments, directives and marks of documents. */
function isEmpty (text: string): boolean {
  return text.replace(/^\uFEFF/, '').split('\n').every((line) =>
    /^\s*(?:#.*)?$|^%|^---\s*(?:#.*)?$|^\.\.\.\s*$/.test(line.trimEnd()))
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

/** Where a line of the stream is: its file and line there if there are several files, else document and line. */
export function placeOf (stream: ManifestStream | undefined, document: number | undefined,
  line: number | undefined): readonly string[] {
  const source = line === undefined ? undefined : stream?.sources.findLast(({ firstLine }) => firstLine <= line)
  return (stream?.sources.length ?? 0) > 1 && source !== undefined && line !== undefined
    ? [source.name, `line ${line - source.firstLine + 1}`]
    : [...(document === undefined ? [] : [`document ${document}`]), ...(line === undefined ? [] : [`line ${line}`])]
}

/** A refusal with every fault on a line of its own, each with its document and line, and with its file if there are several. */
export function refusal (error: unknown, stream: ManifestStream, nothingDone: string): unknown {
  if (!(error instanceof RefusedError) || error.errors.length === 0) return error
  const lines = error.errors.map(({ field, rule, value, document, line, reason }) => {
    const place = placeOf(stream, document, line)
    const got = value === undefined || rule.includes(JSON.stringify(value)) ? '' : `, got ${shortly(value)}`
    return harmless(`${place.length === 0 ? '' : `${place.join(', ')}: `}${field} ${rule}${got}${reason === undefined ? '' : ` (${reason})`}`)
  })
  const all = lines.length + error.moreErrors
  const count = all === 1 ? '1 error' : `${all} errors`
  if (error.moreErrors > 0) lines.push(`and ${error.moreErrors} more`)
  return new CommandError(`${nothingDone}: ${count} (${error.code})`, exitCodes.failure,
    { cause: error, details: lines.map((text) => `  ${text}`) })
}

const longestValue = 80

function shortly (value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > longestValue ? `${text.slice(0, longestValue)}...` : text
}
