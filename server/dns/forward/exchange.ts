// One query to one upstream and what comes back, over UDP and over TCP. No socket outlives its exchange.
import { type SocketType, createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import { type Guard, standaloneGuard } from '../../guard.ts'
import type { Clock } from '../../clock.ts'
import { headerLength } from '../wire/wire.ts'
import type { UpstreamQuery } from './upstream-query.ts'

export interface UpstreamAddress {
  /** An IPv4 or IPv6 literal. */
  readonly address: string
  readonly port: number
}

/**
 * `suspicious` = UDP can't be trusted for this question (forged answers, or an upstream that folds names): ask over TCP. `odd` = what
 * came was no answer to the query, so that the upstream is there, but of no use for this question.
 */
export type Exchanged =
  | { readonly kind: 'reply', readonly message: Buffer }
  | { readonly kind: 'timeout' | 'unreachable' | 'odd' | 'bad-answer' | 'suspicious' | 'closed' }

export interface ExchangeOptions {
  readonly clock: Clock
  readonly timeoutMs: number
  /** Default: one that writes to stderr. */
  readonly guard?: Guard | undefined
  /** Exchanges under way; calling one ends it. */
  readonly open: Set<() => void>
  /** A datagram that was no answer to the query. */
  readonly mismatched: () => void
}

/**
 * Wrong answers to one query, before it is asked again over TCP. One or two may be late answers to another query; more
 * come from an attacker who tries ids. So many guesses of 16 bits of id and the port have no chance.
 */
const maxMismatches = 32
const lengthBytes = 2

/**
 * From a port of its own, and from the upstream alone: the socket is connected, so that the kernel drops datagrams of
 * others.
 */
export function askUdp (upstream: UpstreamAddress, query: UpstreamQuery, options: ExchangeOptions): Promise<Exchanged> {
  const family = isIPv6(upstream.address) ? 6 : 4
  const type: SocketType = family === 6 ? 'udp6' : 'udp4'
  // It is an address: there is nothing to look up. A port of 0 is the kernel's choice, which is random.
  const socket = createSocket({ type, lookup: (address, _options, callback) => callback(null, address, family) })
  let mismatches = 0
  return settled(options, () => socket.close(), () => mismatches > 0, (end) => {
    const { guard = standaloneGuard } = options
    const failed = (): void => end({ kind: 'bad-answer' })
    // ICMP says that no one listens there, or there are no sockets left.
    socket.on('error', guard.around('dns-forward', () => end({ kind: 'unreachable' })))
    socket.on('message', guard.around('dns-forward', (message) => {
      const match = query.match(message)
      if (match === 'answer') return end({ kind: 'reply', message })
      options.mismatched()
      if (match === 'case' || ++mismatches === maxMismatches) end({ kind: 'suspicious' })
    }, failed))
    // With a callback the error of connecting is its argument; the types know it without.
    socket.connect(upstream.port, upstream.address, (error?: Error | null) => {
      if (error instanceof Error) return end({ kind: 'unreachable' })
      try {
        socket.send(query.message, (sendError) => { if (sendError !== null) end({ kind: 'unreachable' }) })
      } catch {
        end({ kind: 'unreachable' }) // closed meanwhile
      }
    })
  })
}

/** RFC 7766: one connection for one question. */
export function askTcp (upstream: UpstreamAddress, query: UpstreamQuery, options: ExchangeOptions): Promise<Exchanged> {
  const socket = connect({ host: upstream.address, port: upstream.port, noDelay: true })
  return settled(options, () => socket.destroy(), () => false, (end) => {
    const chunks: Buffer[] = []
    let length = 0
    const { guard = standaloneGuard } = options
    const failed = (): void => end({ kind: 'bad-answer' })
    socket.on('error', guard.around('dns-forward', () => end({ kind: 'unreachable' })))
    socket.on('close', guard.around('dns-forward', () => end({ kind: 'unreachable' })))
    socket.on('data', guard.around('dns-forward', (chunk) => {
      chunks.push(chunk)
      length += chunk.length
      if (length < lengthBytes) return
      const [first = chunk] = chunks
      const input = first.length >= lengthBytes ? first : Buffer.concat(chunks)
      const messageLength = input.readUInt16BE(0)
      if (messageLength < headerLength) return end({ kind: 'bad-answer' })
      if (length < lengthBytes + messageLength) return
      const message = Buffer.concat(chunks).subarray(lengthBytes, lengthBytes + messageLength)
      end(query.match(message) === 'other' ? { kind: 'bad-answer' } : { kind: 'reply', message })
    }, failed))
    const frame = Buffer.alloc(lengthBytes)
    frame.writeUInt16BE(query.message.length)
    socket.write(Buffer.concat([frame, query.message]))
  })
}

/** Runs an exchange until it, its time or its forwarder ends. @param hasHeard whether anything has come from the upstream */
function settled (options: ExchangeOptions, close: () => void, hasHeard: () => boolean, begin: (end: (result: Exchanged) => void) => void): Promise<Exchanged> {
  return new Promise((resolve) => {
    let isOver = false
    const abort = (): void => end({ kind: 'closed' })
    const cancel = options.clock.after(options.timeoutMs, () => end({ kind: hasHeard() ? 'odd' : 'timeout' }))
    const end = (result: Exchanged): void => {
      if (isOver) return
      isOver = true
      cancel()
      options.open.delete(abort)
      close()
      resolve(result)
    }
    options.open.add(abort)
    begin(end)
  })
}
