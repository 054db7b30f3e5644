// Kinds whose objects are what they say: nothing is allocated to them and no endpoints are made of them. A new kind is a row here, its
// names in client-sdk/src/manifest-kinds.ts, its key in registry/services/manifests.ts and its fields in model/fields/.
import type { TSchema } from 'typebox'
import { autoscalerOf, autoscalerShape, autoscalerStatusShape } from '../autoscaling/autoscaler.ts'
import { autoscalerFaults } from '../autoscaling/validate-autoscaler.ts'
import { ingressClassFaults, ingressClassOf, ingressClassShape } from '../ingress/ingress-class.ts'
import { ingressOf, ingressShape, ingressStatusShape } from '../ingress/ingress.ts'
import { preparedSecret, secretFaults, secretOf, secretShape, shownSecret } from '../ingress/tls-secret.ts'
import { ingressFaults } from '../ingress/validate-ingress.ts'
import { maxAutoscalersPerNamespace, maxIngressClasses, maxIngressesPerNamespace, maxSecretsPerNamespace } from '../limits.ts'
import type { Cause } from '../service/causes.ts'
import type { HorizontalPodAutoscaler, Ingress, IngressClass, Manifest, Secret } from '../service/types.ts'
import { canonical, type LooseObject } from './shapes.ts'

export type ObjectManifest = Ingress | IngressClass | Secret | HorizontalPodAutoscaler
export type ObjectKind = ObjectManifest['kind']
type Of<Kind extends ObjectKind> = Extract<ObjectManifest, { readonly kind: Kind }>

interface Row<Object extends ObjectManifest> {
  /** What a manifest may look like. */
  readonly shape: TSchema
  /** An object whose shape was checked: without what is empty, with its defaults. */
  readonly read: (plain: LooseObject<Object>, namespace: string) => Object
  /** What is to be stored in the place of another. Default: what was written. */
  readonly prepared?: (next: Object, old: Object | undefined) => Object
  /** All causes against it. @param isStored it lies in the store, and is not being written */
  readonly faults: (next: Object, old: Object | undefined, isStored?: boolean) => readonly Cause[]
  /** Of the status that the registry writes. Absent: it has none. */
  readonly status?: TSchema
  /** As clients get it. Default: as it is stored. */
  readonly shown?: (stored: Object) => Object
  /** Values of it are in no error. */
  readonly isSecret?: true
  /** So many in one namespace; of a global kind in all. */
  readonly most: number
  /** Many of them, for people. */
  readonly plural: string
}

const rows: { readonly [Kind in ObjectKind]: Row<Of<Kind>> } = {
  Ingress: { shape: ingressShape, read: ingressOf, faults: ingressFaults, status: ingressStatusShape, most: maxIngressesPerNamespace, plural: 'ingresses' },
  IngressClass: { shape: ingressClassShape, read: ingressClassOf, faults: ingressClassFaults, most: maxIngressClasses, plural: 'ingress classes' },
  Secret: {
    shape: secretShape, read: secretOf, prepared: preparedSecret, faults: secretFaults, shown: shownSecret, isSecret: true,
    most: maxSecretsPerNamespace, plural: 'secrets'
  },
  HorizontalPodAutoscaler: {
    shape: autoscalerShape, read: autoscalerOf, faults: autoscalerFaults, status: autoscalerStatusShape,
    most: maxAutoscalersPerNamespace, plural: 'autoscalers'
  }
}

/** The rows, each of which is used with objects of its own kind only. */
export const objectKinds: Readonly<Record<ObjectKind, Row<ObjectManifest>>> = rows as unknown as Readonly<Record<ObjectKind, Row<ObjectManifest>>>

export const objectKindNames = Object.keys(rows) as readonly ObjectKind[]

export function isObjectKind (kind: Manifest['kind']): kind is ObjectKind {
  return Object.hasOwn(rows, kind)
}

export function isObjectManifest (manifest: Manifest): manifest is ObjectManifest {
  return isObjectKind(manifest.kind)
}

/** A manifest as clients get it: a Secret without its data. */
export function shownManifest<Kind extends Manifest> (manifest: Kind): Kind {
  const own: Manifest = manifest
  if (!isObjectManifest(own)) return manifest
  return (objectKinds[own.kind].shown?.(own) ?? manifest) as Kind // of the same kind
}

/** What a manifest makes of a stored object: with what that one keeps. @param old of the same kind */
export function preparedObject<Object extends ObjectManifest> (next: Object, old: ObjectManifest | undefined): Object {
  const prepared = (objectKinds[next.kind].prepared?.(next, old) ?? next) as Object // of the same kind
  const status = old !== undefined && 'status' in old ? old.status : undefined
  return canonical(status === undefined ? prepared : { ...prepared, status })
}
