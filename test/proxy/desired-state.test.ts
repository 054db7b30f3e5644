import t from 'tap'
import type { Endpoint } from '../../client-sdk/src/wire.ts'
import { readServiceCidrs } from '../../server/model/address/ranges.ts'
import type { Service, ServiceSpec } from '../../server/model/service/types.ts'
import { carriedOf, maxEndpoints } from '../../server/proxy/desired-state.ts'
import type { Choice, FrontEnd } from '../../server/proxy/front-end.ts'
import type { Machine } from '../../server/proxy/machine.ts'

const serviceRanges = readServiceCidrs(['10.96.0.0/12', 'fd00:96::/112'])
const machine: Machine = {
  node: 'a', zone: 'one', addresses: new Set(['10.77.0.1']), nodeAddresses: ['10.77.0.1', 'fd77::1'], serviceRanges,
  externalRanges: readServiceCidrs(['192.0.2.0/24'])
}

const conditions = {
  ready: { ready: true, serving: true, terminating: false },
  draining: { ready: false, serving: true, terminating: true },
  suspect: { ready: false, serving: false, terminating: false },
  down: { ready: false, serving: false, terminating: false }
} as const

interface Given extends Partial<Pick<Endpoint, 'node' | 'zone' | 'weight'>> { readonly is?: keyof typeof conditions, readonly port?: number }

function endpoint (address: string, { is = 'ready', port = 8080, ...rest }: Given = {}): Endpoint {
  return {
    id: address, address, ports: [{ name: 'http', port, protocol: 'TCP' }], labels: {}, metadata: {}, weight: 1, priority: 0, ...rest,
    status: is === 'draining' ? 'draining' : is === 'down' ? 'down' : 'up', suspect: is === 'suspect', conditions: conditions[is]
  }
}

function service (spec: Partial<ServiceSpec> = {}, more: Partial<Service> = {}): Service {
  return {
    apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'shop' },
    spec: {
      type: 'ClusterIP', clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'], ipFamilies: ['IPv4'], sessionAffinity: 'None',
      ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 'http', nodePort: 30080 }], ...spec
    },
    ...more
  }
}

const carried = (endpoints: readonly Endpoint[], manifest: Service | undefined, at = machine) =>
  carriedOf({ endpoints, ...(manifest === undefined ? {} : { manifest }) }, at)
const places = ({ targets }: Choice): string[] => targets.map(({ address, port, weight }) => `${address}:${port}*${weight}`)
const names = (frontEnds: readonly FrontEnd[]): string[] => frontEnds.map(({ kind, address, port, transport }) => `${kind} ${address} ${port} ${transport}`)

t.test('each type of service has its addresses', async (t) => {
  const of = (spec: Partial<ServiceSpec>, more: Partial<Service> = {}): string[] => names(carried([endpoint('10.0.0.1')], service(spec, more)).frontEnds)
  const cluster = 'cluster-ip 10.96.0.10 80 tcp'
  const node = 'node-port 10.77.0.1 30080 tcp'
  t.same(of({}), [cluster, node], 'a node port is carried where there is one')
  t.same(of({ ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 'http' }] }), [cluster])
  t.same(of({ clusterIP: 'None', clusterIPs: ['None'] }), [], 'headless: DNS only')
  t.same(of({ type: 'ExternalName', externalName: 'example.com' }), [])
  t.same(names(carried([endpoint('10.0.0.1')], undefined).frontEnds), [], 'an implicit service has no address')
  t.same(of({ type: 'LoadBalancer' }, { status: { loadBalancer: { ingress: [{ ip: '198.51.100.7' }, { ip: '198.51.100.8', ipMode: 'Proxy' }, { hostname: 'x' }] } } }),
    [cluster, 'load-balancer 198.51.100.7 80 tcp', node], 'an address that others carry is not ours')
  t.same(of({ externalIPs: ['192.0.2.9', '203.0.113.9', '10.77.0.1'] }), [cluster, 'external-ip 192.0.2.9 80 tcp', node])
  t.same(of({ clusterIPs: ['10.96.0.10', 'fd00:96::a'], ipFamilies: ['IPv4', 'IPv6'] }),
    [cluster, node, 'cluster-ip fd00:96::a 80 tcp', 'node-port fd77::1 30080 tcp'])
})

