// The rows and columns of the cross table (cross-table.test.ts): whoever registers, in whatever way, is found in every way, alike. A dialect
// adds itself to `registrars` and `discoverers`, and what it needs to `crossWorld`.
import { createTestClock } from '../../client-sdk/src/testing.ts'
import { Rollcall } from '../../client-sdk/src/index.ts'
import { type ConsulApi, consulApi } from '../consul/consul-world.ts'
import { type EurekaWorld, eurekaWorld } from '../eureka/eureka-world.ts'
import type { Closable } from '../support/closable.ts'
import { UdpClient } from '../support/dns-client.ts'
import { pathOf } from '../support/world.ts'

export interface CrossWorld {
  readonly t: Closable
  readonly world: EurekaWorld
  readonly url: string
  readonly dns: UdpClient
  readonly consul: ConsulApi
  /** What a client of Eureka that follows deltas has: `SERVICE/id` -> its instance. */
  readonly followed: Map<string, Record<string, any>>
}

/** What is registered: one instance of a service, named in all ways. */
export interface Subject {
  readonly service: string
  readonly id: string
  readonly address: string
  readonly port: number
  readonly ttlSecs: number
}

export interface Registrar {
  readonly name: string
  /** Registers, or says again that it is there: then the lease is renewed. */
  readonly register: (cross: CrossWorld, subject: Subject) => Promise<void>
  /** It has no lease and no status of its own. */
  readonly isHandMade?: boolean
  /** What is silent is down, and stays: it is no suspect for longer than a moment. */
  readonly staysDown?: boolean
}

export interface Discoverer {
  readonly name: string
  /** `address:port*weight` of those that callers are sent to, the weight where the protocol has one. */
  readonly find: (cross: CrossWorld, service: string) => Promise<string[]>
  readonly hasWeights: boolean
  /** It lists whatever is registered and does not say that it is down: suspects too. */
  readonly showsSuspects?: boolean
}

export const namespace = 'default'

export async function crossWorld (t: Closable): Promise<CrossWorld> {
  const world = await eurekaWorld(t)
  const { url } = await world.listen()
  const { port, address } = await world.dns({ consul: { domain: 'consul', datacenter: 'dc1', namespace } })
  const consul = await consulApi(t, world)
  const cross = { t, world, url, consul, dns: new UdpClient(t, { port, address }), followed: new Map<string, Record<string, any>>() }
  await follow(cross)
  return cross
}

function done (status: number, what: string): void {
  if (status >= 300) throw new Error(`${what}: ${status}`)
}

const nativeBody = ({ address, port, ttlSecs }: Subject): object => ({ address, ports: [{ name: 'http', port }], lease: { ttlMs: 1_000 * ttlSecs } })

const xmlBody = ({ service, id, address, port, ttlSecs }: Subject): string => `<instance><instanceId>${id}</instanceId><hostName>${address}</hostName><app>${service}</app>
  <ipAddr>${address}</ipAddr><status>UP</status><port enabled="true">${port}</port><securePort enabled="false">443</securePort>
  <dataCenterInfo class="com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"><name>MyOwn</name></dataCenterInfo>
  <leaseInfo><renewalIntervalInSecs>1</renewalIntervalInSecs><durationInSecs>${ttlSecs}</durationInSecs></leaseInfo></instance>`

export const registrars: readonly Registrar[] = [
  {
    name: 'native',
    register: async ({ world }, subject) => {
      const { statusCode } = await world.send('PUT', pathOf(`${namespace}/${subject.service}/${subject.id}`), nativeBody(subject))
      done(statusCode, 'native')
    }
  },
  {
    name: 'SDK',
    register: async ({ t, url }, { service, id, address, port, ttlSecs }) => {
      // Its own clock stands still: it renews when the table says so, by registering again.
      const client = new Rollcall({ address: url, signals: false, warn: null, clock: createTestClock() })
      t.teardown(() => { void client.close().catch(() => undefined) })
      await client.register({ namespace, service, id, address, ports: [{ name: 'http', port }], ttlMs: 1_000 * ttlSecs })
    }
  },
  {
    name: 'Eureka JSON',
    register: async ({ world }, { service, id, address, port, ttlSecs }) => world.put({
      app: service.toUpperCase(), instanceId: id, hostName: address, ipAddr: address, port: { $: port, '@enabled': 'true' }, leaseInfo: { durationInSecs: ttlSecs }
    })
  },
  {
    name: 'Eureka XML',
    register: async ({ world }, subject) => done((await world.ask('POST', `/apps/${subject.service}`, xmlBody(subject))).status, 'Eureka XML')
  },
  {
    name: 'Consul',
    staysDown: true,
    register: ({ consul }, { service, id, address, port, ttlSecs }) => consul.service({
      ID: id, Name: service, Address: address, Port: port, Check: { TTL: `${ttlSecs}s`, Status: 'passing' }
    })
  },
  {
    name: 'manifest',
    isHandMade: true,
    register: async ({ world }, { service, address, port }) => {
      const manifests = [
        { apiVersion: 'v1', kind: 'Service', metadata: { name: service }, spec: { clusterIP: 'None', ports: [{ name: 'http', port }] } },
        {
          apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: `${service}-1`, labels: { 'kubernetes.io/service-name': service } },
          addressType: 'IPv4', ports: [{ name: 'http', port }], endpoints: [{ addresses: [address] }]
        }
      ]
      for (const manifest of manifests) done((await world.send('POST', '/v1/apply', manifest)).statusCode, 'manifest')
    }
  }
]

interface Listed {
  readonly address: string
  readonly ports: readonly { readonly port: number }[]
  readonly weight: number
  readonly conditions: { readonly ready: boolean }
}

