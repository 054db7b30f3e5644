// One object, as it is now.
import type { Answer, Asked, KubernetesContext } from '../context.ts'
import { shelfOf } from '../context.ts'
import { notFound } from '../answers/status.ts'
import type { KubeObject } from '../objects/meta.ts'
import { scaleOf } from '../objects/deployment.ts'
import { inVersion } from '../objects/older-version.ts'
import type { Entry } from '../shelf/entry.ts'
import { metadataOf, tableOf } from '../table/table.ts'
import { readListOptions } from '../request/list-options.ts'
import { loadsOf } from './loads.ts'

/** Kinds whose objects are called by the name of a service: who may not read it is told so, whether or not it is there. */
const namedByService = new Set(['Service', 'Endpoints'])

export async function get (context: KubernetesContext, asked: Asked): Promise<Answer> {
  const { kind, path: { subresource } } = asked
  const object = kind.group === 'metrics.k8s.io' ? await oneLoad(context, asked) : (await entryOf(context, asked)).object()
  return { code: 200, body: shown(asked, inVersion(kind, subresource === 'scale' ? scaleOf(object) : object), context.parts.clock.now()) }
}

/** @throws StatusError 404; RegistryError for what may not be seen */
export async function entryOf (context: KubernetesContext, { access, kind, path: { namespace = '', name = '' } }: Asked): Promise<Entry> {
  const shelf = await shelfOf(context, kind)
  permitRead({ access, kind }, namespace, name)
  const entry = shelf.get(namespace, name)
  const { sight } = access
  if (entry === undefined || (sight !== undefined && !entry.isSeen(sight))) throw notFound(kind, name)
  return entry
}

/** An object of this name may be read, whether or not it is there. @throws RegistryError REG_UNAUTHENTICATED, REG_FORBIDDEN */
export function permitRead ({ access, kind }: Pick<Asked, 'access' | 'kind'>, namespace: string, name: string): void {
  if (namedByService.has(kind.kind)) access.permitWatch({ namespace, service: name })
  else if (kind.kind === 'Policy') access.permit('admin')
  else access.permitWatch(namespace === '' ? {} : { namespace })
}

/** In the form that the client wants. */
export function shown ({ kind, wanted: { form, version }, query }: Pick<Asked, 'kind' | 'wanted' | 'query'>, object: KubeObject, nowMs: number): object {
  if (form === 'object') return object
  if (form === 'metadata') return metadataOf(object, version)
  const { includeObject } = readListOptions(kind, query)
  return tableOf(object.kind, [object], { version, includeObject }, nowMs, { resourceVersion: object.metadata.resourceVersion })
}

async function oneLoad (context: KubernetesContext, asked: Asked): Promise<KubeObject> {
  const { kind, path: { namespace, name = '' } } = asked
  const found = (await loadsOf(context, asked.access, kind, namespace)).find(({ metadata }) => metadata.name === name)
  if (found === undefined) throw notFound(kind, name)
  return found
}
