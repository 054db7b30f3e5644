// SIGHUP: certificates and the log level are read again, and no connection is cut.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import t from 'tap'
import { selfSigned } from '../support/certificate.ts'
import { call, startNode } from '../support/processes.ts'
import { temporaryDirectory } from '../support/closable.ts'

async function fingerprint (port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['dot'] })
  await once(socket, 'secureConnect')
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256
}

for (const workers of ['0', '1']) {
  t.test(`certificates and the log level are read again; threads for DNS: ${workers}`, async (t) => {
    const directory = await temporaryDirectory(t)
    const [cert, key, file] = ['cert.pem', 'key.pem', 'rollcall.yaml'].map((name) => join(directory, name)) as [string, string, string]
    const put = (pair: { cert: string, key: string }): void => {
      writeFileSync(cert, pair.cert)
      writeFileSync(key, pair.key)
    }
    const settings = (level: string, more = ''): void => writeFileSync(file, `log-level: ${level}\ndns-tls: 127.0.0.1:0\ndns-tls-cert: ${cert}\ndns-tls-key: ${key}\n${more}`)
    put(selfSigned())
    settings('info')
    const node = await startNode(t, ['--data', join(directory, 'data'), '--config', file, '--dns-workers', workers])
    const port = Number((JSON.parse(await node.line(/"msg":"ready"/)) as { dnsTls: string }).dnsTls.split(':')[1])
    const events = await fetch(`${node.url}/v1/watch`, { headers: { accept: 'text/event-stream' } })
    const before = await fingerprint(port)

    writeFileSync(cert, 'no certificate')
    process.kill(node.pid, 'SIGHUP')
    await node.line(/SIGHUP: nothing is changed: dns-tls-cert, dns-tls-key must be a certificate and its key/)
    t.equal(await fingerprint(port), before, 'a certificate that is none changes nothing')

    put(selfSigned())
    settings('debug', 'grace: 1s\n')
    process.kill(node.pid, 'SIGHUP')
    await node.line(/SIGHUP: the log level is set, certificates and tokens are read again/)
    await node.line(/SIGHUP: these settings are taken at the next start only: grace"/)
    if (workers === '0') t.not(await fingerprint(port), before)
    else while (await fingerprint(port) === before) t.pass('the thread has not been told yet')
    await call('GET', `${node.url}/livez`)
    await node.line(/"url":"\/livez".*"msg":"request"/)

    const reader = events.body?.getReader()
    t.equal((await reader?.read())?.done, false, 'connections stay open')
    await reader?.cancel()
    t.equal(await node.end('SIGTERM'), 0)
  })
}
