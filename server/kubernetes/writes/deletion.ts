// Deletions: of what is stored, of a namespace with what is in it, of a pod, which deregisters its instance.
import type { Instance } from '../../../client-sdk/src/wire.ts'
import { RegistryError } from '../../errors.ts'
import { deleteOptions } from '../../model/fields/meta-fields.ts'
import { objectKindNames } from '../../model/manifest/object-kinds.ts'
import { isGlobalKind } from '../../model/service/types.ts'
import type { Access, ManifestName } from '../../registry/core.ts'
import { conflict, methodNotAllowed, success } from '../answers/status.ts'
import type { Answer, Asked, KubernetesContext } from '../context.ts'
import type { Entry } from '../shelf/entry.ts'
import { entryOf } from '../read/get.ts'
import { pageOf } from '../read/list.ts'
import { shelfOf } from '../context.ts'
import { readListOptions } from '../request/list-options.ts'
import { found, manifestAt } from '../sources/found.ts'
import { mediaOf, textOf } from '../write/bodies.ts'
import { checkPreconditions, type DeleteOptions, deleteOptionsOf, readDeleteOptions } from '../write/delete-options.ts'
import { decodeMessage, protobufMedia, readEnvelope } from '../write/protobuf/decode.ts'
import { kindOf } from './stored.ts'

/** Objects that one request deletes; the core's commits are as large. */
const maxDeleted = 1_000

export async function remove (context: KubernetesContext, asked: Asked): Promise<Answer> {
  const entry = await entryOf(context, asked)
  const options = readOptions(asked)
  const { kind } = asked
  checkPreconditions(options, entry.object(), kind, entry.name)
  try {
    await removeEntry(asked, entry, options)
  } catch (error) {
    if (!(error instanceof RegistryError) || error.code !== 'REG_CONFLICT') throw error
    const now = await entryOf(context, asked) // another write came in between
    checkPreconditions(options, now.object(), kind, now.name)
    throw error
  }
  return { code: 200, body: success({ name: entry.name, ...(kind.group === '' ? {} : { group: kind.group }), kind: kind.resource, uid: entry.uid }) }
}

/** All that a selector takes, one after the other, as Kubernetes does it. */
export async function removeAll (context: KubernetesContext, asked: Asked): Promise<Answer> {
  const { access, kind, query, path: { namespace } } = asked
  const { dryRun } = readOptions(asked)
  const shelf = await shelfOf(context, kind)
  const options = readListOptions(kind, query)
  const { entries } = pageOf(shelf, { namespace, options: { ...options, limit: maxDeleted, continue: '' }, sight: access.sight })
  const items: object[] = []
  for (const entry of entries) {
    if (!isDeletable(asked, entry)) continue
    await removeEntry(asked, entry, { dryRun })
    items.push(entry.object())
  }
  return { code: 200, body: { kind: `${kind.kind}List`, apiVersion: kind.group === '' ? kind.version : `${kind.group}/${kind.version}`, metadata: { resourceVersion: String(shelf.revision) }, items } }
}

function isDeletable ({ access, kind }: Asked, { namespace, name }: Entry): boolean {
  return kind.kind === 'Pod' || manifestAt(access, { kind: kindOf({ kind }), namespace, name }) !== undefined
}

async function removeEntry (asked: Asked, entry: Entry, { dryRun, uid, resourceVersion }: Removal): Promise<void> {
  const { access, kind } = asked
  if (kind.kind === 'Pod') {
    const { namespace, service, id, generation } = entry.mark as Instance // what a pod is made of
    if (!dryRun) await access.deregister({ namespace, service, id }, generation)
    return
  }
  const names = kind.kind === 'Namespace' ? within(access, entry.name) : [{ kind: kindOf(asked), namespace: entry.namespace, name: entry.name }]
  if (kind.kind !== 'Namespace' && !isDeletable(asked, entry)) throw methodNotAllowed(kind, 'delete', derivedWhy(kind.kind))
  if (names.length === 0) throw methodNotAllowed(kind, 'delete', 'nobody declared it: it is there because something is in it, or because everybody may count on it')
  // Of a namespace they are its own, and what is in it has others.
  await access.delete(names, { dryRun, ...(kind.kind === 'Namespace' ? {} : { expected: { uid, resourceVersion } }) })
}

function derivedWhy (kind: string): string {
  return kind === 'Service' ? 'nobody declared it: it is there because instances registered under its name, and goes when they do' : 'it is made of what is registered, and goes with its service'
}

/** What is declared in a namespace, and it itself. @throws StatusError 409 while instances are in it: they are their owners' */
function within (access: Access, name: string): readonly ManifestName[] {
  const { instances, manifest } = access.namespace(name)
  if (instances > 0) throw conflict({ group: '', resource: 'namespaces' }, name, `${instances} instances are registered in it: it goes when they are deregistered`)
  const services = found(() => access.services({ namespace: name }, undefined, maxDeleted).items) ?? []
  const made = access.handMade(name).map(({ kind, name: own }): ManifestName => ({ kind, namespace: name, name: own }))
  const declared = services.filter(({ implicit }) => !implicit).map((service): ManifestName => ({ kind: 'Service', namespace: name, name: service.name }))
  const objects = objectKindNames.filter((kind) => !isGlobalKind(kind)).flatMap((kind) => access.manifests(kind, name))
    .map(({ kind, metadata }): ManifestName => ({ kind, namespace: name, name: metadata.name }))
  return [...declared, ...made, ...objects, ...(manifest === undefined ? [] : [{ kind: 'Namespace' as const, namespace: '', name }])]
}

type Removal = Pick<DeleteOptions, 'dryRun'> & Partial<Pick<DeleteOptions, 'uid' | 'resourceVersion'>>

function readOptions ({ body, query, request }: Asked): DeleteOptions {
  if (body.length > 0 && mediaOf(request.headers['content-type']) === protobufMedia) return deleteOptionsOf(decodeMessage(readEnvelope(body), deleteOptions))
  return readDeleteOptions(textOf(body), query)
}
