// Decides for all autoscalers, on one node of those that share a store: the one that has the claim. A tick renews the claim or tries to take
// it; each round reads the loads of all nodes, decides in slices, keeps what is to be remembered, and only then tells it.
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerStatus } from '../../client-sdk/src/autoscaling-manifests.ts'
import type { Clock } from '../clock.ts'
import { RegistryError } from '../errors.ts'
import type { Guard } from '../guard.ts'
import type { Instance } from '../../client-sdk/src/wire.ts'
import type { Access, Core, KeptLoad, StatusWrite } from '../registry/core.ts'
import { Slice } from '../slice.ts'
import type { NoteWrite, Store } from '../store/store.ts'
import { ExternalValues } from './external-values.ts'
import { Outlets } from './outlets.ts'
import type { DecisionListener, Decisions, ScalingDecision } from './ports.ts'
import { type Notice, type Outcome, decisionOf, reconcile } from './reconcile.ts'
import { type AutoscalerState, readState, stateKey, stateMark, statePrefix, stateText } from './state.ts'
import { instancesOf, notFoundText, objectValue } from './targets.ts'

export interface AutoscalingOptions {
  readonly core: Pick<Core, 'position'> & { readonly access: Access }
  readonly store: Pick<Store, 'claim' | 'writeNotes' | 'readNotes'>
  readonly loads: {
    fresh (maxAgeMs: number): Promise<boolean>
    get (instance: Instance): KeptLoad | undefined
    /** The store's clock. */
    nowMs (): number
  }
  readonly clock: Clock
  readonly guard: Guard
  /** Names this life of this node. */
  readonly holder: string
  readonly intervalMs: number
  readonly notice: (autoscaler: HorizontalPodAutoscaler, notice: Notice) => void
  readonly warn: (message: string) => void
  /** Monotonic milliseconds, of what a round takes. */
  readonly monotonic?: () => number
}

const claimName = 'autoscaling'
/** Ticks of one round: the claim of a node that died is free after one round and one tick, and taken with the next tick. */
const ticksPerRound = 3
/** Where nothing but times changed, what is remembered is kept again so often. */
const keepAgainMs = 60_000
/** Values that are measured are written into the status so often at most, unless something else in it changes: each time is a revision. */
const metricsAgainMs = 60_000
/** One call: a millisecond or two of the store. */
const notesAtOnce = 100
/** One commit: some milliseconds of the store. */
const statusesAtOnce = 50

interface Kept {
  readonly state: AutoscalerState
  readonly mark: string
  readonly keptAtMs: number
}

/** What the last round did. */
export interface RoundReport {
  readonly autoscalers: number
  readonly ms: number
}

export class Autoscaling implements Decisions {
  readonly #options: AutoscalingOptions
  readonly #outlets: Outlets
  #states: Map<string, Kept> | undefined
  #roundAtMs = -Infinity
  #statusAtMs = new Map<string, number>()
  #told = new Map<string, string>()
  #cancel: (() => void) | undefined
  #ticking: Promise<void> = Promise.resolve()
  #isClosed = false
  #report: RoundReport = { autoscalers: 0, ms: 0 }
  rounds = 0

  constructor (options: AutoscalingOptions) {
    this.#options = options
    this.#outlets = new Outlets(options.guard)
  }

  /** Whether this node decides. */
  get isElected (): boolean {
    return this.#states !== undefined
  }

  get report (): RoundReport {
    return this.#report
  }

  onDecision (listener: DecisionListener): () => void {
    return this.#outlets.add(listener, this.open())
  }

  open (): readonly ScalingDecision[] {
    return this.#outlets.open
  }

  start (): void {
    this.#schedule(0)
  }

  /** Gives the claim up, so that another node goes on at once. */
  async close (): Promise<void> {
    this.#isClosed = true
    this.#cancel?.()
    await this.#ticking.catch(() => undefined) // its timer has reported it
    if (!this.isElected) return
    this.#resign()
    try {
      await this.#options.store.claim({ claim: claimName, holder: this.#options.holder }, 0)
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error // it ends by itself
    }
  }

  /** One tick, now. The timer does it; a test does it when the clock has moved. */
  tick (): Promise<void> {
    // One that failed in a way that nobody foresaw keeps no later one from running.
    return this.#ticking = this.#ticking.catch(() => undefined).then(() => (this.#isClosed ? undefined : this.#tick()))
  }

