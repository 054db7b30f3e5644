// Random operations in a small world: few names and addresses, so that they meet, and values at which rules turn.
import type { Status } from '../../../client-sdk/src/wire.ts'
import type { Random } from '../random.ts'
import type { Made, Manifest, Operation } from './operations.ts'

export type StoreKind = 'sqlite' | 'redis'

const namespaces = ['shop', 'default'] as const
const registered = ['alpha', 'beta', 'web'] as const
const declared = ['web', 'alpha', 'blue', 'out'] as const
const ids = ['host-1', 'host-2', 'host-3'] as const
const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd00::1', 'fd00::2'] as const
const statuses: readonly Status[] = ['up', 'up', 'up', 'up', 'warning', 'starting', 'draining', 'down']
const portLists: readonly NonNullable<Made['ports']>[] = [
  [], [{ port: 8080 }], [{ name: 'http', port: 8080 }], [{ name: 'http', port: 8081 }],
  [{ name: 'http', port: 8080 }, { name: 'dns', port: 53, protocol: 'UDP' }],
  [{ name: 'dns', port: 53, protocol: 'UDP' }, { name: 'http', port: 8080 }],
  [{ name: 'http', port: 8080 }, { name: 'http', port: 8080, protocol: 'UDP' }]
]
const labelSets = [{}, { app: 'x' }, { app: 'y' }, { app: 'x', tier: '1' }, { app: 'y', tier: '1' }] as const
const selectors = [
  { app: 'x' }, { app: 'y' }, { app: 'x', tier: '1' }, { tier: '1' }, { 'rollcall.dev/service': 'alpha' },
  { 'rollcall.dev/service': 'web' }
] as const
const servicePorts = [
  [{ name: 'http', port: 80, targetPort: 8080 }], [{ name: 'http', port: 80, targetPort: 'http' }],
  [
    { name: 'http', port: 80, targetPort: 'http' }, { name: 'dns', port: 53, protocol: 'UDP', targetPort: 'dns' }
  ], [{ port: 80 }]
] as const
/** Long: never due in a run. Short: due within two passes. */
export const ttls = { long: 86_400_000, short: 10_000 } as const
const passes = [3_000, 6_000, 12_000] as const

export interface GenerateOptions {
  readonly store: StoreKind
  readonly length: number
}

/** A list whose last operation is a look, with a restart or a new term in its middle. */
export function generate (random: Random, { store, length }: GenerateOptions): Operation[] {
  const list: Operation[] = []
  let isCut = false
  while (list.length < length) {
    list.push(...step(random, store))
    if (!isCut && list.length >= length / 2) {
      list.push(store === 'redis' ? { type: 'new-term' } : { type: 'restart' })
      isCut = true
    }
    if (random.below(6) === 0) list.push({ type: 'look' })
  }
  return [...list, { type: 'look' }]
}

function step (random: Random, store: StoreKind): Operation[] {
  const node = random.below(2)
  const path = `${random.one(namespaces)}/${random.one(registered)}/${random.one(ids)}`
  const generation = random.one(['g1', 'g1', 'g2'])
  const dice = random.below(100)
  if (dice < 34) return [{ type: 'register', node, path, body: registration(random, store) }]
  if (dice < 42) return [{ type: 'patch', node, path, patch: patch(random) }]
  if (dice < 48) {
    return [
      {
        type: 'heartbeat', node, path, ...(random.below(2) === 0 ? { generation } : {}),
        ...(random.below(2) === 0 ? { status: random.one(statuses) } : {})
      }
    ]
  }
  if (dice < 55) return [{ type: 'deregister', node, path, ...(random.below(3) === 0 ? { generation } : {}) }]
  if (dice < 60) return [{ type: 'override', node, path, override: override(random, store) }]
  if (dice < 62) return [{ type: 'end-override', node, path }]
  if (dice < 65) return [{ type: 'break', node, path }]
  if (dice < 69) return store === 'sqlite' ? [{ type: 'pass', ms: random.one(passes) }] : []
  if (dice < 82) return [{ type: 'apply', node, manifest: service(random) }]
  if (dice < 88) return [{ type: 'apply', node, manifest: handMade(random) }]
  if (dice < 90) {
    return [
      {
        type: 'apply', node,
        manifest: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: random.one([...namespaces, 'empty']) } }
      }
    ]
  }
  if (dice < 97) return [{ type: 'delete', node, ...deleted(random) }]
  if (dice < 99) return [{ type: 'restart', node }]
  return store === 'redis' ? [{ type: 'new-term' }] : [{ type: 'restart', node }]
}

function registration (random: Random, store: StoreKind): Made {
  return {
    address: random.one(addresses),
    generation: random.one(['g1', 'g1', 'g2']),
    ports: random.one(portLists),
    labels: random.one(labelSets),
    ...(random.below(3) === 0 ? { weight: random.one([0, 10, 65_535]) } : {}),
    ...(random.below(5) === 0 ? { priority: 1 } : {}),
    ...(random.below(4) === 0 ? { zone: random.one(['a', 'b']) } : {}),
    ...(random.below(5) === 0 ? { hostname: random.one(['h1', 'h2']) } : {}),
    ...(random.below(5) === 0 ? { node: 'machine-1' } : {}),
    ...(random.below(3) === 0 ? { status: random.one(statuses) } : {}),
    lease: { ttlMs: store === 'sqlite' && random.below(3) === 0 ? ttls.short : ttls.long }
  }
}

