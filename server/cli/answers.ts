// What the registry answers, by route, as far as commands read it. A program that is no registry, or one of another
// time, may listen where
// --address leads: what it says is looked at before anybody is told that something was done.

/** What is wrong with a value, as in `items[0].id must be a text`; undefined if it fits. */
type Check = (value: unknown, path: string) => string | undefined

const simple =
  (what: string, fits: (value: unknown) => boolean): Check =>
    (value, path) => (fits(value) ? undefined : `${path} must be ${what}`.trimStart())
const text = simple('a text', (value) => typeof value === 'string')
const number = simple('a number', (value) => typeof value === 'number')
const flag = simple('true or false', (value) => typeof value === 'boolean')
const textOrNumber = simple('a text or a number', (value) => typeof value === 'string' || typeof value === 'number')
const nothing = simple('empty', (value) => value === undefined)
const anything = simple('JSON', (value) => value !== undefined)

const optional = (check: Check): Check => (value, path) => (value === undefined ? undefined : check(value, path))

const list = (item: Check): Check => (value, path) => {
  if (!Array.isArray(value)) return `${path} must be a list`.trimStart()
  for (const [index, member] of (value as readonly unknown[]).entries()) {
    const fault = item(member, `${path}[${index}]`)
    if (fault !== undefined) return fault
  }
  return undefined
}

const map = (member: Check): Check =>
  (value, path) =>
    (isObject(value) ? firstFault(Object.entries(value), path, () => member) : `${path} must be an object`.trimStart())

/** An object with these fields, and any others: a newer registry says more. */
const fields = (members: Readonly<Record<string, Check>>): Check => (value, path) => {
  if (!isObject(value)) return `${path} must be an object`.trimStart()
  return firstFault(Object.keys(members).map((name) => [name, value[name]]), path, (name) => members[name] ?? anything)
}

function firstFault (entries: readonly (readonly [string, unknown])[], path: string,
  checkOf: (name: string) => Check): string | undefined {
  for (const [name, member] of entries) {
    const fault = checkOf(name)(member, path === '' ? name : `${path}.${name}`)
    if (fault !== undefined) return fault
  }
  return undefined
}