  #schedule (ms: number): void {
    this.#cancel = this.#options.clock.after(ms, async () => {
      try {
        await this.tick()
      } finally {
        if (!this.#isClosed) this.#schedule(this.#options.intervalMs / ticksPerRound)
      }
    })
  }

  async #tick (): Promise<void> {
    const { core, clock, intervalMs, warn } = this.#options
    if (!core.position.loaded) return
    const autoscalers = core.access.manifests('HorizontalPodAutoscaler')
    if (autoscalers.length === 0 && !this.isElected) return // nothing to decide: nobody needs to be found who does
    try {
      if (!core.position.storeHealth.available || !await this.#claim()) return this.#resign()
      if (clock.now() - this.#roundAtMs < intervalMs * (1 - 0.5 / ticksPerRound)) return
      this.#roundAtMs = clock.now()
      await this.#round(autoscalers)
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error
      warn(`autoscaling: this round was given up: ${error.message}`)
      this.#resign() // what is remembered may be another's by now: it is read again
    }
  }

  async #claim (): Promise<boolean> {
    const { store, intervalMs, holder } = this.#options
    const keepMs = Math.ceil(intervalMs * (1 + 1 / ticksPerRound))
    if (!await store.claim({ claim: claimName, holder }, keepMs)) return false
    if (this.#states !== undefined) return true
    const states = new Map<string, Kept>()
    for (const { key, body, atMs } of (await store.readNotes(statePrefix)).notes) {
      const state = readState(body)
      if (state !== undefined) states.set(key, { state, mark: stateMark(state), keptAtMs: atMs })
    }
    this.#states = states
    this.#roundAtMs = -Infinity
    this.#retell(states)
    return true
  }

  /** Decisions of before that nobody has followed yet. */
  #retell (states: ReadonlyMap<string, Kept>): void {
    for (const hpa of this.#options.core.access.manifests('HorizontalPodAutoscaler')) {
      const kept = states.get(keyOf(hpa))?.state
      if (kept?.uid === hpa.metadata.uid && kept?.decision?.isFollowed === false) this.#outlets.decided(decisionOf(hpa, kept.decision))
    }
  }

  #resign (): void {
    if (this.#states === undefined) return
    this.#states = undefined
    this.#statusAtMs = new Map()
    this.#told = new Map()
    this.#outlets.endAll()
  }

  async #round (autoscalers: readonly HorizontalPodAutoscaler[]): Promise<void> {
    const { loads, store, holder, guard, monotonic = () => performance.now() } = this.#options
    const states = this.#states
    if (states === undefined || !await loads.fresh(0)) return
    const nowMs = loads.nowMs()
    const external = autoscalers.some(usesExternal) ? await ExternalValues.read(store) : ExternalValues.none
    const began = monotonic()
    const slice = new Slice()
    const outcomes: (readonly [HorizontalPodAutoscaler, Outcome])[] = []
    const targets = Map.groupBy(autoscalers, targetKey)
    let busy = 0
    let from = began
    for (const hpa of autoscalers) {
      if (slice.isOver()) {
        busy += monotonic() - from
        await slice.next()
        from = monotonic()
      }
      const rivals = (targets.get(targetKey(hpa)) ?? []).filter((other) => other !== hpa).map(({ metadata: { name } }) => name)
      // One that cannot be decided stays as it is, and keeps no other from being.
      guard.attempt('autoscaling', () => outcomes.push([hpa, this.#outcome(hpa, states.get(keyOf(hpa))?.state, rivals, external, nowMs)]))
    }
    busy += monotonic() - from
    this.#report = { autoscalers: autoscalers.length, ms: busy }
    this.rounds += 1
    const there = new Set(autoscalers.map(keyOf))
    if (!await this.#remember(states, there, outcomes, nowMs, { claim: claimName, holder })) return this.#resign()
    this.#tell(outcomes, states)
    const statuses = outcomes.flatMap((each) => this.#statusOf(each, nowMs))
    for (let at = 0; at < statuses.length; at += statusesAtOnce) await this.#setStatus(statuses.slice(at, at + statusesAtOnce))
  }

  /** One that is refused is said, and keeps no other from being written. */
  async #setStatus (statuses: readonly StatusWrite[]): Promise<void> {
    try {
      await this.#options.core.access.setStatus(statuses)
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code !== 'REG_INVALID') throw error
      const [only] = statuses
      if (only === undefined || statuses.length === 1) return this.#options.warn(`autoscaling: the status of ${only?.namespace}/${only?.name} was refused: ${error.message}`)
      for (const each of statuses) await this.#setStatus([each])
    }
  }

  #outcome (
    hpa: HorizontalPodAutoscaler, state: AutoscalerState | undefined, rivals: readonly string[], external: ExternalValues, nowMs: number
  ): Outcome {
    const { core: { access }, loads } = this.#options
    const { metadata: { namespace = '' }, spec: { scaleTargetRef } } = hpa
    const parts = { core: access, loadOf: (instance: Instance) => loads.get(instance) }
    return reconcile({
      hpa, state, rivals, nowMs, instances: instancesOf(parts, namespace, scaleTargetRef), notFound: notFoundText(scaleTargetRef),
      others: {
        object: (object, metric) => objectValue(parts, namespace, object, metric, nowMs),
        external: (metric) => external.of(namespace, metric)
      }
    })
  }

  /** Before anybody is told. False: another node decides by now. */
  async #remember (
    states: Map<string, Kept>, there: ReadonlySet<string>, outcomes: readonly (readonly [HorizontalPodAutoscaler, Outcome])[], nowMs: number,
    under: { claim: string, holder: string }
  ): Promise<boolean> {
    const writes: NoteWrite[] = []
    const slice = new Slice()
    for (const [hpa, { state }] of outcomes) {
      if (slice.isOver()) await slice.next()
      const key = keyOf(hpa)
      const before = states.get(key)
      const mark = stateMark(state)
      const isKept = before !== undefined && before.mark === mark && nowMs - before.keptAtMs < keepAgainMs
      states.set(key, isKept ? { ...before, state } : { state, mark, keptAtMs: nowMs })
      if (!isKept) writes.push({ key, body: stateText(state), keepMs: 0 })
    }
    for (const key of states.keys()) {
      if (there.has(key)) continue
      states.delete(key)
      this.#statusAtMs.delete(key)
      this.#told.delete(key)
      this.#outlets.gone(key.slice(statePrefix.length))
      writes.push({ key, body: '', keepMs: 0 })
    }
    for (let at = 0; at < writes.length; at += notesAtOnce) {
      try {
        if (!await this.#options.store.writeNotes(writes.slice(at, at + notesAtOnce), under)) return false
      } catch (error) {
        if (!(error instanceof RegistryError) || error.code !== 'REG_LIMIT_REACHED') throw error
        this.#options.warn(`autoscaling: what is remembered is lost with this node: ${error.message}`) // to decide nothing would be worse
      }
    }
    return true
  }

  #tell (outcomes: readonly (readonly [HorizontalPodAutoscaler, Outcome])[], states: ReadonlyMap<string, Kept>): void {
    for (const [hpa, { decided, isFollowedNow, notices }] of outcomes) {
      const key = keyOf(hpa)
      const kept = states.get(key)?.state.decision
      if (decided !== undefined) this.#outlets.decided(decided)
      if (kept !== undefined && (isFollowedNow || (decided !== undefined && kept.isFollowed))) this.#outlets.followed(decisionOf(hpa, kept))
      this.#notify(hpa, key, notices)
    }
  }

  /** A warning of each round is told when it begins, not each time. */
  #notify (hpa: HorizontalPodAutoscaler, key: string, notices: readonly Notice[]): void {
    const lasting = notices.filter(({ type, reason }) => type === 'Warning' && reason !== 'DesiredNotFollowed')
    const text = lasting.map(({ reason, message }) => `${reason} ${message}`).join('\n')
    const isTold = this.#told.get(key) === text
    if (text === '') this.#told.delete(key)
    else this.#told.set(key, text)
    for (const notice of notices) if (!isTold || !lasting.includes(notice)) this.#options.notice(hpa, notice)
  }

  #statusOf ([hpa, { status }]: readonly [HorizontalPodAutoscaler, Outcome], nowMs: number): readonly StatusWrite[] {
    const { metadata: { namespace = '', name, uid }, status: before } = hpa
    const key = keyOf(hpa)
    const hasMetrics = before?.currentMetrics !== undefined || status.currentMetrics === undefined
    if (isSame(before, status) && hasMetrics && nowMs - (this.#statusAtMs.get(key) ?? -Infinity) < metricsAgainMs) return []
    this.#statusAtMs.set(key, nowMs)
    return [{ kind: 'HorizontalPodAutoscaler', namespace, name, uid, status }]
  }
}

function keyOf ({ metadata: { namespace = '', name } }: HorizontalPodAutoscaler): string {
  return stateKey(namespace, name)
}

function targetKey ({ metadata: { namespace = '' }, spec: { scaleTargetRef: { kind, name } } }: HorizontalPodAutoscaler): string {
  return `${namespace}/${kind}/${name}`
}

function usesExternal ({ spec: { metrics = [] } }: HorizontalPodAutoscaler): boolean {
  return metrics.some(({ type }) => type === 'External')
}

/** But for what was measured. */
function isSame (one: HorizontalPodAutoscalerStatus | undefined, other: HorizontalPodAutoscalerStatus): boolean {
  if (one?.conditions?.length !== other.conditions?.length) return false
  return one?.currentReplicas === other.currentReplicas && one.desiredReplicas === other.desiredReplicas && one.lastScaleTime === other.lastScaleTime &&
    one.observedGeneration === other.observedGeneration && (one.conditions ?? []).every((each, place) => {
    const next = other.conditions?.[place]
    return each.type === next?.type && each.status === next.status && each.reason === next.reason && each.message === next.message
  })
}
