// Tells secondaries that the zones changed (NOTIFY, RFC 1996), so that they ask for the difference now and not after the SOA's refresh.
//
//   NOTIFY = header(opcode 4, AA) question(ZONE SOA) answer(SOA)
import { randomInt } from 'node:crypto'
import { type RemoteInfo, type Socket, createSocket } from 'node:dgram'
import { type Guard, standaloneGuard } from '../../guard.ts'
import type { NotifyTarget, TsigKey } from './peers.ts'
import type { FollowedSource } from '../source.ts'
import type { Clock } from '../../clock.ts'
import { DnsCounters } from '../counters.ts'
import { MessageWriter } from '../wire/message-writer.ts'
import { QueryReader } from '../wire/query-reader.ts'
import { headerLength, plainUdpLimit, rcodeText, rcodes, recordTypes } from '../wire/wire.ts'
import type { Zone } from '../names/zone.ts'
import { questionOf } from './composed-answers.ts'
import { type SignedMessage, signQuery } from './tsig.ts'

/** From the first change to the message: changes that come together are one message. */
const settleMs = 100
/** Between two rounds to one target: of a registry that changes all the time it hears once a second. */
const roundMs = 1_000
/** RFC 1996 3.6: five tries. The waits double from one second; it recommends a minute, for zones that change once a day. */
const maxTries = 5
const firstRetryMs = 1_000
/** For so long a secondary is not told of a zone that it refused: most have some of the zones only, and all of them change at once. */
const refusedMs = 600_000

const flagResponse = 0x8000
const opcodeMask = 0x7800
const notifyFlags = 0x2400 // opcode 4, AA
const opcodeNotify = 0x2000

export interface NotifierOptions {
  readonly source: Pick<FollowedSource, 'loaded' | 'revision' | 'listen'>
  readonly zones: readonly Zone[]
  readonly targets: readonly NotifyTarget[]
  readonly keys: readonly TsigKey[]
  readonly clock: Clock
  /** The addresses that DNS is answered at: secondaries take NOTIFY from their primary's address only. */
  readonly addresses?: readonly string[]
  readonly counters?: DnsCounters
  readonly log?: { warn (message: string): void }
  /** Default: one that writes to stderr. */
  readonly guard?: Guard | undefined
}

/** Begins to tell at once if the registry is loaded, else as soon as it is. */
export class Notifier {
  readonly counters: DnsCounters
  readonly #targets: readonly Target[]
  readonly #sockets = new Map<4 | 6, Socket>()
  readonly #stopListening: () => void
  #closed: Promise<void> | undefined

