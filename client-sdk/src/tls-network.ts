// `fetch` and `WebSocket` with a CA and a certificate of one's own. The global ones of Node take neither without a package of their own
// library (undici), so that these stand on node:https.
import type { IncomingMessage } from 'node:http'
import type * as Https from 'node:https'
import type { ResponseLike } from './answer-body.ts'
import { tlsWebSocket } from './tls-web-socket.ts'
import { builtIn, TlsMaterial, type TlsOptions } from './tls-material.ts'
import type { Fetch } from './transport.ts'
import type { WebSocketConstructor } from './web-socket.ts'

export interface TlsNetwork {
  readonly fetch: Fetch
  readonly WebSocket: WebSocketConstructor
}

/** A longer frame ends the connection, unless told otherwise. */
const defaultMaxFrameBytes = 64 * 1024 * 1024

/**
 * Makes what a client reaches a registry by, whose certificate is of a CA of one's own, or that asks for a certificate. `new Rollcall` makes
 * it of its options `ca`, `cert` and `key`.
 * @throws RollcallError REGISTRY_INVALID_ARGUMENT
 */
export function tlsNetwork (options: TlsOptions, maxFrameBytes = defaultMaxFrameBytes): TlsNetwork {
  const material = new TlsMaterial(options)
  return { fetch: tlsFetch(material), WebSocket: tlsWebSocket(material, maxFrameBytes) }
}

function tlsFetch (material: TlsMaterial): Fetch {
  return async (url, init) => {
    if (!/^https:/i.test(url)) return await fetch(url, init)
    try {
      return await exchange(material, url, init)
    } catch (error) {
      // The registry has closed a kept connection while the call set out: on a new one it may be sent again, as every call may.
      if (!(error instanceof StaleConnection) || init.signal.aborted) throw error instanceof StaleConnection ? error.cause : error
      return await exchange(material, url, init, true)
    }
  }
}

class StaleConnection extends Error {}

function exchange (material: TlsMaterial, url: string, { method, headers, body, signal }: Parameters<Fetch>[1], isNew = false): Promise<ResponseLike> {
  const { request } = builtIn<typeof Https>('node:https')
  return new Promise((resolve, reject) => {
    const connection = isNew ? { agent: false, ...material.texts, minVersion: 'TLSv1.2' } as const : { agent: material.agent }
    const sent = request(url, { method, headers, signal, ...connection }, (response) => resolve(answerOf(response)))
    sent.on('error', (cause: NodeJS.ErrnoException) => {
      const isStale = sent.reusedSocket && (cause.code === 'ECONNRESET' || cause.code === 'EPIPE')
      reject(isStale ? new StaleConnection('the connection was closed', { cause }) : cause)
    })
    sent.end(body)
  })
}

/** As much of a `Response` as the SDK reads. */
function answerOf (response: IncomingMessage): ResponseLike {
  const chunks = (): AsyncIterator<unknown> => response[Symbol.asyncIterator]()
  return {
    status: response.statusCode ?? 0,
    headers: { get: (name) => response.headers[name.toLowerCase()]?.toString() ?? null },
    body: {
      getReader: () => {
        const reading = chunks()
        return {
          read: async () => {
            const next = await reading.next()
            return next.done === true ? { done: true } : { done: false, value: next.value }
          },
          cancel: async () => { response.destroy() }
        }
      }
    },
    text: async () => {
      const decoder = new TextDecoder()
      let text = ''
      for await (const chunk of response) text += decoder.decode(chunk as Uint8Array, { stream: true }) // no encoding is set
      return text + decoder.decode()
    }
  }
}
