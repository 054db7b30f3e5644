// The rules of Ingress and IngressClass: causes in the order and with the words of Kubernetes.
import t from 'tap'
import { type Cause, messageOf } from '../../../server/model/service/causes.ts'
import { decoded } from '../../../server/model/service/schema.ts'
import { objectKinds, type ObjectKind, type ObjectManifest } from '../../../server/model/manifest/object-kinds.ts'

type Row = readonly [says: string, change: object, causes: readonly string[]]

function read (kind: ObjectKind, value: object): ObjectManifest {
  const found = decoded(kind, value, 'shop')
  if ('refusal' in found) throw new Error(JSON.stringify(found.refusal))
  return found.manifest as ObjectManifest
}

const shown = (causes: readonly Cause[]): string[] => causes.map(({ field, message }) => `${field}: ${message}`)
const causesOf = (kind: ObjectKind, value: object, old?: object): string[] =>
  shown(objectKinds[kind].faults(read(kind, value), old === undefined ? undefined : read(kind, old)))

const backend = { service: { name: 'web', port: { number: 80 } } }
const at = (path: object): object => ({ rules: [{ host: 'shop.example', http: { paths: [path] } }] })
const route = { path: '/', pathType: 'Prefix', backend }
const ingress = (spec: object, annotations?: object): object => ({ metadata: { name: 'web', ...(annotations === undefined ? {} : { annotations }) }, spec })
const p = 'spec.rules[0].http.paths[0]'
const subdomain = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
const wildcard = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
const host = (text: string): object => ({ rules: [{ host: text, http: { paths: [route] } }] })
const invalid = (field: string, value: unknown, text: string): string => `${field}: Invalid value: ${JSON.stringify(value)}: ${text}`

const specs: readonly Row[] = [
  ['a rule', at(route), []],
  ['a default backend alone', { defaultBackend: backend }, []],
  ['neither', {}, [invalid('spec', null, 'either `defaultBackend` or `rules` must be specified')]],
  ['a rule without paths goes to the default backend', { rules: [{ host: 'shop.example' }] }, []],
  ['no paths', { rules: [{ http: { paths: [] } }] }, ['spec.rules[0].http.paths: Required value']],
  ['a wildcard', host('*.shop.example'), []],
  ['an address', host('192.0.2.1'), [invalid('spec.rules[0].host', '192.0.2.1', 'must be a DNS name, not an IP address')]],
  ['a port', host('shop.example:80'), [invalid('spec.rules[0].host', 'shop.example:80', subdomain)]],
  ['upper case', host('Shop.example'), [invalid('spec.rules[0].host', 'Shop.example', subdomain)]],
  ['an IDN that is not in ASCII', host('büro.example'), [invalid('spec.rules[0].host', 'büro.example', subdomain)]],
  ['an IDN as ASCII has it', host('xn--bro-hoa.example'), []],
  ['a dot at the end', host('shop.example.'), [invalid('spec.rules[0].host', 'shop.example.', subdomain)]],
  ['a wildcard in the middle', host('a.*.example'), [invalid('spec.rules[0].host', 'a.*.example', wildcard)]],
  ['a wildcard alone', host('*'), [invalid('spec.rules[0].host', '*', wildcard)]],
  ['no type of path', at({ path: '/', backend }), [`${p}.pathType: Required value: pathType must be specified`]],
  ['an unknown type of path', at({ ...route, pathType: 'Regex' }), [`${p}.pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"`]],
  ['a relative path', at({ ...route, path: 'cart' }), [invalid(`${p}.path`, 'cart', 'must be an absolute path')]],
  ['no path', at({ pathType: 'Exact', backend }), [invalid(`${p}.path`, '', 'must be an absolute path')]],
  ['an implementation may go without', at({ pathType: 'ImplementationSpecific', backend }), []],
  ['or have any', at({ pathType: 'ImplementationSpecific', path: '/a//b/../%2f', backend }), []],
  ['but an absolute one', at({ pathType: 'ImplementationSpecific', path: 'a', backend }), [invalid(`${p}.path`, 'a', 'must be an absolute path')]],
  ['what programs read differently', at({ ...route, path: '/a//b/../c/%2f%2F/.' }),
    ["must not contain '//'", "must not contain '/../'", "must not contain '%2f'", "must not contain '%2F'", "cannot end with '/.'"].map((text) => invalid(`${p}.path`, '/a//b/../c/%2f%2F/.', text))],
  ['no backend', at({ path: '/', pathType: 'Exact' }), [invalid(`${p}.backend`, '', 'resource or service backend is required')]],
  ['both', at({ ...route, backend: { ...backend, resource: { kind: 'Bucket', name: 'b' } } }), [invalid(`${p}.backend`, '', 'cannot set both resource and service backends')]],
  ['a resource', at({ ...route, backend: { resource: { kind: 'Bucket', name: 'b' } } }), [`${p}.backend.resource: Forbidden: a backend is a service here: resources are served by nobody`]],
  ['a service without a name', at({ ...route, backend: { service: { port: { number: 80 } } } }), [`${p}.backend.service.name: Required value`]],
  ['both ports', at({ ...route, backend: { service: { name: 'web', port: { number: 80, name: 'http' } } } }), [invalid(`${p}.backend`, '', 'cannot set both port name & port number')]],
  ['no port', at({ ...route, backend: { service: { name: 'web', port: { number: 0, name: '' } } } }), [`${p}.backend: Required value: port name or number is required`]],
  ['a port that is none', at({ ...route, backend: { service: { name: 'web', port: { number: 65_536 } } } }), [invalid(`${p}.backend.service.port.number`, 65_536, 'must be between 1 and 65535, inclusive')]],
  ['a number as a name', at({ ...route, backend: { service: { name: 'web', port: { name: '80' } } } }), [invalid(`${p}.backend.service.port.name`, '80', 'must contain at least one letter (a-z)')]],
  ['hosts and the secret of a certificate', { defaultBackend: backend, tls: [{ hosts: ['A', '*.b.c', '*x'], secretName: 'My_Secret' }] },
    [invalid('spec.tls[0].hosts[0]', 'A', subdomain), invalid('spec.tls[0].hosts[2]', '*x', wildcard), invalid('spec.tls[0].secretName', 'My_Secret', subdomain)]],
  ['the default certificate', { defaultBackend: backend, tls: [{}, { secretName: '' }] }, []],
  ['a class', { defaultBackend: backend, ingressClassName: 'My Class' }, [invalid('spec.ingressClassName', 'My Class', subdomain)]],
  ['an empty class', { defaultBackend: backend, ingressClassName: '' }, [invalid('spec.ingressClassName', '', subdomain)]]
]

