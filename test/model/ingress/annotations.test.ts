// What an ingress says by annotations: each rule, and that a misspelt one is refused.
import t from 'tap'
import { ingressAnnotationFaults, ingressAnnotations, ingressAnnotationsOf } from '../../../server/model/ingress/annotations.ts'

const key = (name: string): string => `rollcall.dev/ingress-${name}`
const of = (texts: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [key(name), text]))
const canary = { 'canary-service': 'web-next:80' }

const good: readonly (readonly [texts: Readonly<Record<string, string>>, says: object])[] = [
  [{ timeout: '30s' }, { responseTimeoutMs: 30_000 }],
  [{ 'body-limit': '10Mi' }, { maxBodyBytes: 10_485_760 }],
  [{ 'body-limit': '10MiB' }, { maxBodyBytes: 10_485_760 }],
  [{ 'body-limit': '512k' }, { maxBodyBytes: 512_000 }],
  [{ 'body-limit': '0' }, { maxBodyBytes: 0 }],
  [{ 'rewrite-prefix': '/' }, { rewritePrefix: '/' }],
  [{ 'rewrite-prefix': '/v2/' }, { rewritePrefix: '/v2/' }],
  [{ 'redirect-https': 'true' }, { redirectsToHttps: true }],
  [{ 'redirect-https': 'false' }, { redirectsToHttps: false }],
  [{ 'allow-sources': '10.0.0.0/8, 2001:db8::/32' }, { allowedSources: [{ family: 4 }, { family: 6 }] }],
  [{ ...canary, 'canary-weight': '10' }, { canary: { service: 'web-next', port: { number: 80 }, weight: 10 } }],
  [{ 'canary-service': 'web-next:http', 'canary-header': 'X-Canary' }, { canary: { service: 'web-next', port: { name: 'http' }, weight: 0, header: { name: 'x-canary' } } }],
  [{ ...canary, 'canary-weight': '100', 'canary-header': 'X-Canary: yes please' }, { canary: { weight: 100, header: { name: 'x-canary', value: 'yes please' } } }],
  [{ 'affinity-cookie': 'route' }, { affinityCookie: 'route' }],
  [{ 'encoded-slash': 'allow' }, { allowsEncodedSlash: true }]
]

const bad: readonly (readonly [name: string, text: string, rule: RegExp, more?: Readonly<Record<string, string>>])[] = [
  ['timeout', '30', /duration/], ['timeout', '0s', /100ms to 1h/], ['timeout', '2h', /100ms to 1h/],
  ['body-limit', '', /octets/], ['body-limit', '-1', /octets/], ['body-limit', '10mb', /octets/], ['body-limit', '999999999999999Gi', /octets/],
  ['rewrite-prefix', 'v2', /path/], ['rewrite-prefix', '/a//b', /path/], ['rewrite-prefix', '/../x', /path/], ['rewrite-prefix', '/a?b', /path/], ['rewrite-prefix', '/a b', /path/],
  ['rewrite-prefix', '/%2e%2e/', /path/], ['rewrite-prefix', '/ü', /path/], ['rewrite-prefix', '/%', /path/], ['rewrite-prefix', '/a\n', /path/],
  ['redirect-https', 'yes', /true or false/], ['redirect-https', '', /true or false/],
  ['allow-sources', '', /one is empty/], ['allow-sources', '10.0.0.0/8,', /one is empty/], ['allow-sources', '10.0.0.1/8', /networks/], ['allow-sources', 'all', /networks/],
  ['canary-weight', '101', /0 to 100/, canary], ['canary-weight', '1.5', /0 to 100/, canary], ['canary-weight', '-1', /0 to 100/, canary], ['canary-weight', '', /0 to 100/, canary],
  ['canary-service', 'web', /name and the port/, { 'canary-weight': '1' }], ['canary-service', 'web:0', /name and the port/, { 'canary-weight': '1' }],
  ['canary-service', 'web:65536', /name and the port/, { 'canary-weight': '1' }], ['canary-service', 'other/web:80', /name and the port/, { 'canary-weight': '1' }],
  ['canary-header', 'X Canary', /name of a header/, canary], ['canary-header', 'X-Canary:', /name of a header/, canary], ['canary-header', 'Host', /travels/, canary],
  ['canary-header', 'X-Canary: a\r\nb', /name of a header/, canary],
  ['affinity-cookie', 'a;b', /cookie/], ['affinity-cookie', '', /cookie/], ['encoded-slash', 'true', /allow/],
  ['canary-weight', '10', /needs rollcall.dev\/ingress-canary-service/], ['canary-header', 'X-Canary', /needs rollcall.dev\/ingress-canary-service/],
  ['canary-service', 'web:80', /needs rollcall.dev\/ingress-canary-weight or/],
  ['time-out', '30s', /is not known: known are rollcall.dev\/ingress-timeout,/], ['', 'x', /is not known/], ['toString', 'x', /is not known/]
]

t.test('what an annotation says is read', async (t) => {
  for (const [texts, says] of good) {
    t.match(ingressAnnotationsOf(of(texts)), says, JSON.stringify(texts))
    t.same(ingressAnnotationFaults(of(texts)), [], JSON.stringify(texts))
  }
  t.same(ingressAnnotationsOf(undefined), {})
  t.same(ingressAnnotationFaults({ 'nginx.ingress.kubernetes.io/rewrite-target': '/' }), [], 'those of others are theirs')
  const shown = new Set(good.flatMap(([texts]) => Object.keys(texts).map(key)))
  t.same([...shown].sort(), [...ingressAnnotations].sort(), 'each has a row')
})

t.test('what breaks a rule is refused by name, value and rule, and counts for nothing where it lies in the store', async (t) => {
  for (const [name, text, rule, more = {}] of bad) {
    t.match(ingressAnnotationFaults(of({ ...more, [name]: text })), [{ field: `metadata.annotations[${key(name)}]`, value: text, rule }], `${name}=${text}`)
    t.notOk(Object.values(ingressAnnotationsOf(of({ [name]: text }))).length > 0 && name !== 'canary-weight', `${name}=${text} says nothing`)
  }
})
