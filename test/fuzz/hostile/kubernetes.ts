// The Kubernetes API: odd paths, selectors and media types, patches that grow, protobuf that lies, watches by the hundred.
import { mutant } from '../mutants.ts'
import type { Random } from '../random.ts'
import { type Attack, type Strike, host, many, namespaces, request, requestText, services, waiting } from './attack.ts'
import { hostileJson } from './json-mutants.ts'

/** What is stored, derived, or not there (yet): a new kind is one line. */
const resources = [
  '/api/v1/NS/services', '/api/v1/NS/endpoints', '/api/v1/NS/pods', '/api/v1/NS/events', '/api/v1/NS/secrets', '/api/v1/namespaces', '/api/v1/nodes',
  '/apis/discovery.k8s.io/v1/NS/endpointslices', '/apis/apps/v1/NS/deployments', '/apis/coordination.k8s.io/v1/NS/leases', '/apis/networking.k8s.io/v1/NS/ingresses',
  '/apis/networking.k8s.io/v1/ingressclasses', '/apis/autoscaling/v2/NS/horizontalpodautoscalers', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
  '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations', '/apis/rollcall.dev/v1/policies', '/openapi/v2', '/openapi/v3/api/v1', '/version', '/apis', '/api'
] as const
const subresources = ['', '', '', '/status', '/scale', '/log', '/finalize', '/proxy/a/b', '/%2e%2e'] as const
const names = ['s0', 'kubernetes', 'toString', '__proto__', '%00', '%ff', 'a%2fb', 'x'.repeat(300), '..', 'S1', ''] as const
const queries: Readonly<Record<string, readonly string[]>> = {
  labelSelector: ['a=b', 'a in (b,c)', '!a', 'a in (', `a in (${'b,'.repeat(2_000)})`, `${'a=b,'.repeat(3_000)}`, '%00', 'toString=1', 'a'.repeat(5_000)],
  fieldSelector: ['metadata.name=s0', 'metadata.name!=s0', 'spec.type=ClusterIP', 'status.phase=Running', '__proto__=1', 'a=b\\,c', '='.repeat(900), 'metadata.name'],
  limit: ['1', '0', '-1', '500', '1e9', 'x', '99999999999999999999'],
  continue: ['x', 'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhIn0', 'e30', '%00', 'W10'],
  resourceVersion: ['0', '1', '-1', '99999999999999999', 'x', '1e3', ''],
  resourceVersionMatch: ['Exact', 'NotOlderThan', 'x'], watch: ['true', '1', 'x'], timeoutSeconds: ['1', '0', '-5', '1e99'], allowWatchBookmarks: ['true'], sendInitialEvents: ['true', 'x'],
  fieldManager: ['me', 'x'.repeat(300), '\u0001'], force: ['true', 'x'], dryRun: ['All', 'None', 'x'], fieldValidation: ['Strict', 'Warn', 'x'], pretty: ['true'],
  propagationPolicy: ['Foreground', 'x'], gracePeriodSeconds: ['0', '-1', 'x'], __proto__x: ['1']
}
const accepts = [
  'application/json', 'application/json;as=Table;v=v1;g=meta.k8s.io', 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io', 'application/vnd.kubernetes.protobuf',
  'application/yaml', 'application/json;as=Table;v=v9;g=x, */*;q=0', 'text/html', `${'application/json,'.repeat(400)}*/*`, ';;;=', ''
] as const
const medias = [
  'application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf', 'application/merge-patch+json', 'application/strategic-merge-patch+json',
  'application/json-patch+json', 'application/apply-patch+yaml', 'text/plain', ''
] as const

function pathOf (random: Random): string {
  const path = random.one(resources).replace('NS', random.below(12) === 0 ? random.one(['namespaces', `namespaces/${random.one(names)}`]) : `namespaces/${random.one(namespaces)}`)
  const name = random.below(2) === 0 ? '' : `/${random.below(3) === 0 ? random.one(names) : random.one(services)}${random.one(subresources)}`
  const given = Object.entries(queries).filter(() => random.below(7) === 0).map(([key, values]) => `${key}=${encodeURI(random.one(values))}`)
  return `${path}${name}${given.length === 0 ? '' : `?${given.join('&')}`}`
}

async function paths (strike: Strike): Promise<void> {
  const { random, target } = strike
  for (let count = many(strike, 40); count > 0 && !strike.signal.aborted; count--) {
    const method = random.one(['GET', 'GET', 'GET', 'HEAD', 'DELETE', 'OPTIONS', 'POST'])
    await request(strike, requestText(method, pathOf(random), '', 'application/json', `Accept: ${random.one(accepts)}\r\n`), 1_500, target.kubernetes)
  }
}

const service = {
  apiVersion: 'v1', kind: 'Service', metadata: { name: 's0', namespace: namespaces[0], labels: { app: 'a' }, annotations: { note: 'x' } },
  spec: { selector: { app: 'a' }, ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }], type: 'ClusterIP' }
}
const slice = {
  apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 's1', labels: { 'kubernetes.io/service-name': 's1' } }, addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }], endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: true } }]
}
const others = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'hostile-0' } }, { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid: 'x', resourceVersion: '1' } },
  { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 's0' }, spec: { replicas: 3 } },
  { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 's0' }, spec: { holderIdentity: 'x', leaseDurationSeconds: 15, renewTime: '2026-01-01T00:00:00.000000Z' } },
  { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes: { verb: 'get', resource: 'services' } } },
  { apiVersion: 'v1', kind: 'Event', metadata: { name: 'e' }, involvedObject: { kind: 'Pod', name: 'p' }, reason: 'X', message: 'y', type: 'Normal' },
  { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 's0' }, spec: { rules: [{ host: 'a.b', http: { paths: [{ path: '/', pathType: 'Prefix' }] } }] } },
  { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 's0' }, spec: { scaleTargetRef: { kind: 'Service', name: 's0' }, minReplicas: 1, maxReplicas: 9 } }
] as const

