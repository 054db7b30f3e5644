// What validation says of metadata, the same for every kind.
import { type Cause, forbidden, invalidValue, required, tooLong } from './causes.ts'
import { broken, dns1123Label, labelValue, qualifiedName, type Rule } from './grammar.ts'
import type { Labels, ObjectMeta } from './types.ts'

/** Kubernetes' limit on all keys and values of the annotations: what is larger belongs into a file. */
export const maxAnnotationBytes = 256 * 1024

/**
 * The causes in `metadata`.
 * @param name the rule of the kind's names
 * @param old on an update: name, namespace and uid cannot change
 */
export function metadataFaults (metadata: ObjectMeta, name: Rule, old?: ObjectMeta): Cause[] {
  const causes: Cause[] = []
  if (metadata.name !== '') causes.push(...broken('metadata.name', metadata.name, name))
  else if (metadata.generateName === undefined) causes.push(required('metadata.name', 'name or generateName is required'))
  if (metadata.generateName !== undefined && metadata.name === '') causes.push(forbidden('metadata.generateName', 'names are not generated here: give metadata.name'))
  if (metadata.namespace !== '') causes.push(...broken('metadata.namespace', metadata.namespace, dns1123Label))
  causes.push(...labelFaults('metadata.labels', metadata.labels), ...annotationFaults(metadata.annotations))
  if (old !== undefined) {
    for (const field of ['name', 'namespace', 'uid'] as const) {
      if (metadata[field] !== undefined && metadata[field] !== old[field]) causes.push(invalidValue(`metadata.${field}`, metadata[field], 'field is immutable'))
    }
  }
  return causes
}

/** The path is the map's own, as in Kubernetes; the value names the key or the value that is wrong. */
export function labelFaults (field: string, labels: Labels | undefined): Cause[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [...broken(field, key, qualifiedName), ...broken(field, value, labelValue)])
}

function annotationFaults (annotations: Labels | undefined): Cause[] {
  const field = 'metadata.annotations'
  const causes: Cause[] = []
  let bytes = 0
  for (const [key, value] of Object.entries(annotations ?? {})) {
    causes.push(...broken(field, key, (text: string) => qualifiedName(text.toLowerCase())))
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value)
  }
  return bytes > maxAnnotationBytes ? [...causes, tooLong(field, maxAnnotationBytes)] : causes
}
