// A node with TLS as it is run: certificates are replaced under load, and what stands in the ready line.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Agent, get } from 'node:https'
import { join } from 'node:path'
import { connect } from 'node:tls'
import t from 'tap'
import { type Pair, authority } from '../support/certificate.ts'
import { temporaryDirectory } from '../support/closable.ts'
import { run } from '../support/processes.ts'

const ours = authority()

/** Status of one request. */
function status (url: string, agent: Agent): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  get(`${url}/v1/namespaces`, { agent, ca: ours.cert }, (response) => {
    response.resume().on('end', () => resolve(response.statusCode ?? 0)).on('error', reject)
  }).on('error', reject)
  return promise
}

async function fingerprint (url: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), ca: ours.cert })
  await once(socket, 'secureConnect')
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256
}

t.test('certificates are replaced under load, and no request fails', async (t) => {
  const directory = await temporaryDirectory(t)
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(directory, name)) as [string, string]
  const put = (pair: Pair): void => {
    writeFileSync(cert, pair.cert)
    writeFileSync(key, pair.key, { mode: 0o600 })
  }
  put(ours.issue())
  const program = run(t, 'bin/rollcall.js', [
    'serve', '--http', 'off', '--dns', 'off', '--data', join(directory, 'data'), '--http-tls', '127.0.0.1:0', '--http-tls-cert', cert, '--http-tls-key', key
  ])
  const ready = JSON.parse(await program.line(/"msg":"ready"/)) as { http: string, https: string }
  t.match(ready, { http: 'off', https: /^https:\/\/127\.0\.0\.1:\d+$/ })

  let isOver = false
  const kept = new Agent({ keepAlive: true, maxSockets: 4 })
  t.teardown(() => kept.destroy())
  const count = { requests: 0, failed: 0 }
  const clients = Array.from({ length: 8 }, async (_, index) => {
    while (!isOver) {
      const agent = index < 4 ? kept : new Agent() // those that keep their connections, and those that have a new one for each request
      count.requests++
      if (await status(ready.https, agent).catch(() => 0) !== 200) count.failed++
      if (agent !== kept) agent.destroy()
    }
  })
  const seen = new Set([await fingerprint(ready.https)])
  for (let turn = 1; turn <= 3; turn++) {
    put(ours.issue())
    if (turn === 2) process.kill(program.pid, 'SIGHUP') // without waiting for the next look
    while (seen.size === turn) seen.add(await fingerprint(ready.https))
  }
  writeFileSync(key, 'none')
  await program.line(/the files of http-tls have changed, and the certificate from before stays in use/)
  t.ok(seen.has(await fingerprint(ready.https)))
  isOver = true
  await Promise.all(clients)
  t.ok(count.requests > 100)
  t.equal(count.failed, 0, `of ${count.requests}`)
  t.equal(await program.end('SIGTERM'), 0)
})