/** JSON patches (RFC 6902) that double what they copy, go deep, or do much. */
function jsonPatch ({ random, size }: Strike): string {
  const count = Math.ceil(random.one([3, 40, 400, 9_000]) * size)
  const one = (index: number): object => {
    switch (random.below(6)) {
      case 0: return { op: 'copy', from: '/metadata/annotations', path: `/metadata/annotations/c${index}` }
      case 1: return { op: 'add', path: '/spec/ports/-', value: { name: `p${index}`, port: index } }
      case 2: return { op: 'test', path: random.one(['', '/', '/spec/ports/0', '/__proto__/x', `/${'a/'.repeat(200)}`]), value: index }
      case 3: return { op: 'move', from: '/spec', path: random.one(['/spec/x', '/metadata', '']) }
      case 4: return { op: random.one(['remove', 'replace', 'x']), path: random.one(['/spec/ports/0', '/metadata/name', '/spec/ports/01', '/~2', '/constructor/prototype']), value: null }
      default: return { op: 'copy', from: random.one(['', '/spec', '/metadata']), path: `/metadata/x${index}` }
    }
  }
  return hostileJson(Array.from({ length: count }, (_none, index) => one(index)), random)
}

function strategic (strike: Strike): string {
  const { random, size } = strike
  const count = Math.ceil(random.one([1, 50, 5_000]) * size)
  const ports = Array.from({ length: count }, (_none, index) => ({
    port: random.below(70_000), name: `p${index}`, ...random.below(4) === 0 ? { $patch: random.one(['delete', 'replace', 'merge', 'x']) } : {}
  }))
  const order = { '$setElementOrder/ports': ports.map(({ port }) => ({ port })), $retainKeys: ['ports'] }
  return hostileJson({ spec: { ports, ...order, selector: { $patch: 'replace' } }, metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } }, random)
}

/** Aliases of YAML that stand for ten thousand million texts. */
const yamlBomb = `${Array.from({ length: 10 }, (_none, level) => `l${level}: &l${level} [${level === 0 ? '"x"' : Array(10).fill(`*l${level - 1}`).join(',')}]`).join('\n')}\n`

/** What a client in Go sends: the magic, a message with type and raw octets; then not quite. */
function protobuf (random: Random): Buffer {
  const head = (number: number, { length }: Buffer): Buffer => Buffer.from([number << 3 | 2, length & 0x7f | 0x80, length >> 7 & 0x7f])
  const field = (number: number, octets: Buffer): Buffer => Buffer.concat([head(number, octets), octets])
  const text = (value: string): Buffer => Buffer.from(value)
  const type = Buffer.concat([field(1, text('v1')), field(2, text('Service'))])
  const deep = Array.from({ length: random.one([1, 5, 60]) }).reduce<Buffer>((inner) => field(1, inner.subarray(0, 16_000)), text('s0'))
  const longest = Buffer.from([0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]) // a number of ten octets
  const raw = Buffer.concat([field(1, deep), field(2, Buffer.concat([field(1, Buffer.alloc(random.below(900), random.below(256))), longest]))])
  return mutant([Buffer.concat([Buffer.from('k8s\0'), field(1, type), field(2, raw)]), Buffer.from('k8s\0\x0a\xff\xff\xff\xff\x0f', 'latin1')], random)
}

async function bodies (strike: Strike): Promise<void> {
  const { random, target } = strike
  for (let count = many(strike, 25); count > 0 && !strike.signal.aborted; count--) {
    const media = random.one(medias)
    const method = media.includes('patch') ? 'PATCH' : random.one(['POST', 'PUT', 'PATCH', 'DELETE'])
    const there = `/api/v1/namespaces/${random.one(namespaces)}/services${method === 'POST' ? '' : `/${random.one(services)}`}?fieldManager=me`
    const path = random.below(2) === 0 ? pathOf(random) : there
    if (media === 'application/vnd.kubernetes.protobuf') {
      const octets = protobuf(random)
      const [head = ''] = requestText(method, path, 'x', media).replace(/Content-Length: 1\r/, `Content-Length: ${octets.length}\r`).split('\r\n\r\n')
      await request(strike, Buffer.concat([Buffer.from(`${head}\r\n\r\n`), octets]), 2_000, target.kubernetes)
      continue
    }
    const body = media === 'application/json-patch+json' ? jsonPatch(strike)
      : media === 'application/strategic-merge-patch+json' ? strategic(strike)
        : media.includes('yaml') && random.below(4) === 0 ? yamlBomb : hostileJson(random.one([service, service, slice, ...others]), random)
    await request(strike, requestText(method, path, body, media), 2_000, target.kubernetes)
  }
}

function watch (random: Random, resource: string): string {
  const more = random.one(['', '&allowWatchBookmarks=true', '&resourceVersion=0', '&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true', '&resourceVersion=1'])
  return `GET ${resource}?watch=true${more} HTTP/1.1\r\nHost: ${host}\r\nAccept: ${random.one(accepts)}\r\n\r\n`
}

export const kubernetes: readonly Attack[] = [
  { name: 'kubernetes paths', weight: 3, run: paths },
  { name: 'kubernetes bodies', weight: 4, run: bodies },
  {
    name: 'kubernetes watches', weight: 1, run: (strike) => waiting(strike, strike.target.kubernetes, many(strike, 300), () => {
      const { random } = strike
      return watch(random, random.one(resources).replace('NS/', random.below(3) === 0 ? '' : `namespaces/${random.one(['honest', ...namespaces])}/`))
    })
  }
]
