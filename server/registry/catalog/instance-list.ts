// The instances of one service in order, with what is counted of them. A change makes one run of the list anew, and counts that run.
import type { Instance, ServiceSummary, Status } from '../../../client-sdk/src/wire.ts'
import { ChunkedList, type Chunk, type ListRule } from '../../model/instance/chunked-list.ts'
import { statuses } from '../../model/instance/instance.ts'

export type InstanceKey = Pick<Instance, 'id' | 'service'>
export type InstanceList = ChunkedList<Instance, InstanceKey, InstancePart>
export type InstanceCounts = ServiceSummary['instances']

/** A run of instances: the same object until one of them changes. */
export class InstancePart implements Chunk<Instance> {
  readonly items: readonly Instance[]
  #counts: InstanceCounts | undefined
  #oldest: string | undefined

  constructor (items: readonly Instance[]) {
    this.items = items
  }

  get counts (): InstanceCounts {
    return this.#counts ??= countInstances(this.items)
  }

  /** When the oldest of them registered. */
  get oldest (): string {
    return this.#oldest ??= earliest(this.items.map(({ createdAt }) => createdAt))
  }
}

const rule: ListRule<Instance, InstanceKey, InstancePart> = {
  compare: (a, b) => compare(a.id, b.id) || compare(a.service, b.service),
  keyOf: (instance) => instance,
  chunkOf: (items) => new InstancePart(items)
}

export function instanceList (instances: Iterable<Instance>): InstanceList {
  return ChunkedList.of(rule, instances)
}

export function countsOf (list: InstanceList): InstanceCounts {
  const [only] = list.chunks
  if (only !== undefined && list.chunks.length === 1) return only.counts
  const sum = countInstances([])
  for (const { counts } of list.chunks) for (const key of countKeys) sum[key] += counts[key]
  return sum
}

/** Empty if there are none. */
export function oldestOf (list: InstanceList): string {
  return earliest(list.chunks.map(({ oldest }) => oldest))
}

const countKeys = ['total', 'ready', 'suspect', ...statuses] as const

/** Instances by effective status, and how many are ready and suspect. */
function countInstances (instances: readonly Instance[]): Record<(typeof countKeys)[number], number> {
  const byStatus = Object.fromEntries(statuses.map((status) => [status, 0])) as Record<Status, number> // one key per status
  let ready = 0
  let suspect = 0
  for (const instance of instances) {
    byStatus[instance.effectiveStatus]++
    if (instance.conditions.ready) ready++
    if (instance.suspect) suspect++
  }
  return { total: instances.length, ready, suspect, ...byStatus }
}

function earliest (times: readonly string[]): string {
  return times.reduce((oldest, time) => (time < oldest ? time : oldest), times[0] ?? '')
}

function compare (a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