function patch (random: Random): Extract<Operation, { type: 'patch' }>['patch'] {
  switch (random.below(4)) {
    case 0: return { status: random.one(statuses) }
    case 1: return { weight: random.one([0, 10, 100]) }
    case 2: return { metadata: { colour: random.one(['red', 'green', null]) } }
    default: return { labels: { app: random.one(['x', 'y', null]), tier: random.one(['1', null]) } }
  }
}

function override (random: Random, store: StoreKind): Extract<Operation, { type: 'override' }>['override'] {
  const ends = store === 'sqlite' && random.below(3) === 0 ? { endsAfterMs: 5_000 } : {}
  return random.below(4) === 0 ? { weight: random.one([0, 7]), ...ends } : {
    status: random.one(['draining', 'down']), ...ends
  }
}

function service (random: Random): Manifest {
  const metadata = { namespace: random.one(namespaces), name: random.one(declared) }
  const make = (spec: object): Manifest => ({ apiVersion: 'v1', kind: 'Service', metadata, spec })
  const ports = random.one(servicePorts)
  const selector = random.one(selectors)
  const families = random.one([{}, {}, { ipFamilyPolicy: 'PreferDualStack' }, { ipFamilies: ['IPv6'] }])
  const unready = random.below(6) === 0 ? { publishNotReadyAddresses: true } : {}
  switch (random.below(9)) {
    case 0:
    case 1: return make({ selector, ports, ...families, ...unready })
    case 2:
    case 3: return make(
      { clusterIP: 'None', selector, ...(random.below(4) === 0 ? {} : { ports }), ...families, ...unready }
    )
    case 4: return make({ clusterIP: 'None', ...(random.below(3) === 0 ? {} : { ports }) })
    case 5: return make({ ports })
    case 6: return make({ type: 'ExternalName', externalName: random.one(['one.example.com', 'two.example.com']) })
    case 7: return make({ type: 'NodePort', selector, ports })
    // No pool has IPv6: such a one waits for its address.
    default: return make(
      {
        type: 'LoadBalancer', selector, ports, ...(random.below(3) === 0 ? { ipFamilies: ['IPv6'] } : {}),
        ...(random.below(2) === 0 ? { externalTrafficPolicy: 'Local' } : {})
      }
    )
  }
}

function handMade (random: Random): Manifest {
  const namespace = random.one(namespaces)
  const of = random.one(declared)
  const family = random.one(['IPv4', 'IPv4', 'IPv6'] as const)
  const own = family === 'IPv4' ? ['10.9.0.1', '10.9.0.2', '10.0.0.1'] : ['fd00::9', 'fd00::1']
  const ports = random.one(
    [
      [{ name: 'http', port: 8080 }], [{ name: 'http', port: 8081 }, { name: 'dns', port: 53, protocol: 'UDP' }],
      [{ port: 9 }]
    ]
  )
  if (random.below(2) === 0) {
    const endpoint = (): object => ({
      addresses: [random.one(own)], ...(
        random.below(3) === 0 ? {
          conditions: random.one(
            [{ ready: false }, { ready: false, serving: true, terminating: true }, { ready: true }]
          )
        } : {}
      ),
      ...(random.below(4) === 0 ? { hostname: 'h1' } : {}), ...(random.below(4) === 0 ? { zone: 'a' } : {})
    })
    return {
      apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: family, ports,
      metadata: { namespace, name: random.one([`${of}-s1`, `${of}-s2`]), labels: { 'kubernetes.io/service-name': of } },
      endpoints: Array.from({ length: random.below(3) }, endpoint)
    }
  }
  const addressesOf = (list: readonly string[]): object[] => list.map((ip) => ({ ip }))
  const [first, ...rest] = own
  const notReady = random.below(2) === 0 ? { notReadyAddresses: addressesOf(rest.slice(0, 1)) } : {}
  return {
    apiVersion: 'v1', kind: 'Endpoints', metadata: { namespace, name: of },
    subsets: [{ addresses: addressesOf([first ?? '']), ...notReady, ports }]
  }
}

function deleted (random: Random): { kind: Manifest['kind'], namespace: string, name: string } {
  const namespace = random.one(namespaces)
  const name = random.one(declared)
  switch (random.below(6)) {
    case 0: return { kind: 'EndpointSlice', namespace, name: `${name}-${random.one(['s1', 's2'])}` }
    case 1: return { kind: 'Endpoints', namespace, name }
    case 2: return { kind: 'Namespace', namespace: '', name: random.one([...namespaces, 'empty']) }
    default: return { kind: 'Service', namespace, name }
  }
}
