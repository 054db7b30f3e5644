// The certificates of ingresses, with their keys: for the agents that serve them, and for nobody else.
import type { IngressCertificate } from '../../../client-sdk/src/wire.ts'
import { isServedHere, secretNames } from '../../model/ingress/classes.ts'
import { certificateFileAnnotation, certificateOf, keyFileAnnotation, keyOf, namesFiles } from '../../model/ingress/tls-secret.ts'
import type { Ingress, IngressClass, Secret } from '../../model/service/types.ts'
import type { DeclaredObjects } from '../catalog/declared-objects.ts'

export type { IngressCertificate } from '../../../client-sdk/src/wire.ts'

/** Ordered by namespace and name; each once. */
export function certificatesOf (objects: DeclaredObjects): readonly IngressCertificate[] {
  const classes = [...objects.list('IngressClass')] as IngressClass[] // of this kind, as below
  const found = new Map<string, IngressCertificate>()
  for (const ingress of objects.list('Ingress') as Iterable<Ingress>) {
    if (!isServedHere(ingress, classes)) continue
    const { namespace } = ingress.metadata
    for (const name of secretNames(ingress)) {
      const secret = objects.get('Secret', namespace, name) as Secret | undefined
      if (secret !== undefined) found.set(`${namespace} ${name}`, certificate(secret))
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each)
}

function certificate (secret: Secret): IngressCertificate {
  const { namespace, name, resourceVersion = '', annotations = {} } = secret.metadata
  const common = { namespace, name, revision: Number(resourceVersion) }
  if (!namesFiles(secret)) return { ...common, certificate: certificateOf(secret), key: keyOf(secret) }
  return { ...common, certificateFile: annotations[certificateFileAnnotation] ?? '', keyFile: annotations[keyFileAnnotation] ?? '' }
}
