// rollcall apply and delete: manifests as kubectl users know them, all or nothing.
import { type Manifest, manifestKinds } from '../../client-sdk/src/manifest-kinds.ts'
import type { ApplyAnswer, ApplyResult, DeleteAnswer } from '../../client-sdk/src/wire.ts'
import { unknownRule } from '../config/flags.ts'
import { objectName } from './declared-kinds.ts'
import type { Api, Query } from './api.ts'
import { connectionFlags, dryRunFlag, label, namespaceFlag, type Command, type Flags, type Invocation } from './command.ts'
import { RefusedError, UsageError } from './errors.ts'
import { lineDiff } from './line-diff.ts'
import { placeOf, readManifestStream, refusal, type ManifestStream } from './manifest-files.ts'
import { outputOf, structured } from './output.ts'
import { path } from './paths.ts'
import { coloured, type Colour, type Line } from './line.ts'

const fileFlag: Flags = {
  filename: { type: 'string', short: 'f', metavar: 'FILE', multiple: true, what: 'A file of manifests, a directory of such files, or - for standard input' }
}
const strictFlag: Flags = {
  strict: { type: 'boolean',
    what: 'Refuses the files if a kind in them is not the registry\'s, instead of passing it over with a warning' }
}

export const apply: Command = {
  name: 'apply',
  summary: 'Declares services as manifests say: creates or changes them, all or none',
  usage: 'apply -f FILE [-f FILE...] [flags]',
  details: `Takes Service, EndpointSlice, Endpoints, Namespace and List as Kubernetes has them: YAML documents or JSON objects, several in one file.
What else is in files for Kubernetes (Deployment, Ingress, Secret, ...) is passed over with one warning for each kind; --strict refuses it.
All files together are one write. -n must not contradict a namespace in them. With --dry-run the lines that would change are shown with + and -, allocated values included.`,
  flags: {
    ...fileFlag,
    ...dryRunFlag,
    ...strictFlag,
    ...namespaceFlag,
    output: { type: 'string', short: 'o', metavar: 'FORM', what: 'json, yaml or name: the results instead of sentences' },
    ...connectionFlags
  },
  examples: [
    ['apply -f service.yaml', 'what the file declares'],
    ['apply -f manifests/ --dry-run', 'what a directory of files would change'],
    ['apply -f - -n test < service.yaml', 'from standard input, into a namespace that the manifests do not name']
  ],
  run: async (call) => {
    call.arguments()
    const form = outputOf(call, ['json', 'yaml', 'name'] as const)
    const stream = await readManifestStream(call)
    await applyText(call, await call.api(), stream.text, form, stream).catch((error: unknown) => {
      throw refusal(error, stream, call.flag('dry-run') ? 'this would be refused' : 'nothing was applied')
    })
  }
}

/** Applies a stream and prints what became of it. */
export async function applyText (
  call: Invocation, api: Api, text: string, form: 'json' | 'yaml' | 'name' | undefined, stream?: ManifestStream
): Promise<void> {
  const { terminal } = call
  const dryRun = call.flag('dry-run')
  const answer =
    await api.postManifests<ApplyAnswer>('/v1/apply', text,
      { ...streamQuery(call), ...(dryRun ? { dryRun: 'true' } : {}) })
  terminal.err(foreignWarnings(answer, stream))
  for (const { warnings, ...result } of answer.results) {
    for (const warning of warnings) terminal.err(`Warning: ${nameOf(result)}: ${warning}`)
  }
  if (!dryRun) terminal.err(await uncarried(answer, api))
  if (form === 'json' || form === 'yaml') return terminal.out(await structured(answer, form))
  for (const result of answer.results) {
    terminal.out(form === 'name' ? nameOf(result) : `${nameOf(result)} ${result.outcome}${dryRun ? ' (dry run)' : ''}`)
    if (dryRun && form === undefined) terminal.out(await diffOf(result, terminal.colours))
  }
  if (answer.results.length === 0) terminal.err('Nothing in it is for the registry.')
}

/** The namespace of manifests that name none; given with -n it is that of all of them, as with kubectl. */
function streamQuery (call: Invocation): Query {
  return {
    namespace: call.namespace,
    ...(call.text('namespace') === undefined ? {} : { onlyNamespace: 'true' }),
    ...(call.flag('strict') ? {} : { foreign: 'skip' })
  }
}

/** One for each kind that was passed over. */
function foreignWarnings ({ foreign = [] }: ApplyAnswer | DeleteAnswer,
  stream: ManifestStream | undefined): readonly string[] {
  return foreign.map(({ kind, apiVersion, document, line, count }) => {
    const place = placeOf(stream, document, line).join(', ')
    return `Warning: ${kind} (${apiVersion}) is not a kind of the registry, and passed over: ${place}${count === 1 ? '' : `, and ${count - 1} more`}`
  })
}

/** An address that no agent carries is a promise: nothing listens there. */
async function uncarried ({ results }: ApplyAnswer, api: Api): Promise<readonly string[]> {
  const services = results.flatMap(({ manifest, outcome }) =>
    (outcome !== 'unchanged' && manifest.kind === 'Service' && manifest.spec.clusterIP !== undefined ? [manifest] : []))
  if (services.length === 0) return []
  const { agentsOf, uncarriedWarning } = await import('./agents.ts')
  const agents = await agentsOf(api)
  const warning = agents === undefined ? undefined : uncarriedWarning(services, agents) // applied it is, whoever may read the agents
  return warning === undefined ? [] : [warning]
}

const nameOf = ({ kind, name }: Pick<ApplyResult, 'kind' | 'name'>): string => `${kind.toLowerCase()}/${name}`