  constructor (options: NotifierOptions) {
    this.counters = options.counters ?? new DnsCounters()
    this.#targets = options.targets.map((target) => new Target(target, options, this.counters, (message) => this.#send(message, target, options)))
    const changed = (): void => { for (const target of this.#targets) target.changed() }
    this.#stopListening = options.source.listen({ name: 'notifier', changed, reset: changed, loaded: changed })
    changed()
  }

  /** Stops, and waits for no answer. Calling it again waits for the same end. */
  close (): Promise<void> {
    return this.#closed ??= this.#close()
  }

  async #close (): Promise<void> {
    this.#stopListening()
    for (const target of this.#targets) target.stop()
    await Promise.all(Array.from(this.#sockets.values(), (socket) => new Promise<void>((resolve) => socket.close(() => resolve()))))
  }

  #send (message: Buffer, { address, port }: NotifyTarget, options: NotifierOptions): void {
    const family = address.includes(':') ? 6 : 4
    let socket = this.#sockets.get(family)
    if (socket === undefined) {
      socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6' })
      this.#sockets.set(family, socket)
      const { guard = standaloneGuard } = options
      socket.on('error', guard.around('dns-notify', (error) => options.log?.warn(`DNS: NOTIFY: ${error.message}`)))
      socket.on('message', guard.around('dns-notify', (answer, from) => this.#answered(answer, from)))
      const own = options.addresses?.find((each) => each.includes(':') === (family === 6))
      if (own !== undefined) socket.bind({ address: own })
    }
    socket.send(message, port, address, () => undefined) // what cannot be sent is not answered, and so is tried again
  }

  #answered (answer: Buffer, { address, port }: RemoteInfo): void {
    const scopeless = address.replace(/%.*$/, '')
    for (const target of this.#targets) if (target.isAt(scopeless, port)) target.answered(answer)
  }
}

/** A message that is not answered yet. */
interface Waiting {
  readonly zone: Zone
  readonly id: number
  readonly signed: SignedMessage | undefined
  readonly cancel: () => void
}

class Target {
  readonly #target: NotifyTarget
  readonly #options: NotifierOptions
  readonly #counters: DnsCounters
  readonly #send: (message: Buffer) => void
  readonly #key: TsigKey | undefined
  readonly #waiting = new Map<Zone, Waiting>()
  #cancelRound: (() => void) | undefined
  #lastRoundMs = -Infinity
  /** It did not answer the last one, and the log says so. */
  #isSilent = false
  /** Until when it gets no message about zones that it refused. Zones stay in the list, so that the log names each once. */
  readonly #refused = new Map<Zone, number>()

  constructor (target: NotifyTarget, options: NotifierOptions, counters: DnsCounters, send: (message: Buffer) => void) {
    this.#target = target
    this.#options = options
    this.#counters = counters
    this.#send = send
    this.#key = options.keys.find(({ name }) => name === target.key)
  }

  /** Called for each change: nearly always there is nothing to do. */
  changed (): void {
    if (this.#cancelRound !== undefined) return
    const { clock } = this.#options
    const waitMs = Math.max(settleMs, this.#lastRoundMs + roundMs - clock.now())
    this.#cancelRound = clock.after(waitMs, () => {
      this.#cancelRound = undefined
      if (!this.#options.source.loaded) return // `loaded` will come
      this.#lastRoundMs = clock.now()
      for (const zone of this.#options.zones) if (clock.now() >= (this.#refused.get(zone) ?? 0)) this.#notify(zone, 1)
    })
  }

  stop (): void {
    this.#cancelRound?.()
    for (const waiting of this.#waiting.values()) waiting.cancel()
    this.#waiting.clear()
  }

  isAt (address: string, port: number): boolean {
    return this.#target.port === port && this.#target.address === address
  }

  answered (answer: Buffer): void {
    if (answer.length < headerLength) return
    const flags = answer.readUInt16BE(2)
    if ((flags & flagResponse) === 0 || (flags & opcodeMask) !== opcodeNotify) return
    const id = answer.readUInt16BE(0)
    const waiting = [...this.#waiting.values()].find((candidate) => candidate.id === id)
    if (waiting === undefined || waiting.signed?.accepts(answer) === false) return
    // Any answer ends it: asking again would bring the same.
    waiting.cancel()
    this.#waiting.delete(waiting.zone)
    this.#isSilent = false
    const rcode = answer.readUInt16BE(2) & 0x0f
    if (rcode === rcodes.NOERROR) this.#counters.notifyAcknowledged++
    else this.#refuse(waiting.zone, rcode)
  }

  /** Tells of the zone as it is now; what was under way for it is given up. */
  #notify (zone: Zone, attempt: number): void {
    this.#waiting.get(zone)?.cancel()
    const { clock, source } = this.#options
    const id = randomInt(2 ** 16)
    const plain = notification(zone, source.revision, id)
    const signed = this.#key === undefined ? undefined : signQuery(plain, this.#key, () => clock.now())
    const cancel = clock.after(firstRetryMs * 2 ** (attempt - 1), () => (attempt < maxTries ? this.#notify(zone, attempt + 1) : this.#giveUp(zone)))
    this.#waiting.set(zone, { zone, id, signed, cancel })
    this.#counters.notifySent++
    this.#send(signed?.message ?? plain)
  }

  #giveUp (zone: Zone): void {
    this.#waiting.delete(zone)
    this.#counters.notifyUnacknowledged++
    if (!this.#isSilent) this.#warn(`does not answer NOTIFY for ${zone.name}`)
    this.#isSilent = true
  }

  #refuse (zone: Zone, rcode: number): void {
    const { clock } = this.#options
    this.#counters.notifyUnacknowledged++
    if (!this.#refused.has(zone)) this.#warn(`refuses NOTIFY for ${zone.name} (${rcodeText(rcode)})`)
    this.#refused.set(zone, clock.now() + refusedMs)
  }

  #warn (what: string): void {
    const { address, port } = this.#target
    this.#options.log?.warn(`DNS: ${address} port ${port} ${what}: it will see changes only when it asks by itself`)
  }
}

const query = new QueryReader()
const writer = new MessageWriter(plainUdpLimit)

/** @param serial the registry's revision */
function notification (zone: Zone, serial: number, id: number): Buffer {
  query.read(questionOf(zone.wire, recordTypes.SOA))
  writer.open(query, plainUdpLimit)
  writer.begin()
  zone.writeSoa(writer, serial)
  const message = Buffer.from(writer.bytes.subarray(0, writer.finish(rcodes.NOERROR, true)))
  message.writeUInt16BE(id, 0)
  message.writeUInt16BE(notifyFlags, 2)
  return message
}
