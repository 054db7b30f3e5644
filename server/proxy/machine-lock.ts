// One agent for each machine: an abstract socket of Linux, which goes with its process and is of one network namespace, as
// nftables is. Whoever connects gets the agent's status as one line of JSON.
import { connect, createServer, type Server } from 'node:net'
import type { Guard } from '../guard.ts'

/** A leading NUL makes it abstract. */
const defaultName = '\0rollcall-proxy'
/** A status is some kilobytes; conditions are cut before it is written. */
const maxStatusBytes = 4 * 1_048_576
const answerMs = 2_000

export class MachineLock {
  readonly #server: Server

  private constructor (server: Server) {
    this.#server = server
  }

  /** @returns undefined if another agent has it */
  static async take (status: () => object, guard: Guard, name = defaultName): Promise<MachineLock | undefined> {
    const server = createServer(guard.around('proxy-status', (socket) => {
      socket.on('error', guard.around('proxy-status', () => socket.destroy()))
      socket.end(`${JSON.stringify(status())}\n`)
    }))
    server.maxConnections = 16
    return new Promise((resolve, reject) => {
      server.once('error', guard.around('proxy-status', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error))))
      server.listen(name, guard.around('proxy-status', () => {
        server.unref()
        resolve(new MachineLock(server))
      }))
    })
  }

  release (): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }
}

/** Asks the agent of this machine. @returns undefined if there is none, or it does not answer */
export function agentStatus (guard: Guard, name = defaultName): Promise<unknown> {
  return new Promise((resolve) => {
    const socket = connect({ path: name, timeout: answerMs })
    let text = ''
    socket.once('timeout', guard.around('proxy-status', () => socket.destroy()))
    socket.setEncoding('utf8')
    socket.on('data', guard.around('proxy-status', (chunk: string) => {
      text += chunk
      if (text.length > maxStatusBytes) socket.destroy()
    }))
    socket.once('error', guard.around('proxy-status', () => resolve(undefined)))
    socket.once('close', guard.around('proxy-status', () => {
      try {
        resolve(JSON.parse(text))
      } catch {
        resolve(undefined)
      }
    }))
  })
}
