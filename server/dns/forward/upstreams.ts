// Which upstream is asked first. The first in the list, unless it failed lately: then it is put aside for a while, longer each time.
import type { UpstreamAddress } from './exchange.ts'

/** After one failure: a lost datagram should not cost an upstream its place for long. It doubles with each failure in a row. */
const firstAsideMs = 1_000
/** The longest time until we notice that an upstream is back. */
const maxAsideMs = 30_000

export interface Upstream {
  readonly address: UpstreamAddress
  failures: number
  failedAtMs: number
  asideUntilMs: number
}

export class Upstreams {
  readonly #upstreams: readonly Upstream[]
  readonly #probeMs: number

  /** @param probeMs how long one question may take to find out whether an upstream is back */
  constructor (addresses: readonly UpstreamAddress[], probeMs: number) {
    this.#upstreams = addresses.map((address) => ({ address, failures: 0, failedAtMs: -Infinity, asideUntilMs: -Infinity }))
    this.#probeMs = probeMs
  }

  /** All of them, those aside behind the others: if all fail, all are tried. */
  order (nowMs: number): Upstream[] {
    const healthy = this.#upstreams.filter(({ asideUntilMs }) => asideUntilMs <= nowMs)
    const aside = this.#upstreams.filter(({ asideUntilMs }) => asideUntilMs > nowMs).sort((a, b) => a.asideUntilMs - b.asideUntilMs)
    // One question finds out whether it is back; the others don't wait for a dead one meanwhile.
    const [first] = healthy
    if (first !== undefined && first.failures > 0) first.asideUntilMs = nowMs + this.#probeMs
    return [...healthy, ...aside]
  }

  /** @param startedAtMs when it was asked: of many questions that fail together one counts */
  failed (upstream: Upstream, startedAtMs: number, nowMs: number): void {
    if (startedAtMs < upstream.failedAtMs) return
    upstream.asideUntilMs = nowMs + Math.min(firstAsideMs * 2 ** upstream.failures, maxAsideMs)
    upstream.failures++
    upstream.failedAtMs = nowMs
  }

  answered (upstream: Upstream): void {
    upstream.failures = 0
    upstream.asideUntilMs = upstream.failedAtMs = -Infinity
  }
}
