// What comes from a registry, or from who registered there, never drives the terminal: every command, every form,
// either stream.
import { parse } from 'yaml'
import t from 'tap'
import { listening, ran, asking } from './other-servers.ts'

// Clear screen, a title, the clipboard (OSC 52), a carriage return, a line of its own, DEL, C1's CSI, turned writing,
// zero widths, tags, fillers, half a pair.
const evil = 'a\u001b[2J\u001b]0;t\u0007\u001b]52;c;eA==\u0007\r\nrollcall: all is well\t\u007f\u009b31m\u202eb\u2066\u200b\u200d\ufeff\u2028\u2029\u00ad\u115f\u{e0041}\ud800'
const dangerous = /[^\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/u

const conditions = { ready: true, serving: true, terminating: false }
const port = { name: evil, port: 80, protocol: evil }
const place = { zone: evil, region: evil, node: evil, version: evil, hostname: evil }
const instance = {
  namespace: evil, service: evil, id: evil, generation: evil, address: evil, ports: [port], labels: { [evil]: evil },
  metadata: { [evil]: evil }, weight: 1, priority: 0, status: evil, effectiveStatus: evil,
  suspect: true, conditions, override: { status: evil, author: evil, reason: evil, until: evil, createdAt: evil },
  lease: { ttlMs: 1000 }, createdAt: evil, updatedAt: evil, revision: 1, ...place
}
const endpoint =
  { id: evil, service: evil, address: evil, ports: [port], labels: { [evil]: evil }, metadata: {}, weight: 1,
    priority: 0, status: evil, suspect: true, conditions, ...place }
const service = {
  kind: 'Service', apiVersion: evil,
  metadata: { name: evil, namespace: evil, labels: { [evil]: evil }, annotations: { [evil]: evil },
    creationTimestamp: evil },
  spec: { type: evil, ports: [{ name: evil, port: 80, protocol: evil, targetPort: evil }], selector: { [evil]: evil },
    clusterIP: evil, clusterIPs: [evil], externalIPs: [evil], ipFamilies: [evil], sessionAffinity: evil },
  status: { loadBalancer: { ingress: [{ ip: evil }] },
    conditions: [{ type: evil, status: 'False', reason: evil, message: evil }] }
}
const counts = { total: 1, ready: 1, suspect: 1, starting: 0, up: 1, warning: 0, draining: 0, down: 0 }
const summary =
  { namespace: evil, name: evil, implicit: false, createdAt: evil, protectedSince: evil, manifest: service, revision: 1,
    instances: counts, endpoints: { total: 1, ready: 1 } }
const event =
  { revision: evil, at: evil, reason: evil, namespace: evil, service: evil, id: evil, by: evil, message: evil }
const record = { name: evil, ttl: 1, type: evil, data: evil }
const page = (item: object): object => ({ revision: evil, items: [item] })
const answers: readonly (readonly [RegExp, unknown])[] = [
  [/^GET \/v1\/instances$/, page(instance)], [/^GET \/v1\/services$/, page(summary)],
  [/^GET \/v1\/namespaces$/, page({ name: evil, services: 1, instances: 1 })], [/^GET \/v1\/events$/, page(event)],
  [/^GET \/v1\/pools$/, [{ name: evil, kind: evil, ranges: [evil], size: 1, used: 1, free: 0, autoAssign: true }]],
  [/handmade$/, page({ namespace: evil, kind: evil, name: evil, service: evil, use: evil,
    manifest: { apiVersion: evil, kind: 'EndpointSlice', metadata: { name: evil, namespace: evil }, addressType: evil,
      endpoints: [{ addresses: [evil] }], ports: [{ name: evil }] } })],
  [/overrides$/,
    page({ namespace: evil, service: evil, id: evil, registered: false, absentSince: evil,
      override: instance.override })],
  [/overview$/, {
    node: evil, version: evil, epoch: evil, revision: evil, uptimeSeconds: 1, namespaces: 1, services: 1,
    rememberedHeartbeats: 1, instances: counts, watchers: { connections: 1, subscriptions: 1 },
    store: { kind: evil, location: evil, available: false, reason: evil, since: evil },
    protection: { registrySince: evil, services: [{ namespace: evil, service: evil, since: evil }], holdMs: 0 },
    unreadable: { count: 1, records: [{ key: evil, reason: evil }] },
    handMade: { total: 1, undeclared: 1 },
    ranges: { nodes: 2, different: [{ node: evil, setting: evil, here: evil, there: evil }] }
  }],
  [/unreadable$/, page({ key: evil, reason: evil, content: evil, length: 1 })],
  [/^GET .*unreadable\//, { key: evil, reason: evil, content: evil, length: 1 }],
  [/dns\/answer$/,
    { question: { name: evil, type: evil }, rcode: evil, flags: [evil], octets: 1, revision: evil, answer: [record],
      authority: [record], additional: [record], extendedError: { code: 1, text: evil },
      trace: [{ rule: evil, message: evil }] }],
  [/endpoints$/, { namespace: evil, service: evil, revision: evil, failOpen: true, endpoints: [endpoint] }],
  [/endpointslices$/,
    { items: [{ apiVersion: evil, kind: evil, metadata: { name: evil, namespace: evil }, addressType: evil,
      endpoints: [{ addresses: [evil] }], ports: [{ name: evil }] }] }],
  [/explain$/, [{ namespace: evil, service: evil, implicit: false, in: true, ready: false, rule: evil, message: evil,
    missingPorts: [evil] }]],
  [/heartbeat$/, { renewed: 1, unknown: [], superseded: [], stored: true }],
  [/apply$/, { revision: evil, dryRun: false,
    foreign: [{ kind: evil, apiVersion: evil, document: 1, line: 1, count: 2 }],
    results: [{ kind: evil, namespace: evil, name: evil, outcome: evil, manifest: service,
      previous: { ...service, spec: {} }, warnings: [evil] }] }],
  [/delete$/, { revision: evil, dryRun: false, foreign: [], deleted: [{ kind: evil, namespace: evil, name: evil }] }],
  [/\?view=manifest$/, service], [/^DELETE/, undefined], [/instances\/[^/]+(\/override)?$/, instance],
  [/services\/[^/]+$/, summary]
]

for (const [what, status] of [['its answers', 200], ['its refusals', 409]] as const) {
  t.test(`no command, in any form, with colours or without, writes what ${what} hold as it is`, async (t) => {
    const url = await listening(t, (path, method, response, view) => {
      const body = status === 200 ? answers.find(([pattern]) => pattern.test(`${method} ${path}${view}`))?.[1]
        : { type: evil, title: evil, status, code: evil, detail: evil,
          errors: [{ field: evil, rule: evil, value: evil, document: 1, line: 1, reason: evil }] }
      response.writeHead(body === undefined ? 204 : status, { 'content-type': 'application/json' })
        .end(body === undefined ? undefined : JSON.stringify(body))
    })
    for (const argv of asking.filter((each) => !each.includes('-w') && each[0] !== 'watch')) {
      for (const form of [[], ['-o', 'json'], ['-o', 'yaml'], ['-o', 'wide'], ['-o', 'name'], ['--dry-run']]) {
        if (argv.includes('-o') && form[0] === '-o') continue
        const { out, err } = await ran(url, [...argv, ...form])
        for (const line of [...out, ...err]) t.notMatch(line, dangerous, [...argv, ...form].join(' '))
        // Colours are ours, and of what a line holds nothing else is more than letters.
        for (const line of (await ran(url, [...argv, ...form],
          { colours: true })).out) t.notMatch(line.replaceAll(/\u001b\[\d\d?m/g, ''), dangerous,
          `${[...argv, ...form].join(' ')} in colours`)
      }
    }
  })
}

t.test('-o json and -o yaml are escapes of the form: what is read is what was answered', async (t) => {
  const url = await listening(t, (_path, _method, response) => { response.end(JSON.stringify(page(instance))) })
  t.same(JSON.parse((await ran(url, ['get', 'instances', '-o', 'json'])).out.join('\n')),
    { revision: evil, items: [instance] })
  const yaml = (await ran(url, ['get', 'instances', '-o', 'yaml'])).out.join('\n')
  // half a pair is no character of YAML
  const wellFormed = (text: string): unknown => JSON.parse(text.replaceAll('\\ud800', '\\ufffd'))
  for (const version of ['1.1', '1.2'] as const) t.same(parse(yaml, { version }),
    wellFormed(JSON.stringify({ revision: evil, items: [instance] })))
})

t.test('what stands on the command line is spelled out in its errors, too', async (t) => {
  for (const argv of [[evil], ['get', evil], ['get', 'services', evil], ['get', 'services', `--${evil}`],
    ['describe', evil, evil], ['label', 'web/a', evil], ['resolve', evil], ['apply', '-f', evil],
    ['get', 'services', '-n', evil], ['get', 'services', '--address', evil]]) {
    const { exitCode, out, err } =
      await ran('http://127.0.0.1:9', argv, { readFile: (path) => { throw new Error(`ENOENT ${path}`) } })
    t.ok(exitCode > 0)
    for (const line of [...out, ...err]) t.notMatch(line, dangerous, String(argv[0] === evil ? 'the command' : argv[0]))
  }
})
