// A WebSocket (RFC 6455) with a CA and a certificate of one's own, on node:https: text frames, as the registry speaks, without extensions.
import type { IncomingMessage } from 'node:http'
import type * as Crypto from 'node:crypto'
import type * as Http from 'node:http'
import type * as Https from 'node:https'
import type { Duplex } from 'node:stream'
import { readFrames } from './frames.ts'
import { tlsFaultOf } from './rules/tls-faults.ts'
import { tlsHints } from './tls-hints.ts'
import { builtIn, type TlsMaterial } from './tls-material.ts'
import type { WebSocketConstructor, WebSocketLike } from './web-socket.ts'

type EventName = Parameters<WebSocketLike['addEventListener']>[0]
type Listener = Parameters<WebSocketLike['addEventListener']>[1]

/** RFC 6455 1.3. */
const acceptKey = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
/** Once we have said goodbye the registry has so long to do so too. */
const goodbyeMs = 2_000
const opcodes = { continuation: 0, text: 1, close: 8, ping: 9, pong: 10 } as const

/** The class of sockets that show this certificate. */
export function tlsWebSocket (material: TlsMaterial, maxFrameBytes: number): WebSocketConstructor {
  return class implements WebSocketLike {
    readonly #listeners = { open: new Set<Listener>(), message: new Set<Listener>(), close: new Set<Listener>(), error: new Set<Listener>() }
    #request: Http.ClientRequest | undefined
    #socket: Duplex | undefined
    #state: 'connecting' | 'open' | 'closing' | 'closed' = 'connecting'
    #timer: ReturnType<typeof setTimeout> | undefined

    constructor (url: string, { headers = {} }: { readonly headers?: Record<string, string> } = {}) {
      const key = Buffer.from(builtIn<typeof Crypto>('node:crypto').randomBytes(16)).toString('base64')
      const isSecure = /^wss:/i.test(url)
      const { request } = builtIn<typeof Https | typeof Http>(isSecure ? 'node:https' : 'node:http')
      const sent = this.#request = request(url.replace(/^ws/i, 'http'), {
        agent: false,
        ...(isSecure ? { ...material.texts, minVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] } : {}),
        headers: { ...headers, 'connection': 'Upgrade', 'upgrade': 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': key }
      })
      sent.on('error', (error) => this.#failed(tlsFaultOf(error, tlsHints)?.says ?? error.message))
      sent.on('response', (response) => {
        response.resume()
        this.#failed(`the registry answered ${response.statusCode} where a WebSocket was asked for`)
        sent.destroy()
      })
      sent.on('upgrade', (response, socket, head) => this.#opened(response, socket, head, key))
      sent.end()
    }

    addEventListener (type: EventName, listener: Listener): void {
      this.#listeners[type].add(listener)
    }

    send (data: string): void {
      if (this.#state !== 'open') throw new Error('the WebSocket is not open')
      this.#write(opcodes.text, Buffer.from(data))
    }

    close (code = 1000, reason = ''): void {
      if (this.#state === 'connecting') return this.#failed('it was closed before it was open')
      if (this.#state !== 'open') return
      this.#goodbye(code, reason)
    }

    #opened (response: IncomingMessage, socket: Duplex, head: Buffer, key: string): void {
      const expected = builtIn<typeof Crypto>('node:crypto').createHash('sha1').update(`${key}${acceptKey}`).digest('base64')
      socket.on('error', () => {}) // the close tells
      if (this.#state !== 'connecting' || response.headers['sec-websocket-accept'] !== expected) {
        socket.destroy()
        return this.#failed('what answered speaks no WebSocket')
      }
      this.#socket = socket
      this.#state = 'open'
      socket.on('close', () => this.#closed(''))
      socket.on('end', () => socket.end())
      const take = readFrames(maxFrameBytes, {
        text: (text) => this.#tell('message', { data: text }),
        ping: (payload) => { if (this.#state === 'open') this.#write(opcodes.pong, payload) },
        close: (reason) => {
          if (this.#state === 'open') this.#goodbye(1000, '')
          socket.end()
          this.#closed(reason)
        },
        fault: (code, says) => {
          this.#goodbye(code, says)
          this.#failed(says)
        }
      })
      socket.on('data', take)
      this.#tell('open', {})
      if (head.length > 0) take(head)
    }

    #goodbye (code: number, reason: string): void {
      this.#state = 'closing'
      const text = Buffer.from(reason).subarray(0, 123) // RFC 6455 5.5: a control frame has 125 octets at most
      this.#write(opcodes.close, Buffer.concat([Buffer.from([code >> 8, code & 255]), text]))
      this.#timer = setTimeout(() => this.#socket?.destroy(), goodbyeMs)
      this.#timer.unref?.()
    }

    /** RFC 6455 5.2: a client masks what it sends. */
    #write (opcode: number, payload: Buffer): void {
      const { length } = payload
      const size = length < 126 ? Buffer.from([0x80 | length]) : length < 65_536 ? Buffer.alloc(3) : Buffer.alloc(9)
      if (length >= 65_536) {
        size[0] = 0x80 | 127
        size.writeBigUInt64BE(BigInt(length), 1)
      } else if (length >= 126) {
        size[0] = 0x80 | 126
        size.writeUInt16BE(length, 1)
      }
      const mask = Buffer.from(builtIn<typeof Crypto>('node:crypto').randomBytes(4))
      const masked = Buffer.from(payload)
      for (let at = 0; at < length; at++) masked[at] = (masked[at] ?? 0) ^ (mask[at & 3] ?? 0)
      this.#socket?.write(Buffer.concat([Buffer.from([0x80 | opcode]), size, mask, masked]))
    }

    #failed (message: string): void {
      if (this.#state === 'closed') return
      this.#request?.destroy()
      this.#socket?.destroy()
      this.#tell('error', { message })
      this.#closed(message)
    }

    #closed (reason: string): void {
      if (this.#state === 'closed') return
      this.#state = 'closed'
      clearTimeout(this.#timer)
      this.#tell('close', { reason })
    }

    #tell (type: EventName, event: Parameters<Listener>[0]): void {
      for (const listener of this.#listeners[type]) listener(event)
    }
  }
}
