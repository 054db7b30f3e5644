// What manifests may say about their answers in DNS, and what it means.
import t from 'tap'
import { dnsPolicyOf, serviceDnsFaults } from '../../server/model/service/dns-annotations.ts'
import { prepared } from '../../server/model/service/update.ts'
import { droppedFields } from '../../server/model/service/dropped-fields.ts'
import { serviceFaults } from '../../server/model/service/validate.ts'
import { manifest, one, read } from './service-manifests.ts'

const meta = (annotations: Record<string, string>): { name: string, namespace: string, annotations: Record<string, string> } => ({ name: 'web', namespace: 'shop', annotations })

t.test('a value that breaks its rule is refused, with its path, value and rule', async (t) => {
  const table: readonly (readonly [key: string, value: string, rule: RegExp])[] = [
    ['dns-ttl', '', /whole seconds or a duration like 30s or 5m, from 0s to 1h/],
    ['dns-ttl', '1.5s', /whole seconds/],
    ['dns-ttl', '500ms', /whole seconds/],
    ['dns-ttl', '-1', /whole seconds/],
    ['dns-ttl', '3601', /to 1h/],
    ['dns-ttl', '61m', /to 1h/],
    ['dns-ttl', ' 5s', /whole seconds/],
    ['dns-max-records', '0', /from 1 to 1000/],
    ['dns-max-records', '1001', /from 1 to 1000/],
    ['dns-max-records', 'all', /from 1 to 1000/],
    ['dns-max-records', '1e2', /from 1 to 1000/],
    ['dns-https', 'no', /"true" or "false"/],
    ['dns-fallback', '', /1-8 other services/],
    ['dns-fallback', 'a,', /1-8 other services/],
    ['dns-fallback', 'a/b/c', /1-8 other services/],
    ['dns-fallback', '/b', /1-8 other services/],
    ['dns-fallback', 'A', /1-8 other services/],
    ['dns-fallback', 'other, web', /1-8 other services/],
    ['dns-fallback', 'other, shop/web', /1-8 other services/],
    ['dns-fallback', 'a,b,c,d,e,f,g,h,i', /at most 8/]
  ]
  for (const [key, value, rule] of table) {
    const faults = serviceDnsFaults(meta({ [`rollcall.dev/${key}`]: value }))
    t.match(faults, [{ field: `metadata.annotations[rollcall.dev/${key}]`, message: rule }], `${key}: ${JSON.stringify(value)}`)
    t.equal(faults.length, 1)
  }
  const service = prepared(read(manifest({ ports: [{ port: 80 }] }, { annotations: { 'rollcall.dev/dns-ttl': 'soon' } })), undefined, one)
  t.match(serviceFaults(service, { families: one.families }), [{ field: 'metadata.annotations[rollcall.dev/dns-ttl]', value: 'soon' }], 'as part of the validation of a service')
})

t.test('an annotation that reads like one of these, and is none, is warned of', async (t) => {
  const warned =
    (key: string): readonly string[] =>
      droppedFields('Service', manifest({ ports: [{ port: 80 }] }, { annotations: { [key]: '5s' } }))
  t.match(warned('rollcall.dev/dns-tll'), [/dns-tll\] is not known and not acted on: known are rollcall.dev\/dns-ttl, /])
  t.strictSame([warned('rollcall.dev/dns-ttl'), warned('other.dev/dns-tll')], [[], []])
})

t.test('legal annotations are read', async (t) => {
  const table: readonly (readonly [key: string, value: string, policy: object])[] = [
    ['dns-ttl', '0', { ttlSeconds: 0 }], ['dns-ttl', '0s', { ttlSeconds: 0 }], ['dns-ttl', '30', { ttlSeconds: 30 }], ['dns-ttl', '5m', { ttlSeconds: 300 }], ['dns-ttl', '1h', { ttlSeconds: 3_600 }],
    ['dns-max-records', '1', { maxRecords: 1 }], ['dns-max-records', '1000', { maxRecords: 1_000 }],
    ['dns-https', 'false', { https: false }], ['dns-https', 'true', { https: true }],
    ['dns-fallback', 'web', { fallbacks: [{ namespace: 'shop', service: 'web' }] }],
    ['dns-fallback', 'far/web ,near', { fallbacks: [{ namespace: 'far', service: 'web' }, { namespace: 'shop', service: 'near' }] }]
  ]
  for (const [key, value, policy] of table) {
    const metadata = { ...meta({ [`rollcall.dev/${key}`]: value }), name: 'asking' }
    t.strictSame(serviceDnsFaults(metadata), [], `${key}: ${value}`)
    t.strictSame(dnsPolicyOf(metadata, undefined), { https: true, fallbacks: [], ...policy })
  }
})

t.test('a namespace has defaults, a service its own, and an illegal annotation counts as absent', async (t) => {
  const defaults = { 'rollcall.dev/dns-ttl': '10s', 'rollcall.dev/dns-max-records': '50', 'rollcall.dev/dns-https': 'false', 'rollcall.dev/dns-fallback': 'other' }
  t.strictSame(dnsPolicyOf(undefined, defaults), { ttlSeconds: 10, maxRecords: 50, https: false, fallbacks: [] }, 'an implicit service has no fallbacks')
  t.strictSame(dnsPolicyOf(meta({ 'rollcall.dev/dns-ttl': '20s', 'rollcall.dev/dns-https': 'true' }), defaults), { ttlSeconds: 20, maxRecords: 50, https: true, fallbacks: [] })
  t.strictSame(dnsPolicyOf(meta({ 'rollcall.dev/dns-ttl': 'soon', 'rollcall.dev/dns-fallback': '-' }), defaults), { ttlSeconds: 10, maxRecords: 50, https: false, fallbacks: [] })
  t.strictSame(dnsPolicyOf(undefined, undefined), { https: true, fallbacks: [] })
})
