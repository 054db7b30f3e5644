// Kinds that are shown as they were declared: Ingress, IngressClass, Secret, HorizontalPodAutoscaler. The columns are kubectl's.
import { manifestKinds } from '../../client-sdk/src/manifest-kinds.ts'
import type { HorizontalPodAutoscaler } from '../../client-sdk/src/autoscaling-manifests.ts'
import type { Ingress, IngressClass, Secret } from '../../client-sdk/src/ingress-manifests.ts'
import type { DeclaredObject, ObjectsView } from '../../client-sdk/src/wire.ts'
import { referenceText, targetsText } from '../model/autoscaling/autoscaler-text.ts'
import { addressText, classText, hostsText, parametersText, portsText, secretParts } from '../model/ingress/ingress-text.ts'
import type { Api } from './api.ts'
import { UsageError } from './errors.ts'
import type { Kind, Request } from './kind.ts'
import { path } from './paths.ts'
import { age, type Column } from './table.ts'

/** `gone` says that it is not there any more. */
type ObjectRow<Object extends DeclaredObject> = Object & { readonly gone?: string }
type Place = Parameters<Kind<object>['columns']>[0]

/** The columns of an object between its name and its age. */
type Columns<Object extends DeclaredObject> = (place: Place) => readonly Column<Object>[]

const names = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/

/** @throws UsageError for what no object can be called */
export function objectName (what: string, name: string): string {
  if (!names.test(name)) throw new UsageError(`${what} must be a name of a-z, 0-9, "-" and ".", got ${JSON.stringify(name)}`)
  return name
}

/** One object, as a manifest. */
export async function objectOf<Object extends DeclaredObject> (api: Api, kind: Object['kind'], namespace: string, name: string): Promise<Object> {
  const { plural, isGlobal } = manifestKinds[kind]
  return await api.get<Object>(isGlobal ? path(plural, name) : path('namespaces', namespace, plural, name))
}

function declared<Object extends DeclaredObject> (
  kind: Object['kind'], aliases: readonly string[], columns: Columns<Object>, view: ObjectsView | undefined
): Kind<ObjectRow<Object>> {
  const { plural, isGlobal } = manifestKinds[kind]
  const one = async ({ api, namespace = 'default' }: Request, name: string): Promise<Object> =>
    await objectOf<Object>(api, kind, namespace, objectName(`the name of the ${kind}`, name))
  return {
    name: plural,
    aliases,
    filters: [],
    ...(isGlobal ? { global: true } : {}),
    columns: (place) => [
      ...(place.allNamespaces && !isGlobal ? [{ title: 'NAMESPACE', value: ({ metadata }: Object) => metadata.namespace }] : []),
      { title: 'NAME', value: ({ metadata }) => metadata.name },
      ...columns(place),
      { title: 'AGE', value: ({ metadata: { creationTimestamp = '' }, gone }) => gone ?? age(creationTimestamp, place.now()), colour: ({ gone }) => (gone === undefined ? undefined : 'gray') }
    ],
    id: ({ metadata }) => metadata.name,
    fetch: async (request) => {
      const { api, namespace, name } = request
      if (name !== undefined) {
        const answer = await one(request, name)
        return { rows: [answer], answer }
      }
      const answer = await api.list<Object>(path(plural), isGlobal ? {} : { namespace })
      return { rows: answer.items, answer: { ...answer, items: answer.items.map(applicable) } }
    },
    manifest: async (request, name) => applicable(await one(request, name)),
    ...(view === undefined ? {} : { follow: { view, kind } })
  }
}

/** Without what names the one object that it was (decision 0024). */
function applicable<Object extends DeclaredObject> (object: Object): Object {
  const metadata = Object.fromEntries(Object.entries(object.metadata).filter(([name]) => name !== 'uid' && name !== 'resourceVersion'))
  return { ...object, metadata }
}

const ingresses = declared<Ingress>('Ingress', ['ingress', 'ing'], ({ wide }) => [
  { title: 'CLASS', value: classText },
  { title: 'HOSTS', value: hostsText },
  { title: 'ADDRESS', value: (row) => addressText(row, wide) },
  { title: 'PORTS', value: portsText }
], 'ingresses')

const classes = declared<IngressClass>('IngressClass', ['ingressclass'], () => [
  { title: 'CONTROLLER', value: ({ spec }) => spec.controller ?? '' },
  { title: 'PARAMETERS', value: parametersText }
], 'ingresses')

const secrets = declared<Secret>('Secret', ['secret'], () => [
  { title: 'TYPE', value: ({ type }) => type },
  { title: 'DATA', value: (row) => String(secretParts(row)) },
  { title: 'NAMES', wide: true, value: ({ metadata: { annotations } }) => annotations?.['rollcall.dev/tls-names'] ?? '' },
  { title: 'NOT AFTER', wide: true, value: ({ metadata: { annotations } }) => annotations?.['rollcall.dev/tls-not-after'] ?? '' }
], 'ingresses')

const autoscalers = declared<HorizontalPodAutoscaler>('HorizontalPodAutoscaler', ['hpa', 'horizontalpodautoscaler'], () => [
  { title: 'REFERENCE', value: referenceText },
  { title: 'TARGETS', value: targetsText },
  { title: 'MINPODS', value: ({ spec }) => String(spec.minReplicas ?? '<unset>') },
  { title: 'MAXPODS', value: ({ spec }) => String(spec.maxReplicas) },
  { title: 'REPLICAS', value: ({ status }) => String(status?.currentReplicas ?? 0) },
  { title: 'DESIRED', wide: true, value: ({ status }) => String(status?.desiredReplicas ?? 0) }
], 'horizontalpodautoscalers')

export const declaredKinds = [ingresses, classes, secrets, autoscalers] as const
