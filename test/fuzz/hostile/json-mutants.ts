// Valid JSON made hostile: parts replaced, repeated, nested and lengthened, and then the text itself.
import type { Random } from '../random.ts'
import { define } from '../../model/schema-values.ts'

const oddValues: readonly unknown[] = [
  null, true, false, 0, -0, -1, 1.5, 1e21, 2 ** 53, '', ' ', '\u0000', '\n', 'toString', '__proto__', 'x'.repeat(300), [], [[]], {}, [{}], { toString: 1 }, { constructor: { prototype: 1 } },
  '10.0.0.1', '::', '0.0.0.0', '255.255.255.255', '*', '../..', '%00', '\u202e', '\u{1f600}', '\uD800', 65_536, 99_999_999, '1e3', 'yes', '2024-01-01', ['a', 'a']
]
/** Texts that no `JSON.stringify` writes. */
const oddTexts = ['1e400', '-', '01', '1.0000000000000000000000001', '"\\ud800"', '"\\u0000"', 'NaN', '[1,]', '{"a":1,"a":2}', '{"__proto__":{"x":1}}', '"\\x"', '\ufeff', '//', "'a'"]

type Container = Record<string | number, unknown>

function places (value: unknown, found: [Container, string | number][] = []): [Container, string | number][] {
  if (typeof value !== 'object' || value === null) return found
  for (const key of Object.keys(value)) {
    if (found.length > 2_000) break
    found.push([value as Container, key])
    places((value as Container)[key], found)
  }
  return found
}

function nested (depth: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value }
  return value
}

function large (random: Random): unknown {
  const length = random.one([10, 1_000, 30_000])
  switch (random.below(4)) {
    case 0: return 'x'.repeat(length)
    case 1: return '\u0001'.repeat(length)
    case 2: return Array.from({ length }, () => random.one(oddValues))
    default: return Object.fromEntries(Array.from({ length }, (_none, index) => [`k${index}`, random.one(oddValues)]))
  }
}

const changes = [0, 1, 1, 1, 2, 3, 8]

/** A text that may or may not be JSON, of a value that fits. */
export function hostileJson (value: unknown, random: Random): string {
  let copy = structuredClone(value)
  for (let count = random.one(changes); count > 0; count--) {
    const all = places(copy)
    if (all.length === 0) {
      copy = random.one(oddValues)
      continue
    }
    const [around, key] = random.one(all)
    switch (random.below(8)) {
      case 0: delete around[key]; break
      case 1: define(around, random.one(['toString', '__proto__', 'constructor', 'surplus', '', 'a\nb', 'x'.repeat(400)]), random.one(oddValues)); break
      case 2: around[key] = large(random); break
      case 3: around[key] = nested(random.one([3, 70, 5_000])); break
      case 4: around[key] = around[random.one(Object.keys(around))]; break
      case 5: for (let index = random.below(60); index > 0; index--) define(around, `x${index}`, index); break
      default: around[key] = random.one(oddValues)
    }
  }
  return hostileText(written(copy, random), random)
}

function written (value: unknown, random: Random): string {
  try {
    return JSON.stringify(value) ?? ''
  } catch { // nested too deeply for it, or in itself
    return '['.repeat(random.one([100, 100_000]))
  }
}

function hostileText (text: string, random: Random): string {
  const at = random.below(text.length + 1)
  switch (random.below(12)) {
    case 0: return text.slice(0, at)
    case 1: return text.slice(0, at) + random.one(oddTexts) + text.slice(at)
    case 2: return text + text
    case 3: return text.replace(/:("[^"]*"|\d+)/, () => `:${random.one(oddTexts)}`)
    default: return text
  }
}
