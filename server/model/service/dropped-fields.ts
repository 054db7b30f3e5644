// What a manifest of Kubernetes may ask for and nobody here does: it is said, not dropped in silence. What an exported
// object carries as history (`selfLink`, `managedFields`, `status`) asks for nothing.
import { ingressAnnotationPrefix, ingressAnnotations } from '../ingress/annotations.ts'
import { tlsFactAnnotations, tlsFileAnnotations } from '../ingress/tls-secret.ts'
import { poolAnnotation } from './needs.ts'
import { dnsAnnotations, fallbackAnnotation } from './dns-annotations.ts'
import { pointerAnnotation } from './pointer-policy.ts'
import { trafficAnnotations } from './traffic-annotations.ts'
import { type Manifest, serviceNameLabel } from './types.ts'

type Fields = Readonly<Record<string, unknown>>

/** Annotations and labels below it are ours to give a meaning. */
const ownPrefix = 'rollcall.dev/'

/** Our annotations, and the kinds on which each is acted on. */
const annotationKinds = new Map<string, readonly Manifest['kind'][]>([
  ...dnsAnnotations.map((key): [string, Manifest['kind'][]] =>
    [key, key === fallbackAnnotation ? ['Service'] : ['Service', 'Namespace']]),
  [pointerAnnotation, ['Service']],
  [poolAnnotation, ['Service']],
  ...trafficAnnotations.map((key): [string, Manifest['kind'][]] => [key, ['Service']]),
  ...ingressAnnotations.map((key): [string, Manifest['kind'][]] => [key, ['Ingress']]),
  ...tlsFileAnnotations.map((key): [string, Manifest['kind'][]] => [key, ['Secret']])
])
/** What the registry says itself of an object: an exported one has it. */
const ownFacts = new Set<string>(Object.values(tlsFactAnnotations))

/** A sentence for each field that is not acted on. @param value as it was read: its shape need not have been checked */
export function droppedFields (kind: Manifest['kind'], value: unknown): readonly string[] {
  const metadata = fieldsOf(fieldsOf(value)['metadata'])
  const spec = fieldsOf(fieldsOf(value)['spec'])
  const found: string[] = []
  if (isFilled(metadata['finalizers'])) found.push('metadata.finalizers is not kept: what is deleted here goes at once')
  if (isFilled(metadata['ownerReferences']) && !isOwnedByItsService(kind, metadata)) {
    found.push('metadata.ownerReferences is not kept: nothing goes with its owner here, but the endpoints of a service with the service')
  }
  if (isFilled(metadata['deletionTimestamp']) || isFilled(metadata['deletionGracePeriodSeconds'])) {
    found.push('metadata.deletionTimestamp is not kept: the object was being deleted where it is from, and is declared here')
  }
  const finalizers = spec['finalizers']
  if (kind === 'Namespace' && Array.isArray(finalizers) && finalizers.some((finalizer) => finalizer !== 'kubernetes')) {
    found.push('spec.finalizers is not kept: what is deleted here goes at once')
  }
  for (const key of Object.keys(fieldsOf(metadata['annotations']))) {
    if (!key.startsWith(ownPrefix) || (kind === 'Secret' && ownFacts.has(key))) continue
    if (kind === 'Ingress' && key.startsWith(ingressAnnotationPrefix)) continue // validation knows them
    const kinds = annotationKinds.get(key)
    if (kinds === undefined) found.push(`metadata.annotations[${key}] is not known and not acted on: known are ${[...annotationKinds.keys()].join(', ')}`)
    else if (!kinds.includes(kind)) found.push(`metadata.annotations[${key}] is not acted on: it is for the kind ${kinds.join(' or ')}`)
  }
  for (const key of Object.keys(fieldsOf(metadata['labels']))) {
    if (key.startsWith(ownPrefix)) found.push(`metadata.labels[${key}] is not acted on: labels of ${ownPrefix} are the registry's own, on instances`)
  }
  return found
}

function fieldsOf (value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Fields : {} // keys are texts
}

function isFilled (value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null
}

/** A slice as it is shown here is owned by its service, and goes with it. */
function isOwnedByItsService (kind: Manifest['kind'], { ownerReferences, labels }: Fields): boolean {
  const service = fieldsOf(labels)[serviceNameLabel]
  return kind === 'EndpointSlice' && Array.isArray(ownerReferences) &&
    ownerReferences.every((owner: unknown) =>
      fieldsOf(owner)['kind'] === 'Service' && fieldsOf(owner)['name'] === service)
}
