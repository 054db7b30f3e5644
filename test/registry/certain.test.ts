// The rule of commands/certain.ts, for each command of the core: a node that has not heard of what another one did refuses nothing for
// it and calls nothing unchanged. A command that is not in the table does not compile.
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { maxLabels } from '../../server/model/limits.ts'
import { readManifests } from '../../server/model/manifest/manifest-stream.ts'
import type { HorizontalPodAutoscaler } from '../../server/model/service/types.ts'
import type { Commands, ManifestName, StatusWrite } from '../../server/registry/core.ts'
import { noRedis } from '../support/redis-server.ts'
import { type TwoNodes, twoNodes } from '../support/two-nodes.ts'

interface Case {
  readonly says: string
  /** Both nodes know this. */
  readonly given?: (at: Place) => Promise<unknown>
  /** Through node one, while node two is paused. */
  readonly meanwhile: (at: Place) => Promise<unknown>
  /** Through node two. */
  readonly when: (at: Place) => Promise<unknown>
  /** What `when` gives, or its error. */
  readonly then?: unknown
  /** What is stored after it, as node one sees it. */
  readonly stored?: (at: Place) => unknown
  readonly expect?: unknown
}

interface Place extends TwoNodes {
  readonly namespace: string
  readonly id: { readonly namespace: string, readonly service: string, readonly id: string }
  readonly web: ManifestName
  /** A manifest of the service `web` on a port. */
  readonly text: (port: number, more?: string, spec?: string) => string
}

const ports = [{ port: 8080 }]
const registered = ({ one, id }: Place, generation = 'g1', more: object = {}): Promise<unknown> => one.register(id, { address: '10.0.0.1', ports, generation, ...more })
const apply = (to: TwoNodes['one'], text: string, dryRun = false): Promise<unknown> => to.apply(readManifests(text), { dryRun })
const status = ({ registries: [one], id }: Place): unknown => one.catalog.entry(id.namespace, id.service, id.id)?.instance.status
const gone = ({ registries: [one], id }: Place): unknown => one.catalog.entry(id.namespace, id.service, id.id)
const port = ({ registries: [one], namespace }: Place): unknown => one.catalog.declared(namespace, 'web')?.manifest.spec.ports?.[0]?.port
const beat = (generation?: string, status?: 'up') => ({ two, id }: Place) => two.heartbeat([{ ...id, ...(generation === undefined ? {} : { generation }), ...(status === undefined ? {} : { status }) }])
const renewed = { renewed: 1, unknown: [], superseded: [], stored: true }
const resourceVersion = ({ registries: [one], namespace }: Place): string => one.catalog.declared(namespace, 'web')?.manifest.metadata.resourceVersion ?? ''
const slice = (namespace: string): string => `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, namespace: ${namespace}, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
endpoints: [{ addresses: [192.0.2.1] }]
ports: [{ port: 80 }]
`
const scaler = (maxReplicas: number) => ({ one, namespace }: Place) => apply(one, JSON.stringify({
  apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'web', namespace }, spec: { scaleTargetRef: { kind: 'Deployment', name: 'web' }, maxReplicas }
}))
const desired = (namespace: string): StatusWrite =>
  ({ kind: 'HorizontalPodAutoscaler', namespace, name: 'web', status: { currentReplicas: 2, desiredReplicas: 4 } })
function shownScaler (one: TwoNodes['one'], namespace: string): object {
  const { spec, status, metadata } = one.manifest({ kind: 'HorizontalPodAutoscaler', namespace, name: 'web' }) as HorizontalPodAutoscaler
  return { maxReplicas: spec.maxReplicas, desiredReplicas: status?.desiredReplicas, generation: metadata.generation }
}
const secret = (key: string): string => JSON.stringify({ keys: [key] })
const garbageKey = (namespace: string): string => `override/${namespace}/orders/a`
/** As another version may have written it. */
const garbage = ({ registries: [one], namespace }: Place): Promise<unknown> =>
  one.store.commit([{ type: 'put', key: garbageKey(namespace), body: '?', endsAtMs: 0, reason: 'override' }], 'test')
const declared = async ({ one, text }: Place): Promise<unknown> => apply(one, text(80))

