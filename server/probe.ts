// Whether anybody listens at an address, asked by connecting to it.
import { connect } from 'node:net'

/**
 * True if the host refuses the connection: it is there, and the process is not. False if it is taken, or nothing comes in time.
 * @param limitMs how long an answer is waited for
 */
export function refusesConnections (address: string, port: number, limitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port })
    const end = (isRefused: boolean): void => {
      socket.destroy()
      resolve(isRefused)
    }
    socket.setTimeout(limitMs, () => end(false))
    socket.once('connect', () => end(false))
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED'))
    socket.unref()
  })
}
