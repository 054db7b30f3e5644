// A manifest as it comes back from a store: its shape and all of its rules are looked at again, since an older version,
// another program or a hand may have written it.
import { Type } from 'typebox'
import type { Refusal } from '../../refusal.ts'
import { FaultList, maxToldFaults } from '../../refusal.ts'
import { readJson, unknownFault } from '../stored-text.ts'
import { type Checker, checker } from '../validate.ts'
import { type Cause, fieldErrors } from './causes.ts'
import { decoded } from './schema.ts'
import { isObjectManifest, objectKindNames, objectKinds } from '../manifest/object-kinds.ts'
import type { Manifest } from './types.ts'
import { serviceFaults } from './validate.ts'
import { policyFaults } from '../policy/validate.ts'
import { endpointSliceFaults, endpointsFaults, namespaceFaults } from './validate-endpoints.ts'

const text = Type.String({ rule: 'must be a text' })
const closed = { additionalProperties: false } as const

/** The registry's own word, which no manifest of a client brings in. */
const Status = Type.Object({
  loadBalancer: Type.Object({
    ingress: Type.Optional(Type.Array(Type.Object({
      ip: Type.Optional(text), ipMode: Type.Optional(Type.Enum(['VIP', 'Proxy'])), hostname: Type.Optional(text)
    }, closed)))
  }, closed),
  conditions: Type.Optional(Type.Array(Type.Object({
    type: text, status: Type.Enum(['True', 'False', 'Unknown']), reason: text, message: text, lastTransitionTime: Type.Optional(text)
  }, closed)))
}, closed)

const statusCheckers: Partial<Record<Manifest['kind'], Checker>> = {
  Service: checker(Type.Object({ status: Status })),
  ...Object.fromEntries(objectKindNames.flatMap((kind) => {
    const { status } = objectKinds[kind]
    return status === undefined ? [] : [[kind, checker(Type.Object({ status }))]]
  }))
}
const anyObject: Checker = checker(Type.Object({}))

export interface ManifestKey {
  readonly kind: Manifest['kind']
  /** Empty for a Namespace. */
  readonly namespace: string
  readonly name: string
}

/** Reads the stored text of a manifest that lies under a key. Never throws. */
export function readManifest (key: ManifestKey, text: string): { readonly manifest: Manifest } | { readonly refusal: Refusal } {
  const read = readJson(text, anyObject)
  if ('refusal' in read) return read
  const { status } = read.value as { readonly status?: unknown } // an object, as has just been seen
  if (hasNull(read.value)) return { refusal: nullRefusal() }
  const shape = decoded(key.kind, read.value, key.namespace)
  if ('refusal' in shape) return shape
  const refusal = status === undefined ? undefined : statusCheckers[key.kind]?.({ status })
  if (refusal !== undefined) return { refusal }
  const { manifest } = shape
  const list = new FaultList()
  if (manifest.metadata.name !== key.name) list.add(() => ({ field: 'metadata.name', value: manifest.metadata.name, rule: `must be ${key.name}, as in its key` }))
  if (manifest.metadata.namespace !== key.namespace) list.add(() => ({ field: 'metadata.namespace', value: manifest.metadata.namespace, rule: `must be ${key.namespace}, as in its key` }))
  const causes = causesOf(manifest)
  list.addAll(fieldErrors(causes.slice(0, maxToldFaults)), Math.max(0, causes.length - maxToldFaults))
  if (!list.isEmpty) return { refusal: list.refusal(unknownFault) }
  // It has just been checked; that of a Namespace is not kept.
  return { manifest: status !== undefined && statusCheckers[key.kind] !== undefined ? { ...manifest, status } as Manifest : manifest }
}

/** What is stored has no null: a reader further in takes a field for there if it is not undefined. */
function hasNull (value: unknown): boolean {
  return value === null || (typeof value === 'object' && Object.values(value).some(hasNull))
}

function nullRefusal (): Refusal {
  return { faults: [{ field: 'body', value: null, rule: 'must hold no null' }], more: 0 }
}

/**
 * Fields whose values are used further in: names, addresses, ports, selectors. How fields agree with each other is asked of those who
 * write, as Kubernetes does, not of what is there: a service must not vanish because a later version is stricter in a detail.
 */
const usedField = /^(?:metadata\.(?:name|namespace|labels)|spec\.(?:type$|selector|ports\[\d+\]|clusterIPs\[|externalIPs\[)|addressType$|endpoints\[|subsets\[|ports\[)/

function causesOf (manifest: Manifest): readonly Cause[] {
  // Of a policy every rule counts: what cannot be understood whole must permit nothing. Of the others those who follow them use every field.
  if (manifest.kind === 'Policy' || isObjectManifest(manifest)) return rulesOf(manifest)
  return rulesOf(manifest).filter(({ field, reason }) => (reason === 'FieldValueInvalid' || reason === 'FieldValueNotSupported') && usedField.test(field))
}

/** As its own predecessor: what an object has stays legal when the ranges of the registry change. */
function rulesOf (manifest: Manifest): readonly Cause[] {
  if (isObjectManifest(manifest)) return objectKinds[manifest.kind].faults(manifest, manifest, true)
  switch (manifest.kind) {
    case 'Service': return serviceFaults(manifest, { families: ['IPv4', 'IPv6'], old: manifest })
    case 'EndpointSlice': return endpointSliceFaults(manifest, manifest)
    case 'Endpoints': return endpointsFaults(manifest, manifest)
    case 'Namespace': return namespaceFaults(manifest, manifest)
    case 'Policy': return policyFaults(manifest, manifest)
  }
}