const table: { readonly [Command in keyof Commands]: readonly Case[] } = {
  register: [
    {
      says: 'the content that it had in the view is written over what it has by now',
      given: registered, meanwhile: (at) => registered(at, 'g1', { labels: { app: 'other' } }),
      when: ({ two, id }) => two.register(id, { address: '10.0.0.1', ports, generation: 'g1' }), then: { outcome: 'updated', instance: { labels: {} } },
      stored: ({ one, id }) => one.instance(id).labels, expect: {}
    },
    {
      says: 'what another node made unchanged is shown as it is stored',
      given: registered, meanwhile: (at) => registered(at, 'g1', { labels: { app: 'other' } }),
      when: ({ two, id }) => two.register(id, { address: '10.0.0.1', ports, generation: 'g1', labels: { app: 'other' } }), then: { outcome: 'unchanged', instance: { labels: { app: 'other' } } }
    },
    {
      says: 'a service that was full in the view is not full any more',
      given: registered,
      meanwhile: async (at) => {
        const group = at.registries[1].catalog.registered(at.namespace, 'orders')
        const before = at.syncs
        if (group !== undefined) Object.defineProperty(group, 'size', { get: () => (at.syncs === before ? 50_000 : 1) })
      },
      when: ({ two, id }) => two.register({ ...id, id: 'next' }, { address: '10.0.0.2', ports }), then: { outcome: 'created' }
    }
  ],
  patch: [
    {
      says: 'a status that is the one of the view is stored if it is not the stored one',
      given: registered, meanwhile: ({ one, id }) => one.patch(id, { status: 'draining' }), when: ({ two, id }) => two.patch(id, { status: 'up' }), then: { status: 'up' }, stored: status, expect: 'up'
    },
    { says: 'what has just registered is found', meanwhile: registered, when: ({ two, id }) => two.patch(id, { status: 'draining' }, 'g1'), then: { status: 'draining' }, stored: status, expect: 'draining' },
    { says: 'the owner of a new life is not superseded', given: registered, meanwhile: (at) => registered(at, 'g2'), when: ({ two, id }) => two.patch(id, { weight: 1 }, 'g2'), then: { weight: 1, generation: 'g2' } },
    { says: 'the owner of the life before is', given: registered, meanwhile: (at) => registered(at, 'g2'), when: ({ two, id }) => two.patch(id, { weight: 1 }, 'g1'), then: { code: 'REG_GENERATION_SUPERSEDED' } },
    { says: 'what has gone is not found', given: registered, meanwhile: ({ one, id }) => one.deregister(id), when: ({ two, id }) => two.patch(id, { weight: 1 }), then: { code: 'REG_NAMESPACE_NOT_FOUND' } },
    {
      says: 'a limit of labels counts those that are stored',
      given: (at) => registered(at, 'g1', { labels: Object.fromEntries(Array.from({ length: maxLabels }, (_, index) => [`k${index}`, ''])) }),
      meanwhile: ({ one, id }) => one.patch(id, { labels: { k0: null } }), when: ({ two, id }) => two.patch(id, { labels: { other: '' } }), then: { labels: { other: '' } }
    }
  ],
  deregister: [
    { says: 'what has just registered is found', meanwhile: registered, when: ({ two, id }) => two.deregister(id, 'g1'), stored: gone, expect: undefined },
    { says: 'a new life is ended by its generation', given: registered, meanwhile: (at) => registered(at, 'g2'), when: ({ two, id }) => two.deregister(id, 'g2'), stored: gone, expect: undefined },
    { says: 'without a generation the life of now is ended', given: registered, meanwhile: (at) => registered(at, 'g2'), when: ({ two, id }) => two.deregister(id), stored: gone, expect: undefined },
    { says: 'the life before does not end its successor', given: registered, meanwhile: (at) => registered(at, 'g2'), when: ({ two, id }) => two.deregister(id, 'g1'), then: { code: 'REG_GENERATION_SUPERSEDED' } }
  ],
  heartbeat: [
    { says: 'what has just registered is known', meanwhile: registered, when: beat('g1'), then: renewed },
    { says: 'a new life is not superseded', given: registered, meanwhile: (at) => registered(at, 'g2'), when: beat('g2'), then: renewed },
    { says: 'the life before is superseded, and not unknown', given: registered, meanwhile: (at) => registered(at, 'g2'), when: beat('g1'), then: { renewed: 0, unknown: [], superseded: [{ generation: 'g1' }] } },
    { says: 'without a generation the life of now is renewed', given: registered, meanwhile: (at) => registered(at, 'g2'), when: beat(), then: renewed },
    { says: 'what has gone is unknown', given: registered, meanwhile: ({ one, id }) => one.deregister(id), when: beat('g1'), then: { renewed: 0, unknown: [{ generation: 'g1' }], superseded: [] } },
    { says: 'a status that is the one of the view is stored', given: registered, meanwhile: ({ one, id }) => one.patch(id, { status: 'draining' }), when: beat('g1', 'up'), then: renewed, stored: status, expect: 'up' }
  ],
  override: [
    { says: 'what has just registered is found', meanwhile: registered, when: ({ two, id }) => two.override(id, { status: 'down' }), then: { effectiveStatus: 'down' } },
    { says: 'what has gone is not', given: registered, meanwhile: ({ one, id }) => one.deregister(id), when: ({ two, id }) => two.override(id, { status: 'down' }), then: { code: 'REG_NAMESPACE_NOT_FOUND' } },
    {
      says: 'the same override of another node is shown', given: registered, meanwhile: ({ one, id }) => one.override(id, { status: 'down' }),
      when: ({ two, id }) => two.override(id, { status: 'down' }), then: { effectiveStatus: 'down' }
    }
  ],
  removeOverride: [
    {
      says: 'one that was just set is found', given: registered, meanwhile: ({ one, id }) => one.override(id, { status: 'down' }), when: ({ two, id }) => two.removeOverride(id),
      stored: ({ one, id }) => one.instance(id).effectiveStatus, expect: 'up'
    },
    {
      says: 'one that has gone is not', given: async (at) => { await registered(at); await at.one.override(at.id, { status: 'down' }) }, meanwhile: ({ one, id }) => one.removeOverride(id),
      when: ({ two, id }) => two.removeOverride(id), then: { code: 'REG_OVERRIDE_NOT_FOUND' }
    }
  ],
  apply: [
    { says: 'the manifest of the view is not called unchanged', given: declared, meanwhile: ({ one, text }) => apply(one, text(81)), when: ({ two, text }) => apply(two, text(80)), then: { results: [{ outcome: 'configured' }] }, stored: port, expect: 80 },
    { says: 'nor by a dry run', given: declared, meanwhile: ({ one, text }) => apply(one, text(81)), when: ({ two, text }) => apply(two, text(80), true), then: { results: [{ outcome: 'configured' }] }, stored: port, expect: 81 },
    { says: 'a manifest that has gone is created', given: declared, meanwhile: ({ one, web }) => one.delete([web]), when: ({ two, text }) => apply(two, text(80)), then: { results: [{ outcome: 'created' }] }, stored: port, expect: 80 },
    {
      says: 'a resource version that this node has not heard of is no conflict', given: declared, meanwhile: ({ one, text }) => apply(one, text(81)),
      when: (at) => apply(at.two, at.text(82, `, resourceVersion: "${resourceVersion(at)}"`)), then: { results: [{ outcome: 'configured' }] }, stored: port, expect: 82
    },
    {
      says: 'a port that was freed may be asked for', given: ({ one, text }) => apply(one, text(80, '', 'type: NodePort, ').replace('port: 80', 'port: 80, nodePort: 30111')),
      meanwhile: ({ one, web }) => one.delete([web]), when: ({ two, text }) => apply(two, text(80, '', 'type: NodePort, ').replace('name: web', 'name: late').replace('port: 80', 'port: 80, nodePort: 30111')),
      then: { results: [{ outcome: 'created' }] }
    },
    {
      says: 'one of several that is unchanged in the view is written too', given: declared, meanwhile: ({ one, text }) => apply(one, text(81)),
      when: ({ two, text }) => apply(two, `${text(80)}---\n${text(80).replace('name: web', 'name: second')}`), then: { results: [{ outcome: 'configured' }, { outcome: 'created' }] }, stored: port, expect: 80
    },
    {
      says: 'the labels of a namespace are not called unchanged',
      given: ({ one, namespace }) => apply(one, `{apiVersion: v1, kind: Namespace, metadata: {name: ${namespace}, labels: {team: a}}}`),
      meanwhile: ({ one, namespace }) => apply(one, `{apiVersion: v1, kind: Namespace, metadata: {name: ${namespace}, labels: {team: b}}}`),
      when: ({ two, namespace }) => apply(two, `{apiVersion: v1, kind: Namespace, metadata: {name: ${namespace}, labels: {team: a}}}`), then: { results: [{ outcome: 'configured' }] },
      stored: ({ one, namespace }) => one.namespace(namespace).manifest?.metadata.labels, expect: { team: 'a' }
    },
    {
      says: 'endpoints are not warned of a service that is declared', meanwhile: ({ one, text }) => apply(one, text(80, '').replace('selector: { app: web }, ', '')),
      when: ({ two, namespace }) => apply(two, slice(namespace)), then: { results: [{ outcome: 'created', warnings: [] }] }
    }
  ],
  put: [
    {
      says: 'the manifest of the view is not called unchanged', given: declared, meanwhile: ({ one, text }) => apply(one, text(81)),
      when: ({ two, web }) => two.put(web, { apiVersion: 'v1', kind: 'Service', spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } }), then: { results: [{ outcome: 'configured' }] }, stored: port, expect: 80
    }
  ],
  delete: [
    { says: 'what was just declared is found', meanwhile: declared, when: ({ two, web }) => two.delete([web]), then: { deleted: [{ kind: 'Service' }] }, stored: port, expect: undefined },
    { says: 'it is not passed over either', meanwhile: declared, when: ({ two, web }) => two.delete([web], { ignoreMissing: true }), then: { deleted: [{ kind: 'Service' }] }, stored: port, expect: undefined },
    { says: 'a dry run says so, too', meanwhile: declared, when: ({ two, web }) => two.delete([web], { dryRun: true }), then: { deleted: [{ kind: 'Service' }] }, stored: port, expect: 80 },
    { says: 'what has gone is not found', given: declared, meanwhile: ({ one, web }) => one.delete([web]), when: ({ two, web }) => two.delete([web]), then: { code: 'REG_NAMESPACE_NOT_FOUND' } },
    {
      says: 'endpoints that were just made by hand go with their service', given: ({ one, text }) => apply(one, text(80).replace('selector: { app: web }, ', '')), meanwhile: ({ one, namespace }) => apply(one, slice(namespace)),
      when: ({ two, web }) => two.delete([web]), then: { deleted: [{ kind: 'Service' }, { kind: 'EndpointSlice' }] }
    }
  ],
  backup: [
    {
      says: 'what another node has just written is in it', meanwhile: registered,
      when: async ({ two, id }) => (await buffer((await two.backup()).content)).includes(`${id.namespace}/${id.service}/${id.id}`), then: true
    }
  ],
  removeUnreadable: [
    { says: 'a record that was just set aside is found', meanwhile: garbage, when: ({ two, namespace }) => two.removeUnreadable(garbageKey(namespace)), stored: ({ one }) => one.unreadable(), expect: [] },
    {
      says: 'one that has gone is not', given: garbage, meanwhile: ({ one, namespace }) => one.removeUnreadable(garbageKey(namespace)), when: ({ two, namespace }) => two.removeUnreadable(garbageKey(namespace)),
      then: { code: 'REG_RECORD_NOT_FOUND' }
    }
  ],
  setStatus: [
    {
      says: 'what another node changed of the object stays',
      given: scaler(10), meanwhile: scaler(20),
      when: async ({ two, namespace }) => { await two.setStatus([desired(namespace)]) },
      stored: ({ one, namespace }) => shownScaler(one, namespace), expect: { maxReplicas: 20, desiredReplicas: 4, generation: 2 }
    },
    {
      says: 'an object that another node took away is passed over',
      given: scaler(10), meanwhile: ({ one, namespace }) => one.delete([{ kind: 'HorizontalPodAutoscaler', namespace, name: 'web' }]),
      when: async ({ two, namespace }) => { await two.setStatus([desired(namespace)]) },
      stored: ({ one, namespace }) => one.manifests('HorizontalPodAutoscaler', namespace), expect: []
    }
  ],
  keepSecret: [
    {
      says: 'a revision that this node has not heard of is good', meanwhile: ({ one, namespace }) => one.keepSecret(namespace, secret('first'), 0),
      when: ({ two, one, namespace }) => two.keepSecret(namespace, secret('second'), one.secret(namespace)?.revision ?? 0), then: true, stored: ({ one, namespace }) => one.secret(namespace)?.body, expect: secret('second')
    },
    { says: 'another node was faster', meanwhile: ({ one, namespace }) => one.keepSecret(namespace, secret('first'), 0), when: ({ two, namespace }) => two.keepSecret(namespace, secret('second'), 0), then: false, stored: ({ two, namespace }) => two.secret(namespace)?.body, expect: secret('first') }
  ],
  removeSecret: [
    {
      says: 'what another node has just made goes',
      meanwhile: ({ one, namespace }) => one.keepSecret(namespace, secret('first'), 0),
      when: ({ two, one, namespace }) => two.removeSecret(namespace, one.secret(namespace)?.revision ?? 0),
      then: true,
      stored: ({ one, namespace }) => one.secret(namespace)?.body, expect: undefined
    },
    {
      says: 'another node has made it anew', given: ({ one, namespace }) => one.keepSecret(namespace, secret('first'), 0),
      meanwhile: ({ one, namespace }) => one.keepSecret(namespace, secret('second'), one.secret(namespace)?.revision ?? 0),
      when: ({ two, namespace }) => two.removeSecret(namespace, two.secret(namespace)?.revision ?? 0),
      then: false,
      stored: ({ one, namespace }) => one.secret(namespace)?.body, expect: secret('second')
    }
  ]
}

