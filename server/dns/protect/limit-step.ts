// Holds back answers over UDP that may be too many for the host whose address, perhaps forged, a datagram has.
import type { Clock } from '../../clock.ts'
import type { DnsCounters } from '../counters.ts'
import type { Turn } from '../turn.ts'
import { headerLength, questionTailLength, rcodes } from '../wire/wire.ts'
import { ClientAddress } from './client-address.ts'
import { type RateLimiter, kindOf } from './rate-limit.ts'

/** All errors of a network are limited together: they cost as much and say as little. */
const errorKind = 0

export interface LimitStepOptions {
  readonly limiter: RateLimiter
  readonly counters: DnsCounters
  readonly clock: Pick<Clock, 'now'>
}

export class LimitStep {
  readonly #options: LimitStepOptions
  readonly #address = new ClientAddress()

  constructor (options: LimitStepOptions) {
    this.#options = options
  }

  /** Gives what is sent instead: the same answer, one that leads to TCP or brings a cookie, or none. */
  check (turn: Turn, response: number): number {
    const { limiter, counters, clock } = this.#options
    const { client, writer, cookie } = turn
    const address = this.#address.read(client.address)
    if (address.isLoopback) return response
    const verdict = limiter.check(address, kindOfAnswer(turn), clock.now())
    if (verdict === 'pass') return response
    if (verdict === 'drop') {
      counters.limitedDropped++
      return 0
    }
    if (cookie !== 'none') {
      counters.limitedBadCookie++
      return writer.end(rcodes.BADCOOKIE) // RFC 7873 5.2.3: with the cookie that it brings it is answered
    }
    counters.limitedSlipped++
    writer.begin()
    writer.isTruncated = true
    return writer.finish(rcodes.NOERROR, false)
  }
}

/** What is limited together: the answers of a name, those that there is no such name in a zone, all errors. */
function kindOfAnswer ({ query: { message, questionLength }, writer: { rcode }, zone }: Turn): number {
  if (rcode === rcodes.NXDOMAIN && zone !== undefined) return ~kindOf(zone.wire, 0, zone.wire.length)
  return rcode === rcodes.NOERROR ? kindOf(message, headerLength, headerLength + questionLength - questionTailLength) : errorKind
}
