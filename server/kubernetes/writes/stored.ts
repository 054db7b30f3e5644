// Writes of what is stored: what a request makes of an object (`write/`), and the core, which validates, allocates and
// stores
// it as it does for every other door. Where another write came in between, and the client named no version, it is made
// anew.
import { RegistryError } from '../../errors.ts'
import { wholeSeconds } from '../../model/instant.ts'
import type { Manifest } from '../../model/service/types.ts'
import type { ApplyAnswer } from '../../registry/core.ts'
import { statusOf } from '../answers/faults.ts'
import { StatusError, alreadyExists, notFound } from '../answers/status.ts'
import type { Answer, Asked, KubernetesContext } from '../context.ts'
import { shelfOf } from '../context.ts'
import { apiVersionOf } from '../kinds.ts'
import { storedObject } from '../objects/declared.ts'
import { implicitAnnotation } from '../objects/meta.ts'
import { permitRead, shown } from '../read/get.ts'
import { found, manifestAt } from '../sources/found.ts'
import { defaultNamespace } from '../own-name.ts'
import { type LiveObject, type Proposal, readWrite, type Write } from '../write/write.ts'

export type WriteVerb = 'create' | 'update' | 'patch'

/** As often as Kubernetes makes a patch anew. */
const maxAttempts = 5

export async function writeStored (context: KubernetesContext, asked: Asked, verb: WriteVerb): Promise<Answer> {
  const { kind, path } = asked
  const { namespace = '' } = path
  if (kind.namespaced) await requireNamespace(asked, namespace)
  const { 'content-type': contentType, 'user-agent': userAgent = '' } = asked.request.headers
  const write = readWrite({
    verb, body: asked.body, query: asked.query, contentType, userAgent,
    now: wholeSeconds(context.parts.clock.now()), suffix: randomSuffix,
    target: {
      kind: kindOf(asked), apiVersion: apiVersionOf(kind), resource: kind, namespace, name: path.name,
      subresource: path.subresource === 'status' ? 'status' : undefined
    }
  })
  for (let attempt = 1; ; attempt++) {
    const proposal = await proposed(context, asked, write)
    try {
      return answerOf(context, asked, proposal, await put(asked, write, proposal))
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error
      if (verb === 'create' && error.code === 'REG_CONFLICT') throw alreadyExists(kind, write.name)
      // The core has seen what came in between.
      if (error.code === 'REG_CONFLICT' && proposal.mayRetry && attempt < maxAttempts) continue
      throw statusOf(error, { kind, namespace, name: write.name, verb })
    }
  }
}

/** @throws StatusError 404 where there is no such namespace; `default` is always there */
async function requireNamespace ({ access }: Asked, namespace: string): Promise<void> {
  const isThere = (): boolean => namespace === defaultNamespace || found(() => access.namespace(namespace)) !== undefined
  if (isThere()) return
  await access.caughtUp()
  if (!isThere()) throw notFound({ group: '', resource: 'namespaces' }, namespace)
}

/** What comes of the object as it is. A refusal is said of the registry as it is, not as this node last saw it. */
async function proposed (context: KubernetesContext, asked: Asked, write: Write): Promise<Proposal> {
  try {
    return write.propose(await liveOf(context, asked, write.name))
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    permitRead(asked, asked.path.namespace ?? '', write.name) // it speaks of what is there
    await asked.access.caughtUp()
    return write.propose(await liveOf(context, asked, write.name))
  }
}

async function put (asked: Asked, { options: { dryRun } }: Write, proposal: Proposal): Promise<ApplyAnswer> {
  const { access, path: { namespace = '' } } = asked
  const { object, name, managedFields, isNew } = proposal
  return await access.put({ kind: kindOf(asked), namespace, name }, object, { dryRun, managedFields, isNew })
}

function answerOf (context: KubernetesContext, asked: Asked, { warnings }: Proposal, { results }: ApplyAnswer): Answer {
  const [applied] = results
  if (applied === undefined) throw new RangeError('a write of one object gave no result')
  return {
    code: applied.outcome === 'created' ? 201 : 200, warnings: [...warnings, ...applied.warnings],
    body: shown(asked, storedObject(applied.manifest), context.parts.clock.now())
  }
}

/** What is written under the kind of a path. */
export function kindOf ({ kind }: Pick<Asked, 'kind'>): Manifest['kind'] {
  return kind.kind as Manifest['kind'] // of kinds whose objects are stored
}

async function liveOf (context: KubernetesContext, asked: Asked, name: string): Promise<LiveObject | undefined> {
  const { kind, access, path: { namespace = '' } } = asked
  const shelf = await shelfOf(context, kind)
  const stored = manifestAt(access, { kind: kindOf({ kind }), namespace, name })
  if (stored !== undefined) return { object: storedObject(stored), isStored: true }
  const entry = shelf.get(namespace, name)
  return entry === undefined ? undefined : { object: withoutMark(entry.object()), isStored: false }
}

/** What stands in for a stored object says so; what a write makes of it does not. */
function withoutMark <Of extends LiveObject['object']> (object: Of): Of {
  const { metadata } = object as Of & { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } }
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([key]) => key !== implicitAnnotation)
  return { ...object, metadata: { ...metadata, annotations: Object.fromEntries(annotations) } }
}

/** Letters and digits that make no words, as Kubernetes' own. */
const letters = 'bcdfghjklmnpqrstvwxz2456789'

function randomSuffix (): string {
  return [...crypto.getRandomValues(new Uint8Array(5))].map((octet) => letters[octet % letters.length]).join('')
}