t.test('an ingress', async (t) => {
  for (const [says, spec, causes] of specs) t.same(causesOf('Ingress', ingress(spec)), causes, says)
  t.match(causesOf('Ingress', { metadata: {}, spec: { defaultBackend: backend } }), ['metadata.name: Required value: name or generateName is required'])
  t.equal(messageOf('Ingress', 'web', objectKinds.Ingress.faults(read('Ingress', ingress({})), undefined)),
    'Ingress "web" is invalid: spec: Invalid value: null: either `defaultBackend` or `rules` must be specified')
})

t.test('a class by the older annotation must be that of the field when it is created, and may differ later', async (t) => {
  const value = ingress({ defaultBackend: backend, ingressClassName: 'one' }, { 'kubernetes.io/ingress.class': 'two' })
  t.same(causesOf('Ingress', value), [invalid('annotations.kubernetes.io/ingress.class', 'two', 'must match `ingressClassName` when both are specified')])
  t.same(causesOf('Ingress', value, value), [])
})

t.test('an ingress has a limit of what is looked at', async (t) => {
  const many = { rules: [{ http: { paths: Array.from({ length: 1_001 }, (_, index) => ({ ...route, path: `/${index}` })) } }] }
  t.same(causesOf('Ingress', ingress(many)), [invalid('spec.rules', 1_001, 'must have at most 1000 paths in all')])
})

const controller = (text: string): object => ({ controller: text })
const classes: readonly Row[] = [
  ['ours', controller('rollcall.dev/ingress'), []],
  ['none', {}, ['spec.controller: Required value']],
  ['no path', controller('rollcall.dev'), [invalid('spec.controller', 'rollcall.dev', 'must be a domain-prefixed path (such as "acme.io/foo")')]],
  ['an empty path', controller('rollcall.dev/'), [invalid('spec.controller', 'rollcall.dev/', 'must be a domain-prefixed path (such as "acme.io/foo")')]],
  ['no domain', controller('My_Host/x'), [invalid('spec.controller', 'My_Host', subdomain)]],
  ['a strange path', controller('a.b/c d'), [invalid('spec.controller', 'c d', "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')")]],
  ['too long', controller(`a.b/${'c'.repeat(250)}`), ['spec.controller: Too long: may not be more than 250 bytes']],
  ['parameters', { ...controller('a.b/c'), parameters: { apiGroup: 'x.y', kind: 'Z', name: 'n' } }, []],
  ['parameters without a name', { ...controller('a.b/c'), parameters: { apiGroup: 'X', kind: 'a/b' } },
    [invalid('spec.parameters.apiGroup', 'X', subdomain), invalid('spec.parameters.kind', 'a/b', "may not contain '/'"), 'spec.parameters.name: Required value']],
  ['a namespace of the whole cluster', { ...controller('a.b/c'), parameters: { kind: 'Z', name: 'n', namespace: 'shop' } },
    ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"]],
  ['no namespace', { ...controller('a.b/c'), parameters: { kind: 'Z', name: '..', scope: 'Namespace' } },
    [invalid('spec.parameters.name', '..', "may not be '..'"), "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"]],
  ['an unknown scope', { ...controller('a.b/c'), parameters: { kind: 'Z', name: 'n', scope: 'World' } },
    ['spec.parameters.scope: Unsupported value: "World": supported values: "Cluster", "Namespace"']]
]

t.test('a class of ingresses', async (t) => {
  for (const [says, spec, causes] of classes) t.same(causesOf('IngressClass', { metadata: { name: 'rollcall' }, spec }), causes, says)
  const one = { metadata: { name: 'rollcall' }, spec: controller('a.b/c') }
  t.same(causesOf('IngressClass', { ...one, spec: controller('a.b/d') }, one), [invalid('spec.controller', 'a.b/d', 'field is immutable')])
  t.match(read('IngressClass', { metadata: { name: 'c' }, spec: { controller: 'a.b/c', parameters: { kind: 'Z', name: 'n' } } }), { spec: { parameters: { scope: 'Cluster' } } }, 'the scope is filled in')
})

t.test('a field that an ingress does not have is refused by name', async (t) => {
  const found = decoded('Ingress', ingress({ ...at(route), backend: {} }), 'shop')
  t.match(found, { refusal: { faults: [{ field: 'spec.backend', rule: /known field/ }] } })
})
