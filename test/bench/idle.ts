// What a node keeps of names that never come again: half a million changes, two thousand instances alive at a time. What is resident at the
// end is compared with what was resident after the first changes, when the code is compiled and the young heap has its size.
import { type Row, residentBytes, startRegistry, temporaryDirectory, thousands } from './lib.ts'

/** Registrations and deregistrations together. */
const changes = Number(process.env['ROLLCALL_BENCH_CHANGES'] ?? 500_000)
const alive = 2_000
const warmUp = 10_000
const atOnce = 64
const goalBytes = 60e6
const quietMs = 15_000

export async function idle (): Promise<Row[]> {
  await using directory = await temporaryDirectory()
  await using node = await startRegistry({ directory: directory.path }, '0')
  const startBytes = residentBytes(node.pid)
  let next = 0
  const run = async (until: number): Promise<void> => {
    await Promise.all(Array.from({ length: atOnce }, async () => {
      while (next < until) {
        const n = next++
        await change(node.url, 'PUT', n)
        if (n >= alive) await change(node.url, 'DELETE', n - alive)
      }
    }))
  }
  await run(warmUp / 2)
  const warmBytes = residentBytes(node.pid)
  await run(changes / 2)
  await new Promise((resolve) => { setTimeout(resolve, quietMs) })
  const bytes = residentBytes(node.pid)
  const mb = (value: number): string => `${(value / 1e6).toFixed(0)} MB`
  return [{
    what: `resident memory after ${thousands(changes)} changes of fresh names, above that at the start`,
    measured: `${mb(bytes - startBytes)} (${mb(startBytes)} -> ${mb(warmBytes)} after ${thousands(warmUp)} -> ${mb(bytes)})`,
    goal: `at most ${mb(goalBytes)}`,
    met: bytes - startBytes <= goalBytes
  }]
}

async function change (url: string, method: 'PUT' | 'DELETE', n: number): Promise<void> {
  const response = await fetch(`${url}/v1/namespaces/shop/services/service-${n % 50}/instances/instance-${n}`, {
    method,
    ...(method === 'DELETE' ? {} : {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        address: `10.${n >> 16 & 255}.${n >> 8 & 255}.${n & 255}`, ports: [{ name: 'http', port: 8080 }], labels: { version: `v${n % 3}` },
        metadata: { commit: `commit-${n}` }, generation: `generation-${n}`, lease: { ttlMs: 3_600_000 }
      })
    })
  })
  if (!response.ok) throw new Error(`${method} of instance-${n} gave ${response.status}: ${await response.text()}`)
  await response.arrayBuffer()
}
