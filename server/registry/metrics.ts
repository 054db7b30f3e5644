// What the registry counts, as Prometheus reads it: writes and heartbeats through this node, expiry, and what it holds at each scrape.
import { Counter, Gauge, type Registry as PromRegistry } from 'prom-client'
import type { HeartbeatAnswer, LoadValue, Pool } from '../../client-sdk/src/wire.ts'
import { statuses } from '../model/instance/instance.ts'
import type { Granted, Sweep } from '../store/store.ts'
import { showHistogram } from '../metrics/filled-histogram.ts'
import { waitBounds } from './followers.ts'
import { handMadeNumbers, serviceCount } from './reads/overview.ts'
import type { CallCounts } from './core.ts'
import type { Registry } from './registry.ts'

/** Loads that a scrape shows, over all instances: Prometheus keeps each series for hours, and a registry of 100,000 instances has others to count them. */
const maxLoadSeries = 5_000

/** Counts by one label, in plain numbers until somebody scrapes: hashing labels at each request costs as much as a look into the catalog. */
class Counts {
  readonly #counts: Map<string, number>

  /** @param shown values that are shown from the beginning */
  constructor (shown: readonly string[]) {
    this.#counts = new Map(shown.map((value) => [value, 0]))
  }

  add (value: string, count = 1): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + count)
  }

  entries (): Iterable<[string, number]> {
    return this.#counts.entries()
  }
}

export class RegistryMetrics implements CallCounts {
  readonly #register: PromRegistry
  readonly #registrations = new Counts(['created', 'updated', 'replaced', 'unchanged'])
  readonly #deregistrations: Counter
  readonly #heartbeats = new Counts(['renewed', 'unknown', 'superseded'])
  readonly #suspected: Counter
  readonly #expired: Counter
  readonly #changes = new Counts([])

