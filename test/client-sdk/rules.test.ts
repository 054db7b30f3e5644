// The rules that the registry and its clients share, as tables. Who may be called is in balancer.test.ts.
import t from 'tap'
import {
  conditionsOf, isId, isLabel, isLabelKey, isLabelValue, loadFaults, matches, parseSelector, SelectorFault
} from '../../client-sdk/src/rules.ts'
import { endpointsPath, heartbeatsPath, instancePath, pathOf } from '../../client-sdk/src/paths.ts'
import type { Status } from '../../client-sdk/src/wire.ts'

t.test('conditions: up, warning and draining serve unless suspect; draining terminates; ready is serving and not terminating', async (t) => {
  const table: [Status, boolean, string][] = [
    ['up', false, 'ready serving'], ['warning', false, 'ready serving'], [
      'draining', false, 'serving terminating'
    ], ['starting', false, ''], ['down', false, ''],
    ['up', true, ''], ['warning', true, ''], ['draining', true, 'terminating'], ['down', true, '']
  ]
  for (const [status, suspect, expected] of table) {
    t.equal(
      Object.entries(conditionsOf(status, suspect)).filter(([, value]) => value).map(([name]) => name).join(' '),
      expected, `${status} ${suspect}`
    )
  }
})

t.test('names', async (t) => {
  for (const good of ['a', 'a-b', '0', 'x'.repeat(63)]) t.ok(isLabel(good), good)
  for (const bad of ['', '-a', 'a-', 'A', 'a.b', 'x'.repeat(64), 1, null, undefined]) t.notOk(isLabel(bad), String(bad))
  for (const good of ['a', '...', 'a?b#c', 'x'.repeat(253)]) t.ok(isId(good), good)
  for (const bad of ['', '.', '..', 'a/b', 'a b', 'ä', 'x'.repeat(254), 5]) t.notOk(isId(bad), String(bad))
  t.ok(isLabelKey('rollcall.dev/service') && isLabelKey('a_b.c') && !isLabelKey('/a') && !isLabelKey('a/'))
  t.ok(isLabelValue('') && isLabelValue('v1.2') && !isLabelValue('-') && !isLabelValue('a b'))
})

t.test('selectors match as in Kubernetes', async (t) => {
  const labels: Readonly<Record<string, string>> = { app: 'web', tier: '', n: '10', in: 'notin' }
  const holds = (text: string): boolean => matches(parseSelector(text), (key) => labels[key])
  const table: [string, boolean][] = [
    ['', true], ['app', true], ['!app', false], ['!other', true], ['app=web', true], ['app == web', true], ['app!=web', false], ['other!=web', true],
    ['app in (a, web)', true], ['app notin (web)', false], ['other notin (web)', true], ['tier=', true], ['tier in (a,)', true], ['n>9', true], ['n>10', false],
    ['n<11', true], ['app>1', false], ['in=notin', true], ['in in (notin)', true], ['app=web,n>5,!x', true], ['app=web,x', false]
  ]
  for (const [text, expected] of table) t.equal(holds(text), expected, text)
})

t.test('a selector that is none says at which character, and what was expected', async (t) => {
  const table: [string, number, RegExp][] = [
    ['=a', 0, /label key/], ['a in', 4, /"\("/], ['a in ()', 6, /a value/], ['a in (b', 7, /","/], ['a=b c', 4, /","/], ['a>x', 2, /whole number/], ['-a', 0, /label key/],
    ['a=-', 2, /label value/], ['x'.repeat(5_000), 4_096, /longer/], [
      Array.from({ length: 65 }, (_, n) => `k${n}`).join(','), 246, /more than 64/
    ]
  ]
  for (const [text, at, rule] of table) {
    const fault: unknown = (() => { try { return parseSelector(text) } catch (error) { return error } })()
    if (!(fault instanceof SelectorFault)) t.fail(`${text} is taken`)
    else {
      t.equal(fault.at, at, text)
      t.match(fault.rule, rule, text)
    }
  }
})

t.test('a load has every fault named', async (t) => {
  t.strictSame(loadFaults({ cpu: { value: 1.5, capacity: 4 }, 'a/b': { value: -1 } }), [])
  t.match(
    loadFaults({ cpu: { value: NaN, capacity: 0 }, '-': { value: 1 } }),
    [{ field: 'load["cpu"].value' }, { field: 'load["cpu"].capacity' }, { field: 'load["-"]' }]
  )
  t.match(loadFaults({ cpu: 5, memory: null }), [{ field: 'load["cpu"].value' }, { field: 'load["memory"].value' }])
  for (const bad of [null, [], 'x', 1, undefined]) t.equal(loadFaults(bad).length, 1)
  t.match(
    loadFaults(Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`n${n}`, { value: 1 }]))),
    [{ field: 'load', rule: /more than 16/ }]
  )
})

t.test('paths are encoded part by part', async (t) => {
  t.equal(instancePath('shop', 'orders', 'a?b'), '/v1/namespaces/shop/services/orders/instances/a%3Fb')
  t.equal(
    instancePath('shop', 'orders', 'o-1', 'heartbeat'), '/v1/namespaces/shop/services/orders/instances/o-1/heartbeat'
  )
  t.equal(endpointsPath('shop', 'orders'), '/v1/namespaces/shop/services/orders/endpoints')
  t.equal(heartbeatsPath, '/v1/heartbeats')
  t.equal(pathOf('a/b', '\ud800'), '/v1/a%2Fb/%EF%BF%BD')
})
