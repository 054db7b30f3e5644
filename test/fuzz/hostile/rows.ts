// What once held others up for seconds or filled the memory, again: large lists in a pipeline, metrics, megabytes of wrong leases,
// streams that do not read, bodies that do not end, rewrites, forty long manifests, slow forwarded names.
import { type Attack, type Strike, Wire, host, namespaces, request, requestText } from './attack.ts'
import { slowNames } from './dns.ts'
import { after } from './pace.ts'

const mebibyte = 1024 * 1024
const counted = ({ size }: Strike, full: number): number => Math.max(1, Math.ceil(full * size))
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`

async function pipelined (strike: Strike, path: string, count: number): Promise<void> {
  const wire = await Wire.open(strike)
  await wire.write(get(path).repeat(count))
  await wire.end(8_000)
}

async function wrongLeases (strike: Strike): Promise<void> {
  const body = `{"leases":[${'{},'.repeat(counted(strike, 1_700_000))}{}]}`
  await Promise.all(Array.from({ length: strike.random.one([1, 8]) }, () => request(strike, requestText('POST', '/v1/heartbeats', body), 8_000)))
}

async function unreadStreams (strike: Strike): Promise<void> {
  const text = `GET /v1/watch HTTP/1.1\r\nHost: ${host}\r\nAccept: text/event-stream\r\n\r\n`
  const wires = await Promise.all(Array.from({ length: counted(strike, 200) }, () => Wire.open(strike)))
  for (const wire of wires) {
    wire.pause()
    await wire.write(text)
  }
  await after(3_000 * strike.size, strike.signal)
  await Promise.all(wires.map((wire) => wire.end(1)))
}

async function endlessBodies (strike: Strike): Promise<void> {
  const length = 5 * mebibyte
  const part = Buffer.alloc(Math.ceil((length - 1) * strike.size), ' ')
  const wires = await Promise.all(Array.from({ length: counted(strike, 300) }, () => Wire.open(strike)))
  await Promise.race([after(6_000, strike.signal), Promise.all(wires.map(async (wire) => {
    await wire.write(`POST /v1/heartbeats HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`)
    await wire.write(part)
  }))])
  await Promise.all(wires.map((wire) => wire.end(1)))
}

async function rewrites (strike: Strike): Promise<void> {
  const wire = await Wire.open(strike)
  for (let count = 0; count < counted(strike, 1_500) && wire.isOpen && !strike.signal.aborted; count++) {
    const body = JSON.stringify({ address: '10.0.0.1', metadata: { text: `${count}${'x'.repeat(16_000)}` }, lease: { ttlMs: 30_000 } })
    await wire.write(requestText('PUT', `/v1/namespaces/${namespaces[0]}/services/rewritten/instances/r${count % 32}`, body).replace('close', 'keep-alive'))
    if (count % 16 === 0) await after(5)
  }
  await wire.end(3_000)
}

async function longManifests (strike: Strike): Promise<void> {
  const text = Array.from({ length: counted(strike, 2_000) }, (_none, index) => `apiVersion: v1\nkind: Service\nmetadata: {name: m${index}, namespace: ${namespaces[1]}}\nspec: {ports: [{name: http, port: 80}]}\n`).join('---\n')
  await Promise.all(Array.from({ length: counted(strike, 40) }, () => request(strike, requestText('POST', '/v1/apply?dryRun=true', text, 'application/yaml'), 15_000)))
}

export const rows: readonly Attack[] = [
  { name: 'row: pipelined lists', weight: 0.5, run: (strike) => pipelined(strike, '/v1/instances?limit=1000', counted(strike, 1_000)) },
  {
    name: 'row: pipelined metrics', weight: 0.5, run: async (strike) => {
      await Promise.all([1, 2, 3, 4].map(() => pipelined(strike, '/metrics', counted(strike, 1_400))))
    }
  },
  { name: 'row: megabytes of wrong leases', weight: 0.5, run: wrongLeases },
  {
    name: 'row: a megabyte of metadata', weight: 0.5, run: (strike) => {
      const keys = Array.from({ length: counted(strike, 90_000) }, (_none, index) => `"k${index}":"v"`).join(',')
      return request(strike, requestText('PUT', `/v1/namespaces/${namespaces[0]}/services/s0/instances/i0`, `{"address":"10.0.0.1","metadata":{${keys}}}`))
    }
  },
  { name: 'row: unread streams', weight: 0.5, run: unreadStreams },
  { name: 'row: endless bodies', weight: 0.3, run: endlessBodies },
  { name: 'row: rewrites', weight: 0.5, run: rewrites },
  { name: 'row: long manifests', weight: 0.2, run: longManifests },
  { name: 'row: slow forwarded names', weight: 0.5, run: (strike) => slowNames(strike, counted(strike, 9_300)) }
]
