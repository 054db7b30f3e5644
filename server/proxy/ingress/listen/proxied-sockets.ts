// Connections from balancers that send the PROXY protocol: its header is read first, and what came behind it is put back. Whoever connects
// from one of their networks must send it, and nobody else may: a client could else write any address it likes.
import type { Socket } from 'node:net'
import type { Clock } from '../../../clock.ts'
import type { Guard } from '../../../guard.ts'
import { type AddressRange, contains, parseIp } from '../../../model/address/ranges.ts'
import { plainAddress } from './connection-facts.ts'
import { maxBinaryOctets, type ProxiedClient, readProxyHeader } from './proxy-protocol.ts'

/** So long the header may take (the protocol's own advice is three seconds, for one lost packet). */
export const headerMs = 5_000
/** Peers whose range is known: balancers are few. */
const maxKnownPeers = 1_000

export interface ProxiedSocketsOptions {
  readonly from: readonly AddressRange[]
  readonly clock: Clock
  readonly guard: Guard
  /** Told of each connection that was closed for its header. */
  readonly refused: (peer: string, problem: string) => void
}

export class ProxiedSockets {
  readonly #options: ProxiedSocketsOptions
  readonly #known = new Map<string, boolean>()

  constructor (options: ProxiedSocketsOptions) {
    this.#options = options
  }

  /** Calls back with the socket when what follows is the client's own; never if there was no proper header. */
  take (socket: Socket, ready: (client?: ProxiedClient) => void): void {
    if (!this.#isProxied(plainAddress(socket.remoteAddress))) return ready()
    const { clock, guard, refused } = this.#options
    let octets = Buffer.alloc(0)
    const end = (): void => {
      cancel()
      socket.removeListener('readable', read)
      socket.removeListener('error', failed)
      socket.removeListener('end', endedEarly)
      socket.removeListener('close', closed)
    }
    const refuse = (problem: string): void => {
      end()
      socket.on('error', () => undefined)
      socket.destroy()
      refused(plainAddress(socket.remoteAddress), problem)
    }
    const cancel = clock.after(headerMs, () => refuse('sent no whole header in time'))
    const endedEarly = guard.around('ingress-listener', () => refuse('ended within its header'))
    const closed = guard.around('ingress-listener', end)
    const failed = guard.around('ingress-listener', () => socket.destroy())
    const read = guard.around('ingress-listener', () => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) octets = Buffer.concat([octets, chunk])
      const header = readProxyHeader(octets)
      // What a client sends behind a header that is not whole would be kept: the header has its limit, and so has this.
      if (header.kind === 'part') return octets.length > maxBinaryOctets ? refuse(`is longer than ${maxBinaryOctets} octets`) : undefined
      if (header.kind === 'refused') return refuse(header.problem)
      end()
      if (octets.length > header.length) socket.unshift(octets.subarray(header.length))
      return ready(header.client)
    })
    socket.on('readable', read)
    socket.on('error', failed)
    socket.on('end', endedEarly)
    socket.on('close', closed)
  }

  #isProxied (peer: string): boolean {
    const { from } = this.#options
    if (from.length === 0) return false
    const known = this.#known.get(peer)
    if (known !== undefined) return known
    const ip = parseIp(peer)
    const isProxied = !('problem' in ip) && from.some((range) => contains(range, ip))
    if (this.#known.size >= maxKnownPeers) this.#known.clear()
    this.#known.set(peer, isProxied)
    return isProxied
  }
}
