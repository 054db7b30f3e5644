// What Consul's questions about a whole namespace are answered from: the names of its services with their tags, and when those, its nodes
// and its checks changed last. A change costs the service that it touches.
import { beside } from '../beside.ts'
import type { Instance } from '../../client-sdk/src/wire.ts'
import type { Access, AppliedChange, EndpointSet } from '../registry/core.ts'
import { RegistryError } from '../errors.ts'
import { Slice } from '../slice.ts'
import { recordOf } from './form/record.ts'
import { tagsOf } from './form/tags.ts'

type EndpointRun = EndpointSet['parts'][number]

/** Services asked for without a look at the time. */
const pageSize = 100
/** Nodes whose last revision is remembered; the others share that of the newest that was forgotten. */
const maxNodes = 50_000
/** Tags of each run of endpoints: a change makes one run anew. */
const tagsOfRuns = beside<EndpointRun, ReadonlySet<string>>()

export class NamespaceTable {
  readonly #access: Access
  readonly #namespace: string
  readonly #tags = new Map<string, readonly string[]>()
  readonly #touched = new Map<string, number>()
  #nodes = new Map<string, number>()
  readonly #nodeRevisions = new Map<string, number>()
  #forgotten: number
  #namesRevision: number
  #nodesRevision: number
  #checksRevision: number
  /** Resolves when the first look is over. */
  readonly ready: Promise<void>

  constructor (access: Access, namespace: string, revision: number) {
    this.#access = access
    this.#namespace = namespace
    this.#namesRevision = this.#nodesRevision = this.#checksRevision = this.#forgotten = revision
    this.ready = this.#fill()
  }

  get namesRevision (): number { return this.#namesRevision }
  get nodesRevision (): number { return this.#nodesRevision }
  get checksRevision (): number { return this.#checksRevision }

  /** When anything on a node of this name changed last. */
  nodeRevision (name: string): number {
    return this.#nodeRevisions.get(name) ?? this.#forgotten
  }

  /** Each service and its tags, in order of the names. */
  names (): [string, readonly string[]][] {
    return [...this.#tags].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  touch (service: string, revision: number): void {
    this.#touched.set(service, revision)
  }

  /** Looks at the services that changes touched. */
  settle (): void {
    for (const [service, revision] of this.#touched) {
      const tags = this.#look(service)
      const before = this.#tags.get(service)
      if (tags === undefined) this.#tags.delete(service)
      else this.#tags.set(service, tags)
      if (!isSame(tags, before)) this.#namesRevision = Math.max(this.#namesRevision, revision)
    }
    this.#touched.clear()
  }

  /** Nodes and checks of a change. */
  changed ({ kind, revision, instance, previous, event }: AppliedChange): void {
    if (kind === 'service') this.#checksRevision = revision
    if (kind !== 'instance') return
    const now = event === 'put' ? instance : undefined
    const before = previous ?? (event === 'delete' ? instance : undefined)
    if (now === undefined || before === undefined || checksText(now) !== checksText(before)) this.#checksRevision = revision
    if (before !== undefined) this.#countNode(before, -1, revision)
    if (now !== undefined) this.#countNode(now, 1, revision)
  }

  async #fill (): Promise<void> {
    const slice = new Slice()
    let after: Parameters<Access['services']>[1]
    do {
      const page = this.#access.services({ namespace: this.#namespace }, after, pageSize)
      for (const { name } of page.items) {
        const tags = this.#look(name)
        if (tags !== undefined) this.#tags.set(name, tags)
        if (slice.isOver()) await slice.next()
      }
      after = page.next
    } while (after !== undefined)
    await this.#fillNodes()
    this.settle()
  }

  async #fillNodes (): Promise<void> {
    const slice = new Slice()
    const counted = new Map<string, number>()
    let after: Parameters<Access['instances']>[1]
    do {
      const page = this.#access.instances({ namespace: this.#namespace }, after, 10 * pageSize)
      for (const instance of page.items) counted.set(nodeKey(instance), (counted.get(nodeKey(instance)) ?? 0) + 1)
      after = page.next
      if (slice.isOver()) await slice.next()
    } while (after !== undefined)
    this.#nodes = counted
  }

  #countNode (instance: Instance, by: number, revision: number): void {
    this.#noteNode(nodeNameOf(instance), revision)
    const key = nodeKey(instance)
    const before = this.#nodes.get(key) ?? 0
    const count = Math.max(0, before + by)
    if (count === 0) this.#nodes.delete(key)
    else this.#nodes.set(key, count)
    if ((before === 0) !== (count === 0)) this.#nodesRevision = revision
  }

  #noteNode (name: string, revision: number): void {
    this.#nodeRevisions.delete(name)
    this.#nodeRevisions.set(name, revision)
    const [oldest] = this.#nodeRevisions
    if (this.#nodeRevisions.size <= maxNodes || oldest === undefined) return
    this.#nodeRevisions.delete(oldest[0])
    this.#forgotten = Math.max(this.#forgotten, oldest[1])
  }

  #look (service: string): readonly string[] | undefined {
    try {
      const tags = new Set<string>()
      for (const run of this.#access.endpoints(this.#namespace, service).parts) for (const tag of tagsOfRun(run)) tags.add(tag)
      return [...tags].sort()
    } catch (error) {
      if (error instanceof RegistryError && error.status === 404) return undefined
      throw error
    }
  }
}

function tagsOfRun (run: EndpointRun): ReadonlySet<string> {
  let tags = tagsOfRuns.get(run)
  if (tags === undefined) {
    tags = new Set(run.items.flatMap((endpoint) => tagsOf(endpoint.labels, recordOf(endpoint)?.tags)))
    tagsOfRuns.set(run, tags)
  }
  return tags
}

function isSame (one: readonly string[] | undefined, other: readonly string[] | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  return one.length === other.length && one.every((tag, index) => tag === other[index])
}

/** What Consul calls the machine of an instance. */
export function nodeNameOf ({ node, address }: Pick<Instance, 'node' | 'address'>): string {
  return node ?? address
}

function nodeKey ({ node = '', address }: Instance): string {
  return `${node} ${address}`
}

/** Everything of an instance that its checks show. */
function checksText (instance: Instance): string {
  const { service, id, effectiveStatus, suspect, override } = instance
  const checks = recordOf(instance)?.checks.map(({ id: checkId, status, name, notes = '' }) => `${checkId} ${status} ${name} ${notes}`) ?? []
  return JSON.stringify([service, id, effectiveStatus, suspect, override?.status, override?.reason, instance.status, checks, instance.labels])
}
