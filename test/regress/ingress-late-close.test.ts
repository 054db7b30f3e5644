// A client that had not taken the end of its answer closed its connection, and the request of another client was cut: the connection
// to the endpoint carried that one by then.
import { EventEmitter, once } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import t from 'tap'
import { backendOf, bodyOf, endpoint, get, ingress, service, startIngress } from '../support/ingress.ts'

t.test('a client that closes late cuts nobody else', async (t) => {
  const events = new EventEmitter()
  const port = await backendOf(t, (request, response) => {
    if (request.url === '/first') return void response.end('first')
    events.emit('asked', () => response.end('second'))
  })
  const { port: at, engine } = await startIngress(t, { ingresses: [ingress('a', { rules: ['a.example / Prefix web'] })], services: [service('web', [endpoint('w', port)])] })
  // Takes what is written, and never says that it is gone.
  const stuck = new Duplex({ read () {}, write () { events.emit('written') } })
  const request = Object.assign(new IncomingMessage(stuck as Socket), {
    method: 'GET', url: '/first', httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1, rawHeaders: ['Host', 'a.example'], complete: true
  })
  const response = new ServerResponse(request)
  response.assignSocket(stuck as Socket)
  const written = once(events, 'written')
  engine.handle(request, response, { scheme: 'http', clientAddress: '192.0.2.1', clientPort: 1, localPort: 80 })
  await written
  const asked = once(events, 'asked')
  const second = get(at, 'a.example', '/second')
  const [answer] = await asked as [() => void]
  const closed = once(response, 'close')
  stuck.destroy()
  await closed
  answer()
  t.equal(bodyOf(await second), 'second')
  t.strictSame(engine.figures().upstreamConnects, { 'default/web': 1 }, 'both had the same connection')
})
