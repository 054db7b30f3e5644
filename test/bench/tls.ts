// What TLS costs a read on a kept connection: CPU time of the server for each request, with TLS and without, of one process in short turns.
// The connections are those of all turns: a handshake is no read.
import { writeFileSync } from 'node:fs'
import { Agent as PlainAgent, get as getPlain } from 'node:http'
import { Agent as TlsAgent, get as getSecure } from 'node:https'
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import { selfSigned } from '../support/certificate.ts'
import { type Row, cpuMs, median, startRegistry, temporaryDirectory } from './lib.ts'

/** BENCH_PAIRS is for a brief look. */
const pairs = Number(process.env.BENCH_PAIRS ?? 7)
/** Of a turn: some 300 ms of CPU, which is counted in steps of 10. */
const requests = 4_000
const connections = 16
const idleMs = 5_000
const goal = 0.7

export async function tls (): Promise<Row[]> {
  await using directory = await temporaryDirectory()
  const { cert, key } = selfSigned()
  const [certFile, keyFile] = [join(directory.path, 'cert.pem'), join(directory.path, 'key.pem')]
  writeFileSync(certFile, cert)
  writeFileSync(keyFile, key, { mode: 0o600 })
  await using registry = await startRegistry({ directory: join(directory.path, 'data') }, '0', [
    '--http-tls', '127.0.0.1:0', '--http-tls-cert', certFile, '--http-tls-key', keyFile
  ])
  const { url, pid, ready: { https = '' } } = registry
  const service = '/v1/namespaces/shop/services/orders'
  for (let n = 0; n < 5; n++) {
    await fetch(`${url}${service}/instances/orders-${n}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ address: `10.0.0.${n + 1}`, ports: [{ name: 'http', port: 8080 }], lease: { ttlMs: 600_000 } })
    })
  }
  const plain = { base: url, agent: new PlainAgent({ keepAlive: true, maxSockets: connections }), get: getPlain }
  const secure = { base: https, agent: new TlsAgent({ keepAlive: true, maxSockets: connections, ca: cert }), get: getSecure }
  const rows: Row[] = []
  for (const [what, path] of [['GET endpoints of five instances', `${service}/endpoints`], ['GET of an instance', `${service}/instances/orders-1`]] as const) {
    await perRequest(pid, plain, path)
    await perRequest(pid, secure, path)
    await passed(idleMs)
    const measured: { readonly plain: number, readonly secure: number }[] = []
    for (let pair = 0; pair < pairs; pair++) measured.push({ plain: await perRequest(pid, plain, path), secure: await perRequest(pid, secure, path) })
    const ratio = median(measured.map((pair) => pair.plain / pair.secure))
    const us = (side: 'plain' | 'secure'): string => median(measured.map((pair) => pair[side])).toFixed(1)
    rows.push({
      what: `${what}, TLS on kept connections`, measured: `${ratio.toFixed(2)} of plain (${us('secure')} us of CPU against ${us('plain')})`,
      goal: `at least ${goal}`, met: ratio >= goal
    })
  }
  plain.agent.destroy()
  secure.agent.destroy()
  return rows
}

interface Way {
  readonly base: string
  readonly agent: PlainAgent
  readonly get: typeof getPlain
}

/** Microseconds of CPU. */
async function perRequest (pid: number, way: Way, path: string): Promise<number> {
  const before = cpuMs(pid)
  await Promise.all(Array.from({ length: connections }, async () => {
    for (let n = 0; n < requests / connections; n++) await ask(way, path)
  }))
  return (cpuMs(pid) - before) * 1_000 / requests
}

function ask ({ base, agent, get }: Way, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    get(`${base}${path}`, { agent }, (response) => {
      if (response.statusCode !== 200) return reject(new Error(`${path} answered ${response.statusCode}`))
      response.resume().on('end', resolve)
    }).on('error', reject)
  })
}
