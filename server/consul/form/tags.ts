// Tags and labels. A tag `key=value` is the label `key: value`, and a tag `key` the label `key` without a value, where the grammar of labels
// has them: so selectors, DNS and everybody else find by label what Consul's clients find by tag, and the other way round.
import { maxLabels } from '../../model/limits.ts'
import { isLabelKey, isLabelValue } from '../../model/names.ts'

type Labels = Readonly<Record<string, string>>

/** The labels that tags are. A key that comes twice, or belongs to the registry, is no label; nor is a tag past the limit of labels. */
export function labelsOf (tags: readonly string[]): Record<string, string> {
  const counts = new Map<string, number>()
  for (const tag of tags) counts.set(keyOf(tag), (counts.get(keyOf(tag)) ?? 0) + 1)
  const labels: [string, string][] = []
  for (const tag of tags) {
    if (labels.length >= maxLabels) break
    const key = keyOf(tag)
    const value = tag.slice(key.length + 1)
    // `key=` would come back as `key`.
    const isLabel = counts.get(key) === 1 && isLabelKey(key) && isLabelValue(value) && !(value === '' && tag !== key) && !key.startsWith('rollcall.dev/')
    if (isLabel) labels.push([key, value])
  }
  return Object.fromEntries(labels)
}

function keyOf (tag: string): string {
  const end = tag.indexOf('=')
  return end === -1 ? tag : tag.slice(0, end)
}

function tagOf (key: string, value: string): string {
  return value === '' ? key : `${key}=${value}`
}

/** Tags as Consul shows them: those that were given, as far as the labels still have them, and behind them what labels say beside. */
export function tagsOf (labels: Labels, given: readonly string[] | undefined): readonly string[] {
  const all = Object.entries(labels)
  if (given === undefined) return all.map(([key, value]) => tagOf(key, value))
  const wereLabels = labelsOf(given)
  const kept = given.filter((tag) => {
    const key = keyOf(tag)
    return !Object.hasOwn(wereLabels, key) || tagOf(key, wereLabels[key] ?? '') !== tag || labels[key] === wereLabels[key]
  })
  const others = all.filter(([key, value]) => !(Object.hasOwn(wereLabels, key) && wereLabels[key] === value))
  return [...kept, ...others.map(([key, value]) => tagOf(key, value))]
}

/** Whether labels alone give the same tags in the same order: then nothing is kept beside them. Labels come back in the order of their keys. */
export function saySame (tags: readonly string[], labels: Labels): boolean {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => tagOf(key, value))
  return sorted.length === tags.length && sorted.every((tag, index) => tag === tags[index])
}
