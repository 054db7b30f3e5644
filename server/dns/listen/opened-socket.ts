// Sockets that the C library opens, with options that `dgram` does not know.
import type { Libc } from './libc.ts'
import { addressOctets, addressRoom, families, writeSocketAddress } from './socket-address.ts'

// <bits/socket_type.h>
const datagrams = 2
const closeOnExec = 0o2000000
const nonBlocking = 0o4000

/** Level and name: <asm-generic/socket.h>, <linux/in.h>, <linux/in6.h>. */
const options = {
  reuseAddress: [1, 2],
  receiveBuffer: [1, 8],
  reusePort: [1, 15],
  packetInfo4: [0, 8], // IP_PKTINFO
  onlyIpv6: [41, 26],
  packetInfo6: [41, 49] // IPV6_RECVPKTINFO
} as const

/** What calls read and write. It lives as long as the thread: a buffer that nobody holds may be gone before the call reads it. */
const memory = new ArrayBuffer(addressRoom + 4)
const view = new DataView(memory)

export interface OpenedSocketOptions {
  readonly address: string
  readonly family: 4 | 6
  /** 0 = any that is free. */
  readonly port: number
  /** Shares the port with other sockets of this user that say so too. */
  readonly reusePort: boolean
  /** Shares the port with a socket of ours that stands on all addresses, and says so at that moment. */
  readonly besideAll?: OpenedSocket | undefined
  /** Stands on all addresses, and each datagram tells which one was asked. */
  readonly tellsAsked?: boolean
  readonly receiveBufferOctets?: number
}

export class OpenedSocket {
  readonly fd: number
  readonly #libc: Libc

  /** Opens and binds. @throws an error with the code of the system, like EADDRINUSE */
  static open (libc: Libc, given: OpenedSocketOptions): OpenedSocket {
    const { address, family, port, reusePort, besideAll, tellsAsked = false, receiveBufferOctets } = given
    const socket = new OpenedSocket(libc, family)
    try {
      if (reusePort) socket.#set('reusePort', 1)
      if (tellsAsked && family === 6) socket.#set('onlyIpv6', 1) // IPv4 has a socket of its own
      if (tellsAsked) socket.#set(family === 4 ? 'packetInfo4' : 'packetInfo6', 1)
      if (receiveBufferOctets !== undefined) socket.#set('receiveBuffer', receiveBufferOctets)
      if (besideAll === undefined) socket.#bind(address, family, port)
      else {
        besideAll.shareAddress(true)
        try {
          socket.shareAddress(true)
          socket.#bind(address, family, port)
        } finally {
          besideAll.shareAddress(false)
        }
      }
      socket.shareAddress(false)
      return socket
    } catch (error) {
      socket.close()
      throw error
    }
  }

  private constructor (libc: Libc, family: 4 | 6) {
    this.#libc = libc
    this.fd = libc.socket(families[family], datagrams | closeOnExec | nonBlocking, 0)
    if (this.fd < 0) throw this.#error('socket')
  }

  /** While it is so, others of this machine may have the address too, if they say so: it is for a moment. libuv leaves it so. */
  shareAddress (does: boolean): void {
    this.#set('reuseAddress', does ? 1 : 0)
  }

  /** The port that it was given. */
  get port (): number {
    view.setUint32(addressRoom, addressRoom, true)
    const at = this.#libc.addressOf(memory)
    if (this.#libc.getsockname(this.fd, at, at + addressRoom) < 0) throw this.#error('getsockname')
    return view.getUint16(2)
  }

  /** Of a socket that was not handed to `dgram`, which closes those it has. */
  close (): void {
    this.#libc.close(this.fd)
  }

  #bind (address: string, family: 4 | 6, port: number): void {
    new Uint8Array(memory).fill(0)
    writeSocketAddress(this.#libc, view, address, family, port)
    if (this.#libc.bind(this.fd, this.#libc.addressOf(memory), addressOctets[family]) < 0) throw this.#error(`bind ${address}:${port}`)
  }

  #set (option: keyof typeof options, value: number): void {
    view.setUint32(0, value, true)
    const [level, name] = options[option]
    if (this.#libc.setsockopt(this.fd, level, name, this.#libc.addressOf(memory), 4) < 0) throw this.#error(`setsockopt ${option}`)
  }

  #error (call: string): Error {
    const code = this.#libc.errorName(this.#libc.errno())
    return Object.assign(new Error(`${call} ${code}`), { code, syscall: call.split(' ', 1)[0] })
  }
}
