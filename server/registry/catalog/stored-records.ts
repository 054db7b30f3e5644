// What the store keeps, read with suspicion: another version, another hand or a fault may have written it. Each reader gives the
// content, or why there is none; nothing further in asks again. The catalog sets aside what cannot be read (set-aside.ts).
import { Type, type Static, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import { parseAddress } from '../../model/address/address.ts'
import {
  type InstanceBody, LabelName, Labels, Metadata, NodeName, ShortText, StatusName, Weight, labelFaults, metadataFaults, portFaults, protocols
} from '../../model/instance/instance.ts'
import { maxPorts, maxTtlMs, maxVersionLength, minTtlMs } from '../../model/limits.ts'
import { generationPattern, isId, isLabel, labelValuePattern, portNamePattern, splitKey } from '../../model/names.ts'
import type { Cause } from '../../model/service/causes.ts'
import { shapeFaults } from '../../model/service/schema.ts'
import type { Manifest } from '../../model/service/types.ts'
import { serviceFaults } from '../../model/service/validate.ts'
import { endpointSliceFaults, endpointsFaults, namespaceFaults } from '../../model/service/validate-endpoints.ts'
import { checker } from '../../model/validate.ts'
import type { InstanceRecord, ObjectRecord } from '../../store/store.ts'
import { claimTarget, isClaimKey } from '../allocation/claims.ts'
import { isSecretKey } from '../cookie-secret.ts'
import { overriddenKey } from '../overrides.ts'
import { type ManifestName, manifestName } from '../services/manifests.ts'

/** The content of a record, or why it is not answered. */
export type Read<Content> = { readonly content: Content } | { readonly reason: string }

const closed = { additionalProperties: false } as const
const Topology = Type.String({ pattern: labelValuePattern, minLength: 1 })

/** What `bodyOf` and `patched` write. */
const StoredInstance = Type.Object({
  address: Type.String(),
  ports: Type.Array(Type.Object({
    name: Type.Union([Type.Literal(''), Type.String({ pattern: portNamePattern })]),
    port: Type.Integer({ minimum: 1, maximum: 65_535 }),
    protocol: Type.Enum([...protocols])
  }, closed), { maxItems: maxPorts }),
  hostname: Type.Optional(LabelName),
  labels: Labels,
  metadata: Metadata,
  weight: Weight,
  priority: Weight,
  zone: Type.Optional(Topology),
  region: Type.Optional(Topology),
  node: Type.Optional(NodeName),
  version: Type.Optional(Type.String({ minLength: 1, maxLength: maxVersionLength })),
  status: StatusName
}, closed)

/** What `storedOverride` writes. */
const StoredOverride = Type.Object({
  status: Type.Optional(Type.Enum(['draining', 'down'])),
  weight: Type.Optional(Weight),
  author: Type.String(),
  reason: ShortText
}, closed)

const StoredClaim = Type.Object({ namespace: LabelName, service: LabelName }, closed)
const StoredSecret = Type.Object({ keys: Type.Array(Type.String()) }, closed)
/** Status is the registry's own word, so that the shape of a manifest says nothing of it. */
const StoredStatus = Type.Object({
  loadBalancer: Type.Object({ ingress: Type.Optional(Type.Array(Type.Object({ ip: Type.Optional(Type.String()), hostname: Type.Optional(Type.String()) }))) }),
  conditions: Type.Optional(Type.Array(Type.Object({ type: Type.String(), status: Type.String(), reason: Type.String(), message: Type.String() })))
})

const instanceOf = reader(StoredInstance)
const overrideOf = reader(StoredOverride)
const claimOf = reader(StoredClaim)
const secretOf = reader(StoredSecret)
const statusOf = reader(StoredStatus)
const generationForm = new RegExp(generationPattern)

/** The largest time that a `Date` takes. */
const maxTimeMs = 8_640_000_000_000_000

/**
 * Fields of a manifest whose values are used further in: names, addresses, ports, selectors. How fields agree with each other is asked of
 * whoever writes, as Kubernetes does, not of what is there: a service must not vanish because a later version is stricter in a detail.
 */
const usedField = /^(?:metadata\.(?:name|namespace|labels)|spec\.(?:type$|selector|ports\[\d+\]|clusterIPs\[|externalIPs\[)|addressType$|endpoints\[|subsets\[|ports\[)/

/** The body of an instance, and its key as the names that it is made of. */
export function readInstance (record: InstanceRecord): Read<InstanceBody> {
  return read(() => {
    headerFaults(record)
    const { namespace, service, id } = splitKey(record.key)
    if (!isLabel(namespace) || !isLabel(service) || !isId(id)) refuse('its key is not namespace/service/id')
    if (!generationForm.test(record.generation)) refuse('its generation is none')
    if (!Number.isSafeInteger(record.ttlMs) || record.ttlMs < minTtlMs || record.ttlMs > maxTtlMs) refuse(`its ttlMs is not a whole number ${minTtlMs}-${maxTtlMs}`)
    const body = instanceOf(parsed(record.body))
    const address = parseAddress(body.address)
    if ('problem' in address) refuse(`address ${address.problem}`)
    else if (address.text !== body.address) refuse(`address must be written ${address.text}`)
    refuseFaults([...portFaults(body.ports), ...labelFaults(body.labels), ...metadataFaults(body.metadata)])
    return body // the schema has the fields of the type
  })
}

/** Reads an object of any kind that this version knows. What it holds is read again by those whose kind it is: they find it well. */
export function readObject (object: ObjectRecord): Read<unknown> {
  return read(() => {
    headerFaults(object)
    if (!Number.isSafeInteger(object.endsAtMs) || object.endsAtMs < 0 || object.endsAtMs > maxTimeMs) refuse('its end is no time')
    const target = overriddenKey(object.key)
    if (target !== undefined) {
      if (!isLabel(target.namespace) || !isLabel(target.service) || !isId(target.id)) refuse('its key is not override/namespace/service/id')
      return overrideOf(parsed(object.body))
    }
    const name = manifestName(object.key)
    if (name !== undefined) return readManifest(name, object.body)
    if (isClaimKey(object.key)) {
      if (claimTarget(object.key) === undefined) refuse('its key is not claim/kind/value')
      return claimOf(parsed(object.body))
    }
    if (isSecretKey(object.key)) return secretOf(parsed(object.body))
    return refuse('it is of a kind that this version does not know')
  })
}

function readManifest (name: ManifestName, body: string): Manifest {
  const stored = parsed(body)
  refuseFaults(shapeFaults(name.kind, stored))
  const manifest = stored as Manifest // its shape, as far as it goes; what is missing makes the rules below throw
  if (manifest.kind !== name.kind) refuse(`kind must be ${name.kind}, as in its key`)
  if (manifest.metadata.name !== name.name || (name.kind !== 'Namespace' && manifest.metadata.namespace !== name.namespace)) refuse('metadata must have the names of its key')
  if (manifest.kind === 'Service' && manifest.status !== undefined) statusOf(manifest.status)
  const [cause] = causesOf(manifest).filter(({ field, reason }) => (reason === 'FieldValueInvalid' || reason === 'FieldValueNotSupported') && usedField.test(field))
  if (cause !== undefined) refuse(`${cause.field} ${cause.rule}`)
  return manifest
}

function causesOf (manifest: Manifest): readonly Cause[] {
  switch (manifest.kind) {
    case 'Service': return serviceFaults(manifest, { families: ['IPv4', 'IPv6'], old: manifest }) // what it has, it may keep
    case 'EndpointSlice': return endpointSliceFaults(manifest, manifest)
    case 'Endpoints': return endpointsFaults(manifest, manifest)
    case 'Namespace': return namespaceFaults(manifest, manifest)
  }
}

/** Numbers that are none come from a store whose texts are not what this program wrote. */
function headerFaults ({ createdRevision, revision, createdAtMs, updatedAtMs }: Pick<InstanceRecord, 'createdRevision' | 'revision' | 'createdAtMs' | 'updatedAtMs'>): void {
  if (!Number.isSafeInteger(createdRevision) || createdRevision < 1 || !Number.isSafeInteger(revision) || revision < 1) refuse('its header cannot be read')
  for (const atMs of [createdAtMs, updatedAtMs]) if (!Number.isSafeInteger(atMs) || Math.abs(atMs) > maxTimeMs) refuse('its times are none')
}

/** Why a record is not answered: caught by `read`. */
class Refusal extends Error {}

function refuse (reason: string): never {
  throw new Refusal(reason)
}

function refuseFaults (faults: readonly FieldError[]): void {
  const [first] = faults
  if (first !== undefined) refuse(`${first.field} ${first.rule}${faults.length > 1 ? `, and ${faults.length - 1} more` : ''}`)
}

function parsed (body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return refuse(body === '' ? 'it has no content' : 'its content is no JSON')
  }
}

/** The schema's own yes is what counts; the checker only says why not. */
function reader<Schema extends TSchema> (schema: Schema): (value: unknown) => Static<Schema> {
  const compiled = Compile(schema)
  const explain = checker(schema)
  return (value) => {
    if (compiled.Check(value)) return value // it has just said so
    refuseFaults(explain(value))
    return refuse('its content breaks the rules')
  }
}

/** Whatever goes wrong while a record is looked at says that it is not what it should be. */
function read<Content> (look: () => Content): Read<Content> {
  try {
    return { content: look() }
  } catch (error) {
    return { reason: error instanceof Refusal ? error.message : `it cannot be checked: ${error instanceof Error ? error.message : String(error)}` }
  }
}
