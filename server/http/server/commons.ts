// What all clients of HTTP share, over all listeners: connections, requests that wait on them, bytes of bodies and of answers, subscriptions
// of watches, and turns of the event loop. Which of them gives way at a limit: shares.ts.
import type { Guard } from '../../guard.ts'
import { Shares } from '../../shares.ts'
import {
  keptTextBytes, maxBodyBytesTogether, maxConnections, maxHandshakes, maxHeartbeatBytesTogether, maxSubscriptionsTogether, maxUnreadBytesTogether,
  maxWaitingRequests, smallAnswerBytes
} from './limits.ts'
import { KeptTexts } from './kept-texts.ts'
import { SharedBytes } from './shared-bytes.ts'
import { Turns } from './turns.ts'

/** Limits that a test lowers. */
export interface CommonsLimits {
  readonly connections?: number
  readonly handshakes?: { readonly perClient: number, readonly together: number }
  readonly waitingRequests?: number
  readonly bodyBytes?: number
  readonly unreadBytes?: number
  readonly subscriptions?: number
}

export class Commons {
  readonly connections: Shares
  /** How many connections may wait for the end of their TLS handshake, for each listener's app. */
  readonly handshakes: { readonly perClient: number, readonly together: number }
  readonly waiting: Shares
  readonly bodies: Shares
  /** Of their own, so that no other body takes the place of a heartbeat. */
  readonly heartbeats = new Shares(maxHeartbeatBytesTogether)
  /** Of answers that wait for their client to read them. */
  readonly unread: Shares
  /** The same, of what several may wait for. */
  readonly sharedBytes: SharedBytes
  readonly subscriptions: Shares
  readonly turns: Turns
  /** Long answers, for all who ask for the same. */
  readonly texts = new KeptTexts(keptTextBytes, smallAnswerBytes)

  constructor (guard: Guard, limits: CommonsLimits = {}) {
    this.turns = new Turns({ guard })
    this.connections = new Shares(limits.connections ?? maxConnections)
    this.handshakes = limits.handshakes ?? maxHandshakes
    this.waiting = new Shares(limits.waitingRequests ?? maxWaitingRequests)
    this.bodies = new Shares(limits.bodyBytes ?? maxBodyBytesTogether)
    this.unread = new Shares(limits.unreadBytes ?? maxUnreadBytesTogether)
    this.sharedBytes = new SharedBytes(this.unread)
    this.subscriptions = new Shares(limits.subscriptions ?? maxSubscriptionsTogether)
  }
}
