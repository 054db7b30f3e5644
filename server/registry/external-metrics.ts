// Values from outside: kept beside the records, without a revision, so that a queue's length may be written every second.
import type { Static } from 'typebox'
import { RegistryError, invalid } from '../errors.ts'
import {
  type ExternalMetric, type ExternalMetricBody, defaultExternalTtlSeconds, externalKey, externalPrefix, externalText, metricNamePattern,
  metricNameRule, readExternal
} from '../model/autoscaling/external-metric.ts'
import { isLabel, labelRule } from '../model/names.ts'
import { type Store, maxNotesAtOnce } from '../store/store.ts'
import type { Lookup } from './lookup.ts'

/** Of one namespace: each is read in each round. */
const maxPerNamespace = 1_000

export interface ExternalMetricParts {
  readonly store: Pick<Store, 'writeNotes' | 'readNotes'>
  readonly lookup: Lookup
}

export class ExternalMetrics {
  readonly #parts: ExternalMetricParts

  constructor (parts: ExternalMetricParts) {
    this.#parts = parts
  }

  /** By name and labels. */
  async list (namespace: string): Promise<readonly ExternalMetric[]> {
    const { notes } = await this.#parts.store.readNotes(`${externalPrefix}${namespace}/`)
    const textOf = ({ name, labels }: ExternalMetric): string => `${name} ${JSON.stringify(Object.entries(labels).sort())}`
    return notes.flatMap((note) => readExternal(note) ?? []).sort((a, b) => (textOf(a) < textOf(b) ? -1 : 1))
  }

  /** @throws RegistryError REG_INVALID, REG_LIMIT_REACHED */
  async put (namespace: string, name: string, body: Static<typeof ExternalMetricBody>): Promise<void> {
    const { store, lookup } = this.#parts
    lookup.requireLoaded()
    checkNames(namespace, name)
    const { labels = {}, ttl = defaultExternalTtlSeconds } = body
    const key = externalKey(namespace, name, labels)
    const { notes } = await store.readNotes(`${externalPrefix}${namespace}/`)
    if (notes.length >= maxPerNamespace && !notes.some((note) => note.key === key)) {
      throw new RegistryError('REG_LIMIT_REACHED', `namespace "${namespace}" has ${maxPerNamespace} external metrics already`)
    }
    await store.writeNotes([{ key, body: externalText(name, body), keepMs: ttl * 1_000 }])
  }

  /** All values of a name. Gives how many there were. */
  async remove (namespace: string, name: string): Promise<number> {
    this.#parts.lookup.requireLoaded()
    const found = (await this.list(namespace)).filter((each) => each.name === name)
    for (let at = 0; at < found.length; at += maxNotesAtOnce) {
      const some = found.slice(at, at + maxNotesAtOnce)
      await this.#parts.store.writeNotes(some.map(({ labels }) => ({ key: externalKey(namespace, name, labels), body: '', keepMs: 0 })))
    }
    return found.length
  }
}

function checkNames (namespace: string, name: string): void {
  const faults = [
    ...(isLabel(namespace) ? [] : [{ field: 'namespace', value: namespace, rule: labelRule }]),
    ...(new RegExp(metricNamePattern).test(name) ? [] : [{ field: 'name', value: name, rule: metricNameRule }])
  ]
  if (faults.length > 0) throw invalid(faults)
}
