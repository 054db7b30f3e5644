// Kubernetes' rules of hosts and paths, as a table; and any set of rules against a model that looks at all of them.
import fc from 'fast-check'
import t from 'tap'
import type { Ingress } from '../../../client-sdk/src/ingress-manifests.ts'
import { maxRoutes, RouteTable } from '../../../server/proxy/ingress/route-table.ts'
import { ingress, ingressClass } from '../../support/ingress.ts'

function tableOf (...ingresses: readonly Ingress[]): RouteTable {
  const table = new RouteTable()
  table.set(ingresses, [])
  return table
}

/** The service that answers, without its namespace; `-` for 404. */
function answers (table: RouteTable, url: string): string {
  const [, host = '', path = ''] = /^([^/]*)(.*)$/.exec(url) ?? []
  return table.find(host, path)?.backend.service.split('/')[1] ?? '-'
}

const tables: readonly (readonly [rules: readonly string[], cases: Readonly<Record<string, string>>])[] = [
  [['a.example / Prefix all'], { 'a.example/': 'all', 'a.example/x/y': 'all', 'a.example//': 'all', 'b.example/': '-', 'x.a.example/': '-' }],
  [['a.example /foo Exact foo'], { 'a.example/foo': 'foo', 'a.example/bar': '-', 'a.example/foo/': '-', 'a.example/Foo': '-', 'a.example/foo/x': '-' }],
  [['a.example /foo/ Exact foo'], { 'a.example/foo': '-', 'a.example/foo/': 'foo' }],
  [['a.example /foo Prefix foo'], { 'a.example/foo': 'foo', 'a.example/foo/': 'foo', 'a.example/foo/bar': 'foo', 'a.example/foobar': '-', 'a.example/FOO': '-', 'a.example/': '-' }],
  [['a.example /foo/ Prefix foo'], { 'a.example/foo': 'foo', 'a.example/foo/': 'foo', 'a.example/foo/bar': 'foo', 'a.example/foobar': '-' }],
  [['a.example /aaa/bb Prefix b'], { 'a.example/aaa/bbb': '-', 'a.example/aaa/bb': 'b', 'a.example/aaa/bb/': 'b' }],
  [['a.example /aaa/bbb Prefix b'], { 'a.example/aaa/bbb': 'b', 'a.example/aaa/bbb/': 'b', 'a.example/aaa/bbb/ccc': 'b', 'a.example/aaa/bbbxyz': '-', 'a.example/aaa': '-' }],
  [['a.example / Prefix root', 'a.example /aaa Prefix a', 'a.example /aaa/bbb Prefix b'], {
    'a.example/aaa/bbb/c': 'b', 'a.example/aaa/c': 'a', 'a.example/ccc': 'root', 'a.example/aaab': 'root', 'a.example/aaa//bbb': 'a'
  }],
  [['a.example /foo Prefix prefix', 'a.example /foo Exact exact'], { 'a.example/foo': 'exact', 'a.example/foo/': 'prefix', 'a.example/foo/x': 'prefix' }],
  [['a.example /foo/ Prefix prefix', 'a.example /foo Exact exact'], { 'a.example/foo': 'exact', 'a.example/foo/x': 'prefix' }],
  [['a.example /foo Impl impl'], { 'a.example/foo': 'impl', 'a.example/foo/x': 'impl', 'a.example/foobar': '-' }],
  [['a.example  Impl empty'], { 'a.example/': 'empty', 'a.example/any': 'empty' }],
  [['a.example /x%2fy Impl kept', 'a.example /x Prefix x'], { 'a.example/x%2fy': 'kept', 'a.example/x%2Fy': '-', 'a.example/x/y': 'x' }],
  [['*.example / Prefix wild'], { 'a.example/': 'wild', 'example/': '-', 'a.b.example/': '-', '.example/': '-' }],
  [['*.foo.example / Prefix wild', 'a.foo.example / Prefix exact', '* / Prefix any'], {
    'a.foo.example/': 'exact', 'b.foo.example/': 'wild', 'foo.example/': 'any', 'a.b.foo.example/': 'any', 'other/': 'any', '/': 'any'
  }],
  // The host decides first: another host's paths are not looked at.
  [['a.foo.example /x Prefix exact', '*.foo.example / Prefix wild', '* / Prefix any'], { 'a.foo.example/x': 'exact', 'a.foo.example/y': '-', 'b.foo.example/y': 'wild' }],
  [['* /a Prefix a', '* /a/b Exact b'], { '10.0.0.1/a/b': 'b', '[::1]/a/b/c': 'a', 'any.thing/b': '-' }],
  [['SHOP.example / Prefix shop'], { 'shop.example/': 'shop' }]
]

