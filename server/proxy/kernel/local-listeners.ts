// Programs of this machine that listen where a node port is: the kernel carries what comes there, and they hear nothing of it.
//
//   /proc/net/tcp  = heading *( slot ":" local remote state ... )     local = address ":" port, in hexadecimal
//   address        = words of 32 bits, the lowest octet first; state 0A listens (TCP), 07 is bound to no peer (UDP)
import { readFile } from 'node:fs/promises'
import { showIp } from '../../model/address/ranges.ts'
import type { FrontEndChanges } from '../back-end.ts'
import type { Condition, FrontEnd } from '../front-end.ts'

const files = [
  { path: '/proc/net/tcp', transport: 'tcp', state: '0A' }, { path: '/proc/net/tcp6', transport: 'tcp', state: '0A' },
  { path: '/proc/net/udp', transport: 'udp', state: '07' }, { path: '/proc/net/udp6', transport: 'udp', state: '07' }
] as const

export class LocalListeners {
  readonly #read: (path: string) => Promise<string>
  readonly #nodePorts = new Map<string, FrontEnd>()
  #conditions: readonly Condition[] = []

  /** @param read default: the system's file; '' if there is none */
  constructor (read: (path: string) => Promise<string> = readProc) {
    this.#read = read
  }

  /** Node ports at which somebody listened at the last look. */
  get conditions (): readonly Condition[] {
    return this.#conditions
  }

  /** Takes changes of front ends; looks again if a node port came or went. */
  async change (changes: FrontEndChanges): Promise<void> {
    let isOther = false
    for (const [key, frontEnd] of changes) {
      const before = this.#nodePorts.get(key)
      if (frontEnd?.kind === 'node-port') this.#nodePorts.set(key, frontEnd)
      else this.#nodePorts.delete(key)
      isOther ||= (before === undefined) !== (frontEnd?.kind !== 'node-port')
    }
    if (isOther) await this.look()
  }

  async look (): Promise<void> {
    const listening = new Set<string>()
    if (this.#nodePorts.size > 0) {
      for (const { path, transport, state } of files) {
        for (const place of placesOf(await this.#read(path), state)) listening.add(`${transport} ${place}`)
      }
    }
    this.#conditions = Array.from(this.#nodePorts.values()).flatMap(({ service, address, port, transport, family }) => {
      const wildcards = family === 4 ? ['0.0.0.0', '::'] : ['::']
      if (![address, ...wildcards].some((at) => listening.has(`${transport} ${at} ${port}`))) return []
      const message = `a program of this machine listens on port ${port} (${transport}), a node port: what comes to ${address} goes to the service, and not to it`
      return [{ service, reason: 'NodePortTaken' as const, message }]
    })
  }
}

/** `address port` of the sockets in a state. */
export function * placesOf (text: string, wanted: string): Generator<string> {
  for (const line of text.split('\n')) {
    const [, local = '', , state] = line.trim().split(/\s+/)
    const match = /^((?:[0-9A-F]{8}){1,4}):([0-9A-F]{4})$/.exec(local)
    if (state !== wanted || match === null) continue
    const [, digits = '', port = ''] = match
    const words = digits.match(/.{8}/g) ?? []
    const value = words.reduce((sum, word) => (sum << 32n) | BigInt(`0x${word.match(/../g)?.reverse().join('') ?? '0'}`), 0n)
    yield `${showIp(words.length === 1 ? 4 : 6, value)} ${parseInt(port, 16)}`
  }
}

async function readProc (path: string): Promise<string> {
  try {
    return await readFile(path, 'latin1')
  } catch {
    return '' // not in this kernel
  }
}
