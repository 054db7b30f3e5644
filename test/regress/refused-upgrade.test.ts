// The socket of a WebSocket handshake that was refused before its route (foreign Host, shutting down) stayed open: it leaked while the
// node ran, and held its end.
import { connect } from 'node:net'
import t from 'tap'
import { handshake, refusedUpgrades } from '../e2e/connection-kinds.ts'
import { build } from '../support/world.ts'

t.test('a handshake that is refused is answered, and its connection closed', async (t) => {
  const world = await build(t)
  const { host, port } = await world.listen()
  const send = (request: string): Promise<string> => new Promise((resolve) => {
    const socket = connect({ host, port, allowHalfOpen: true }, () => socket.write(request)) // it does not close by itself
    let text = ''
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => { text += String(chunk) })
    socket.once('end', () => {
      socket.destroy()
      resolve(text)
    })
  })
  for (const [says, request, status] of refusedUpgrades) t.match(await send(request), new RegExp(`^HTTP/1\\.1 ${status} `), says)
  world.app.leaving.begin()
  t.match(await send(handshake('/v1/watch')), /^HTTP\/1\.1 503 [^]*REG_SHUTTING_DOWN/)
})
