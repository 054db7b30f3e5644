// Symptom: a peer that asked eleven things over one TCP connection and did not read made Node print MaxListenersExceededWarning: each answer
// waited with a listener of its own for the connection to take more.
import { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import t from 'tap'
import { StreamConnection } from '../../server/dns/listen/stream-connection.ts'
import { standaloneGuard } from '../../server/guard.ts'

t.test('answers that wait for one connection wait with one listener', async (t) => {
  let release = (): void => undefined
  const written: Buffer[] = []
  const socket = new Duplex({
    highWaterMark: 1, read: () => undefined, writev: (chunks, done) => {
      written.push(...chunks.map(({ chunk }) => chunk))
      release = done
    }
  })
  t.teardown(() => socket.destroy())
  const usual = socket.listenerCount('drain')
  const answers = async function * (): AsyncGenerator<Buffer> { yield Buffer.alloc(100) }
  // a Duplex has all of a Socket that a connection of DNS uses
  new StreamConnection(socket as unknown as Socket, {
    nowMs: () => 0, answer: () => answers(), badLength: () => undefined, waiting: () => undefined
  }, standaloneGuard)
  const question = Buffer.concat([Buffer.of(0, 17), Buffer.alloc(17)])
  socket.push(Buffer.concat(Array.from({ length: 12 }, () => question)))
  for (let round = 0; round < 20; round++) await new Promise((resolve) => { setImmediate(resolve) })
  t.ok(socket.writableNeedDrain, 'the peer does not read')
  t.ok(socket.listenerCount('drain') <= usual + 2, `${socket.listenerCount('drain')} listeners`)
  for (let round = 0; round < 40; round++) {
    release()
    await new Promise((resolve) => { setImmediate(resolve) })
  }
  t.equal(written.length, 12, 'every answer leaves')
})
