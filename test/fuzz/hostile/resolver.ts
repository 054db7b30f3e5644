// The resolver that questions are forwarded to: answers names of one zone at once, and nothing else ever.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { host } from './attack.ts'

export const quickZone = 'quick.example'
export const slowZone = 'slow.example'

/** Of a question's end: its name, its type and its class. Undefined = not a question of the quick zone. */
function endOfQuestion (message: Buffer): number | undefined {
  let at = 12
  const labels: string[] = []
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length).toLowerCase())
    at += 1 + length
    if (at >= message.length) return undefined
  }
  return labels.slice(-2).join('.') === quickZone ? at + 5 : undefined
}

/** RFC 1035 4.1: the question as it came, and one address. */
function answerTo (message: Buffer): Buffer | undefined {
  const end = message.length < 17 ? undefined : endOfQuestion(message)
  if (end === undefined) return undefined
  const head = Buffer.from(message.subarray(0, 12))
  head.writeUInt16BE(0x8180, 2)
  head.writeUInt16BE(1, 6)
  head.writeUInt32BE(0, 8)
  const address = Buffer.from('c00c000100010000000100040a000001', 'hex')
  return Buffer.concat([head, message.subarray(12, end), address])
}

export async function startResolver (): Promise<{ readonly port: number, close (): void }> {
  const socket = createSocket('udp4')
  socket.on('error', () => undefined)
  socket.on('message', (message, peer) => {
    const answer = answerTo(message)
    if (answer !== undefined) socket.send(answer, peer.port, peer.address)
  })
  socket.bind(0, host)
  await once(socket, 'listening')
  return { port: socket.address().port, close: () => void socket.close() }
}