function isObject (value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const page = (item: Check): Check => fields({ revision: text, items: list(item), next: optional(text) })
const conditions = fields({ ready: flag, serving: flag, terminating: flag })
const port = fields({ name: text, port: number, protocol: text })
const place =
  { zone: optional(text), region: optional(text), node: optional(text), version: optional(text),
    hostname: optional(text) }
const override =
  fields({ author: text, reason: text, status: optional(text), weight: optional(number), until: optional(text),
    createdAt: optional(text) })
const instance = fields({
  namespace: text, service: text, id: text, generation: text, address: text, ports: list(port), labels: map(text),
  metadata: map(text), weight: number, priority: number,
  status: text, effectiveStatus: text, suspect: flag, conditions, override: optional(override),
  lease: fields({ ttlMs: number }), createdAt: text, updatedAt: text, revision: number, ...place
})
const registered: Check = (value, path) => instance(value, path) ?? fields({ warnings: optional(list(text)) })(value, path)
const endpoint = fields({
  id: text, service: optional(text), address: text, ports: list(port), labels: map(text), weight: number,
  priority: number, status: text, suspect: flag, conditions, ...place
})
const manifest =
  fields({ kind: text,
    metadata: fields({ name: text, labels: optional(map(text)), annotations: optional(map(text)),
      creationTimestamp: optional(text) }) })
const servicePort =
  fields({ port: number, protocol: text, name: optional(text), nodePort: optional(number), targetPort: textOrNumber })
const ingress = fields({ ip: optional(text), hostname: optional(text) })
const service = fields({
  kind: text,
  metadata: fields({ name: text, namespace: text, labels: optional(map(text)), annotations: optional(map(text)),
    creationTimestamp: optional(text) }),
  spec: fields({
    type: text, ports: optional(list(servicePort)), selector: optional(map(text)), clusterIP: optional(text),
    clusterIPs: optional(list(text)), externalIPs: optional(list(text)),
    externalName: optional(text), ipFamilies: optional(list(text)), loadBalancerSourceRanges: optional(list(text))
  }),
  status: optional(fields({ loadBalancer: fields({ ingress: optional(list(ingress)) }),
    conditions: optional(list(fields({ type: text, status: text, message: text }))) }))
})
const summary = fields({
  namespace: text, name: text, implicit: flag, createdAt: text, protectedSince: optional(text),
  manifest: optional(service), warnings: optional(list(text)), revision: number,
  instances: fields({ total: number, ready: number, suspect: number, starting: number, up: number, warning: number,
    draining: number, down: number }),
  endpoints: fields({ total: number, ready: number })
})
const slice = fields({
  metadata: fields({ name: text, namespace: text, labels: optional(map(text)), creationTimestamp: optional(text) }),
  addressType: text,
  endpoints: list(fields({ addresses: list(text) })),
  ports: list(fields({ name: optional(text), port: optional(number) }))
})
const addresses = optional(list(fields({ ip: text })))
const endpointsObject = fields({
  metadata: fields({ name: text, creationTimestamp: optional(text) }),
  subsets: optional(list(fields({ addresses, notReadyAddresses: addresses })))
})
const handMade: Check = (value, path) =>
  fields({ namespace: text, kind: text, name: text, service: text, use: text, manifest: fields({ kind: text }) })(value, path) ??
  fields({ manifest: (value as { manifest: { kind: string } }).manifest.kind === 'EndpointSlice' ? slice : endpointsObject })(value, path)
const band = fields({ size: number, used: number })
const pool = fields({ name: text, kind: text, ranges: list(text), size: number, used: number, free: number,
  autoAssign: flag, bands: optional(fields({ static: band, dynamic: band })) })
const explanation =
  fields({ service: text, in: flag, ready: flag, rule: text, message: text, missingPorts: list(text),
    source: optional(text), warnings: optional(list(text)) })
const event =
  fields({ revision: text, at: text, reason: text, namespace: text, service: text, id: text, by: text, message: text })
const foreign = optional(list(fields({ kind: text, apiVersion: text, document: number, line: number, count: number })))
const record = fields({ name: text, ttl: number, type: text, data: text })
const answer = fields({
  question: fields({ name: text, type: text }), rcode: text, flags: list(text), octets: number, revision: text,
  answer: list(record), authority: list(record), additional: list(record),
  extendedError: optional(fields({ code: number, text })), trace: list(fields({ rule: text, message: text }))
})
const unreadable = fields({ key: text, reason: text, content: text, revision: optional(number) })
const rule = fields({
  role: optional(text), verbs: optional(list(text)), namespaces: optional(list(text)), services: optional(list(text)), addresses: optional(list(text))
})
const policy = fields({
  kind: text, metadata: fields({ name: text, creationTimestamp: optional(text) }), spec: fields({ subjects: list(text), rules: list(rule) })
})
const token = fields({
  id: text, name: text, place: text, rules: list(rule), expired: flag, createdAt: optional(text), expiresAt: optional(text), usedAt: optional(text)
})
const overview = fields({
  node: text, version: text, revision: text, uptimeSeconds: number, namespaces: number, services: number,
  rememberedHeartbeats: number,
  instances: fields({ total: number, suspect: number, starting: number, up: number, warning: number, draining: number,
    down: number }),
  store: fields({ kind: text, location: text, available: flag, reason: text, since: text }),
  watchers: fields({ connections: number, subscriptions: number }),
  protection: fields({ registrySince: optional(text),
    services: list(fields({ namespace: text, service: text, since: text })) }),
  unreadable: fields({ count: number, records: list(fields({ key: text, reason: text })) }),
  handMade: fields({ total: number, undeclared: number }),
  ranges: fields({ different: list(fields({ node: text, setting: text, here: text, there: text })) })
})

const ingressBackend = fields({ service: fields({ name: text, port: fields({ name: optional(text), number: optional(number) }) }) })
const ingressSpec = fields({
  ingressClassName: optional(text), defaultBackend: optional(ingressBackend),
  rules: optional(list(fields({
    host: optional(text), http: optional(fields({ paths: list(fields({ path: optional(text), pathType: text, backend: ingressBackend })) }))
  }))),
  tls: optional(list(fields({ hosts: optional(list(text)), secretName: optional(text) })))
})

const objectMeta = fields({ name: text, namespace: text, annotations: optional(map(text)), labels: optional(map(text)), creationTimestamp: optional(text) })
const ingressObject = fields({
  metadata: objectMeta, spec: ingressSpec, status: optional(fields({ loadBalancer: fields({ ingress: optional(list(ingress)) }) }))
})
const ingressClass = fields({
  metadata: objectMeta,
  spec: fields({ controller: optional(text), parameters: optional(fields({ kind: text, name: text, apiGroup: optional(text) })) })
})
const secretObject = fields({ metadata: objectMeta, type: text })
const metricTarget = fields({ value: optional(text), averageValue: optional(text), averageUtilization: optional(number) })
const ofMetric = optional(fields({ name: optional(text), target: metricTarget }))
const currentMetric = optional(fields({ current: metricTarget }))
const scalingRules = optional(fields({ policies: optional(list(fields({ type: text, value: number, periodSeconds: number }))) }))
const autoscaler = fields({
  metadata: objectMeta,
  spec: fields({
    scaleTargetRef: fields({ kind: text, name: text }), minReplicas: optional(number), maxReplicas: number,
    metrics: optional(list(fields({ type: text, resource: ofMetric, containerResource: ofMetric, pods: ofMetric, object: ofMetric, external: ofMetric }))),
    behavior: optional(fields({ scaleUp: scalingRules, scaleDown: scalingRules }))
  }),
  status: optional(fields({
    currentReplicas: number, desiredReplicas: number, lastScaleTime: optional(text),
    currentMetrics: optional(list(fields({
      type: text, resource: currentMetric, containerResource: currentMetric, pods: currentMetric, object: currentMetric, external: currentMetric
    }))),
    conditions: optional(list(fields({ type: text, status: text, reason: text, message: text })))
  }))
})

/** Method and path, with the view if one is asked for, and what comes back. The first that fits counts. */
const routes: readonly (readonly [RegExp, Check])[] = [
  [/^GET \/v1\/instances$/, page(instance)],
  [/^GET \/v1\/services$/, page(summary)],
  [/^GET \/v1\/namespaces$/, page(fields({ name: text, services: number, instances: number }))],
  [/^GET \/v1\/events$/, page(event)],
  [/^GET \/v1\/overrides$/,
    page(fields({ namespace: text, service: text, id: text, registered: flag, absentSince: optional(text),
      override }))],
  [/^GET \/v1\/handmade$/, page(handMade)],
  [/^GET \/v1\/ingresses$/, page(ingressObject)],
  [/^GET \/v1\/namespaces\/[^/]+\/ingresses\/[^/]+$/, ingressObject],
  [/^GET \/v1\/ingressclasses$/, page(ingressClass)],
  [/^GET \/v1\/ingressclasses\/[^/]+$/, ingressClass],
  [/^GET \/v1\/secrets$/, page(secretObject)],
  [/^GET \/v1\/namespaces\/[^/]+\/secrets\/[^/]+$/, secretObject],
  [/^GET \/v1\/horizontalpodautoscalers$/, page(autoscaler)],
  [/^GET \/v1\/namespaces\/[^/]+\/horizontalpodautoscalers\/[^/]+$/, autoscaler],
  [/^GET \/v1\/loads$/, page(fields({ namespace: text, service: text, id: text, at: text, load: map(fields({ value: number, capacity: optional(number) })) }))],
  [/^GET \/v1\/pools$/, list(pool)],
  [/^GET \/v1\/policies$/, page(policy)],
  [/^(?:GET \/v1\/tokens|DELETE \/v1\/tokens\/[^/]+)$/, page(token)],
  [/^POST \/v1\/tokens$/, fields({ id: text, name: text, token: text, expiresAt: optional(text) })],
  [/^GET \/v1\/whoami$/, fields({ subject: text, kind: text, address: text, access: text, sources: list(text), expiresAt: optional(text) })],
  [/^GET \/v1\/can-i$/, fields({ allowed: flag, reason: text })],
  [/^GET \/v1\/overview$/, overview],
  [/^GET \/v1\/unreadable$/, page(unreadable)],
  [/^GET \/v1\/unreadable\/[^/]+$/, unreadable],
  [/^GET \/v1\/dns\/answer$/, answer],
  [/\/services\/[^/]+\/endpoints$/,
    fields({ namespace: text, service: text, revision: text, failOpen: flag, endpoints: list(endpoint) })],
  [/\/services\/[^/]+\/endpointslices$/, fields({ items: list(slice) })],
  [/^GET .*\/services\/[^/]+\?view=manifest$/, service],
  [/^GET .*\/services\/[^/]+$/, summary],
  [/\/explain$/, list(explanation)],
  [/\/heartbeat$/, fields({ renewed: simple('1', (value) => value === 1), stored: flag })],
  [/^POST \/v1\/apply$/,
    fields({ foreign,
      results: list(fields({ kind: text, namespace: text, name: text, outcome: text, warnings: list(text), manifest,
        previous: optional(manifest) })) })],
  [/^POST \/v1\/delete$/, fields({ foreign, deleted: list(fields({ kind: text, name: text })) })],
  [/^DELETE /, nothing],
  [/\/instances\/[^/]+(?:\/override)?$/, registered]
]

/** What is wrong with the answer to a call, in a sentence; undefined if it is one of a registry. */
export function answerFault (method: string, path: string, body: unknown, view?: string): string | undefined {
  const route = `${method} ${path}${view === undefined ? '' : `?view=${view}`}`
  const check = routes.find(([pattern]) => pattern.test(route))?.[1] ?? anything
  const fault = check(body, '')
  return fault?.startsWith('must') === true ? `the answer ${fault}` : fault
}
