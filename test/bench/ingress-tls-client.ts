// Full handshakes, one after the other on so many connections, for so many seconds: prints how many, for ingress-tls.ts.
import { connect } from 'node:tls'

const [port = '', seconds = '2', connections = '16'] = process.argv.slice(2)
const untilMs = performance.now() + Number(seconds) * 1_000
let done = 0

async function shake (): Promise<void> {
  while (performance.now() < untilMs) {
    await new Promise<void>((resolve, reject) => {
      const socket = connect({ port: Number(port), host: '127.0.0.1', servername: 'a.example', rejectUnauthorized: false }, () => {
        done++
        socket.destroy()
      })
      socket.once('error', reject)
      socket.once('close', () => resolve())
    })
  }
}

await Promise.all(Array.from({ length: Number(connections) }, shake))
console.log(done)