let cases = 0
for (const [rules, expected] of tables) {
  t.test(rules.join(', '), async (t) => {
    const table = tableOf(ingress('one', { rules }))
    for (const [url, service] of Object.entries(expected)) {
      cases++
      t.equal(answers(table, url), service, url)
    }
  })
}

t.test('at least sixty cases were looked at', async (t) => { t.ok(cases >= 60, String(cases)) })

t.test('the older ingress has a path that two claim, then the one whose name comes first; both are told', async (t) => {
  const older = ingress('z', { rules: ['a.example /x Prefix older', 'a.example /x Prefix later'], created: 1 })
  const newer = ingress('a', { rules: ['a.example /x/ Prefix newer', 'a.example /y Prefix own'], created: 2 })
  const table = tableOf(newer, older)
  t.equal(answers(table, 'a.example/x'), 'older')
  t.equal(answers(table, 'a.example/y'), 'own', 'what only the newer one has is merged')
  t.match(table.notices().filter(({ ingress: name }) => name === 'default/a'), [{ reason: 'PathTaken', message: /default\/z, which is older/ }])
  t.match(table.notices().filter(({ ingress: name }) => name === 'default/z'), [{ message: /earlier rule of the same/ }, { message: /claimed by default\/a/ }])
  table.remove('default', 'z')
  t.equal(answers(table, 'a.example/x'), 'newer')
  t.strictSame(table.notices(), [])
  const same = tableOf(ingress('b', { rules: ['a.example / Prefix b'] }), ingress('a', { rules: ['a.example / Prefix a'] }))
  t.equal(answers(same, 'a.example/'), 'a')
})

t.test('default backends: of the ingress of the host, of one that is nothing else, of any', async (t) => {
  const host = ingress('host', { rules: ['a.example /x Prefix x'], defaultBackend: 'own', created: 5 })
  const other = ingress('other', { rules: ['b.example /x Prefix x'], defaultBackend: 'others', created: 1 })
  const all = ingress('all', { defaultBackend: 'all', created: 9 })
  const table = tableOf(host, other, all)
  t.equal(answers(table, 'a.example/y'), 'own')
  t.equal(answers(table, 'b.example/y'), 'others')
  t.equal(answers(table, 'c.example/'), 'all', 'an ingress without rules is meant for the rest')
  table.remove('default', 'all')
  t.equal(answers(table, 'c.example/'), 'others', 'else the oldest one that has any')
  table.remove('default', 'other')
  table.remove('default', 'host')
  t.equal(answers(table, 'a.example/x'), '-')
})

t.test('a rule of a host without paths leaves it to the default backend', async (t) => {
  const bare: Ingress = { ...ingress('bare', { defaultBackend: 'rest' }), spec: { defaultBackend: { service: { name: 'rest', port: { number: 80 } } }, rules: [{ host: 'a.example' }] } }
  t.equal(answers(tableOf(bare, ingress('any', { rules: ['* / Prefix any'] })), 'a.example/x'), 'rest')
})

