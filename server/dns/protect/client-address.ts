// The address of a client as octets. A socket gives it as text with every packet; it is read here without leaving anything to collect.
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { type Ip, parseIp } from '../../model/address/ranges.ts'

const colon = 0x3a
const dot = 0x2e
const percent = 0x25

/** Reads one address after the other into itself. */
export class ClientAddress {
  readonly bytes = Buffer.allocUnsafeSlow(16)
  /** 4 or 16, also 4 for IPv4 inside IPv6 (`::ffff:10.0.0.7`); 0 = it was no address. */
  length: 0 | 4 | 16 = 0

  /** @param text as a socket gives it; a zone (`%eth0`) is left out */
  read (text: string): this {
    this.length = text.includes(':') ? this.#readSix(text) : this.#readFour(text, 0, 0) ? 4 : 0
    return this
  }

  get isLoopback (): boolean {
    const { bytes, length } = this
    if (length === 4) return bytes[0] === 127
    if (length === 0 || bytes[15] !== 1) return false
    for (let index = 0; index < 15; index++) if (bytes[index] !== 0) return false
    return true
  }

  #readFour (text: string, from: number, to: number): boolean {
    let value = 0
    let at = to
    for (let index = from; index < text.length; index++) {
      const code = text.charCodeAt(index)
      if (code === dot) {
        if (at === to + 3 || value > 255) return false
        this.bytes[at++] = value
        value = 0
      } else if (code >= 0x30 && code <= 0x39 && value < 256) value = value * 10 + code - 0x30
      else return false
    }
    this.bytes[at] = value
    return at === to + 3 && value < 256
  }

  #readSix (text: string): 0 | 4 | 16 {
    const { bytes } = this
    let at = 0
    let gap = -1 // where "::" stands for zeros
    let value = 0
    let groupStart = 0
    let index = 0
    for (; index < text.length; index++) {
      const code = text.charCodeAt(index)
      if (code === percent) break
      if (code === colon) {
        if (index > groupStart) {
          if (at > 14) return 0
          at = bytes.writeUInt16BE(value, at)
        }
        if (text.charCodeAt(index + 1) === colon) gap = at
        value = 0
        groupStart = index + 1
      } else if (code === dot) {
        if (at > 12 || !this.#readFour(text, groupStart, at)) return 0
        at += 4
        groupStart = index = text.length
        break
      } else {
        const digit = hexDigit(code)
        if (digit < 0 || index - groupStart === 4) return 0
        value = value << 4 | digit
      }
    }
    if (index > groupStart) {
      if (at > 14) return 0
      at = bytes.writeUInt16BE(value, at)
    }
    if (gap >= 0) {
      bytes.copyWithin(16 - (at - gap), gap, at)
      bytes.fill(0, gap, 16 - (at - gap))
    } else if (at !== 16) return 0
    return this.#unmapped()
  }

  /** IPv4 that came in on an IPv6 socket is IPv4. */
  #unmapped (): 4 | 16 {
    const { bytes } = this
    for (let index = 0; index < 10; index++) if (bytes[index] !== 0) return 16
    if (bytes[10] !== 0xff || bytes[11] !== 0xff) return 16
    bytes.copyWithin(0, 12)
    return 4
  }
}

function hexDigit (code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** The address of a client, once for each client. @param text as a socket gives it; IPv4 inside IPv6 is IPv4. undefined = it is none */
export function clientIp (text: string): Ip | undefined {
  const plain = text.split('%', 1)[0] ?? '' // fe80::1%eth0
  if (isIP(plain) === 0) return undefined
  const address = parseIp(ipaddr.process(plain).toString())
  return 'problem' in address ? undefined : address
}
