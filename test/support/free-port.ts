// A port of the loopback for a program that cannot choose one itself.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** A port that is free for UDP and for TCP. Another program may be faster. */
export async function freePort (): Promise<number> {
  for (let attempt = 1; attempt <= 32; attempt++) {
    const udp = createSocket('udp4').bind(0, '127.0.0.1')
    await once(udp, 'listening')
    const { port } = udp.address()
    const tcp = createServer().listen(port, '127.0.0.1')
    const isFree = await once(tcp, 'listening').then(() => true, () => false)
    await Promise.all([new Promise<void>((resolve) => udp.close(() => resolve())), isFree && new Promise<void>((resolve) => tcp.close(() => resolve()))])
    if (isFree) return port
  }
  throw new Error('no port is free for UDP and TCP alike')
}