  constructor (register: PromRegistry) {
    this.#register = register
    const registers = [register]
    const counter = (name: string, help: string): Counter => new Counter({ name: `rollcall_${name}`, help, registers })
    const shown = (name: string, help: string, label: string, counts: Counts): void => {
      new Counter({
        name: `rollcall_${name}`, help, labelNames: [label], registers,
        collect () {
          this.reset()
          for (const [value, count] of counts.entries()) this.inc({ [label]: value }, count)
        }
      })
    }
    shown('registrations_total', 'Registrations through this node: created, updated, replaced or unchanged.', 'outcome', this.#registrations)
    this.#deregistrations = counter('deregistrations_total', 'Deregistrations through this node.')
    shown('heartbeats_total', 'Heartbeats through this node: renewed, unknown or superseded.', 'outcome', this.#heartbeats)
    this.#suspected = counter('suspected_total', 'Instances that this node turned suspect because their lease ran out.')
    this.#expired = counter('expired_total', 'Suspects that this node removed.')
    shown('changes_total', 'Changes that this node applied, of all nodes, by reason.', 'reason', this.#changes)
  }

  registered (outcome: Granted['outcome']): void {
    this.#registrations.add(outcome)
  }

  deregistered (): void {
    this.#deregistrations.inc()
  }

  heartbeats ({ renewed, unknown, superseded }: HeartbeatAnswer): void {
    this.#heartbeats.add('renewed', renewed)
    this.#heartbeats.add('unknown', unknown.length)
    this.#heartbeats.add('superseded', superseded.length)
  }

  /** For `RegistryOptions.swept`. */
  swept = (sweep: Sweep): void => {
    this.#suspected.inc(sweep.suspected)
    this.#expired.inc(sweep.expired)
  }

  /** Shows what the registry holds at each scrape. Called once. */
  observe (registry: Registry): void {
    registry.feed.listen({ name: 'metrics', changed: ({ reason }) => this.#changes.add(reason) })
    const gauge = (name: string, help: string, value: () => number): void => {
      new Gauge({ name: `rollcall_${name}`, help, registers: [this.#register], collect () { this.set(value()) } })
    }
    const { feed, followers } = registry
    showHistogram(this.#register, {
      name: 'rollcall_write_wait_seconds',
      help: 'Time that answers to writes waited until the threads of DNS had them. Those that found them there are not among them.',
      bounds: waitBounds,
      series: () => [{ labels: {}, buckets: followers.waits, sum: followers.waited }]
    })
    new Counter({
      name: 'rollcall_write_waits_given_up_total',
      help: 'Answers to writes that did not wait any longer for a thread of DNS.',
      registers: [this.#register],
      collect () {
        this.reset()
        this.inc(followers.gaveUp)
      }
    })
    new Gauge({
      name: 'rollcall_instances',
      help: 'Registered instances by effective status.',
      labelNames: ['status'],
      registers: [this.#register],
      collect () { for (const status of statuses) this.set({ status }, registry.catalog.statusCounts.get(status) ?? 0) }
    })
    gauge('suspects', 'Registered instances whose lease ran out or whose session broke.', () => registry.catalog.suspects)
    gauge('services', 'Services.', () => serviceCount(registry.catalog))
    gauge('declared_services', 'Declared services.', () => declaredCount(registry))
    const poolGauge = (name: string, help: string, value: (pool: Pool) => number): void => {
      new Gauge({
        name: `rollcall_pool_${name}`,
        help,
        labelNames: ['pool', 'kind'],
        registers: [this.#register],
        collect () { for (const pool of registry.services.pools()) this.set({ pool: pool.name, kind: pool.kind }, value(pool)) }
      })
    }
    poolGauge('size', 'What a range of addresses or ports can give.', ({ size }) => size)
    poolGauge('used', 'What of it is given.', ({ used }) => used)
    new Gauge({
      name: 'rollcall_allocation_findings',
      help: 'Values that do not fit between services and what is allocated to them, as this node saw at its last look, by kind.',
      labelNames: ['kind'],
      registers: [this.#register],
      collect () { for (const [kind, count] of Object.entries(registry.services.allocationFindings())) this.set({ kind }, count) }
    })
    gauge('nodes_with_other_ranges', 'Nodes on the same store that allocate from other ranges than this one; the log and /v1/overview say which.', () => registry.services.nodeRanges.differing)
    gauge('waiting_load_balancers', 'Load balancers that wait for an address.', () => registry.services.waitingBalancers)
    const loadGauge = (name: string, help: string, value: (load: LoadValue) => number | undefined): void => {
      new Gauge({
        name: `rollcall_${name}`,
        help,
        labelNames: ['namespace', 'service', 'id', 'name'],
        registers: [this.#register],
        collect () {
          this.reset() // of those who went
          for (const { labels, load } of loadsOf(registry)) {
            const number = value(load)
            if (number !== undefined) this.set(labels, number)
          }
        }
      })
    }
    loadGauge('instance_load', `What instances said of their load to this node, at most ${maxLoadSeries} series.`, ({ value }) => value)
    loadGauge('instance_load_capacity', 'What they said is 100 % of it.', ({ capacity }) => capacity)
    gauge('instance_loads', 'Instances that said something of their load to this node: more than are shown if series were left out.', () => registry.loads.size)
    gauge('namespaces', 'Namespaces.', () => registry.catalog.namespaces().length)
    gauge('overrides', 'Overrides that stand.', () => registry.catalog.overrideCount)
    gauge('leftover_overrides', 'Overrides of instances that are not registered.', () => registry.overrides.size)
    gauge('hand_made_endpoints', 'EndpointSlices and Endpoints that were applied by hand.', () => handMadeNumbers(registry.catalog).total)
    gauge('undeclared_hand_made_endpoints', 'Those of them whose service is not declared: nobody uses them.', () => handMadeNumbers(registry.catalog).undeclared)
    gauge('history_bytes', 'What the changes hold that this node remembers, about.', () => feed.ringBytes)
    gauge('subscriptions', 'Subscriptions of all watchers, waiting long polls included.', () => registry.watches.count)
    gauge('sessions', 'Sockets that are leases.', () => registry.sessions.count)
    gauge('revision', 'The revision that this node is at.', () => feed.revision)
    new Gauge({
      name: 'rollcall_epoch_info',
      help: 'Always 1; the epoch of the keyspace.',
      labelNames: ['epoch'],
      registers: [this.#register],
      collect () {
        this.reset()
        if (feed.loaded) this.set({ epoch: feed.epoch }, 1)
      }
    })
    gauge('store_up', 'Whether the store is there.', () => Number(feed.storeHealth.available))
    gauge('stale_seconds', 'Since when this node has not heard from its store.', () => feed.staleSeconds)
    gauge('remembered_heartbeats', 'Heartbeats that wait for the store to come back.', () => registry.rememberedHeartbeats)
    gauge('unreadable_records', 'Records of the store that cannot be read or break a rule, and are in no answer.', () => registry.unreadable.count)
    gauge('protection_active', 'Whether removal is held back in the whole registry.', () => Number(registry.protection.registrySinceMs !== undefined))
    gauge('protected_services', 'Services whose suspects are not removed for now.', () => registry.protection.services.size)
    gauge('hold_seconds', 'For how long nothing expires yet.', () => registry.protection.holdMs / 1_000)
  }
}

/** The first so many loads, in the order in which the instances began to say something. */
function * loadsOf ({ loads }: Registry): Generator<{ readonly labels: Readonly<Record<'namespace' | 'service' | 'id' | 'name', string>>, readonly load: LoadValue }> {
  let count = 0
  for (const [{ namespace, service, id }, kept] of loads.entries()) {
    for (const [name, load] of Object.entries(kept.load)) {
      if (++count > maxLoadSeries) return
      yield { labels: { namespace, service, id, name }, load }
    }
  }
}

function declaredCount ({ catalog }: Registry): number {
  return catalog.namespaces().reduce((sum, namespace) => sum + [...catalog.declaredServices(namespace)].length, 0)
}