t.test('classes: ours, others, the default one, none', async (t) => {
  const served = (name: string | undefined, ...classes: readonly Parameters<typeof ingressClass>[]): boolean => {
    const table = new RouteTable()
    table.set([ingress('one', { rules: ['* / Prefix web'], ...(name === undefined ? {} : { className: name }) })], classes.map((each) => ingressClass(...each)))
    return table.isServed('default', 'one')
  }
  const foreign = { controller: 'k8s.io/ingress-nginx' }
  t.ok(served(undefined), 'there are no classes')
  t.ok(served('rollcall'), 'ours needs no object')
  t.notOk(served('nginx'), 'of a class that nobody has made')
  t.ok(served('mine', ['mine']))
  t.notOk(served('mine', ['mine', foreign]))
  t.notOk(served('rollcall', ['rollcall', foreign]), 'an object of our name says whose it is')
  t.ok(served(undefined, ['mine']), 'there is no default, and all classes are ours')
  t.notOk(served(undefined, ['mine'], ['other', foreign]), 'there is no default, and one is of somebody else')
  t.ok(served(undefined, ['mine', { isDefault: true }], ['other', foreign]))
  t.notOk(served(undefined, ['mine'], ['other', { ...foreign, isDefault: true }]))
  t.ok(served(undefined, ['old', { ...foreign, isDefault: true }], ['new', { isDefault: true, created: 1 }]), 'of two defaults the newer')
})

t.test('a class that comes, changes and goes', async (t) => {
  const table = tableOf(ingress('one', { rules: ['* / Prefix web'], className: 'mine' }))
  t.match(table.notices(), [{ reason: 'ClassNotServed', message: /no IngressClass mine/ }])
  table.putClass(ingressClass('mine'))
  t.equal(answers(table, 'a/'), 'web')
  table.putClass(ingressClass('mine', { controller: 'other' }))
  t.equal(answers(table, 'a/'), '-')
  t.match(table.notices(), [{ message: /of the controller other/ }])
  table.removeClass('mine')
  t.match(table.notices(), [{ message: /no IngressClass/ }])
})

t.test('beyond five thousand paths the newest ingress waits until there is room', async (t) => {
  const many = Array.from({ length: maxRoutes - 1 }, (_, index) => `h${index}.example /p Prefix web`)
  const table = tableOf(ingress('many', { rules: many }), ingress('late', { rules: ['a.example / Prefix late', 'b.example / Prefix late'], created: 1 }))
  t.equal(answers(table, 'a.example/'), '-')
  t.match(table.notices(), [{ ingress: 'default/late', reason: 'TooManyRules' }])
  table.put(ingress('many', { rules: many.slice(1) }))
  t.equal(answers(table, 'a.example/'), 'late')
  t.strictSame(table.notices(), [])
})

t.test('which secret a host has: exact, wildcard, the older ingress', async (t) => {
  const table = tableOf(
    ingress('one', { rules: ['a.example / Prefix a', 'c.example / Prefix a'], tls: [{ hosts: ['A.example', '*.b.example'], secretName: 's1' }], created: 1 }),
    ingress('two', { rules: ['d.example / Prefix a'], tls: [{ hosts: ['a.example'], secretName: 's2' }, { secretName: 's3' }], created: 2 })
  )
  const expected = { 'a.example': 'default/s1', 'x.b.example': 'default/s1', 'x.y.b.example': undefined, 'c.example': undefined, 'd.example': 'default/s3' }
  for (const [host, secret] of Object.entries(expected)) t.equal(table.secretOf(host), secret, host)
  t.strictSame([...table.secrets()].sort(), ['default/s1', 'default/s2', 'default/s3'])
  table.remove('default', 'one')
  t.equal(table.secretOf('a.example'), 'default/s2')
})

