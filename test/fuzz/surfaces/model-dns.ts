// The model: the records of the zone and of the reverse zones, by the Kubernetes DNS specification.
import type { Model } from './model.ts'
import { type ModelEndpoint, type ModelService, familyOf, isAlias, isHeadless, servicesOf, specOf } from './model-endpoints.ts'

export const zone = 'cluster.local'
const ttl = 5

export interface ModelRecord {
  readonly name: string
  readonly type: string
  readonly ttl: number
  readonly data: string
}

/** Every record of a service: A, AAAA, SRV, CNAME. */
export function recordsOf (service: ModelService): ModelRecord[] {
  const { namespace, name, manifest, answered } = service
  const base = `${name}.${namespace}.svc.${zone}`
  const record = (owner: string, type: string, data: string): ModelRecord => ({ name: owner, type, ttl, data })
  const address = (owner: string, ip: string): ModelRecord => record(owner, familyOf(ip) === 'IPv4' ? 'A' : 'AAAA', ip)
  if (isAlias(manifest)) return [record(base, 'CNAME', specOf(manifest).externalName ?? '')]
  const hosts = answered.map((endpoint) => address(`${hostOf(endpoint)}.${base}`, endpoint.address))
  if (manifest !== undefined && !isHeadless(manifest)) {
    const { clusterIPs = [], ports = [] } = specOf(manifest)
    const server = (owner: string, port: number): ModelRecord => record(owner, 'SRV', `0 100 ${port} ${base}`)
    const ofPorts = ports.flatMap(({ name: port = '', protocol, port: number }) => [
      server(base, number), ...(port === '' ? [] : [server(`_${port}._${protocol.toLowerCase()}.${base}`, number)])
    ])
    return unique([...clusterIPs.map((ip) => address(base, ip)), ...ofPorts, ...hosts])
  }
  const named = unique(
    answered.flatMap(({ ports }) => ports.filter((port) => port.name !== '').map(({ name: port, protocol }) => ({ port, protocol })))
  )
  return unique([
    ...answered.map((endpoint) => address(base, endpoint.address)), ...hosts,
    ...servers(base, answered, () => true).map((data) => record(base, 'SRV', data)),
    ...named.flatMap(({ port, protocol }) => servers(base, answered, (own) => own.name === port && own.protocol === protocol)
      .map((data) => record(`_${port}._${protocol.toLowerCase()}.${base}`, 'SRV', data)))
  ])
}

/** One record for each target and number; endpoints that share one add their weights, of those of the best priority, each once. */
function servers (base: string, endpoints: readonly ModelEndpoint[], takes: (port: ModelEndpoint['ports'][number]) => boolean): string[] {
  const shares = new Map<string, { priority: number, weight: number }>()
  for (const endpoint of endpoints) {
    for (const number of new Set(endpoint.ports.filter(takes).map(({ port }) => port))) {
      const key = `${number} ${hostOf(endpoint)}.${base}`
      const { priority, weight } = shares.get(key) ?? { priority: Infinity, weight: 0 }
      if (endpoint.priority < priority) shares.set(key, { priority: endpoint.priority, weight: endpoint.weight })
      else if (endpoint.priority === priority) shares.set(key, { priority, weight: Math.min(65_535, weight + endpoint.weight) })
    }
  }
  return Array.from(shares, ([key, { priority, weight }]) => `${priority} ${weight} ${key}`)
}

/** Its hostname, else its address with dashes; a label begins and ends with a letter or digit. */
export function hostOf ({ hostname, address }: Pick<ModelEndpoint, 'hostname' | 'address'>): string {
  return hostname ?? address.replaceAll(/[.:]/g, '-').replace(/^-/, '0-').replace(/-$/, '-0')
}

/** Everything in the zone that comes from services. */
export function zoneOf (model: Model): ModelRecord[] {
  return servicesOf(model).flatMap(recordsOf)
}

export interface ModelAnswer {
  readonly rcode: 'NOERROR' | 'NXDOMAIN'
  readonly answers: readonly ModelRecord[]
}

/** NXDOMAIN only where nothing is at or below the name. */
export function answerTo (model: Model, records: readonly ModelRecord[], name: string, type: string): ModelAnswer {
  const answers = records.filter((record) => record.name === name && (record.type === type || record.type === 'CNAME'))
  const names = [...records.map((record) => record.name), ...model.namespaces.map((namespace) => `${namespace}.svc.${zone}`)]
  const exists = names.some((known) => known === name || known.endsWith(`.${name}`))
  return { rcode: exists ? 'NOERROR' : 'NXDOMAIN', answers }
}

/** The names of an address: of the service whose cluster IP it is, else of the endpoints that are answered. */
export function pointersTo (model: Model, address: string): string[] {
  const services = servicesOf(model)
  const given = services.filter(({ manifest }) => manifest !== undefined && specOf(manifest).clusterIPs?.includes(address))
  if (given.length > 0) return given.map(({ name, namespace }) => `${name}.${namespace}.svc.${zone}`)
  return unique(services.flatMap(({ name, namespace, answered }) => answered.filter((endpoint) => endpoint.address === address)
    .map((endpoint) => `${hostOf(endpoint)}.${name}.${namespace}.svc.${zone}`)))
}

function unique<T> (list: readonly T[]): T[] {
  return [...new Map(list.map((each) => [JSON.stringify(each), each])).values()]
}
