import t from 'tap'
import fc from 'fast-check'
import { matches, parseSelector } from '../../server/model/instance/selector.ts'

const objects: Record<string, Record<string, string>> = {
  v1: { app: 'web', version: 'v1', tier: 'front', n: '5' },
  v2: { app: 'web', version: 'v2', n: '12' },
  db: { app: 'db', tier: '', in: 'notin' },
  none: {}
}

const table: readonly [string, readonly string[]][] = [
  ['', ['v1', 'v2', 'db', 'none']],
  ['   ', ['v1', 'v2', 'db', 'none']],
  ['app', ['v1', 'v2', 'db']],
  ['!app', ['none']],
  ['! app', ['none']],
  ['app=web', ['v1', 'v2']],
  ['app==web', ['v1', 'v2']],
  ['app = web , version=v2', ['v2']],
  ['app!=web', ['db', 'none']],
  ['app in (web,db)', ['v1', 'v2', 'db']],
  ['app in ( db )', ['db']],
  ['app notin (web)', ['db', 'none']],
  ['tier=', ['db']],
  ['tier in (a,)', ['db']],
  ['tier in (,a)', ['db']],
  ['tier in (,)', ['db']],
  ['tier notin (,)', ['v1', 'v2', 'none']],
  ['tier!=', ['v1', 'v2', 'none']],
  ['n>5', ['v2']],
  ['n > 4', ['v1', 'v2']],
  ['n<6', ['v1']],
  ['app>1', []],
  ['in', ['db']],
  ['in in (in,notin)', ['db']],
  ['in=notin', ['db']],
  ['notin', []],
  ['!in', ['v1', 'v2', 'none']],
  ['app,!tier', ['v2']],
  ['app=web,app=db', []]
]

t.test('a selector follows the grammar of Kubernetes', async (t) => {
  for (const [text, expected] of table) {
    const selector = parseSelector(text)
    const taken = Object.keys(objects).filter((name) => matches(selector, (key) => objects[name]?.[key]))
    t.same(taken, expected, JSON.stringify(text))
  }
})

const bad: readonly [string, number, RegExp][] = [
  [',', 1, /label key/], ['app,', 5, /label key/], ['=x', 1, /label key/], ['app in', 7, /"\("/], ['app in ()', 9, /a value/], ['app in (a', 10, /"\)"/],
  ['app in a', 8, /"\("/], ['app=web version', 9, /","/], ['app=web=x', 8, /","/], ['app>x', 5, /whole number/], ['app>', 5, /whole number/],
  ['-app', 1, /label key/], ['a/b/c', 1, /label key/], ['app=-x', 5, /label value/], ['app=a/b', 5, /label value/], ['!', 2, /label key/], ['!!app', 2, /label key/],
  ['app!', 4, /one of/], ['app (a)', 5, /one of/], ['app=\u00e9', 5, /label value/], ['(', 1, /label key/], ['a'.repeat(5000), 4097, /4096/]
]

t.test('a bad selector says at which character and what was expected', async (t) => {
  for (const [text, at, rule] of bad) {
    t.throws(() => parseSelector(text), { code: 'REG_SELECTOR_INVALID', status: 400, message: new RegExp(`at character ${at} `), errors: [{ field: 'selector', rule }] }, JSON.stringify(text))
  }
  t.throws(() => parseSelector(Array.from({ length: 65 }, (_, index) => `k${index}`).join(',')), { code: 'REG_SELECTOR_INVALID' }, 'too many requirements')
})

t.test('whatever the text, a selector is read or refused by its code', async () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', 'b', ',', '=', '!', '<', '>', '(', ')', ' ', 'in', 'notin', '1', '-', '\n') }), (text) => {
    try {
      matches(parseSelector(text), () => 'a')
      return true
    } catch (error) {
      return (error as { code?: string }).code === 'REG_SELECTOR_INVALID'
    }
  }), { numRuns: 2_000 })
})

t.test('!= is the opposite of =, and notin of in, for every object', async () => {
  const value = fc.constantFrom('', 'a', 'b', 'c')
  fc.assert(fc.property(value, fc.option(value, { nil: undefined }), (wanted, actual) => {
    const look = (): string | undefined => actual
    return matches(parseSelector(`k=${wanted}`), look) !== matches(parseSelector(`k!=${wanted}`), look) &&
      matches(parseSelector(`k in (${wanted},b)`), look) !== matches(parseSelector(`k notin (${wanted},b)`), look)
  }))
})
