// Writes of what is stored: the body becomes an object, and the core stores it as every other door's.
import { without } from '../../model/service/schema.ts'
import type { Manifest } from '../../model/service/types.ts'
import type { Answer, Asked, KubernetesContext } from '../context.ts'
import { alreadyExists, badRequest, notFound } from '../answers/status.ts'
import { apiVersionOf } from '../kinds.ts'
import { storedObject } from '../objects/declared.ts'
import { type KubeObject, implicitAnnotation } from '../objects/meta.ts'
import { shown } from '../read/get.ts'
import { shelfOf } from '../context.ts'
import { found, manifestAt } from '../sources/found.ts'
import { defaultNamespace } from '../own-name.ts'

export type WriteVerb = 'create' | 'update' | 'patch'

/** An object as it is now, as the API shows it. */
export interface Live {
  readonly object: KubeObject
  /** False for what stands in for a stored one: a write declares it. */
  readonly isStored: boolean
}

export async function writeStored (context: KubernetesContext, asked: Asked, verb: WriteVerb): Promise<Answer> {
  const { kind, access, path, query } = asked
  const { namespace = '' } = path
  if (verb === 'create' && kind.namespaced && namespace !== defaultNamespace && found(() => access.namespace(namespace)) === undefined) throw notFound({ group: '', resource: 'namespaces' }, namespace)
  const object = objectOf(asked)
  const name = path.name ?? object.metadata.name
  const live = await liveOf(context, asked, name)
  if (verb === 'create' && live?.isStored === true) throw alreadyExists(kind, name)
  const { results } = await access.put({ kind: kindOf(asked), namespace, name }, withoutDerived(object, live), { dryRun: query.getAll('dryRun').includes('All') })
  const [applied] = results
  if (applied === undefined) throw new RangeError('a write of one object gave no result')
  return {
    code: applied.outcome === 'created' ? 201 : 200, warnings: applied.warnings,
    body: shown(asked, storedObject(applied.manifest), context.parts.clock.now())
  }
}

/** What is written under the kind of a path. */
export function kindOf ({ kind }: Pick<Asked, 'kind'>): Manifest['kind'] {
  return kind.kind as Manifest['kind'] // of kinds whose objects are stored
}

export async function liveOf (context: KubernetesContext, { kind, access, path: { namespace = '' } }: Asked, name: string): Promise<Live | undefined> {
  const shelf = await shelfOf(context, kind)
  const entry = shelf.get(namespace, name)
  if (entry === undefined) return undefined
  const isStored = manifestAt(access, { kind: kindOf({ kind }), namespace, name }) !== undefined
  return { object: entry.object(), isStored }
}

/** What only stands in for a stored object has no version and no identity that a write could be compared with. */
function withoutDerived (object: KubeObject, live: Live | undefined): KubeObject {
  if (live === undefined || live.isStored) return object
  const { metadata } = object
  const annotations = without(metadata.annotations ?? {}, implicitAnnotation)
  return { ...object, metadata: { ...without(without(without(metadata, 'uid'), 'resourceVersion'), 'creationTimestamp'), name: metadata.name, annotations } }
}

function objectOf ({ body, kind }: Asked): KubeObject {
  let value: unknown
  try {
    value = JSON.parse(body.toString())
  } catch (error) {
    throw badRequest(`the object provided is unrecognized (must be of type ${kind.kind}): ${error instanceof Error ? error.message : ''}`)
  }
  const object = value as KubeObject // looked at below, and by the core
  if (typeof value !== 'object' || value === null || typeof object.metadata !== 'object') throw badRequest(`the object provided is unrecognized (must be of type ${kind.kind})`)
  if (object.apiVersion !== apiVersionOf(kind) || object.kind !== kind.kind) throw badRequest(`${object.kind} in version "${object.apiVersion}" cannot be handled as a ${kind.kind}`)
  return object
}