const colourOfMark: Readonly<Record<string, Colour>> = { '+': 'green', '-': 'red', '@': 'cyan' }

async function diffOf ({ manifest, previous }: ApplyResult, colours: boolean): Promise<Line[]> {
  const [before, after] = await Promise.all([linesOf(previous), linesOf(manifest)])
  return lineDiff(before, after).map((line) => coloured(line, colourOfMark[line.charAt(0)], colours))
}

const ofRegistry = new Set(['uid', 'creationTimestamp', 'resourceVersion', 'generation'])

/** Without the fields that the registry sets: the manifest does not ask for them to change. */
async function linesOf (manifest: Manifest | undefined): Promise<readonly string[]> {
  if (manifest === undefined) return []
  const metadata = Object.fromEntries(Object.entries(manifest.metadata).filter(([name]) => !ofRegistry.has(name)))
  return await structured({ ...manifest, metadata }, 'yaml')
}

const objectWords = new Map<string, 'Ingress' | 'IngressClass' | 'Secret' | 'HorizontalPodAutoscaler'>([
  ['ingress', 'Ingress'], ['ing', 'Ingress'], ['ingressclass', 'IngressClass'], ['secret', 'Secret'], ['hpa', 'HorizontalPodAutoscaler'],
  ['horizontalpodautoscaler', 'HorizontalPodAutoscaler']
])
const deletable = ['service', 'services', 'svc', 'policy', ...objectWords.keys(), 'unreadable']

export const remove: Command = {
  name: 'delete',
  summary: 'Takes declared services back; the instances stay registered',
  usage: 'delete service|policy|ingress|ingressclass|secret|hpa NAME | unreadable KEY | -f FILE [flags]',
  details: `A service takes its hand-made EndpointSlices along, and its addresses and node ports are free again.
With -f everything that the files name goes, or nothing. An instance is taken off with rollcall deregister.
unreadable KEY removes a record of the store that cannot be read: rollcall get unreadable names them.`,
  flags: {
    ...fileFlag,
    ...dryRunFlag,
    ...strictFlag,
    'ignore-not-found': { type: 'boolean', what: 'What is not there is no failure' },
    ...namespaceFlag,
    ...connectionFlags
  },
  examples: [
    ['delete service web', 'one service'],
    ['delete -f manifests/ --dry-run', 'what would go'],
    ['delete unreadable lease/01J9', 'a record that cannot be read']
  ],
  run: async (call) => {
    if (call.positionals[0] === 'unreadable') return await removeUnreadable(call)
    const { text, refused, stream } = await toDelete(call)
    const query = {
      ...streamQuery(call),
      ...(call.flag('dry-run') ? { dryRun: 'true' } : {}),
      ...(call.flag('ignore-not-found') ? { ignoreMissing: 'true' } : {})
    }
    const answer = await (await call.api()).postManifests<DeleteAnswer>(path('delete'), text, query).catch(refused)
    const { deleted } = answer
    call.terminal.err(foreignWarnings(answer, stream))
    for (const reference of deleted) {
      call.terminal.out(`${nameOf(reference)} deleted${call.flag('dry-run') ? ' (dry run)' : ''}`)
    }
    if (deleted.length === 0) call.terminal.err('Nothing to delete.')
  }
}

async function removeUnreadable (call: Invocation): Promise<void> {
  if (call.flag('dry-run')) throw new UsageError('--dry-run is not for unreadable: rollcall get unreadable KEY shows what would go')
  const [, key = ''] = call.arguments('unreadable', 'the KEY of the record')
  await (await call.api()).delete(path('unreadable', key)).catch((error: unknown) => {
    if (!(call.flag('ignore-not-found') && error instanceof RefusedError && error.code === 'REG_RECORD_NOT_FOUND')) throw error
  })
  call.terminal.out(`unreadable/${key} deleted`)
}

/** The stream that names what goes. */
async function toDelete (call: Invocation): Promise<{ text: string, refused: (error: unknown) => never,
  stream?: ManifestStream }> {
  if (call.texts('filename').length > 0) {
    if (call.positionals.length > 0) throw new UsageError('-f and a NAME exclude each other')
    const stream = await readManifestStream(call)
    return { text: stream.text, stream, refused: (error) => { throw refusal(error, stream, 'nothing was deleted') } }
  }
  const [kind = ''] = call.positionals
  if (['instance', 'instances', 'inst', 'i'].includes(kind)) throw new UsageError('an instance is taken off with: rollcall deregister SERVICE/ID')
  if (kind !== '' && !deletable.includes(kind)) throw new UsageError(`${JSON.stringify(kind)} ${unknownRule('kind', kind, deletable)}`)
  const [, name = ''] = call.arguments('service, or -f FILE,', 'the NAME of the service')
  const object = objectWords.get(kind)
  if (object !== undefined) {
    const { apiVersion, isGlobal } = manifestKinds[object]
    const metadata = { name: objectName(`the name of the ${object}`, name), ...(isGlobal ? {} : { namespace: call.namespace }) }
    return { text: JSON.stringify({ apiVersion, kind: object, metadata, ...(object === 'Secret' ? { type: 'kubernetes.io/tls' } : {}) }), refused: (error) => { throw error } }
  }
  const manifest = kind === 'policy'
    ? { apiVersion: 'rollcall.dev/v1', kind: 'Policy', metadata: { name: label('policy', name) } }
    : { apiVersion: 'v1', kind: 'Service', metadata: { name: label('service', name), namespace: call.namespace } }
  return { text: JSON.stringify(manifest), refused: (error) => { throw error } }
}