t.test('what is not carried is said', async (t) => {
  const { conditions } = carried(
    [endpoint('127.0.0.1'), endpoint('169.254.0.9'), endpoint('224.0.0.1'), endpoint('10.96.0.3'), endpoint('255.255.255.255'), endpoint('0.0.0.0'), endpoint('10.0.0.1')],
    service({ externalIPs: ['203.0.113.9', '10.77.0.1', '127.0.0.1'] })
  )
  t.match(conditions, [
    { reason: 'AddressRefused', message: /203\.0\.113\.9 is not carried: it is outside of --allow-external-ips/ },
    { reason: 'AddressRefused', message: /10\.77\.0\.1 is not carried: it is an address of this machine/ },
    { reason: 'AddressRefused', message: /127\.0\.0\.1 is not carried: it is a loopback address/ },
    { reason: 'EndpointRefused', message: /127\.0\.0\.1 is a loopback address, 169\.254\.0\.9 is a link-local address, 224\.0\.0\.1 is a multicast address and 3 more/ }
  ])
  const large = Array.from({ length: maxEndpoints + 1 }, (_, index) => endpoint(`10.1.${index >> 8}.${index & 255}`))
  t.match(carried(large, service()), { frontEnds: [], conditions: [{ reason: 'TooLarge' }] })
})

t.test('the endpoints of a choice', async (t) => {
  const chosen = (endpoints: readonly Endpoint[], spec: Partial<ServiceSpec> = {}): string[] => {
    const [first] = carried(endpoints, service(spec)).frontEnds
    return first === undefined ? [] : places(first.outside)
  }
  t.same(chosen([endpoint('10.0.0.1'), endpoint('10.0.0.2', { is: 'draining' }), endpoint('10.0.0.3', { is: 'suspect' })]), ['10.0.0.1:8080*1'])
  t.same(chosen([endpoint('10.0.0.2', { is: 'draining' }), endpoint('10.0.0.3', { is: 'suspect' })]), ['10.0.0.2:8080*1'], 'draining before suspect')
  t.same(chosen([endpoint('10.0.0.3', { is: 'suspect' }), endpoint('10.0.0.4', { is: 'down' })]), ['10.0.0.3:8080*1'], 'fail open')
  t.same(chosen([endpoint('10.0.0.4', { is: 'down' })]), [])
  t.same(chosen([endpoint('10.0.0.1', { weight: 0 }), endpoint('10.0.0.2', { weight: 3 })]), ['10.0.0.2:8080*3'], 'weight 0 gets nothing')
  t.same(chosen([endpoint('10.0.0.1', { weight: 0 }), endpoint('10.0.0.2', { weight: 0 })]), ['10.0.0.1:8080*1', '10.0.0.2:8080*1'], 'unless all have it')
  t.same(chosen([endpoint('fd01::1')]), [], 'an address of the other family')
  t.same(chosen([endpoint('10.0.0.1'), endpoint('10.0.0.1')]), ['10.0.0.1:8080*1'], 'two names of one place')
  const zones = [endpoint('10.0.0.1', { zone: 'one' }), endpoint('10.0.0.2', { zone: 'two', node: 'a' })]
  t.same(chosen(zones), ['10.0.0.1:8080*1', '10.0.0.2:8080*1'], 'zones count only where the service asks for it')
  t.same(chosen(zones, { trafficDistribution: 'PreferClose' }), ['10.0.0.1:8080*1'])
  t.same(chosen(zones, { trafficDistribution: 'PreferSameNode' }), ['10.0.0.2:8080*1'])
  t.same(chosen([...zones, endpoint('10.0.0.3')], { trafficDistribution: 'PreferSameZone' }).length, 3, 'an endpoint that does not say where it is ends the hints')
  t.same(chosen([endpoint('10.0.0.2', { zone: 'two' })], { trafficDistribution: 'PreferSameZone' }), ['10.0.0.2:8080*1'], 'none in this zone')
})

t.test('policies decide for other machines and for this one', async (t) => {
  const both = [endpoint('10.77.0.1'), endpoint('10.0.0.2', { node: 'b' })]
  const of = (endpoints: readonly Endpoint[], spec: Partial<ServiceSpec>) => {
    const { frontEnds } = carried(endpoints, service(spec, { status: { loadBalancer: { ingress: [{ ip: '198.51.100.7' }] } } }))
    return Object.fromEntries(frontEnds.map(({ kind, outside, inside }) => [kind, {
      outside: places(outside), inside: places(inside), whenNone: outside.whenNone, insideWhenNone: inside.whenNone, keep: outside.keepSource
    }]))
  }
  const here = ['10.77.0.1:8080*1']
  const any = ['10.77.0.1:8080*1', '10.0.0.2:8080*1']
  t.match(of(both, { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }), {
    'cluster-ip': { outside: any, inside: any, keep: false },
    'load-balancer': { outside: here, inside: any, whenNone: 'drop', keep: true },
    'node-port': { outside: here, inside: here, whenNone: 'drop', insideWhenNone: 'refuse', keep: true }
  }, 'programs of this machine are not kept on it by a policy for others')
  t.match(of([both[1] as Endpoint], { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }), {
    'load-balancer': { outside: [], inside: ['10.0.0.2:8080*1'], whenNone: 'drop' }, 'node-port': { outside: [], inside: [] }
  })
  t.match(of(both, { internalTrafficPolicy: 'Local' }), { 'cluster-ip': { outside: here, inside: here, whenNone: 'refuse' }, 'node-port': { outside: any } })
})