t.test('any changes of any ingresses end as a model has it that looks at every rule', async () => {
  const host = fc.constantFrom('*', 'a.example', 'b.example', '*.example', '*.a.example', 'x.a.example')
  const path = fc.array(fc.constantFrom('a', 'b', 'ab', ''), { maxLength: 3 }).map((parts) => `/${parts.join('/')}`)
  const rule = fc.tuple(host, path, fc.constantFrom('Exact', 'Prefix', 'Impl'), fc.constantFrom('s1', 's2', 's3')).map((parts) => parts.join(' '))
  const change = fc.record({
    name: fc.constantFrom('i1', 'i2', 'i3', 'i4'), rules: fc.array(rule, { maxLength: 5 }), created: fc.nat(3), isGone: fc.boolean(), defaultBackend: fc.option(fc.constant('d'), { nil: undefined })
  })
  const asked = fc.tuple(fc.constantFrom('a.example', 'b.example', 'c.example', 'x.a.example', 'y.a.example', 'other', ''), path)
  fc.assert(fc.property(fc.array(change, { maxLength: 8 }), fc.array(asked, { minLength: 5, maxLength: 20 }), (changes, questions) => {
    const table = new RouteTable()
    const live = new Map<string, Ingress>()
    for (const { name, isGone, defaultBackend, ...text } of changes) {
      const made = ingress(name, { ...text, ...(defaultBackend === undefined ? {} : { defaultBackend: `${defaultBackend}${name}` }) })
      if (isGone) {
        table.remove('default', name)
        live.delete(name)
      } else {
        table.put(made)
        live.set(name, made)
      }
    }
    for (const [name, where] of questions) {
      const expected = model([...live.values()], name, where)
      const found = answers(table, `${name}${where}`)
      if (found !== expected) throw new Error(`${name}${where}: ${found}, the model says ${expected}`)
    }
  }), { numRuns: 300 })
})

/** Kubernetes' rules, one after the other, over all rules. */
function model (ingresses: readonly Ingress[], host: string, path: string): string {
  const keyOf = ({ metadata }: Ingress): string => `${metadata.creationTimestamp ?? ''} ${metadata.name}`
  const sorted = [...ingresses].sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1))
  const all = sorted.flatMap((each, age) => (each.spec.rules ?? []).map((rule) => ({ rule, each, age })))
  const fits = (name: string | undefined, level: number): boolean => {
    if (level === 2) return name === undefined
    if (name === undefined) return false
    return level === 0 ? name === host : name.startsWith('*.') && host.split('.').slice(1).join('.') === name.slice(2) && host.split('.')[0] !== ''
  }
  const level = [0, 1, 2].find((number) => all.some(({ rule }) => fits(rule.host, number)))
  const rules = level === undefined ? [] : all.filter(({ rule }) => fits(rule.host, level))
  const elements = (text: string): string[] => text.split('/').slice(1)
  const paths = rules.flatMap(({ rule }) => rule.http?.paths ?? []).flatMap(({ path: given = '', pathType, backend }) => {
    const wanted = elements(pathType !== 'Exact' && given.endsWith('/') ? given.slice(0, -1) : given)
    const isFit = pathType === 'Exact' ? given === path : wanted.every((element, index) => elements(path)[index] === element)
    return isFit ? [{ length: wanted.length, isExact: pathType === 'Exact', backend }] : []
  })
  const best = paths.reduce<typeof paths[number] | undefined>((first, each) => {
    if (first === undefined) return each
    if (each.isExact !== first.isExact) return each.isExact ? each : first
    return each.length > first.length ? each : first
  }, undefined)
  if (best !== undefined) return best.backend.service.name
  const own = sorted.find((each) => each.spec.defaultBackend !== undefined && rules.some((rule) => rule.each === each))
  const any = [...sorted.filter(({ spec }) => (spec.rules ?? []).length === 0), ...sorted.filter(({ spec }) => (spec.rules ?? []).length > 0)]
  return (own ?? any.find(({ spec }) => spec.defaultBackend !== undefined))?.spec.defaultBackend?.service.name ?? '-'
}
