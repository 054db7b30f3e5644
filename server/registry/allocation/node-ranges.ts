// Which ranges the other nodes have. What is allocated is everybody's, and the ranges that it comes from are flags of each node: where
// they differ, a service gets another address through another node, and people must hear of it. So each node of a shared store keeps
// one object there that says its ranges, and that ends by itself soon after the node did. It also says where clients reach the node: one
// that shuts down names the others to its own.
import { randomBytes } from 'node:crypto'
import type { RangeDifference } from '../../../client-sdk/src/wire.ts'
import type { Clock } from '../../clock.ts'
import { contains, parseIp, readPortRange, readPools, readServiceCidrs, showPool } from '../../model/address/ranges.ts'
import { readJson } from '../../model/stored-text.ts'
import type { ObjectRecord, Store } from '../../store/store.ts'
import type { Feed } from '../feed/feed.ts'
import { isNodeKey, nodePrefix } from '../object-keys.ts'
import type { ClaimTarget } from './claims.ts'
import { type Ranges, numberOf } from './ledger.ts'
import { type NodeBody, checkNodeRanges, settings } from './node-body.ts'

/** After a load: nodes that start together must not all write at once. */
const firstMs = 200
/** Each time is one change of the store. */
const intervalMs = 300_000
/** Three of them are missed before a node is forgotten. */
const keepMs = 3.5 * intervalMs
/** After a failure of the store. */
const retryMs = 10_000
const jitter = 0.2
/** More nodes than these are not looked at, and do not say their ranges. */
const maxNodes = 256
/** A client needs one that answers. */
const maxNamed = 16
const author = 'registry'

interface OtherNode {
  readonly body: NodeBody
  /** undefined = its texts are none that this version understands. */
  readonly ranges: Ranges | undefined
}

export interface NodeRangesOptions {
  readonly store: Store
  readonly feed: Feed
  readonly clock: Clock
  readonly random: () => number
  readonly log: { info (message: string): void, warn (message: string): void }
  /** The name of this node, for people. Absent: it says nothing of itself. */
  readonly node: string | undefined
  readonly ranges: Ranges
}

export class NodeRanges {
  readonly #options: NodeRangesOptions
  /** Nodes of one name are nodes, too: two on one machine are called like it. */
  readonly #key = `${nodePrefix}${randomBytes(8).toString('hex')}`
  #own: NodeBody
  readonly #others = new Map<string, OtherNode>()
  /** What was told, as one text. */
  #told = ''
  #isFull = false
  #isClosed = false
  #cancel: (() => void) | undefined

