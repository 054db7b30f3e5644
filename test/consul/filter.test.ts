// The filter language, as tables of expressions.
import t from 'tap'
import { parseFilter } from '../../server/consul/filter/filter.ts'

const entry = {
  Node: { Node: 'n1', Meta: { rack: 'r1' } },
  Service: { ID: 'web-1', Tags: ['v1', 'blue'], Meta: { zone: 'eu', 'a/b': 'x', empty: '' }, Port: 8080, EnableTagOverride: false, Nothing: [] },
  Checks: [{ Status: 'passing', Name: 'one' }, { Status: 'warning', Name: 'two' }]
}

t.test('expressions are true or false', async (t) => {
  for (const [text, expected] of [
    ['Service.ID == "web-1"', true], ['Service.ID == web-1', true], ['Service.ID==`web-1`', true], ['Service.ID != web-1', false], ['Service.Port == 8080', true], ['Service.Port != 80', true],
    ['"v1" in Service.Tags', true], ['v1 in Service.Tags', true], ['"v2" in Service.Tags', false], ['"v2" not in Service.Tags', true], ['Service.Tags contains "blue"', true], ['Service.Tags not contains blue', false],
    ['Service.Meta.zone == eu', true], ['Service.Meta["a/b"] == x', true], ['Service.Meta["no"] == x', false], ['Service.Meta.no != x', true], ['zone in Service.Meta', true], ['Service.Meta contains no', false],
    ['Service.Nothing is empty', true], ['Service.Tags is not empty', true], ['Service.Meta.empty is empty', true], ['Service.Meta.no is empty', true], ['Service.EnableTagOverride == false', true],
    ['Checks.Status == warning', true], ['Checks.Status == critical', false], ['Checks.Name matches "^t"', true], ['Service.ID matches "web-[0-9]+"', true], ['Service.ID not matches `^db`', true], ['Service.Tags matches "^bl"', true],
    ['not Service.ID == web-1', false], ['not not Service.ID == web-1', true], ['Service.ID == a or Service.ID == web-1', true], ['Service.ID == web-1 and Service.Port == 1', false],
    ['Service.ID == a or Service.ID == web-1 and Service.Port == 1', false], ['(Service.ID == a or Service.ID == web-1) and Service.Port == 8080', true], ['not (v1 in Service.Tags and green in Service.Tags)', true],
    ['Node.Meta.rack == r1', true], ['Node.Meta["rack"] == "r\\x31"', true], ['Service.Meta.zone == "\\u0065u"', true], ['SERVICE_1 == x', false], ['Service.ID AND Service.ID == x', null], ['Service.Meta.constructor is empty', true]
  ] as const) {
    if (expected === null) t.throws(() => parseFilter(text), { name: 'ConsulError' }, text)
    else t.equal(parseFilter(text).matches(entry), expected, text)
  }
})

t.test('what cannot be read is refused with the place', async (t) => {
  for (const text of [
    '(', ')', 'a', 'a ==', '== a', 'a == b c', 'a is', 'a is not', 'a is full', 'a in', '"a" == b', 'a and b', 'a == "b', 'a == "\\q"', 'a[b] == c', 'a["b" == c', 'a..b == c', '.a == b', 'a == b and', 'not', 'a not b', '!', 'a == b )',
    `${'('.repeat(100)}a == b${')'.repeat(100)}`, `a == ${'x'.repeat(5_000)}`, Array.from({ length: 400 }, () => 'a==b').join(' or '), 'a matches "("', 'a matches "(?=b)"', 'a matches "(a)\\\\1"', `a matches "${'a'.repeat(600)}"`, 'a matches "(a{1000}){1000}"'
  ]) t.throws(() => parseFilter(text), { name: 'ConsulError', message: /^Failed to create boolean expression evaluator: ./ }, text.slice(0, 60))
})

t.test('a pattern that explodes elsewhere takes no time here', async (t) => {
  const text = `${'a'.repeat(4_000)}!`
  for (const pattern of ['^(a+)+$', '^(a|a)*$', '^(a|aa)+$', '(.*)*b', '^([a-z]+.?)*$']) t.equal(parseFilter(`X matches "${pattern.replaceAll('\\', '\\\\')}"`).matches({ X: text }), pattern === '^([a-z]+.?)*$', pattern)
})
