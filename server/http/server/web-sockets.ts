// WebSockets, in the scopes that speak them. The plugin adds hooks to every route of the scope that it is registered in: no other route
// pays for them.
import { createServer } from 'node:http'
import websocket from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'
import type { Guard } from '../../guard.ts'
import * as limits from './limits.ts'

export class WebSockets {
  readonly #guard: Guard
  #isHeard = false

  constructor (guard: Guard) {
    this.#guard = guard
  }

  /** Makes a scope speak WebSocket: what it registers with `wsHandler` or `websocket: true`. */
  async register (scope: FastifyInstance): Promise<void> {
    // The first one hears the upgrades of the server and sends them through the router, to whichever scope the path is of; the others are
    // given a server that never listens, or each upgrade would be routed once for each scope.
    const server = this.#isHeard ? { server: createServer() } : {}
    this.#isHeard = true
    // Named here because the types of the library do not know the newer two of its options.
    const options = {
      ...server,
      maxPayload: limits.maxFrameBytes,
      maxFragments: limits.maxFrameFragments,
      closeTimeout: limits.closeFrameTimeoutMs,
      perMessageDeflate: false, // a compression bomb costs more than the network that it saves
      clientTracking: false
    }
    await scope.register(websocket, {
      options,
      errorHandler: (error, socket) => {
        // The library has begun to close with the code that the protocol wants (1002, 1007, 1009); the socket's end says the rest.
        if (socket.readyState === socket.OPEN) {
          this.#guard.failed('watch', error)
          socket.terminate()
        }
      },
      preClose: (done) => { done() } // who keeps sockets says goodbye to them
    })
  }
}
