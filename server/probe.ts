// Whether a process listens at an address, tried by connecting to it.
import { connect } from 'node:net'
import type { Guard } from './guard.ts'

/**
 * True if the host refuses the connection: it is there, and the process is not. False if it is taken, or nothing comes in time.
 * @param limitMs how long an answer is waited for
 */
export function refusesConnections (address: string, port: number, limitMs: number, guard: Guard): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, signal: AbortSignal.timeout(limitMs) })
    const end = (isRefused: boolean): void => {
      socket.destroy()
      resolve(isRefused)
    }
    socket.once('connect', guard.around('probe', () => end(false)))
    // Also when the time is up: that is an AbortError.
    socket.once('error', guard.around('probe', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED')))
    socket.unref()
  })
}
