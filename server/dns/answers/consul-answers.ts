// What Consul's names are answered with.
//
//   A, AAAA of a service   the addresses of what is answered of it, each once
//   SRV of a service       = pointer-to-question type IN ttl rdlength priority(2) weight(2) port(2) HEX.addr.DC.DOMAIN, with its address
//   TXT of a node          = pointer-to-question type IN ttl rdlength 1*( length(1) "key=value" )
//
// What is answered is what is not critical to Consul's API: those that warn too, suspects where all are suspect, and nobody who drains or is in maintenance.
import { beside } from '../../beside.ts'
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import { familyOf } from '../../model/address/address.ts'
import { maxWeight } from '../../model/limits.ts'
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import type { ConsulName, ConsulZone } from '../names/consul-zone.ts'
import type { DnsCatalog, DnsSource } from '../source.ts'
import { type Records, type WeightedRecord, gluedRecordSetOf, recordSetOf } from '../wire/record-set.ts'
import { nameBytes, questionPointer, recordBytes, recordTypes } from '../wire/wire.ts'
import type { AnswerCache } from './answer-cache.ts'
import { isAnswerable } from './endpoint-host.ts'
import { EndpointIndex } from './endpoint-index.ts'
import { nodeAddresses } from './consul-nodes.ts'
import type { Plan } from './plan.ts'
import { addressFamily, addressRecord, serviceRecord } from './service-records.ts'

const { A, AAAA, SRV, TXT, ANY } = recordTypes

/** Endpoints that one answer is made of: a set shows a hundred records, and a service may have ten thousand. */
const maxEndpoints = 256
/** Forms of one service's answers that are kept: types and tags. */
const maxForms = 64
/** What Consul has of every node: `consul-network-segment=`. */
const nodeText = Buffer.from('consul-network-segment=')
/** What the tags of runs are found by: a change makes one run anew. */
const indexes = beside<readonly Endpoint[], EndpointIndex>()
const forms = beside<EndpointSet, Map<string, Plan>>()

export function planConsul (name: ConsulName, type: number, source: DnsSource, cache: AnswerCache, minimalAny: Records): Plan {
  const orAny = (records: Records | undefined): Plan => records ?? (type === ANY ? minimalAny : 'no-such-records')
  switch (name.kind) {
    case 'consul-branch':
      return 'no-such-records'
    case 'consul-address':
      return orAny(type === addressType(name.address) ? unweighted([name.address], cache.ttlSeconds) : undefined)
    case 'consul-node': {
      const addresses = nodeAddresses(source.catalog, name.namespace, name.node)
      if (addresses === 'not-ready') return 'not-ready'
      if (addresses.length === 0) return 'no-such-name'
      if (type === TXT) return text(cache.ttlSeconds)
      return orAny(unweighted(addresses.filter((address) => type === addressType(address)), cache.ttlSeconds))
    }
    case 'consul-service': {
      const set = endpointsOf(source.catalog, name.namespace, name.called)
      if (set === undefined) return 'no-such-name'
      const plan = kept(set, `${type} ${name.tag ?? ''} ${cache.ttlSeconds}`, () => {
        const chosen = chosenOf(set, name.tag)
        if (chosen.length === 0) return 'no-such-name'
        if (type === SRV) return services(chosen, name.zone, cache.ttlSeconds) ?? 'no-such-records'
        return (type === A || type === AAAA ? addressesOf(chosen, type, cache.ttlSeconds) : undefined) ?? 'no-such-records'
      })
      return plan === 'no-such-records' ? orAny(undefined) : plan
    }
  }
}

function endpointsOf (catalog: DnsCatalog, namespace: string, service: string): EndpointSet | undefined {
  return catalog.declared(namespace, service)?.endpoints ?? catalog.endpoints(namespace, service)
}

/** Some of those that are answered and have the tag: of very many those of some runs, others after each change. */
function chosenOf (set: EndpointSet, tag: string | undefined): readonly Endpoint[] {
  if (set.standing === 'leaving' || set.standing === 'suspect-leaving') return []
  const runs = set.answeredParts
  const start = runs.length === 0 ? 0 : set.revision % runs.length
  const chosen: Endpoint[] = []
  for (let step = 0; step < runs.length && chosen.length < maxEndpoints; step++) {
    const run = runs[(start + step) % runs.length] ?? []
    const fitting = tag === undefined ? run : indexOf(run).tagged([tag])
    for (const endpoint of fitting) if (chosen.length < maxEndpoints && isAnswerable(endpoint)) chosen.push(endpoint)
  }
  return chosen
}

function indexOf (run: readonly Endpoint[]): EndpointIndex {
  let index = indexes.get(run)
  if (index === undefined) indexes.set(run, index = new EndpointIndex(run))
  return index
}

function kept (set: EndpointSet, key: string, make: () => Plan): Plan {
  const made = forms.get(set) ?? new Map<string, Plan>()
  forms.set(set, made)
  const known = made.get(key)
  if (known !== undefined) return known
  if (made.size >= maxForms) made.clear()
  const plan = make()
  made.set(key, plan)
  return plan
}

function addressesOf (endpoints: readonly Endpoint[], type: typeof A | typeof AAAA, ttlSeconds: number): Records | undefined {
  const weights = new Map<string, { weight: number, priority: number }>()
  for (const { address, weight, priority } of endpoints) {
    if (familyOf(address) !== addressFamily(type)) continue
    const known = weights.get(address)
    if (known === undefined || priority < known.priority) weights.set(address, { weight, priority })
    else if (priority === known.priority) known.weight = Math.min(maxWeight, known.weight + weight)
  }
  return recordSetOf(Array.from(weights, ([address, { weight, priority }]): WeightedRecord => (
    { bytes: addressRecord(questionPointer, address, ttlSeconds), priority, weight }
  )))
}

function unweighted (addresses: readonly string[], ttlSeconds: number): Records | undefined {
  return recordSetOf(addresses.map((address) => ({ bytes: addressRecord(questionPointer, address, ttlSeconds), priority: 0, weight: 0 })))
}

function services (endpoints: readonly Endpoint[], zone: ConsulZone, ttlSeconds: number): Records | undefined {
  const targets = new Map<string, number>()
  const records: WeightedRecord[] = []
  const places: number[] = []
  for (const { address, ports: [first], weight, priority } of endpoints) {
    if (first === undefined) continue
    const place = targets.get(address) ?? targets.size
    targets.set(address, place)
    records.push(serviceRecord({ priority, weight, port: first.port, target: nameBytes(zone.targetOf(address)) }, ttlSeconds))
    places.push(place)
  }
  const glue = Array.from(targets.keys(), (address) => [{ bytes: addressRecord(nameBytes(zone.targetOf(address)), address, ttlSeconds), count: 1 }])
  return gluedRecordSetOf(records, places, glue)
}

function text (ttlSeconds: number): Records {
  const rdata = Buffer.concat([Buffer.from([nodeText.length]), nodeText])
  return recordSetOf([{ bytes: recordBytes(questionPointer, TXT, ttlSeconds, rdata), priority: 0, weight: 0 }]) ?? { write: () => undefined }
}

function addressType (address: string): number {
  return familyOf(address) === 4 ? A : AAAA
}
