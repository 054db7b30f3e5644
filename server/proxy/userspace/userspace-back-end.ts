// Carries traffic in this process: where the kernel may not be changed. Known differences from the kernel back end: the
// endpoint sees this machine as the client, a policy that drops refuses instead, and traffic ends with the process.
import type { Clock } from '../../clock.ts'
import type { Guard } from '../../guard.ts'
import { type AddressRange, contains, parseCidr, parseIp } from '../../model/address/ranges.ts'
import type { BackEnd, FrontEndChanges } from '../back-end.ts'
import type { Condition, FrontEnd, Target } from '../front-end.ts'
import type { Machine } from '../machine.ts'
import { failure, type Run } from '../program.ts'
import { type TrafficCounts, noTraffic } from '../traffic-counts.ts'
import { Picker, type PickerOptions } from './picker.ts'
import { TcpFrontEnd, type TcpOptions } from './tcp-front-end.ts'
import { UdpFrontEnd } from './udp-front-end.ts'

export interface UserspaceOptions extends PickerOptions {
  readonly guard: Guard
  readonly clock: Clock
  readonly run: Run
  readonly clusterRanges: readonly AddressRange[]
  readonly readMachine: () => Machine
}

type Opened = TcpFrontEnd | UdpFrontEnd

/** Front ends that are opened at once. */
const together = 64

export class UserspaceBackEnd implements BackEnd {
  readonly name = 'userspace'
  readonly #options: UserspaceOptions
  /** What is wanted, whether it could be opened or not. */
  readonly #wanted = new Map<string, FrontEnd>()
  readonly #opened = new Map<string, Opened>()
  readonly #faults = new Map<string, Condition>()
  readonly #counts = noTraffic()
  #rangeFaults: readonly string[] = []
  #machine: Machine

  constructor (options: UserspaceOptions) {
    this.#options = options
    this.#machine = options.readMachine()
  }

  get carriesClusterIps (): boolean {
    return this.#rangeFaults.length === 0
  }

  async start (frontEnds: FrontEndChanges): Promise<void> {
    this.#rangeFaults = await this.#setRanges()
    await this.apply(frontEnds)
  }

