// What the registry itself says of objects: the addresses of an Ingress, the decision of a HorizontalPodAutoscaler.
import { Type } from 'typebox'
import { invalid } from '../../errors.ts'
import { objectKinds, type ObjectManifest } from '../../model/manifest/object-kinds.ts'
import { canonical } from '../../model/manifest/shapes.ts'
import type { HorizontalPodAutoscalerStatus, IngressStatus, Manifest } from '../../model/service/types.ts'
import { type Checker, checker } from '../../model/validate.ts'
import type { ObjectWrite } from '../../store/store.ts'
import { manifestKey, type ManifestName, storedManifest } from './manifests.ts'

interface OfObject {
  readonly namespace: string
  readonly name: string
  /** Of the object that it is about: one that was made anew since is another one. Absent: whichever is there. */
  readonly uid?: string | undefined
}

export type StatusWrite =
  | OfObject & { readonly kind: 'Ingress', readonly status: IngressStatus }
  | OfObject & { readonly kind: 'HorizontalPodAutoscaler', readonly status: HorizontalPodAutoscalerStatus }

/** @throws RegistryError REG_INVALID */
export function checkStatuses (statuses: readonly StatusWrite[]): void {
  for (const { kind, status } of statuses) {
    const refusal = checkers[kind]({ status })
    if (refusal !== undefined) throw invalid(refusal.faults)
  }
}

const checkers: Readonly<Record<StatusWrite['kind'], Checker>> = { Ingress: checkerOf('Ingress'), HorizontalPodAutoscaler: checkerOf('HorizontalPodAutoscaler') }

function checkerOf (kind: StatusWrite['kind']): Checker {
  const { status } = objectKinds[kind]
  return checker(Type.Object({ status: status ?? Type.Never() }))
}

/** The writes of those that say something new. Who manages which fields is not touched, and neither is the generation. */
export function statusWrites (statuses: readonly StatusWrite[], manifestOf: (name: ManifestName) => Manifest | undefined): readonly ObjectWrite[] {
  return statuses.flatMap(({ kind, namespace, name, uid, status }): ObjectWrite[] => {
    const old = manifestOf({ kind, namespace, name }) as ObjectManifest | undefined // of this kind
    if (old === undefined || (uid !== undefined && old.metadata.uid !== uid)) return []
    const body = storedManifest(canonical({ ...old, status }) as ObjectManifest) // the status has been checked
    if (body === storedManifest(old)) return []
    return [{ type: 'put', key: manifestKey({ kind, namespace, name }), body, endsAtMs: 0, reason: 'updated', expected: Number(old.metadata.resourceVersion) }]
  })
}