const native = (endpoints: readonly Listed[]): string[] => endpoints.map(({ address, ports, weight }) => `${address}:${ports[0]?.port}*${weight}`)

const eureka = (instances: readonly Record<string, any>[]): string[] => instances.filter(({ status }) => status === 'UP')
  .map(({ ipAddr, port, metadata }) => `${ipAddr}:${port.$}*${metadata.weight ?? '100'}`)

/** Takes a delta as Eureka's clients do. */
async function follow ({ world, followed }: CrossWorld): Promise<void> {
  const { application } = (await world.get('/apps/delta')).json.applications
  for (const { name, instance: instances } of application) {
    for (const each of instances) {
      if (each.actionType === 'DELETED') followed.delete(`${name}/${each.instanceId}`)
      else followed.set(`${name}/${each.instanceId}`, each)
    }
  }
}

/** Where all weights are whole hundreds, Consul's are the hundredth part. */
function inHundreds (found: readonly { readonly place: string, readonly weight: number, readonly isBad?: boolean }[]): string[] {
  const scale = found.some(({ weight }) => weight === 1) ? 100 : 1
  return found.filter(({ isBad }) => isBad !== true).map(({ place, weight }) => `${place}*${weight * scale}`)
}

export const discoverers: readonly Discoverer[] = [
  {
    name: 'REST',
    hasWeights: true,
    find: async ({ world }, service) => {
      const answer = await world.send('GET', `/v1/namespaces/${namespace}/services/${service}/endpoints`)
      return answer.statusCode === 404 ? [] : native(answer.json().endpoints)
    }
  },
  {
    name: 'watch',
    hasWeights: true,
    find: async ({ world }, service) => {
      const socket = await world.connect()
      const { endpoints } = await socket.subscribe(1, { namespace, service, view: 'endpoints' })
      socket.socket.close()
      return native((endpoints as { endpoints: Listed[] }[]).flatMap((each) => each.endpoints).filter(({ conditions }) => conditions.ready))
    }
  },
  {
    name: 'SDK resolve',
    hasWeights: true,
    find: async ({ t, url }, service) => {
      const client = new Rollcall({ address: url, signals: false, warn: null, clock: createTestClock() })
      t.teardown(() => { void client.close().catch(() => undefined) })
      const all = await client.resolveAll({ namespace, service })
      return all.map(({ address, port, instance: { weight } }) => `${address}:${port}*${weight}`)
    }
  },
  {
    name: 'DNS',
    hasWeights: true,
    find: async ({ dns }, service) => {
      const { answers, additionals } = await dns.query(`${service}.${namespace}.svc.cluster.local`, 'SRV', { edns: {} })
      const addresses = new Map(additionals.filter(({ type }) => type === 'A').map(({ name, data }) => [name, data as string]))
      return answers.filter(({ type }) => type === 'SRV').map(({ data }) => `${addresses.get(data.target)}:${data.port}*${data.weight}`)
    }
  },
  {
    name: 'Eureka',
    hasWeights: true,
    find: async ({ world }, service) => {
      const answer = await world.get(`/apps/${service}`)
      return answer.status === 404 ? [] : eureka(answer.json.application.instance)
    }
  },
  {
    name: 'Eureka delta',
    hasWeights: true,
    find: async (cross, service) => {
      await follow(cross)
      return eureka([...cross.followed].filter(([key]) => key.startsWith(`${service.toUpperCase()}/`)).map(([, each]) => each))
    }
  },
  {
    name: 'Consul health',
    hasWeights: true,
    find: async ({ consul }, service) => inHundreds((await consul.get(`/v1/health/service/${service}`)).json.map(({ Node, Service, Checks }: any) => (
      { place: `${Service.Address || Node.Address}:${Service.Port}`, weight: Service.Weights.Passing, isBad: Checks.some(({ Status }: any) => Status === 'critical') }
    )))
  },
  {
    name: 'Consul catalog',
    hasWeights: true,
    find: async ({ consul }, service) => {
      const checks: any[] = (await consul.get(`/v1/health/checks/${service}`)).json
      const bad = new Set(checks.filter(({ Status }) => Status === 'critical').map(({ ServiceID, Node }) => `${ServiceID} ${Node}`))
      const services: any[] = (await consul.get(`/v1/catalog/service/${service}`)).json
      return inHundreds(services.map(({ Address, ServiceAddress, ServicePort, ServiceWeights, ServiceID, Node }) => (
        { place: `${ServiceAddress || Address}:${ServicePort}`, weight: ServiceWeights.Passing, isBad: bad.has(`${ServiceID} ${Node}`) }
      )))
    }
  },
  {
    name: 'Consul DNS',
    hasWeights: true,
    find: async ({ dns }, service) => {
      const { answers, additionals } = await dns.query(`${service}.service.consul`, 'SRV', { edns: {} })
      const addresses = new Map(additionals.filter(({ type }) => type === 'A').map(({ name, data }) => [name, data as string]))
      return answers.filter(({ type }) => type === 'SRV').map(({ data }) => `${addresses.get(data.target)}:${data.port}*${data.weight}`)
    }
  },
  {
    name: 'http_sd',
    hasWeights: false,
    showsSuspects: true,
    find: async ({ world }, service) => {
      const groups = (await world.send('GET', '/v1/prometheus/targets')).json<{ targets: string[], labels: Record<string, string> }[]>()
      const callable = groups.filter(({ labels }) => labels['__meta_rollcall_service'] === service && ['up', 'warning'].includes(labels['__meta_rollcall_status'] ?? ''))
      return callable.flatMap(({ targets }) => targets)
    }
  }
]
