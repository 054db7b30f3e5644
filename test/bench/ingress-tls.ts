// TLS handshakes of an ingress worker against nginx with one process, on one core, the clients on the other one: full ones, with a key of P-256,
// by name. Rates of alternating short turns, and processor time for each handshake, which what else the machine does disturbs least.
// `npm run bench -- ingress-tls`; needs nginx, says so if it is missing.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from '../support/free-port.ts'
import { selfSigned } from '../support/certificate.ts'
import { cpuMs, median, type Row, takeSecondCore, temporaryDirectory } from './lib.ts'

const rounds = 5
const turnSeconds = 2

interface Turn {
  readonly rate: number
  /** Microseconds of the server's processor for one. */
  readonly cpu: number
}

export async function ingressTls (): Promise<Row[]> {
  if (spawnSync('sh', ['-c', 'command -v nginx']).status !== 0) {
    console.log('  not measured: nginx is missing, which test/setup.sh installs')
    return []
  }
  takeSecondCore()
  await using directory = await temporaryDirectory()
  const { cert, key } = selfSigned({ names: ['a.example'] })
  writeFileSync(join(directory.path, 'a.crt'), cert)
  writeFileSync(join(directory.path, 'a.key'), key)
  const port = await freePort()
  const file = join(directory.path, 'nginx.conf')
  writeFileSync(file, `daemon off; master_process off; pid ${directory.path}/pid; error_log ${directory.path}/log; events { worker_connections 4000; }
    http { access_log off; server { listen 127.0.0.1:${port} ssl; server_name a.example; ssl_certificate a.crt; ssl_certificate_key a.key;
    ssl_protocols TLSv1.2 TLSv1.3; location / { return 200 "hello"; } } }`)
  const nginx = spawn('taskset', ['-c', '0', 'nginx', '-p', directory.path, '-c', file], { stdio: 'ignore' })
  const ours = spawn('taskset', ['-c', '0', process.execPath, '--conditions=rollcall-source', 'test/bench/ingress-tls-server.ts', directory.path], { stdio: ['pipe', 'pipe', 'inherit'] })
  try {
    const own = Number((await createInterface({ input: ours.stdout })[Symbol.asyncIterator]().next()).value)
    const turns: Record<'ours' | 'nginx', Turn[]> = { ours: [], nginx: [] }
    await turn(own, ours.pid ?? 0) // warm
    for (let round = 0; round < rounds; round++) {
      turns.ours.push(await turn(own, ours.pid ?? 0))
      turns.nginx.push(await turn(port, nginx.pid ?? 0))
    }
    const ratio = median(turns.ours.map(({ rate }, index) => rate / Math.max(1, turns.nginx[index]?.rate ?? 0)))
    const cost = median(turns.nginx.map(({ cpu }, index) => cpu / Math.max(1, turns.ours[index]?.cpu ?? 0)))
    const row = {
      what: 'Ingress: TLS handshakes a second, of nginx', goal: 'at least 0.8',
      measured: `${ratio.toFixed(2)} (${Math.round(median(turns.ours.map(({ rate }) => rate)))} against ${Math.round(median(turns.nginx.map(({ rate }) => rate)))}); ` +
        `by processor time ${cost.toFixed(2)} (${Math.round(median(turns.ours.map(({ cpu }) => cpu)))} us against ${Math.round(median(turns.nginx.map(({ cpu }) => cpu)))} us)`,
      met: Math.max(ratio, cost) >= 0.8
    }
    console.log(`  ${row.what}: ${row.measured}`)
    return [row]
  } finally {
    for (const child of [nginx, ours]) {
      const exit = once(child, 'exit')
      child.kill('SIGTERM')
      await exit
    }
  }
}

async function turn (port: number, pid: number): Promise<Turn> {
  const before = cpuMs(pid)
  const client = spawn('taskset', ['-c', '1', process.execPath, '--conditions=rollcall-source', 'test/bench/ingress-tls-client.ts', String(port), String(turnSeconds)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  client.stdout.setEncoding('utf8').on('data', (part: string) => { text += part })
  await once(client, 'close')
  const count = Number(text)
  return { rate: count / turnSeconds, cpu: 1_000 * (cpuMs(pid) - before) / Math.max(1, count) }
}