  async apply (changes: FrontEndChanges): Promise<void> {
    const keys = [...changes.keys()]
    for (let from = 0; from < keys.length; from += together) {
      await Promise.all(keys.slice(from, from + together).map((key) => this.#change(key, changes.get(key))))
    }
  }

  /** Opens what could not be opened before: somebody else may have let a port go. */
  async check (): Promise<string | undefined> {
    this.#machine = this.#options.readMachine()
    this.#rangeFaults = await this.#setRanges()
    for (const key of [...this.#faults.keys()]) await this.#change(key, this.#wanted.get(key))
    return undefined
  }

  conditions (): readonly Condition[] {
    const full: Condition[] = []
    for (const opened of this.#opened.values()) {
      if (!(opened instanceof TcpFrontEnd) || !opened.isFull) continue
      const { service, address, port } = opened.frontEnd
      full.push({ service, reason: 'TooLarge', message: `${address} port ${port} has ${opened.open} connections, as many as this process carries there: more are closed` })
    }
    return [...this.#rangeFaults.map((message): Condition => ({ service: '', reason: 'AddressRefused', message })), ...this.#faults.values(), ...full]
  }

  counts (): Promise<TrafficCounts> {
    const counts = { ...this.#counts }
    for (const opened of this.#opened.values()) {
      if (!(opened instanceof TcpFrontEnd)) continue
      const { openBytes } = opened
      counts.bytesIn += openBytes.in
      counts.bytesOut += openBytes.out
    }
    return Promise.resolve(counts)
  }

  async stop (): Promise<void> {
    for (const opened of this.#opened.values()) {
      await opened.close()
      opened.cut()
    }
    this.#opened.clear()
  }

  async clean (): Promise<void> {
    await this.stop()
    for (const { family, text } of this.#options.clusterRanges) await this.#options.run('ip', [`-${family}`, 'route', 'del', 'local', text, 'dev', 'lo'])
  }

  async #change (key: string, frontEnd: FrontEnd | undefined): Promise<void> {
    const opened = this.#opened.get(key)
    if (opened instanceof TcpFrontEnd && opened.frontEnd.drainLimitMs !== undefined) {
      const now = [...frontEnd?.outside.targets ?? [], ...frontEnd?.inside.targets ?? []]
      const { outside, inside, drainLimitMs } = opened.frontEnd
      const isGone = ({ address, port }: Target): boolean => !now.some((each) => each.address === address && each.port === port)
      opened.limit([...outside.targets, ...inside.targets].filter(isGone), drainLimitMs)
    }
    if (frontEnd === undefined) this.#wanted.delete(key)
    else this.#wanted.set(key, frontEnd)
    this.#faults.delete(key)
    // Without an endpoint nobody listens: the kernel refuses at once.
    if (frontEnd === undefined || frontEnd.outside.targets.length + frontEnd.inside.targets.length === 0) {
      this.#opened.delete(key)
      await opened?.close()
      return
    }
    if (opened !== undefined) {
      opened.picker = new Picker(frontEnd, this.#options, opened.picker)
      opened.frontEnd = frontEnd
      if (opened instanceof UdpFrontEnd) opened.forget(frontEnd)
      return
    }
    await this.#open(key, frontEnd)
  }

  async #open (key: string, frontEnd: FrontEnd): Promise<void> {
    const { service, address, port, transport } = frontEnd
    if (transport === 'sctp') {
      this.#faults.set(key, { service, reason: 'NoSuchProtocol', message: `${address} port ${port} is not carried: SCTP needs the kernel back end` })
      return
    }
    const options: TcpOptions = {
      guard: this.#options.guard, clock: this.#options.clock, isInside: (client) => this.#isInside(client), isAllowed, counts: this.#counts
    }
    const picker = new Picker(frontEnd, this.#options)
    try {
      this.#opened.set(key, await (transport === 'tcp' ? TcpFrontEnd : UdpFrontEnd).open(frontEnd, picker, options))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const reason = code === 'EADDRINUSE' ? 'NodePortTaken' : 'AddressRefused'
      this.#faults.set(key, { service, reason, message: `${address} port ${port} (${transport}) is not carried: ${openProblem(code, error)}` })
    }
  }

  #isInside (client: string): boolean {
    return client.startsWith('127.') || client === '::1' || this.#machine.addresses.has(client.replace(/^::ffff:/, ''))
  }

  /** The whole range becomes local (AnyIP), so that each cluster IP can be listened on. */
  async #setRanges (): Promise<readonly string[]> {
    const faults: string[] = []
    for (const { family, text } of this.#options.clusterRanges) {
      const ran = await this.#options.run('ip', [`-${family}`, 'route', 'replace', 'local', text, 'dev', 'lo'])
      if (ran.code !== 0) faults.push(`cluster IPs of ${text} are not carried: no right to make them addresses of this machine (CAP_NET_ADMIN; ip: ${failure(ran)})`)
    }
    return faults
  }
}

function openProblem (code: string | undefined, error: unknown): string {
  switch (code) {
    case 'EADDRINUSE': return 'another program of this machine listens there'
    case 'EACCES': return 'ports below 1024 need CAP_NET_BIND_SERVICE'
    case 'EADDRNOTAVAIL': return 'it is no address of this machine'
    default: return error instanceof Error ? error.message : String(error)
  }
}

/** Whether a client is in one of the networks. */
export function isAllowed (client: string, sources: readonly string[]): boolean {
  const ip = parseIp(client.replace(/^::ffff:/, ''))
  if ('problem' in ip) return false
  return sources.some((text) => {
    const range = parseCidr(text)
    return !('problem' in range) && contains(range, ip)
  })
}
