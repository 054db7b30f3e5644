// What test/bench/ingress.ts measures, in a process of its own: an engine with one rule or five thousand, or a bare answer. Its words
// come over stdin: `change` begins a thousand changes a second, `count` says how many there were, `echo` puts an endpoint for upgrades
// in (a process of its own, too), `source PORT` another endpoint, `collect` collects garbage.
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { standaloneGuard } from '../../server/guard.ts'
import { systemClock } from '../../server/clock.ts'
import { IngressEngine } from '../../server/proxy/ingress/engine.ts'
import { httpServerOptions, serveWith } from '../../server/proxy/ingress/server-handlers.ts'
import { endpoint, ingress, machine, service } from '../support/ingress.ts'

const [mode = 'few', backendText = '0'] = process.argv.slice(2)
const backend = Number(backendText)

/** Agrees to every upgrade, and is quiet. */
const agreeing = `require('node:net').createServer((socket) => {
  socket.on('error', () => undefined)
  socket.once('data', () => socket.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n'))
}).listen(0, '127.0.0.1', function () { console.log(this.address().port) })`

if (mode === 'bare') {
  const server = createServer((_request, response) => { response.end('hello from the backend') })
  server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
} else {
  const limits = { exchanges: 20_000 }
  const engine = new IngressEngine({ clock: systemClock, guard: standaloneGuard, random: Math.random, machine, trusted: [], limits })
  const others = Array.from({ length: mode === 'many' ? 4_999 : 0 }, (_, index) => ingress(`r${index}`, { rules: [`h${index % 500}.example /p/${index} Prefix other`] }))
  const steady = [endpoint('one', backend), endpoint('two', backend)]
  engine.setState({ ingresses: [ingress('a', { rules: ['* / Prefix web'] }), ...others], classes: [], services: new Map([['default/web', service('web', steady)]]) })
  const server = createServer(httpServerOptions(engine))
  serveWith(server, engine, standaloneGuard, (socket) => ({ scheme: 'http', clientAddress: socket.remoteAddress ?? '', clientPort: socket.remotePort ?? 0, localPort: 80 }))
  server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
  let count = 0
  let beganMs = 0
  const change = (): void => {
    for (const due = performance.now() - beganMs; count < due;) {
      count++
      // The third one is never there when it is asked: a change takes it away again before.
      engine.putService(service('web', [...steady.map((one) => ({ ...one, weight: 1 + count % 100 })), ...count % 2 === 0 ? [] : [endpoint(`x${count}`, backend)]]))
    }
  }
  createInterface({ input: process.stdin }).on('line', (word) => {
    if (word === 'count') return console.log(count)
    if (word === 'collect') {
      setFlagsFromString('--expose-gc')
      const collect = runInNewContext('gc') as () => void
      collect()
      collect()
    }
    if (word === 'change') {
      beganMs = performance.now()
      setInterval(change, 10)
    }
    if (word.startsWith('source ')) engine.putService(service('web', [endpoint('source', Number(word.slice(7)))]))
    if (word !== 'echo') return console.log('done')
    const child = spawn(process.execPath, ['-e', agreeing], { stdio: ['ignore', 'pipe', 'inherit'] })
    process.once('exit', () => child.kill())
    process.once('SIGTERM', () => process.exit(0))
    child.stdout.once('data', (port: Buffer) => {
      engine.putService(service('web', [endpoint('echo', Number(port.toString()))]))
      console.log('done')
    })
  })
}