  constructor (options: NodeRangesOptions) {
    this.#options = options
    this.#own = bodyOf(options.node ?? '', options.ranges)
    options.feed.listen({
      name: 'node-ranges',
      changed: ({ object }) => {
        if (object === undefined) return
        if (!('deletedKey' in object)) this.#take(object)
        else if (this.#others.delete(object.deletedKey)) this.#tell()
      },
      loaded: () => {
        this.#others.clear()
        for (const object of options.feed.heldObjects()) this.#take(object)
        this.#tell()
        this.#schedule(firstMs)
      },
      health: ({ available }) => { if (available) this.#schedule(firstMs) }
    })
  }

  /** Says from the next time on where clients reach this node. */
  advertise (http: string): void {
    this.#own = { ...this.#own, http }
  }

  /** Where clients reach other nodes, as far as these say so. */
  addresses (): readonly string[] {
    const said = [...this.#others.values()].flatMap(({ body }) => body.http ?? [])
    return [...new Set(said)].filter((address) => address !== this.#own.http).slice(0, maxNamed)
  }

  /** How many nodes there are, this one included. */
  get count (): number {
    return this.#others.size + 1
  }

  /** Where the ranges of other nodes are not those of this one, by node. */
  differences (): readonly RangeDifference[] {
    const found: RangeDifference[] = []
    for (const { body } of this.#others.values()) {
      for (const setting of settings) {
        const [here, there] = [this.#own[setting].join(' '), body[setting].join(' ')]
        if (here !== there) found.push({ node: body.node, setting, here, there })
      }
    }
    return found.sort((a, b) => (a.node < b.node ? -1 : a.node > b.node ? 1 : 0))
  }

  /** How many nodes have other ranges. */
  get differing (): number {
    return [...this.#others.values()].filter(({ body }) => settings.some((setting) => body[setting].join(' ') !== this.#own[setting].join(' '))).length
  }

  /** A node whose ranges hold a value. */
  holderOf (target: ClaimTarget): string | undefined {
    return [...this.#others.values()].find(({ ranges }) => ranges !== undefined && holds(ranges, target))?.body.node
  }

  /** Ends it. What this node said is taken back if the store is there, and ends by itself if not. */
  async close (): Promise<void> {
    this.#isClosed = true
    this.#cancel?.()
    const { feed, store } = this.#options
    if (feed.catalog.object(this.#key) === undefined || !feed.storeHealth.available) return
    try {
      await store.commit([{ type: 'delete', key: this.#key, reason: 'removed' }], author)
    } catch {} // the store went just now
  }

  #take ({ key, body }: Pick<ObjectRecord, 'key' | 'body'>): void {
    if (!isNodeKey(key) || key === this.#key || (this.#others.size >= maxNodes && !this.#others.has(key))) return
    const before = this.#others.get(key)
    const read = readJson(body, checkNodeRanges)
    if ('refusal' in read) return
    const said = read.value as NodeBody // it has just been checked
    if (before !== undefined && JSON.stringify(before.body) === JSON.stringify(said)) return
    this.#others.set(key, { body: said, ranges: rangesOf(said) })
    if (this.#options.feed.loaded) this.#tell()
  }

  /** One line for each difference, when they are others than before. */
  #tell (): void {
    const { log } = this.#options
    const lines = this.differences().map(({ node, setting, here, there }) =>
      `node "${node}" has another --${setting} than this one: ${there === '' ? 'none' : there} there, ${here === '' ? 'none' : here} here; ` +
      'what services have stays as it is, new ones get what the node has that they are applied through')
    const told = lines.join('\n')
    if (told === this.#told) return
    if (told === '') log.info('all nodes have the ranges of this one')
    this.#told = told
    for (const line of new Set(lines)) log.warn(line)
  }

  #schedule (ms: number): void {
    const { store, clock, random, node } = this.#options
    if (this.#isClosed || node === undefined || store.kind === 'sqlite') return // a data file has one node
    this.#cancel?.()
    this.#cancel = clock.after(ms * (1 + jitter * (2 * random() - 1)), () => this.#say())
  }

  async #say (): Promise<void> {
    const { store, feed, clock, log } = this.#options
    let nextMs = intervalMs
    try {
      if (!feed.storeHealth.available) return // its return is another reason to say it
      if (this.#others.size >= maxNodes) {
        if (!this.#isFull) log.warn(`there are ${maxNodes} nodes and more: this one does not tell the others its ranges`)
        this.#isFull = true
      } else {
        const write = { type: 'put', key: this.#key, body: JSON.stringify(this.#own), endsAtMs: Math.floor(clock.now()) + keepMs, reason: 'declared' } as const
        await store.commit([write], author)
        if (this.#isClosed) return
      }
    } catch (error) {
      if (!this.#isClosed) log.warn(`the other nodes could not be told the ranges of this one, trying again: ${error instanceof Error ? error.message : String(error)}`)
      nextMs = retryMs
    }
    this.#schedule(nextMs)
  }
}

function bodyOf (node: string, { serviceCidrs, nodePorts, pools }: Ranges): NodeBody {
  return { node, 'service-cidr': serviceCidrs.map(({ text }) => text), 'node-port-range': [nodePorts.text], 'load-balancer-pool': pools.map(showPool) }
}

function rangesOf (body: NodeBody): Ranges | undefined {
  try {
    return {
      serviceCidrs: readServiceCidrs(body['service-cidr']),
      nodePorts: readPortRange(body['node-port-range'].join('')),
      pools: readPools(body['load-balancer-pool'].flatMap((pool) => pool.split(',')))
    }
  } catch {
    return undefined // told as different all the same
  }
}

function holds ({ serviceCidrs, nodePorts, pools }: Ranges, target: ClaimTarget): boolean {
  if (target.kind === 'port') return numberOf(target) >= BigInt(nodePorts.first) && numberOf(target) <= BigInt(nodePorts.last)
  const ip = parseIp(target.value)
  return !('problem' in ip) && (target.kind === 'ip' ? serviceCidrs : pools.flatMap(({ ranges }) => ranges)).some((range) => contains(range, ip))
}