for (const kind of ['sqlite', 'redis'] as const) {
  t.test(`no command decides on an older view (${kind})`, { skip: kind === 'redis' && noRedis }, async (t) => {
    const nodes = await twoNodes(t, kind)
    let number = 0
    for (const [command, cases] of Object.entries(table)) {
      for (const { says, given, meanwhile, when, then, stored, expect } of cases) {
        const namespace = `n${++number}`
        const at: Place = {
          ...nodes,
          get syncs () { return nodes.syncs },
          namespace,
          id: { namespace, service: 'orders', id: 'a' },
          web: { kind: 'Service', namespace, name: 'web' },
          text: (port, more = '', spec = '') => `apiVersion: v1\nkind: Service\nmetadata: { name: web, namespace: ${namespace}${more} }\nspec: { ${spec}selector: { app: web }, ports: [{ port: ${port} }] }\n`
        }
        const [one, two] = nodes.registries
        await given?.(at)
        await two.store.sync()
        nodes.hold()
        await meanwhile(at)
        const outcome = await when(at).catch((error: unknown) => error)
        const name = `${command}: ${says}`
        if (then !== undefined) t.match(outcome, then, name)
        else t.notOk(outcome instanceof Error, name)
        await one.store.sync()
        if (stored !== undefined) t.same(stored(at), expect, `${name}: as it is stored`)
      }
    }
  })

  t.test(`forty patches of forty labels through two nodes at the same time are merged (${kind})`, { skip: kind === 'redis' && noRedis }, async (t) => {
    const { one, two, registries } = await twoNodes(t, kind)
    const id = { namespace: 'shop', service: 'orders', id: 'a' }
    await one.register(id, { address: '10.0.0.1', generation: 'g1', labels: {} })
    const keys = Array.from({ length: 40 }, (_, index) => `k${index}`)
    await Promise.all([
      ...keys.map((key, index) => (index % 2 === 0 ? one : two).patch(id, { labels: { [key]: 'x' } })),
      ...Array.from({ length: 8 }, (_, index) => (index % 2 === 0 ? one : two).patch(id, { metadata: { [`m${index}`]: 'x' } })),
      two.heartbeat([{ ...id, generation: 'g1', status: 'draining' }])
    ])
    for (const registry of registries) {
      await registry.store.sync()
      const instance = registry.catalog.entry('shop', 'orders', 'a')?.instance
      t.same(Object.keys(instance?.labels ?? {}).sort(), [...keys].sort())
      t.equal(Object.keys(instance?.metadata ?? {}).length, 8)
      t.equal(instance?.status, 'draining')
    }
  })
}
